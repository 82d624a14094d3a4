//! The store as the daemon begins with it, and what becomes of one that is damaged.

use std::path::PathBuf;

use super::shared::Shared;
use super::{keys, record};
use crate::daemon::clock;
use crate::daemon::config::{Config, Mode};
use crate::daemon::failure::Failure;
use crate::daemon::privacy::PeriodKey;
use crate::daemon::rules::Rules;
use crate::daemon::store::{Store, StoreError};
use crate::engine::sighting::Sighting;

/// Opens the store on a thread that stepped back: the store's own threads have the rank of the one that starts them. Says where a damaged one
/// is now.
pub(super) async fn open_behind(url: String) -> Result<(Store, Option<PathBuf>), Failure> {
    let runtime = tokio::runtime::Handle::current();
    let opened = tokio::task::spawn_blocking(move || runtime.block_on(Store::open_or_begin_anew(&url, clock::now()))).await;
    Ok(opened.map_err(|e| Failure::Internal(format!("the store could not be opened: {e}")))??)
}

/// On such a thread, too. What ends without a word leaves the store as it is.
async fn begin_anew(store: Store, streams: Vec<String>) -> Result<Option<PathBuf>, StoreError> {
    let runtime = tokio::runtime::Handle::current();
    let begun = tokio::task::spawn_blocking(move || runtime.block_on(store.begin_anew(clock::now(), &streams))).await;
    begun.unwrap_or(Ok(None))
}

/// Prepares the store for a daemon. Gives the sightings that were open when the last process ended. A page found damaged only now is a damaged
/// store too, told in `aside`.
pub(super) async fn prepare(
    store: &Store,
    config: &Config,
    rules: &Rules,
    key: Option<&(PeriodKey, bool)>,
    aside: &mut Option<PathBuf>,
) -> Result<Vec<Sighting>, Failure> {
    let error = match begin(store, config, rules, key).await {
        Err(error) if error.is_damage() && aside.is_none() => error,
        begun => return Ok(begun?),
    };
    *aside = begin_anew(store.clone(), config.stream_names()).await?;
    match aside {
        Some(_) => Ok(begin(store, config, rules, key).await?),
        None => Err(error.into()),
    }
}

/// What the audit log hears of a start, and what the store lets go of: nothing of an earlier process is in memory any more.
async fn begin(store: &Store, config: &Config, rules: &Rules, key: Option<&(PeriodKey, bool)>) -> Result<Vec<Sighting>, StoreError> {
    store.let_go(&store.just_forgotten().await?).await?;
    record::note_rules(store, config, rules).await?;
    if let Some((key, true)) = key {
        keys::note_created(store, key).await?;
    }
    let pattern = match config.privacy.mode {
        Mode::Full => None,
        Mode::Pseudonymous => Some("p-%"),
        Mode::TeamOnly => Some(""),
    };
    let unlike = match pattern {
        Some(pattern) => store.clients_unlike(pattern).await?,
        None => 0,
    };
    if unlike > 0 {
        let remedy = "what they hold stays until retention takes it; shadowtap forget, or a new store, does at once";
        tracing::warn!(clients = unlike, "the store holds clients that were kept under another [privacy] mode; {remedy}");
    }
    store.begin(clock::now()).await?;
    store.set_streams(&config.stream_names()).await?;
    if !config.unmatched.enabled {
        store.forget_unmatched().await?;
    }
    store.open_sightings().await
}

/// Where an error says that the store is damaged, sets it aside, begins a new one and tells of it. What waits in memory goes to the new one.
pub(super) async fn mend(store: &Store, error: &StoreError, shared: &Shared) {
    if !error.is_damage() {
        return;
    }
    match begin_anew(store.clone(), shared.streams().to_vec()).await {
        Ok(Some(aside)) => shared.store_set_aside(&aside),
        Ok(None) => {}
        Err(error) => shared.store_trouble(Some(error.line())),
    }
}
