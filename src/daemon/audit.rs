//! `shadowtap audit`: what was done with rules and data, and whether anybody changed the record of it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::clock;
use super::failure::Failure;
use super::output::{Output, print};
use super::store::{AuditRow, Chain, DEFAULT_STORE, Store};
use super::table::layout;

/// Arguments of `shadowtap audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {
    /// The store to read
    #[arg(long, value_name = "URL", default_value = DEFAULT_STORE, global = true)]
    store: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Every entry, oldest first
    List {
        /// Form of the list
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Prove that no entry was changed, taken out or put in; note the hash it prints elsewhere, and prove with it that none was cut off
    Verify {
        /// A hash printed earlier
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
}

/// Lists or verifies.
///
/// # Errors
/// The store's errors; a chain that is broken, or has not the noted hash.
pub fn run(args: AuditArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open_existing(&args.store).await?;
        let done = match args.action {
            Action::List { output } => list(&store, output).await.and_then(|text| print(&text)),
            Action::Verify { head } => {
                let head = head.map(|h| h.trim().to_lowercase());
                verdict(&store.audit_chain(head.as_deref()).await?, head.as_deref()).and_then(|text| print(&text))
            }
        };
        store.close().await;
        done
    })
}

async fn list(store: &Store, output: Output) -> Result<String, Failure> {
    let (mut rows, mut seen) = (Vec::new(), 0);
    loop {
        let page = store.audit_after(seen).await?;
        let Some(last) = page.last() else { break };
        seen = last.seq;
        rows.extend(page);
    }
    Ok(match output {
        Output::Json => rows.iter().map(|row| json_of(row).to_string() + "\n").collect(),
        Output::Table if rows.is_empty() => "no entries\n".into(),
        Output::Table => {
            let cells = |r: &AuditRow| vec![r.seq.to_string(), clock::rfc3339(r.time()), r.actor.clone(), r.kind.clone(), r.detail.clone()];
            layout(&[">no", "at", "by", "what", "detail"], rows.iter().map(cells))
        }
    })
}

fn json_of(row: &AuditRow) -> Value {
    let detail: Value = serde_json::from_str(&row.detail).unwrap_or(Value::Null);
    json!({ "seq": row.seq, "at": clock::rfc3339(row.time()), "actor": row.actor, "kind": row.kind, "detail": detail, "hash": row.hash })
}

fn verdict(chain: &Chain, head: Option<&str>) -> Result<String, Failure> {
    let holds = match &chain.ends {
        None => "the audit log is empty".to_owned(),
        Some((first, last)) => format!(
            "{} entries hold together, from {} to {}\nhead: {}\n  note it elsewhere; `shadowtap audit verify --head HASH` then proves that nothing up to it was cut off",
            chain.count,
            clock::rfc3339(first.time()),
            clock::rfc3339(last.time()),
            last.hash
        ),
    };
    if let Some(broken) = &chain.broken {
        return Err(Failure::Tampered(format!("the audit log was tampered with: {broken}\n  before that, {holds}")));
    }
    if let (false, Some(head)) = (chain.has_head, head) {
        let why = "the entries up to it were cut off or written anew, or it is another store's";
        return Err(Failure::Tampered(format!("the audit log has no entry with the hash {head}: {why}\n  what there is: {holds}")));
    }
    Ok(holds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::audit_entry::{AuditEntry, AuditKind};

    #[tokio::test]
    async fn says_what_holds_and_what_does_not() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        assert_eq!(verdict(&store.audit_chain(None).await.unwrap(), None).unwrap(), "the audit log is empty");
        for rows in 0..3 {
            store.audit(&AuditEntry::of_caller(AuditKind::Export, json!({ "rows": rows }))).await.unwrap();
        }
        let chain = store.audit_chain(None).await.unwrap();
        let text = verdict(&chain, None).unwrap();
        assert!(text.starts_with("3 entries hold together") && text.contains(&chain.ends.unwrap().1.hash), "{text}");
        let refused = verdict(&store.audit_chain(Some("abc")).await.unwrap(), Some("abc")).unwrap_err();
        assert!(refused.code() == 65 && refused.to_string().contains("no entry with the hash abc"), "{refused}");
        let table = list(&store, Output::Table).await.unwrap();
        assert!(table.contains("export") && table.contains("{\"rows\":2}"), "{table}");
        assert_eq!(list(&store, Output::Json).await.unwrap().lines().count(), 3);
    }
}
