//! `alerts ack`: somebody has seen to it.

use serde_json::json;

use crate::daemon::audit_entry::{AuditEntry, AuditKind};
use crate::daemon::clock;
use crate::daemon::failure::Failure;
use crate::daemon::notice::NoticeKind;
use crate::daemon::store::{Acknowledged, Store};

/// Which alert, and what is to be said of it.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Id of the alert, as `alerts list` and the alert itself have it
    id: String,
    /// What was done about it
    #[arg(long, value_name = "TEXT")]
    note: String,
}

/// Acknowledges it, and says what came of that.
pub(super) async fn run(store: &Store, args: &Args) -> Result<String, Failure> {
    if args.note.trim().is_empty() {
        return Err(Failure::Setting(
            "--note is empty\n  remedy: say what was done, as --note \"talked to the team, moves to Copilot\"".into(),
        ));
    }
    let entry = |kind: i64| {
        let kind = NoticeKind::ALL.get(usize::try_from(kind).unwrap_or(0)).map_or("", |k| k.word());
        // The note may name people, and the audit log forgets nobody: it stands with the alert alone.
        AuditEntry::of_caller(AuditKind::Acknowledge, json!({ "alert": args.id, "kind": kind }))
    };
    match store.acknowledge(&args.id, args.note.trim(), clock::now(), entry).await? {
        Acknowledged::Now(true) => Ok("acknowledged; whoever got the alert will hear that it is over\n".into()),
        Acknowledged::Now(false) => Ok("acknowledged; nobody is to be told\n".into()),
        Acknowledged::Before(by, at) => Err(Failure::Setting(format!("{by} acknowledged it at {}: nothing changed", clock::rfc3339(at)))),
        Acknowledged::Unknown => Err(Failure::Setting(format!("there is no alert `{}`\n  remedy: see `shadowtap alerts list`", args.id))),
    }
}
