//! Domains that belonged to no service, by day: bounded lists that run out.

use rusqlite::{Connection, params};

use super::{Store, StoreError};
use crate::engine::unmatched::{MAX_DOMAINS, Remembered};

/// Days a list is kept: thirty whole ones and the one that goes on.
pub const DAYS: u64 = 31;

const ADD: &str = "
    INSERT INTO unmatched (domain, day, seen, clients) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (domain, day) DO UPDATE SET seen = seen + excluded.seen, clients = max(clients, excluded.clients)";

/// A process that starts anew in a day begins a list of its own: together they are no longer than one.
pub(super) const BOUND: &str = "
    DELETE FROM unmatched WHERE (domain, day) IN
    (SELECT domain, day FROM unmatched WHERE day = ?1 ORDER BY seen DESC, domain LIMIT -1 OFFSET ?2)";

pub(super) const RUN_OUT: &str = "DELETE FROM unmatched WHERE day <= ?1 - ?2";

const READ: &str = "SELECT domain, day, seen, clients FROM unmatched WHERE day > ?1 AND day <= ?2 ORDER BY domain, day";

/// What is remembered of one domain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Memory {
    /// The domain.
    pub domain: String,
    /// Days it was seen on.
    pub days: Vec<u64>,
    /// Look-ups and flows.
    pub seen: u64,
    /// About how many clients, on the day on which they were most.
    pub clients: u64,
}

/// Adds what is new, inside the caller's transaction, and lets go what is too old or too much.
pub(super) fn add(connection: &Connection, rows: &[Remembered]) -> rusqlite::Result<()> {
    let Some(newest) = rows.iter().map(|r| r.day).max() else { return Ok(()) };
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let mut add = connection.prepare(ADD)?;
    for r in rows {
        add.execute(params![&*r.domain, number(r.day), number(r.seen), number(r.clients)])?;
    }
    let mut days: Vec<_> = rows.iter().map(|r| number(r.day)).collect();
    days.sort_unstable();
    days.dedup();
    for day in days {
        let many: i64 = connection.query_row("SELECT count(*) FROM unmatched WHERE day = ?1", [day], |row| row.get(0))?;
        if many > MAX_DOMAINS as i64 {
            connection.execute(BOUND, [day, MAX_DOMAINS as i64])?;
        }
    }
    connection.execute(RUN_OUT, [number(newest), number(DAYS)]).map(drop)
}

impl Store {
    /// Everything remembered of the days after `since` up to `until`, by domain.
    ///
    /// # Errors
    /// The database's own.
    pub async fn unmatched(&self, since: u64, until: u64) -> Result<Vec<Memory>, StoreError> {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let rows: Vec<(String, i64, i64, i64)> =
            sqlx::query_as(READ).bind(number(since)).bind(number(until)).fetch_all(&self.readers).await?;
        let mut memories: Vec<Memory> = Vec::new();
        for (domain, day, seen, clients) in rows {
            let [day, seen, clients] = [day, seen, clients].map(|n| u64::try_from(n).unwrap_or(0));
            match memories.last_mut().filter(|m| m.domain == domain) {
                Some(memory) => {
                    memory.days.push(day);
                    (memory.seen, memory.clients) = (memory.seen.saturating_add(seen), memory.clients.max(clients));
                }
                None => memories.push(Memory { domain, days: vec![day], seen, clients }),
            }
        }
        Ok(memories)
    }

    /// Forgets all of it: a site that turned it off wants none of it.
    ///
    /// # Errors
    /// The database's own.
    pub async fn forget_unmatched(&self) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM unmatched").execute(&self.writer).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::store::Batch;

    fn row(day: u64, domain: &str, seen: u64, clients: u64) -> Remembered {
        Remembered { day, domain: domain.into(), seen, clients }
    }

    async fn add(store: &Store, unmatched: Vec<Remembered>) {
        store.commit(&Batch { unmatched, ..Batch::default() }, None).await.unwrap();
    }

    #[tokio::test]
    async fn adds_up_by_day_and_runs_out() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        add(&store, vec![row(100, "zeta.com", 5, 3), row(100, "a.com", 1, 1)]).await;
        add(&store, vec![row(100, "zeta.com", 2, 2), row(101, "zeta.com", 1, 6)]).await;
        let zeta = Memory { domain: "zeta.com".into(), days: vec![100, 101], seen: 8, clients: 6 };
        assert_eq!(store.unmatched(70, 101).await.unwrap().pop(), Some(zeta));
        assert_eq!(store.unmatched(100, 101).await.unwrap()[0].days, [101]);
        add(&store, vec![row(100 + DAYS, "b.com", 1, 1)]).await;
        let left: Vec<_> = store.unmatched(0, 1000).await.unwrap().into_iter().map(|m| (m.domain, m.days)).collect();
        assert_eq!(left, [("b.com".to_owned(), vec![131]), ("zeta.com".into(), vec![101])]);
        store.forget_unmatched().await.unwrap();
        assert_eq!(store.unmatched(0, 1000).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_days_list_is_bounded_over_restarts() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        for start in 0..3 {
            add(&store, (0..MAX_DOMAINS as u64).map(|n| row(100, &format!("{start}-{n}.com"), 1 + n, 1)).collect()).await;
        }
        let all = store.unmatched(0, 1000).await.unwrap();
        assert_eq!(all.len(), MAX_DOMAINS);
        assert!(all.iter().all(|m| m.seen > 1000), "those seen least went");
    }

    #[tokio::test]
    async fn a_capture_counts_once() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let batch = Batch { unmatched: vec![row(100, "zeta.com", 5, 3)], capture: Some("digest".into()), ..Batch::default() };
        for _ in 0..2 {
            store.commit(&batch, None).await.unwrap();
        }
        assert_eq!(store.unmatched(0, 1000).await.unwrap()[0].seen, 5);
    }
}
