//! The streams at work, exchanged when the configuration says others.

use std::sync::Arc;

use super::shared::Shared;
use crate::daemon::config::Config;
use crate::daemon::failure::Failure;
use crate::daemon::store::Store;
use crate::daemon::streaming::{self, Stream, Streaming};

/// Makes the streams of a configuration and starts their carriers.
///
/// # Errors
/// What is wrong with the first that cannot be used.
pub(super) fn start(config: &Config, store: &Store, shared: &Arc<Shared>) -> Result<Streaming, Failure> {
    Ok(begin(streaming::streams(config)?, store, shared))
}

/// Whether a configuration says other streams, or another name for those there are.
pub(super) fn are_others(old: &Config, new: &Config) -> bool {
    old.streams != new.streams || old.sensor != new.sensor
}

/// Stops the old ones and starts `streams`, those of `config`, which is in force by now.
pub(super) async fn exchange(
    old: Option<Streaming>,
    streams: Vec<Stream>,
    config: &Config,
    store: &Store,
    shared: &Arc<Shared>,
) -> Streaming {
    if let Some(old) = old {
        old.stop().await;
    }
    if let Err(error) = store.set_streams(&config.stream_names()).await {
        tracing::error!(%error, "streams that are new cannot be noted in the store; they begin with the next start");
    }
    begin(streams, store, shared)
}

fn begin(streams: Vec<Stream>, store: &Store, shared: &Arc<Shared>) -> Streaming {
    let counted = Arc::clone(shared);
    let on_lines = move |stream: &str, lines: usize, is_taken: bool| counted.metrics.stream_lines(stream, lines, is_taken);
    Streaming::start(store, streams, &shared.streamed.subscribe(), &(Arc::new(on_lines) as _))
}
