//! Dictionary entries that no row refers to any more: clients, identities and names of sightings that were taken out.
//!
//! First all sightings are read beside the writer, a stretch at a time, and what they refer to is marked. Then what is not marked goes, a
//! step at a time. What rows come to refer to meanwhile is not marked, but known to the writer's dictionary, which forgot everything
//! before the first stretch was read; each step asks it, while it is locked. Where it forgot something since, or another process wrote,
//! that is not certain any more: then nothing goes, and a later sweep begins anew.

use sqlx::{Connection, SqliteConnection};

use super::commit::json;
use super::dictionary::{Table, Watch};
use super::retention::STEP;
use super::{Store, StoreError};
use crate::daemon::kept::Kept;

/// Sightings read at a time.
const STRETCH: i64 = 20_000;
/// Entries of a dictionary looked at at a time.
const PAGE: i64 = 20_000;

const NEWEST: &str = "
    SELECT coalesce((SELECT max(id) FROM client), 0), coalesce((SELECT max(id) FROM identity), 0),
           coalesce((SELECT max(id) FROM name), 0), coalesce((SELECT max(id) FROM sighting), 0)";
/// Where a stretch ends that begins after `?1`; ids have gaps.
pub(super) const END: &str = "SELECT id FROM sighting WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT 1 OFFSET ?3";
pub(super) const WHO: &str = "SELECT DISTINCT client_id, identity_id FROM sighting WHERE id > ?1 AND id <= ?2";
pub(super) const SAID: &str = "
    SELECT DISTINCT l.value FROM (SELECT DISTINCT names FROM sighting WHERE id > ?1 AND id <= ?2) n, json_each(n.names) l";
const ALERTED: &str = "SELECT DISTINCT client_id FROM alert WHERE client_id IS NOT NULL";

/// A dictionary that is swept: its statements and its marks.
struct Dusty {
    table: Table,
    kind: Kept,
    page: &'static str,
    take: &'static [&'static str],
    marks: Marks,
    /// Entries with greater numbers came later.
    newest: i64,
    /// The last entry looked at.
    at: i64,
}

/// A sweep of the dictionaries, under way.
pub struct Sweep {
    watch: Watch,
    tables: [Dusty; 3],
    /// The last sighting there was when it began, and the last one read.
    newest: i64,
    at: i64,
}

/// What a step of a sweep came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Swept {
    /// So many entries of a dictionary went.
    Took(Kept, u64),
    /// It is not certain any more what may go.
    Uncertain,
    /// Nothing is left to go.
    Done,
}

/// A set of numbers of a dictionary, which are dense: a bit each.
#[derive(Default)]
struct Marks(Vec<u64>);

impl Marks {
    fn put(&mut self, id: i64, newest: i64) {
        let Some((word, bit)) = Marks::place(id).filter(|_| id <= newest) else { return };
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    fn has(&self, id: i64) -> bool {
        Marks::place(id).and_then(|(word, bit)| Some(self.0.get(word)? >> bit & 1 == 1)).unwrap_or(false)
    }

    fn place(id: i64) -> Option<(usize, u32)> {
        let id = u64::try_from(id).ok()?;
        Some((usize::try_from(id / 64).ok()?, (id % 64) as u32))
    }
}

impl Sweep {
    fn new(watch: Watch, (clients, identities, names, newest): (i64, i64, i64, i64)) -> Self {
        let dusty = |table, kind, newest, page, take| Dusty { table, kind, page, take, marks: Marks::default(), newest, at: 0 };
        let tables = [
            dusty(
                Table::Clients,
                Kept::Clients,
                clients,
                "SELECT id FROM client WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
                &[
                    "DELETE FROM told WHERE client_id IN (SELECT value FROM json_each(?1))",
                    "DELETE FROM client WHERE id IN (SELECT value FROM json_each(?1))",
                ],
            ),
            dusty(
                Table::Identities,
                Kept::Identities,
                identities,
                "SELECT id FROM identity WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
                &["DELETE FROM identity WHERE id IN (SELECT value FROM json_each(?1))"],
            ),
            dusty(
                Table::Names,
                Kept::Names,
                names,
                "SELECT id FROM name WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
                &["DELETE FROM name WHERE id IN (SELECT value FROM json_each(?1))"],
            ),
        ];
        Sweep { watch, tables, newest, at: 0 }
    }
}

impl Store {
    /// Begins a sweep.
    ///
    /// # Errors
    /// The database's own.
    pub async fn begin_sweep(&self) -> Result<Sweep, StoreError> {
        let mut connection = self.writer.acquire().await?;
        let watch = self.dictionary.lock().await.watch(&mut connection).await?;
        let newest = sqlx::query_as(NEWEST).fetch_one(&mut *connection).await?;
        drop(connection);
        let mut sweep = Sweep::new(watch, newest);
        let alerted: Vec<i64> = sqlx::query_scalar(ALERTED).fetch_all(&self.readers).await?;
        let [clients, ..] = &mut sweep.tables;
        alerted.into_iter().for_each(|id| clients.marks.put(id, clients.newest));
        Ok(sweep)
    }

    /// Marks what the next stretch of sightings refers to; false after the last.
    ///
    /// # Errors
    /// The database's own.
    pub async fn mark(&self, sweep: &mut Sweep) -> Result<bool, StoreError> {
        if sweep.at >= sweep.newest {
            return Ok(false);
        }
        let end = sqlx::query_scalar(END).bind(sweep.at).bind(sweep.newest).bind(STRETCH - 1).fetch_optional(&self.readers).await?;
        let end: i64 = end.unwrap_or(sweep.newest);
        let who: Vec<(i64, Option<i64>)> = sqlx::query_as(WHO).bind(sweep.at).bind(end).fetch_all(&self.readers).await?;
        let said: Vec<i64> = sqlx::query_scalar(SAID).bind(sweep.at).bind(end).fetch_all(&self.readers).await?;
        let [clients, identities, names] = &mut sweep.tables;
        for (client, identity) in who {
            clients.marks.put(client, clients.newest);
            identity.into_iter().for_each(|id| identities.marks.put(id, identities.newest));
        }
        said.into_iter().for_each(|id| names.marks.put(id, names.newest));
        sweep.at = end;
        Ok(true)
    }

    /// Takes out entries that are not marked: a step. To be called once all stretches are marked.
    ///
    /// # Errors
    /// The database's own; nothing went then.
    pub async fn sweep(&self, sweep: &mut Sweep) -> Result<Swept, StoreError> {
        let watch = sweep.watch;
        for dusty in &mut sweep.tables {
            let idle = self.idle(dusty).await?;
            if idle.is_empty() {
                continue;
            }
            let mut connection = self.writer.acquire().await?;
            let dictionary = self.dictionary.lock().await;
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            if !dictionary.is_still(watch, &mut transaction).await? {
                return Ok(Swept::Uncertain);
            }
            let known = dictionary.known(dusty.table);
            let gone: Vec<i64> = idle.into_iter().filter(|id| !known.contains(id)).collect();
            let took = take(&mut transaction, dusty.take, &gone).await?;
            transaction.commit().await?;
            return Ok(Swept::Took(dusty.kind, took));
        }
        Ok(Swept::Done)
    }

    /// The next entries that nothing was seen to refer to; empty after the last.
    async fn idle(&self, dusty: &mut Dusty) -> sqlx::Result<Vec<i64>> {
        let mut idle = Vec::new();
        while idle.len() < STEP {
            let page: Vec<i64> =
                sqlx::query_scalar(dusty.page).bind(dusty.at).bind(dusty.newest).bind(PAGE).fetch_all(&self.readers).await?;
            let Some(last) = page.last().copied() else { break };
            dusty.at = last;
            for id in page.into_iter().filter(|id| !dusty.marks.has(*id)) {
                idle.push(id);
                if idle.len() == STEP {
                    dusty.at = id;
                    break;
                }
            }
        }
        Ok(idle)
    }
}

/// Runs the statements of a dictionary on some ids. Returns how many rows the last of them took.
async fn take(connection: &mut SqliteConnection, statements: &[&'static str], ids: &[i64]) -> sqlx::Result<u64> {
    let text = json(ids)?;
    let mut took = 0;
    for statement in statements {
        took = sqlx::query(*statement).bind(&text).execute(&mut *connection).await?.rows_affected();
    }
    Ok(took)
}

#[cfg(test)]
impl Store {
    /// Clients, hosts of identities and names, in order.
    pub(crate) async fn dictionaries(&self) -> sqlx::Result<[Vec<String>; 3]> {
        let text = async |statement: &'static str| sqlx::query_scalar(statement).fetch_all(&self.readers).await;
        Ok([
            text("SELECT name FROM client ORDER BY name").await?,
            text("SELECT host FROM identity ORDER BY host").await?,
            text("SELECT name FROM name ORDER BY name").await?,
        ])
    }
}
