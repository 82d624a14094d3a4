//! Dictionaries: the small integers rows refer to text by. The writer remembers those it met, so that a batch asks only for what is new.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::hash::Hash;
use std::sync::Arc;

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, Statement, ToSql};
use sqlx::SqliteConnection;

use crate::daemon::mac;
use crate::engine::sighting::{Identity, Sighting};

/// Entries remembered of one dictionary; beyond, all are forgotten and begun anew.
const MOST: usize = 500_000;

/// Ids of the texts of rows.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    clients: Known<Arc<str>>,
    teams: Known<Arc<str>>,
    names: Known<Arc<str>>,
    identities: Known<Arc<Identity>>,
    services: HashMap<Arc<str>, Service, RandomState>,
    /// `PRAGMA data_version` when it was last right: it changes when another process writes, which may have taken entries out.
    version: Option<i64>,
    /// How often it was begun anew.
    epoch: u64,
}

/// A service as it stands in the store.
#[derive(Debug)]
struct Service {
    vendor: Arc<str>,
    category: Arc<str>,
    id: i64,
}

/// Since when a dictionary knows everything that was referred to: see [`Dictionary::watch`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Watch {
    version: i64,
    epoch: u64,
}

/// A dictionary whose entries come and go with the network's clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Table {
    /// `client`
    Clients,
    /// `identity`
    Identities,
    /// `name`
    Names,
}

/// What a row of a sighting refers to.
#[derive(Default)]
pub(super) struct Ids {
    pub client: i64,
    pub team: i64,
    pub service: i64,
    /// `None`: nothing is known.
    pub identity: Option<i64>,
    /// A JSON array.
    pub names: String,
}

type Known<T> = HashMap<T, i64, RandomState>;

impl Dictionary {
    /// Forgets everything where another process wrote, or too much is remembered; inside the caller's transaction, without which what is
    /// remembered would not be right.
    pub fn refresh(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let version = connection.query_row(DATA_VERSION, [], |row| row.get(0))?;
        if self.version != Some(version) || self.is_full() {
            self.begin(Some(version));
        }
        Ok(())
    }

    /// Puts the ids of a sighting into `ids`; what has none yet gets one, inside the caller's transaction.
    ///
    /// A batch may hold a service that the catalogue described otherwise when it began; the last one that is learnt stands.
    pub fn ids(&mut self, s: &Sighting, unknown: &mut Unknown<'_>, ids: &mut Ids) -> rusqlite::Result<()> {
        ids.names.clear();
        for name in &s.names {
            let id = learn(&mut self.names, name, |name| unknown.names.id(&[&name]))?;
            ids.names.push(if ids.names.is_empty() { '[' } else { ',' });
            // Writing to a text does not fail.
            let _ = write!(ids.names, "{id}");
        }
        ids.names.push_str(if ids.names.is_empty() { "[]" } else { "]" });
        ids.client = learn(&mut self.clients, &s.client, |client| unknown.clients.id(&[&client]))?;
        ids.team = learn(&mut self.teams, &s.team, |team| unknown.teams.id(&[&team]))?;
        ids.identity = match s.identity.is_unknown() {
            true => None,
            false => Some(learn(&mut self.identities, &s.identity, |identity| unknown.identity(identity))?),
        };
        ids.service = match self.service(s) {
            Some(id) => id,
            None => {
                let id = unknown.service(s)?;
                let (vendor, category) = (Arc::clone(&s.vendor), Arc::clone(&s.category));
                self.services.insert(Arc::clone(&s.service), Service { vendor, category, id });
                id
            }
        };
        Ok(())
    }

    /// Forgets everything: the transaction it learnt in came to nothing, or entries were taken out.
    pub fn forget(&mut self) {
        self.begin(None);
    }

    fn begin(&mut self, version: Option<i64>) {
        *self = Dictionary { version, epoch: self.epoch.wrapping_add(1), ..Dictionary::default() };
    }

    fn is_full(&self) -> bool {
        [self.clients.len(), self.teams.len(), self.names.len(), self.identities.len(), self.services.len()].iter().any(|n| *n > MOST)
    }

    /// Forgets everything: from now on it knows each entry that rows come to refer to, as long as [`is_still`](Self::is_still) says so.
    pub async fn watch(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<Watch> {
        let version = data_version(connection).await?;
        self.begin(Some(version));
        Ok(Watch { version, epoch: self.epoch })
    }

    /// Whether nobody but this dictionary's writer wrote since then, and it forgot nothing.
    pub async fn is_still(&self, watch: Watch, connection: &mut SqliteConnection) -> sqlx::Result<bool> {
        Ok(self.epoch == watch.epoch && data_version(connection).await? == watch.version)
    }

    /// The entries of a table it knows.
    pub fn known(&self, table: Table) -> HashSet<i64> {
        match table {
            Table::Clients => self.clients.values().copied().collect(),
            Table::Identities => self.identities.values().copied().collect(),
            Table::Names => self.names.values().copied().collect(),
        }
    }

    /// The ids of a sighting's client and service.
    pub fn pair(&self, s: &Sighting) -> Option<(i64, i64)> {
        Some((*self.clients.get(&s.client)?, self.services.get(&s.service)?.id))
    }

    /// The id of a service that stands in the store as the sighting describes it.
    fn service(&self, s: &Sighting) -> Option<i64> {
        self.services.get(&s.service).filter(|known| known.vendor == s.vendor && known.category == s.category).map(|known| known.id)
    }
}

/// The statements that give ids to what has none in memory, made ready when one is first needed.
pub(super) struct Unknown<'c> {
    connection: &'c Connection,
    clients: Entries<'c>,
    teams: Entries<'c>,
    names: Entries<'c>,
    identities: Entries<'c>,
}

impl<'c> Unknown<'c> {
    pub fn new(connection: &'c Connection) -> Self {
        let [clients, teams, names, identities] =
            [&CLIENTS, &TEAMS, &NAMES, &IDENTITIES].map(|texts| Entries { connection, texts, ready: None });
        Unknown { connection, clients, teams, names, identities }
    }

    /// What is not known is the empty text.
    fn identity(&mut self, i: &Identity) -> rusqlite::Result<i64> {
        let [host, user, site] = [&i.host, &i.user, &i.site].map(|text| text.as_deref().unwrap_or_default());
        let mac = i.mac.map(mac::text).unwrap_or_default();
        self.identities.id(&[&host, &user, &site, &mac, &i.is_shared, &i.is_estimate])
    }

    /// A batch has few that are new.
    fn service(&mut self, s: &Sighting) -> rusqlite::Result<i64> {
        self.connection.query_row(SERVICE, [&*s.service, &*s.vendor, &*s.category], |row| row.get(0))
    }
}

/// Statements of a dictionary. Ids are given here: nobody else writes inside the transaction.
pub(super) struct Texts {
    newest: &'static str,
    pub(super) find: &'static str,
    put: &'static str,
}

pub(super) static CLIENTS: Texts = Texts {
    newest: "SELECT max(id) FROM client",
    find: "SELECT id FROM client WHERE name = ?1",
    put: "INSERT INTO client (name, id) VALUES (?1, ?2)",
};
pub(super) static TEAMS: Texts = Texts {
    newest: "SELECT max(id) FROM team",
    find: "SELECT id FROM team WHERE name = ?1",
    put: "INSERT INTO team (name, id) VALUES (?1, ?2)",
};
pub(super) static NAMES: Texts = Texts {
    newest: "SELECT max(id) FROM name",
    find: "SELECT id FROM name WHERE name = ?1",
    put: "INSERT INTO name (name, id) VALUES (?1, ?2)",
};
pub(super) static IDENTITIES: Texts = Texts {
    newest: "SELECT max(id) FROM identity",
    find: "SELECT id FROM identity WHERE host = ?1 AND user = ?2 AND site = ?3 AND mac = ?4 AND shared = ?5 AND estimate = ?6",
    put: "INSERT INTO identity (host, user, site, mac, shared, estimate, id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
};
const SERVICE: &str = "
    INSERT INTO service (name, vendor, category) VALUES (?1, ?2, ?3)
    ON CONFLICT (name) DO UPDATE SET vendor = excluded.vendor, category = excluded.category RETURNING id";
const DATA_VERSION: &str = "PRAGMA data_version";

/// A dictionary's statements in a transaction.
struct Entries<'c> {
    connection: &'c Connection,
    texts: &'static Texts,
    ready: Option<Ready<'c>>,
}

struct Ready<'c> {
    /// `None` where there was nothing when the batch began: what came since is in memory.
    find: Option<Statement<'c>>,
    put: Statement<'c>,
    newest: i64,
}

impl Entries<'_> {
    /// The id of the entry with these values; it is put in where there is none.
    fn id(&mut self, values: &[&dyn ToSql]) -> rusqlite::Result<i64> {
        let ready = match &mut self.ready {
            Some(ready) => ready,
            None => self.ready.insert(Ready::new(self.connection, self.texts)?),
        };
        if let Some(find) = &mut ready.find
            && let Some(id) = find.query_row(values, |row| row.get(0)).optional()?
        {
            return Ok(id);
        }
        ready.newest = ready.newest.saturating_add(1);
        for (place, value) in (1..).zip(values) {
            ready.put.raw_bind_parameter(place, value)?;
        }
        ready.put.raw_bind_parameter(values.len().saturating_add(1), ready.newest)?;
        ready.put.raw_execute()?;
        Ok(ready.newest)
    }
}

impl<'c> Ready<'c> {
    fn new(connection: &'c Connection, texts: &Texts) -> rusqlite::Result<Self> {
        let newest: Option<i64> = connection.query_row(texts.newest, [], |row| row.get(0))?;
        let find = newest.map(|_| connection.prepare(texts.find)).transpose()?;
        Ok(Ready { find, put: connection.prepare(texts.put)?, newest: newest.unwrap_or(0) })
    }
}

/// The id of an entry, in memory from now on.
fn learn<T: Hash + Eq + ?Sized>(
    known: &mut Known<Arc<T>>,
    entry: &Arc<T>,
    id: impl FnOnce(&T) -> rusqlite::Result<i64>,
) -> rusqlite::Result<i64> {
    if let Some(id) = known.get(entry) {
        return Ok(*id);
    }
    let id = id(entry)?;
    known.insert(Arc::clone(entry), id);
    Ok(id)
}

async fn data_version(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar(DATA_VERSION).fetch_one(connection).await
}
