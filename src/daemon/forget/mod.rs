//! `shadowtap forget`: erases one client's data and proves it.

mod search;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::audit_entry::{AuditEntry, AuditKind};
use super::config::Config;
use super::failure::Failure;
use super::forgotten::Forgotten;
use super::forms::{self, Form};
use super::output::print;
use super::privacy::{KeyFolder, Opened, PeriodKey, Sealer};
use super::store::{Erased, Location, Store, StoreError, Whom, set_aside_before};
use super::{clock, hex, mac};
use crate::engine::identity::Client;
use crate::engine::privacy::pseudonym::PREFIX;
use search::{Search, Searched, files};

/// Arguments of `shadowtap forget`.
#[derive(Args, Debug)]
pub struct ForgetArgs {
    /// Address, link-layer address, host name, user, or pseudonym
    client: String,
    /// Configuration, for the keys of pseudonyms; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The store; default that of the configuration
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

/// Erases, searches, says what was found.
///
/// # Errors
/// The store's errors, keys that cannot be read, or something left of the client.
pub fn run(args: &ForgetArgs) -> Result<(), Failure> {
    let config = Config::load(args.config.as_deref()).map_err(Failure::Configuration)?.value;
    let url = args.store.as_deref().unwrap_or(&config.store.url);
    let keys = KeyFolder::new(&config.privacy.key_folder).keys()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (text, left) = runtime.block_on(async {
        let store = Store::open_existing(url).await?;
        let done = forget(&store, url, &args.client, &keys).await;
        store.close().await;
        done
    })?;
    print(&text)?;
    if left.is_empty() {
        return Ok(());
    }
    let remedy = "what an audit entry says of its reason stays; else run it again when no other program holds the store";
    Err(Failure::Internal(format!("the client is still there:\n  {}\n  remedy: {remedy}", left.join("\n  "))))
}

/// What was done in words, and where the client still is.
async fn forget(store: &Store, url: &str, client: &str, keys: &[PeriodKey]) -> Result<(String, Vec<String>), Failure> {
    let whom = whom(store, client, keys).await?;
    let receipt = Forgotten::new(client, clock::now());
    let entry = |erased: &Erased| {
        let detail = json!({ "client": format!("h-{}", hex::text(&receipt.mark)), "erased": erased });
        AuditEntry::of_caller(AuditKind::Forget, detail)
    };
    let erased = store.forget(&whom, clock::now(), entry).await?;
    let forms = all_forms(client, &whom, &erased);
    let is_emptied = store.empty_log().await?;
    let mut searched = search(store, url, &forms).await?;
    if searched.found.iter().any(|f| f.starts_with("file ")) {
        // An old copy on a page that was rearranged: writing the file anew leaves none.
        store.rewrite().await?;
        store.empty_log().await?;
        searched = search(store, url, &forms).await?;
    }
    let mut text = describe(&erased, &searched, &receipt);
    if !is_emptied {
        text.push_str("another program reads the write-ahead log on and on, and keeps it from being emptied: run this again\n");
    }
    if let Ok(Location::File(path)) = Location::parse(url) {
        let aside =
            |file: &PathBuf| format!("{}: a damaged store that was set aside, which this does not reach: delete it\n", file.display());
        text.extend(set_aside_before(&path).iter().map(aside));
    }
    Ok((text, searched.found))
}

/// By what the client is known: itself, and its pseudonyms of every period whose key is there.
async fn whom(store: &Store, client: &str, keys: &[PeriodKey]) -> Result<Whom, Failure> {
    let client = client.trim();
    if client.is_empty() {
        return Err(Failure::Setting("no client is named".into()));
    }
    if client.starts_with(PREFIX) {
        return Ok(Whom { clients: vec![client.to_owned()], ..Whom::default() });
    }
    let address = client.parse::<Client>().ok().map(written);
    let mac = mac::parse(client).map(mac::text);
    let written = address.clone().unwrap_or_else(|| client.to_owned());
    let mut clients: Vec<String> = keys.iter().map(|k| k.for_pseudonyms().pseudonym(&written)).collect();
    let is_meant = |opened: &Opened| {
        let is = |text: &Option<String>| text.as_deref().is_some_and(|t| t.eq_ignore_ascii_case(client));
        opened.client == written || is(&opened.host) || is(&opened.user) || (mac.is_some() && opened.mac == mac)
    };
    let sealers: Vec<_> = keys.iter().map(|k| (&k.period, Sealer::new(k))).collect();
    for sealed in store.sealed(None).await? {
        let key = sealers.iter().find(|(period, _)| **period == sealed.period);
        if key.and_then(|(_, sealer)| sealer.open(&sealed)).is_some_and(|opened| is_meant(&opened)) {
            clients.push(sealed.pseudonym);
        }
    }
    clients.push(written);
    let name = (address.is_none() && mac.is_none()).then(|| client.to_owned());
    Ok(Whom { clients, name, mac })
}

/// An address or prefix as sightings have it.
fn written(client: Client) -> String {
    match client.is_address() {
        true => client.address().to_canonical().to_string(),
        false => client.to_string(),
    }
}

fn all_forms(client: &str, whom: &Whom, erased: &Erased) -> Vec<Form> {
    let texts = std::iter::once(client.trim()).chain(whom.clients.iter().chain(&erased.texts).map(String::as_str));
    let mut forms: Vec<Form> = Vec::new();
    for form in texts.flat_map(forms::of) {
        if !forms.iter().any(|f| f.bytes == form.bytes) {
            forms.push(form);
        }
    }
    forms
}

async fn search(store: &Store, url: &str, forms: &[Form]) -> Result<Searched, Failure> {
    let mut others = Vec::new();
    for part in forms.iter().filter(|f| f.is_text()).filter_map(|f| std::str::from_utf8(&f.bytes).ok()) {
        others.extend(store.texts_around(part).await?);
    }
    let mut search = Search::new(forms, others)?;
    store.each_value(|table, value| search.value(table, value)).await?;
    if let Location::File(path) = Location::parse(url).map_err(StoreError::from)? {
        for file in files(&path) {
            search.file(&file).map_err(|e| about(&file, &e))?;
        }
    }
    search.searched.found.dedup();
    Ok(search.searched)
}

fn about(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Internal(format!("{}: {error}", path.display()))
}

fn describe(erased: &Erased, searched: &Searched, receipt: &Forgotten) -> String {
    let Erased { sightings, alerts, deliveries, told, sealed, identities, clients, .. } = erased;
    let Searched { bytes, values, forms, found, by_chance } = searched;
    let mut text = format!(
        "erased: {sightings} sightings, {alerts} alerts with {deliveries} deliveries, {told} told, {sealed} sealed, \
         {identities} identities, {clients} clients\n\
         searched: {values} values of all tables and {bytes} bytes of database and write-ahead log, for {forms} forms of the client: {} found\n",
        found.len()
    );
    if *by_chance > 0 {
        text.push_str(&format!("forms of under five bytes, which stand anywhere by chance: {by_chance} in the bytes, 0 in the tables\n"));
    }
    text.push_str(&format!(
        "receipt: {}\n  the audit entry names the client as HMAC-SHA256 under it; without the receipt nobody can tell whom it means\n\
         what logs, webhook receivers, exports and backups hold is not in the store: see docs/privacy.md\n",
        hex::text(&receipt.key)
    ));
    text
}

#[cfg(test)]
mod tests;
