//! The audit log: an append-only chain. Each entry's hash covers the one before, so whoever notes the last hash elsewhere can later prove
//! that nothing up to it was changed, taken out or put in.

use ring::digest::{Context, SHA256};
use sqlx::SqliteConnection;

use super::{Store, StoreError};
use crate::daemon::audit_entry::{AuditEntry, AuditKind};
use crate::daemon::{clock, hex};
use crate::engine::frame::Time;

const LAST: &str = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
const APPEND: &str = "INSERT INTO audit (seq, at, actor, kind, detail, before, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const READ: &str = "SELECT seq, at, actor, kind, detail, before, hash FROM audit WHERE seq > ?1 ORDER BY seq LIMIT 1000";
const LAST_OF: &str = "SELECT detail FROM audit WHERE kind = ?1 ORDER BY seq DESC LIMIT 1";

/// What stands before the first entry.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One entry as it stands in the log.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct AuditRow {
    /// Its number, from 1.
    pub seq: i64,
    /// When, in microseconds.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// What kind of deed.
    pub kind: String,
    /// More of it, JSON.
    pub detail: String,
    before: String,
    /// Hash over all of it and the entry before.
    pub hash: String,
}

impl AuditRow {
    /// When it was.
    pub fn time(&self) -> Time {
        Time::from_micros(self.at)
    }

    /// SHA-256 over the hash before and every field, each with its length before it, so that none can flow into the next.
    fn digest(&self) -> String {
        let mut context = Context::new(&SHA256);
        let (seq, at) = (self.seq.to_string(), self.at.to_string());
        for field in [&self.before, &seq, &at, &self.actor, &self.kind, &self.detail] {
            context.update(&(field.len() as u64).to_be_bytes());
            context.update(field.as_bytes());
        }
        hex::text(context.finish().as_ref())
    }
}

/// What became of the chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain {
    /// Entries that hold together.
    pub count: i64,
    /// The first and the last of them.
    pub ends: Option<(AuditRow, AuditRow)>,
    /// Where it breaks first, and how.
    pub broken: Option<String>,
    /// Whether the hash that was asked for is one of the chain's.
    pub has_head: bool,
}

/// Appends an entry inside the caller's transaction.
pub(super) async fn append(connection: &mut SqliteConnection, entry: &AuditEntry) -> sqlx::Result<()> {
    let last: Option<(i64, String)> = sqlx::query_as(LAST).fetch_optional(&mut *connection).await?;
    let (seq, before) = last.map_or_else(|| (1, NOTHING.to_owned()), |(seq, hash)| (seq + 1, hash));
    let AuditEntry { actor, kind, detail } = entry;
    let mut row = AuditRow {
        seq,
        at: clock::now().micros(),
        actor: actor.clone(),
        kind: kind.word().into(),
        detail: detail.to_string(),
        before,
        hash: String::new(),
    };
    row.hash = row.digest();
    let query = sqlx::query(APPEND).bind(row.seq).bind(row.at).bind(row.actor).bind(row.kind).bind(row.detail);
    query.bind(row.before).bind(row.hash).execute(connection).await.map(drop)
}

impl Store {
    /// Appends an entry to the audit log. What it tells of shall not be done where this fails.
    ///
    /// # Errors
    /// The database's own.
    pub async fn audit(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        append(&mut transaction, entry).await?;
        Ok(transaction.commit().await?)
    }

    /// The next thousand entries after a number, oldest first.
    ///
    /// # Errors
    /// The database's own.
    pub async fn audit_after(&self, seq: i64) -> Result<Vec<AuditRow>, StoreError> {
        Ok(sqlx::query_as(READ).bind(seq).fetch_all(&self.readers).await?)
    }

    /// What the last entry of a kind tells; `None` where there is none.
    ///
    /// # Errors
    /// The database's own.
    pub async fn last_audit(&self, kind: AuditKind) -> Result<Option<serde_json::Value>, StoreError> {
        let detail: Option<String> = sqlx::query_scalar(LAST_OF).bind(kind.word()).fetch_optional(&self.readers).await?;
        Ok(detail.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Walks the chain from its beginning, and looks for a hash noted earlier.
    ///
    /// # Errors
    /// The database's own; a broken chain is none.
    pub async fn audit_chain(&self, head: Option<&str>) -> Result<Chain, StoreError> {
        let mut chain = Chain { count: 0, ends: None, broken: None, has_head: head.is_none_or(|h| h == NOTHING) };
        let mut before = NOTHING.to_owned();
        let mut seen = i64::MIN;
        loop {
            let rows = self.audit_after(seen).await?;
            if rows.is_empty() {
                return Ok(chain);
            }
            for row in rows {
                seen = row.seq;
                chain.broken = fault(&row, chain.count + 1, &before);
                if chain.broken.is_some() {
                    return Ok(chain);
                }
                chain.count += 1;
                chain.has_head |= head == Some(&row.hash);
                before.clone_from(&row.hash);
                let first = chain.ends.take().map_or_else(|| row.clone(), |(first, _)| first);
                chain.ends = Some((first, row));
            }
        }
    }
}

/// What is wrong with an entry, at its place in the chain.
fn fault(row: &AuditRow, seq: i64, before: &str) -> Option<String> {
    if row.seq != seq {
        return Some(format!("entry {seq} is missing: {} follows entry {}", row.seq, seq - 1));
    }
    if row.hash != row.digest() {
        return Some(format!("entry {seq} was changed: its hash is not that of what stands in it"));
    }
    (row.before != before).then(|| format!("entry {seq} does not follow the one before it: that was changed or exchanged"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(number: u32) -> AuditEntry {
        AuditEntry { actor: "anna".into(), kind: AuditKind::Export, detail: json!({ "rows": number }) }
    }

    async fn with(count: u32) -> Store {
        let store = Store::open("sqlite::memory:").await.unwrap();
        for number in 0..count {
            store.audit(&entry(number)).await.unwrap();
        }
        store
    }

    /// What somebody does who has the file and takes the triggers away first.
    async fn tamper(store: &Store, statement: &'static str) {
        for trigger in ["audit_stays", "audit_keeps", "audit_grows"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("DROP TRIGGER IF EXISTS {trigger}"))).execute(&store.writer).await.unwrap();
        }
        sqlx::raw_sql(statement).execute(&store.writer).await.unwrap();
    }

    #[tokio::test]
    async fn an_untouched_chain_holds_and_knows_every_head_it_had() {
        let store = with(0).await;
        assert_eq!(store.audit_chain(None).await.unwrap(), Chain { count: 0, ends: None, broken: None, has_head: true });
        let store = with(1005).await;
        let chain = store.audit_chain(None).await.unwrap();
        assert_eq!((chain.count, &chain.broken), (1005, &None));
        let (first, last) = chain.ends.unwrap();
        assert_eq!((first.seq, last.seq), (1, 1005));
        assert!(store.audit_chain(Some(&last.hash)).await.unwrap().has_head);
        store.audit(&entry(9)).await.unwrap();
        assert!(store.audit_chain(Some(&last.hash)).await.unwrap().has_head, "it only grew");
        assert_eq!(store.last_audit(AuditKind::Export).await.unwrap(), Some(json!({ "rows": 9 })));
        assert_eq!(store.last_audit(AuditKind::Forget).await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_table_refuses_what_is_not_growth() {
        let store = with(3).await;
        for (statement, why) in [
            ("UPDATE audit SET actor = 'x' WHERE seq = 2", "cannot be changed"),
            ("DELETE FROM audit WHERE seq = 2", "cannot be shortened"),
            ("INSERT OR REPLACE INTO audit VALUES (2, 0, '', '', '', '', '')", "grows at its end"),
            ("INSERT INTO audit VALUES (9, 0, '', '', '', '', '')", "grows at its end"),
        ] {
            let error = sqlx::raw_sql(statement).execute(&store.writer).await.unwrap_err().to_string();
            assert!(error.contains(why), "{statement}: {error}");
        }
    }

    #[tokio::test]
    async fn every_tampering_is_found() {
        for (statement, wanted) in [
            ("UPDATE audit SET detail = '{}' WHERE seq = 2", "entry 2 was changed"),
            ("UPDATE audit SET actor = 'ann', kind = 'aexport' WHERE seq = 2", "entry 2 was changed"),
            ("UPDATE audit SET at = at + 1 WHERE seq = 1", "entry 1 was changed"),
            ("DELETE FROM audit WHERE seq = 2", "entry 2 is missing"),
            ("DELETE FROM audit WHERE seq = 1", "entry 1 is missing"),
            ("DELETE FROM audit WHERE seq = 2; UPDATE audit SET seq = seq - 1 WHERE seq > 2", "entry 2 was changed"),
            ("UPDATE audit SET before = (SELECT hash FROM audit WHERE seq = 1) WHERE seq = 4", "entry 4 was changed"),
        ] {
            let store = with(4).await;
            tamper(&store, statement).await;
            let broken = store.audit_chain(None).await.unwrap().broken.unwrap_or_default();
            assert!(broken.starts_with(wanted), "{statement}: {broken:?}");
        }
    }

    #[tokio::test]
    async fn a_shortened_or_rewritten_chain_has_not_the_head_that_was_noted() {
        let store = with(3).await;
        let head = store.audit_chain(None).await.unwrap().ends.unwrap().1.hash;
        tamper(&store, "DELETE FROM audit WHERE seq = 3").await;
        let chain = store.audit_chain(Some(&head)).await.unwrap();
        assert_eq!((chain.broken, chain.has_head), (None, false));
        store.audit(&entry(7)).await.unwrap();
        assert!(!store.audit_chain(Some(&head)).await.unwrap().has_head);
    }
}
