//! What the audit log hears of the daemon: which rules are in force, whenever they are others than those it heard of last.

use ring::digest::{SHA256, digest};
use serde_json::json;

use crate::daemon::audit_entry::{AuditEntry, AuditKind};
use crate::daemon::config::Config;
use crate::daemon::hex;
use crate::daemon::rules::Rules;
use crate::daemon::store::{Store, StoreError};

/// Notes policy, signatures and privacy where they differ from what was noted last: at a reload, and at a start, for what was changed while
/// nobody watched.
pub(super) async fn note_rules(store: &Store, config: &Config, rules: &Rules) -> Result<(), StoreError> {
    for (kind, digest) in digests(config, rules) {
        let last = store.last_audit(kind).await?;
        if last.as_ref().and_then(|detail| detail["digest"].as_str()) == Some(&digest) {
            continue;
        }
        let count = match kind {
            AuditKind::Policy => rules.policy.rules().len(),
            AuditKind::Signatures => rules.signatures.services().len(),
            _ => 0,
        };
        let mode = format!("{:?}", config.privacy.mode);
        let detail = match kind {
            AuditKind::Configuration => json!({ "digest": digest, "privacy": mode }),
            _ => json!({ "digest": digest, "count": count }),
        };
        store.audit(&AuditEntry::of_daemon(kind, detail)).await?;
    }
    Ok(())
}

/// SHA-256 of what each part means, whatever file it stands in; comments are no part of it.
fn digests(config: &Config, rules: &Rules) -> [(AuditKind, String); 3] {
    let of = |text: String| hex::text(digest(&SHA256, text.as_bytes()).as_ref());
    let policy = format!("{:?}", (config.policy.default, config.policy.rules.iter().map(|r| &r.rule).collect::<Vec<_>>()));
    let signatures: Vec<_> = rules.signatures.services().collect();
    let privacy = (&config.privacy, &config.inside, &config.teams);
    [
        (AuditKind::Policy, of(policy)),
        (AuditKind::Signatures, of(format!("{signatures:?}"))),
        (AuditKind::Configuration, of(format!("{privacy:?}"))),
    ]
}
