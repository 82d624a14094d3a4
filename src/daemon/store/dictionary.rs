//! Dictionaries: the small integers rows refer to text by. The writer remembers those it met, so that a batch asks only for what is new.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::hash::Hash;
use std::sync::{Arc, LazyLock};

use foldhash::fast::RandomState;
use serde::Serialize;
use sqlx::SqliteConnection;

use super::commit::json;
use super::rows::Rows;
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
    pub async fn refresh(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        let version = data_version(connection).await?;
        if self.version != Some(version) || self.is_full() {
            self.begin(Some(version));
        }
        Ok(())
    }

    /// Makes sure that everything the sightings speak of has an id; inside the caller's transaction.
    pub async fn learn(&mut self, connection: &mut SqliteConnection, sightings: &[&Sighting]) -> sqlx::Result<()> {
        let all = || sightings.iter().copied();
        learn_texts(connection, &mut self.clients, all().map(|s| &s.client), &CLIENTS).await?;
        learn_texts(connection, &mut self.teams, all().map(|s| &s.team), &TEAMS).await?;
        learn_texts(connection, &mut self.names, all().flat_map(|s| &s.names), &NAMES).await?;
        for s in all() {
            if self.service(s).is_some() {
                continue;
            }
            let (vendor, category) = (Arc::clone(&s.vendor), Arc::clone(&s.category));
            let id = sqlx::query_scalar(SERVICE).bind(&*s.service).bind(&*vendor).bind(&*category).fetch_one(&mut *connection).await?;
            self.services.insert(Arc::clone(&s.service), Service { vendor, category, id });
        }
        self.learn_identities(connection, all()).await
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

    /// Whether the sighting's service stands in the store as the sighting describes it. A batch may hold one that the catalogue described
    /// otherwise when it began; the last learnt stands.
    pub fn is_as_described(&self, s: &Sighting) -> bool {
        self.service(s).is_some()
    }

    /// The ids of a sighting; `None` where some of it was not learnt.
    pub fn ids(&self, s: &Sighting) -> Option<Ids> {
        let mut names = String::with_capacity(2 + 8 * s.names.len());
        for name in &s.names {
            names.push(if names.is_empty() { '[' } else { ',' });
            // Writing to a text does not fail.
            let _ = write!(names, "{}", self.names.get(name)?);
        }
        names.push_str(if names.is_empty() { "[]" } else { "]" });
        let identity = if s.identity.is_unknown() { None } else { Some(*self.identities.get(&s.identity)?) };
        let (client, service) = self.pair(s)?;
        Some(Ids { client, team: *self.teams.get(&s.team)?, service, identity, names })
    }

    /// The ids of a sighting's client and service.
    pub fn pair(&self, s: &Sighting) -> Option<(i64, i64)> {
        Some((*self.clients.get(&s.client)?, self.services.get(&s.service)?.id))
    }

    /// The id of a service that stands in the store as the sighting describes it.
    fn service(&self, s: &Sighting) -> Option<i64> {
        self.services.get(&s.service).filter(|known| known.vendor == s.vendor && known.category == s.category).map(|known| known.id)
    }

    async fn learn_identities(
        &mut self,
        connection: &mut SqliteConnection,
        sightings: impl Iterator<Item = &Sighting>,
    ) -> sqlx::Result<()> {
        let known = sightings.map(|s| &s.identity).filter(|i| !i.is_unknown());
        let mut new = unknown(&self.identities, known);
        let newest = newest(connection, "SELECT max(id) FROM identity", new.len()).await?;
        if newest > 0 {
            let text = json(&new.iter().map(|i| IdentityRow::new(i)).collect::<Vec<_>>())?;
            let ids: Vec<(i64, i64)> = sqlx::query_as(IDENTITIES).bind(&text).fetch_all(&mut *connection).await?;
            for (place, id) in ids {
                if let Some(identity) = usize::try_from(place).ok().and_then(|place| new.get(place)) {
                    self.identities.insert(Arc::clone(identity), id);
                }
            }
            new.retain(|i| !self.identities.contains_key(i));
        }
        let rows: Vec<_> = (newest + 1..).zip(new).collect();
        PUT_IDENTITIES
            .put(connection, &rows, |query, (id, identity)| {
                let IdentityRow(host, user, site, mac, shared, estimate) = IdentityRow::new(identity);
                query.bind(*id).bind(host).bind(user).bind(site).bind(mac).bind(shared).bind(estimate)
            })
            .await?;
        self.identities.extend(rows.into_iter().map(|(id, identity)| (identity, id)));
        Ok(())
    }
}

/// Statements of a dictionary of texts. Ids are given here: nobody else writes inside the transaction.
pub(super) struct Texts {
    newest: &'static str,
    pub(super) read: &'static str,
    put: LazyLock<Rows>,
}

pub(super) static CLIENTS: Texts = Texts {
    newest: "SELECT max(id) FROM client",
    read: "SELECT d.name, d.id FROM json_each(?1) j CROSS JOIN client d ON d.name = j.value",
    put: LazyLock::new(|| Rows::new("INSERT INTO client (id, name)", 2, "")),
};
pub(super) static TEAMS: Texts = Texts {
    newest: "SELECT max(id) FROM team",
    read: "SELECT d.name, d.id FROM json_each(?1) j CROSS JOIN team d ON d.name = j.value",
    put: LazyLock::new(|| Rows::new("INSERT INTO team (id, name)", 2, "")),
};
pub(super) static NAMES: Texts = Texts {
    newest: "SELECT max(id) FROM name",
    read: "SELECT d.name, d.id FROM json_each(?1) j CROSS JOIN name d ON d.name = j.value",
    put: LazyLock::new(|| Rows::new("INSERT INTO name (id, name)", 2, "")),
};
pub(super) const SERVICE: &str = "
    INSERT INTO service (name, vendor, category) VALUES (?1, ?2, ?3)
    ON CONFLICT (name) DO UPDATE SET vendor = excluded.vendor, category = excluded.category RETURNING id";
static PUT_IDENTITIES: LazyLock<Rows> =
    LazyLock::new(|| Rows::new("INSERT INTO identity (id, host, user, site, mac, shared, estimate)", 7, ""));
pub(super) const IDENTITIES: &str = "
    SELECT j.key, i.id FROM json_each(?1) j CROSS JOIN identity i
    ON i.host = j.value ->> 0 AND i.user = j.value ->> 1 AND i.site = j.value ->> 2 AND i.mac = j.value ->> 3
       AND i.shared = j.value ->> 4 AND i.estimate = j.value ->> 5";

async fn learn_texts<'a>(
    connection: &mut SqliteConnection,
    known: &mut Known<Arc<str>>,
    texts: impl Iterator<Item = &'a Arc<str>>,
    statements: &'static Texts,
) -> sqlx::Result<()> {
    let mut new = unknown(known, texts);
    let newest = newest(connection, statements.newest, new.len()).await?;
    if newest > 0 {
        let text = json(&new.iter().map(|t| &**t).collect::<Vec<_>>())?;
        let ids: HashMap<String, i64> =
            sqlx::query_as(statements.read).bind(&text).fetch_all(&mut *connection).await?.into_iter().collect();
        known.extend(new.iter().filter_map(|t| Some((Arc::clone(t), *ids.get(&**t)?))));
        new.retain(|t| !ids.contains_key(&**t));
    }
    let rows: Vec<_> = (newest + 1..).zip(new).collect();
    statements.put.put(connection, &rows, |query, (id, text)| query.bind(*id).bind(&**text)).await?;
    known.extend(rows.into_iter().map(|(id, text)| (text, id)));
    Ok(())
}

/// The greatest id of a table; 0 where it is empty, or nobody wants to know.
async fn newest(connection: &mut SqliteConnection, statement: &'static str, wanted: usize) -> sqlx::Result<i64> {
    if wanted == 0 {
        return Ok(0);
    }
    Ok(sqlx::query_scalar::<_, Option<i64>>(statement).fetch_one(connection).await?.unwrap_or(0))
}

/// Which of them are not known, each once, in order of first appearance.
fn unknown<'a, T: Hash + Eq + Clone + 'a>(known: &Known<T>, all: impl Iterator<Item = &'a T>) -> Vec<T> {
    let mut seen: HashSet<&T, RandomState> = HashSet::default();
    all.filter(|t| !known.contains_key(*t) && seen.insert(t)).cloned().collect()
}

async fn data_version(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await
}

/// An identity as its row: host, user, site, MAC, shared, estimate; what is not known is the empty text.
#[derive(Serialize)]
struct IdentityRow<'a>(&'a str, &'a str, &'a str, String, u8, u8);

impl<'a> IdentityRow<'a> {
    fn new(i: &'a Identity) -> Self {
        let text = |t: &'a Option<Arc<str>>| t.as_deref().unwrap_or_default();
        let mac = i.mac.map(mac::text).unwrap_or_default();
        IdentityRow(text(&i.host), text(&i.user), text(&i.site), mac, i.is_shared.into(), i.is_estimate.into())
    }
}
