//! An entry of the audit log: the word that whoever does something and the store that remembers it both speak.

use nix::unistd::{Uid, User};
use serde_json::Value;

/// What kind of deed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AuditKind {
    /// Another policy is in force.
    Policy,
    /// Other signatures are in force.
    Signatures,
    /// Another configuration is in force.
    Configuration,
    /// An update of the catalogue was taken.
    Update,
    /// An update of the catalogue was taken back.
    Rollback,
    /// Sightings left the store.
    Export,
    /// A pseudonym was opened, or tried to be.
    Reidentify,
    /// An alert was acknowledged.
    Acknowledge,
    /// Alerts were silenced for a time, or a silence was ended.
    Silence,
    /// A client was forgotten.
    Forget,
    /// A key of pseudonyms came into being.
    KeyCreated,
    /// A key of pseudonyms was destroyed.
    KeyDestroyed,
    /// A damaged store was set aside: the entries before this one stand there.
    StoreSetAside,
}

impl AuditKind {
    /// The word in the log.
    pub const fn word(self) -> &'static str {
        match self {
            AuditKind::Policy => "policy",
            AuditKind::Signatures => "signatures",
            AuditKind::Configuration => "configuration",
            AuditKind::Update => "update",
            AuditKind::Rollback => "rollback",
            AuditKind::Export => "export",
            AuditKind::Reidentify => "reidentify",
            AuditKind::Acknowledge => "acknowledge",
            AuditKind::Silence => "silence",
            AuditKind::Forget => "forget",
            AuditKind::KeyCreated => "key_created",
            AuditKind::KeyDestroyed => "key_destroyed",
            AuditKind::StoreSetAside => "store_set_aside",
        }
    }
}

/// One deed. Of clients it names pseudonyms alone, so that forgetting one breaks no chain.
#[derive(Clone, PartialEq, Debug)]
pub struct AuditEntry {
    /// Who: a user of the machine, or the daemon.
    pub actor: String,
    /// What kind.
    pub kind: AuditKind,
    /// More of it: a JSON object.
    pub detail: Value,
}

impl AuditEntry {
    /// A deed of the daemon's own.
    pub fn of_daemon(kind: AuditKind, detail: Value) -> Self {
        AuditEntry { actor: "shadowtap run".into(), kind, detail }
    }

    /// A deed of whoever started this command: who called sudo, else the user of the process.
    pub fn of_caller(kind: AuditKind, detail: Value) -> Self {
        AuditEntry { actor: caller(), kind, detail }
    }
}

fn caller() -> String {
    let own = Uid::current();
    let name = User::from_uid(own).ok().flatten().map_or_else(|| own.to_string(), |user| user.name);
    match std::env::var("SUDO_USER") {
        Ok(user) if own.is_root() && !user.is_empty() => format!("{user} as {name}"),
        _ => name,
    }
}
