//! What the audit log hears of updates of the catalogue. What is in force is noted by the daemon too, when it takes it up.

use serde_json::Value;

use crate::daemon::audit_entry::{AuditEntry, AuditKind};
use crate::daemon::failure::Failure;
use crate::daemon::store::{Store, StoreError};

/// Notes an update that was made, where there is a store; says so where it could not.
pub(super) fn note(store: &str, kind: AuditKind, detail: Value) {
    if let Err(failure) = append(store, &AuditEntry::of_caller(kind, detail)) {
        eprintln!("shadowtap: done, and not noted in the audit log: {failure}");
    }
}

fn append(store: &str, entry: &AuditEntry) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = match Store::open_existing(store).await {
            Err(StoreError::Missing(_)) => return Ok(()),
            opened => opened?,
        };
        let noted = store.audit(entry).await;
        store.close().await;
        Ok(noted?)
    })
}
