//! `shadowtap reidentify`: who stands behind a pseudonym. It takes the key of the period, and leaves an entry in the audit log before it
//! says anything.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::audit_entry::{AuditEntry, AuditKind};
use super::clock;
use super::config::Config;
use super::failure::Failure;
use super::output::print;
use super::privacy::{KeyFolder, Opened, PeriodKey, Sealer};
use super::sealed::Sealed;
use super::store::Store;
use super::table::layout;

/// Arguments of `shadowtap reidentify`.
#[derive(Args, Debug)]
pub struct ReidentifyArgs {
    /// The pseudonym, as p-jhifj3pnxuwggowj
    pseudonym: String,
    /// Why: it stands in the audit log for ever, so name nobody in it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Key of the period, where it is kept away from the daemon; default those in the configured folder
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Configuration; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The store; default that of the configuration
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

/// Opens what is sealed under a pseudonym.
///
/// # Errors
/// No reason, an unknown pseudonym, no key of its period, or an audit log that cannot be written: then nothing is said.
pub fn run(args: &ReidentifyArgs) -> Result<(), Failure> {
    if args.reason.trim().is_empty() {
        return Err(Failure::Setting("--reason is empty\n  remedy: say why; whoever audits will ask".into()));
    }
    let config = Config::load(args.config.as_deref()).map_err(Failure::Configuration)?.value;
    let keys = match &args.key_file {
        Some(file) => vec![PeriodKey::read(file)?],
        None => KeyFolder::new(&config.privacy.key_folder).keys()?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let text = runtime.block_on(async {
        let store = Store::open_existing(args.store.as_deref().unwrap_or(&config.store.url)).await?;
        let done = reidentify(&store, &args.pseudonym, &args.reason, &keys).await;
        store.close().await;
        done
    })?;
    print(&text)
}

async fn reidentify(store: &Store, pseudonym: &str, reason: &str, keys: &[PeriodKey]) -> Result<String, Failure> {
    let sealed = store.sealed(Some(pseudonym)).await?;
    let Some(period) = sealed.first().map(|s| s.period.clone()) else {
        let remedy = "take it from `shadowtap report`; what was forgotten or ran out is gone";
        return Err(Failure::Setting(format!("nothing is sealed under {pseudonym:?}\n  remedy: {remedy}")));
    };
    let opened: Vec<(&Sealed, Opened)> = sealed.iter().filter_map(|s| Some((s, open(s, keys)?))).collect();
    let detail = json!({ "pseudonym": pseudonym, "period": period, "reason": reason.trim(), "opened": opened.len() });
    store.audit(&AuditEntry::of_caller(AuditKind::Reidentify, detail)).await?;
    if opened.is_empty() {
        let why = "it was destroyed, then nobody can know any more, or it is kept elsewhere, then name it with --key-file";
        return Err(Failure::Setting(format!("no key here opens {pseudonym}: that of period {period} is missing\n  remedy: {why}")));
    }
    let row = |(s, o): (&Sealed, Opened)| {
        let text = |t: Option<String>| t.unwrap_or_default();
        vec![clock::rfc3339(s.since), o.client, text(o.host), text(o.user), text(o.mac)]
    };
    Ok(layout(&["since", "client", "host", "user", "mac"], opened.into_iter().map(row)))
}

fn open(sealed: &Sealed, keys: &[PeriodKey]) -> Option<Opened> {
    keys.iter().filter(|k| k.period == sealed.period).find_map(|k| Sealer::new(k).open(sealed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::SEVEN;
    use crate::daemon::store::Batch;
    use crate::engine::frame::Time;
    use crate::engine::privacy::Unsealed;
    use crate::engine::sighting::Identity;

    #[tokio::test]
    async fn it_takes_the_key_and_leaves_an_entry_each_time() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let [key, other] = [1, 2].map(|n| PeriodKey::generate(Time::new(n, 0)).unwrap());
        let pseudonym = key.for_pseudonyms().pseudonym("10.0.0.5");
        let of = |host: &str, since| Unsealed {
            pseudonym: pseudonym.as_str().into(),
            client: "10.0.0.5".into(),
            identity: Identity { host: Some(host.into()), ..Identity::default() }.into(),
            since,
        };
        let sealer = Sealer::new(&key);
        let sealed = [of("ws-14", SEVEN), of("ws-15", SEVEN.plus_seconds(60))].iter().filter_map(|u| sealer.seal(u)).collect();
        store.commit(&Batch { sealed, ..Batch::default() }, None).await.unwrap();

        assert_eq!(reidentify(&store, "p-none", "why", std::slice::from_ref(&key)).await.unwrap_err().code(), 78);
        let text = reidentify(&store, &pseudonym, "case 7", &[other.clone(), key]).await.unwrap();
        assert!(text.contains("10.0.0.5") && text.contains("ws-14") && text.contains("ws-15"), "{text}");
        let refused = reidentify(&store, &pseudonym, "case 8", &[other]).await.unwrap_err();
        assert!(refused.to_string().contains("nobody can know any more"), "{refused}");
        let entries = store.audit_after(0).await.unwrap();
        let told: Vec<_> =
            entries.iter().map(|e| (e.kind.as_str(), e.detail.contains("\"opened\":2"), e.detail.contains("case"))).collect();
        assert_eq!(told, [("reidentify", true, true), ("reidentify", false, true)]);
        assert!(entries.iter().all(|e| e.detail.contains(&pseudonym) && !e.detail.contains("10.0.0.5")));
    }
}
