//! Dictionaries: the small integers rows refer to text by. The writer remembers those it met, so that a batch asks only for what is new.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use serde::Serialize;
use sqlx::SqliteConnection;

use super::commit::json;
use crate::daemon::mac;
use crate::engine::sighting::{Finding, Identity, Sighting};

/// Entries remembered of one dictionary; beyond, it is forgotten and begun anew.
const MOST: usize = 500_000;

/// Ids of the texts of rows.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    clients: Known<Arc<str>>,
    teams: Known<Arc<str>>,
    names: Known<Arc<str>>,
    identities: Known<Arc<Identity>>,
    /// Services, with vendor and category.
    services: Known<[Arc<str>; 3]>,
    /// `PRAGMA data_version` when it was last right: it changes when another process writes, which may have taken entries out.
    version: Option<i64>,
    /// How often it was begun anew.
    epoch: u64,
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

type Known<T> = HashMap<T, i64>;

impl Dictionary {
    /// Makes sure that everything the findings speak of has an id; inside the caller's transaction, without which they would not be right.
    pub async fn learn(&mut self, connection: &mut SqliteConnection, findings: &[Finding]) -> sqlx::Result<()> {
        let version = data_version(connection).await?;
        if self.version != Some(version) || self.is_full() {
            self.begin(Some(version));
        }
        let sightings = || findings.iter().map(|f| &f.sighting);
        learn_texts(connection, &mut self.clients, sightings().map(|s| &s.client), CLIENTS).await?;
        learn_texts(connection, &mut self.teams, sightings().map(|s| &s.team), TEAMS).await?;
        learn_texts(connection, &mut self.names, sightings().flat_map(|s| &s.names), NAMES).await?;
        self.learn_services(connection, sightings()).await?;
        self.learn_identities(connection, sightings()).await
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

    /// The ids of a sighting that was learnt; `None` for one that was not.
    pub fn ids(&self, s: &Sighting) -> Option<Ids> {
        let mut names = String::from("[");
        for name in &s.names {
            let comma = if names.len() > 1 { "," } else { "" };
            names.push_str(&format!("{comma}{}", self.names.get(name)?));
        }
        names.push(']');
        let identity = if s.identity.is_unknown() { None } else { Some(*self.identities.get(&s.identity)?) };
        Some(Ids { client: *self.clients.get(&s.client)?, team: *self.teams.get(&s.team)?, service: self.service(s)?, identity, names })
    }

    /// The ids of a sighting's client and service.
    pub fn pair(&self, s: &Sighting) -> Option<(i64, i64)> {
        Some((*self.clients.get(&s.client)?, self.service(s)?))
    }

    fn service(&self, s: &Sighting) -> Option<i64> {
        self.services.get(&described(s)).copied()
    }

    async fn learn_services(&mut self, connection: &mut SqliteConnection, sightings: impl Iterator<Item = &Sighting>) -> sqlx::Result<()> {
        let new = unknown(&self.services, sightings.map(described));
        for service in new {
            let [id, vendor, category] = &service;
            let row: i64 = sqlx::query_scalar(SERVICE).bind(&**id).bind(&**vendor).bind(&**category).fetch_one(&mut *connection).await?;
            self.services.insert(service, row);
        }
        Ok(())
    }

    async fn learn_identities(
        &mut self,
        connection: &mut SqliteConnection,
        sightings: impl Iterator<Item = &Sighting>,
    ) -> sqlx::Result<()> {
        let known = sightings.map(|s| &s.identity).filter(|i| !i.is_unknown()).cloned();
        let new: Vec<_> = unknown(&self.identities, known).into_iter().collect();
        if new.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = new.iter().map(|i| IdentityRow::new(i)).collect();
        let text = json(&rows)?;
        sqlx::query(PUT_IDENTITIES).bind(&text).execute(&mut *connection).await?;
        let ids: Vec<(i64, i64)> = sqlx::query_as(IDENTITIES).bind(&text).fetch_all(&mut *connection).await?;
        for (place, id) in ids {
            if let Some(identity) = usize::try_from(place).ok().and_then(|place| new.get(place)) {
                self.identities.insert(Arc::clone(identity), id);
            }
        }
        Ok(())
    }
}

/// Statements of a dictionary of texts: put in those of a JSON array, and read their ids.
type Texts = (&'static str, &'static str);

pub(super) const CLIENTS: Texts = (
    "INSERT INTO client (name) SELECT value FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
    "SELECT d.name, d.id FROM json_each(?1) j CROSS JOIN client d ON d.name = j.value",
);
pub(super) const TEAMS: Texts = (
    "INSERT INTO team (name) SELECT value FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
    "SELECT d.name, d.id FROM json_each(?1) j CROSS JOIN team d ON d.name = j.value",
);
pub(super) const NAMES: Texts = (
    "INSERT INTO name (name) SELECT value FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
    "SELECT d.name, d.id FROM json_each(?1) j CROSS JOIN name d ON d.name = j.value",
);
pub(super) const SERVICE: &str = "
    INSERT INTO service (name, vendor, category) VALUES (?1, ?2, ?3)
    ON CONFLICT (name) DO UPDATE SET vendor = excluded.vendor, category = excluded.category RETURNING id";
pub(super) const PUT_IDENTITIES: &str = "
    INSERT INTO identity (host, user, site, mac, shared, estimate)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING";
pub(super) const IDENTITIES: &str = "
    SELECT j.key, i.id FROM json_each(?1) j CROSS JOIN identity i
    ON i.host = j.value ->> 0 AND i.user = j.value ->> 1 AND i.site = j.value ->> 2 AND i.mac = j.value ->> 3
       AND i.shared = j.value ->> 4 AND i.estimate = j.value ->> 5";

async fn learn_texts<'a>(
    connection: &mut SqliteConnection,
    known: &mut Known<Arc<str>>,
    texts: impl Iterator<Item = &'a Arc<str>>,
    (put, read): Texts,
) -> sqlx::Result<()> {
    let new = unknown(known, texts.cloned());
    if new.is_empty() {
        return Ok(());
    }
    let text = json(&new.iter().map(|t| &**t).collect::<Vec<_>>())?;
    sqlx::query(put).bind(&text).execute(&mut *connection).await?;
    let ids: Vec<(String, i64)> = sqlx::query_as(read).bind(&text).fetch_all(&mut *connection).await?;
    for (text, id) in ids {
        let shared = new.get(&*text).cloned().unwrap_or_else(|| text.into());
        known.insert(shared, id);
    }
    Ok(())
}

/// Which of them are not known.
fn unknown<T: Hash + Eq>(known: &Known<T>, all: impl Iterator<Item = T>) -> HashSet<T> {
    all.filter(|t| !known.contains_key(t)).collect()
}

async fn data_version(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await
}

fn described(s: &Sighting) -> [Arc<str>; 3] {
    [Arc::clone(&s.service), Arc::clone(&s.vendor), Arc::clone(&s.category)]
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
