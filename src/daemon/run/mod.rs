//! `shadowtap run`: the daemon. It joins the edges; they never call one another.
//!
//! Start order, an invariant:
//! 1. configuration, signatures and policy are read, all problems told;
//! 2. capture handles are opened, the web listener is bound, the store's folder is made: all that needs rights;
//! 3. rights are dropped, core dumps forbidden; what the daemon needs later is now opened as the user it became;
//! 4. the process, still one thread, is confined: files (Landlock), then calls (seccomp), for every thread to come;
//! 5. signals are listened to; the store is opened and its open sightings are put back into the ledger;
//! 6. threads start: ledger, interfaces, one or several an interface; tasks: writer, couriers, upkeep, web, reload. Those that read what strangers sent
//!    put their own, narrower lists of calls on first, and captures wait behind a gate;
//! 7. what came of each step is said once, in the log and in a metric; what is missing ends the start where it is required;
//! 8. the service manager is told that the daemon is ready; the gate opens: the first packet is parsed.
//!
//! Steps 2 to 6 are a [`Report`](super::sandbox::Report).

mod allowing;
mod capture_thread;
mod clients;
mod clocks;
mod confined;
mod expiring;
mod forgetting;
mod health;
mod keys;
mod ledger_thread;
mod opening;
mod part;
mod priority;
mod record;
mod reloading;
mod retro;
mod sensor;
mod shared;
mod signals;
mod start;
mod streams;
mod summing;
mod supervisor;
mod updates;
mod upkeep;
mod volumes;
mod writer;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use priority::{StepBack, step_back};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::delivery::Delivery;
use super::failure::Failure;
use super::sandbox::Kind;
use super::store::{Batch, Store};
use super::streaming::Streaming;
use super::web::{self, Door};
use crate::engine::sighting::{Finding, Sighting};
use confined::Lists;
use reloading::{Changed, Reloading};
use shared::Shared;
use signals::{Asked, Signals};
use start::Started;

/// Batches of findings on their way to the writer; more wait in the ledger, where they stay bounded.
const BATCHES: usize = 2;
/// Events between the capture threads and the ledger.
const EVENTS: usize = 1 << 16;
/// Between two looks at the depth of the outbox.
const OUTBOX: Duration = Duration::from_millis(500);
/// How long a stop may take before what is left is abandoned.
const STOP: Duration = Duration::from_millis(4500);

/// The daemon: captures, keeps, counts, tells.
#[derive(Args)]
pub struct RunArgs {
    /// Configuration; default /etc/shadowtap/config.toml where it is there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Interface to capture from, several times for several; default those of the configuration, else that of the default route.
    #[arg(short, long = "interface", value_name = "IFACE")]
    interfaces: Vec<String>,
    /// Store, as sqlite:///path.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Address of metrics and health.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// Runs until it is told to stop.
///
/// # Errors
/// What kept it from starting; a store or thread that failed for good.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let started = start::start(args)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().on_thread_start(|| step_back(StepBack::Tasks)).build()?;
    let result = runtime.block_on(serve(started));
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

async fn serve(started: Started) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let opened = tokio::select! {
        opened = opening::open_behind(started.config.store.url.clone()) => opened?,
        () = signals.stop() => {
            tracing::info!("stopped during the start");
            return Ok(());
        }
    };
    let Started { config, rules, known, key, captures, listener, config_file, mut sandbox, places } = started;
    let (store, mut aside) = opened;
    let open_sightings = opening::prepare(&store, &config, &rules, key.as_ref(), &mut aside).await?;
    let (reports, report_inbox) = mpsc::channel(sensor::REPORTS);
    let shared = Arc::new(Shared::new(&config, &rules, captures.iter().map(|c| c.interface().to_owned()), reports)?);
    let (batches, batch_inbox) = mpsc::channel(BATCHES);
    let (events, event_inbox) = crossbeam_channel::bounded(EVENTS);

    if let Some(aside) = aside {
        shared.store_set_aside(&aside);
    }
    let key = key.map(|(key, _)| key);
    let (mut attribution, sealer) = ledger_thread::attribution(&config, &rules, key.as_ref());
    let mut left = Vec::new();
    for sighting in open_sightings {
        match attribution.restore(sighting.clone()) {
            true => shared.metrics.resume(&sighting),
            false => {
                left.push(Finding { sighting: Sighting { closed: true, ..sighting }, reached: None, due: false, is_new: false, by: None })
            }
        }
    }
    let lines = shared.lines(&left);
    store.commit(&Batch { lines, ..left.into() }, None).await?;
    let writer = tokio::spawn(writer::write(store.clone(), batch_inbox, Arc::clone(&shared)));
    let lists = Lists::of(&sandbox);
    let ledger = ledger_thread::spawn((attribution, sealer), event_inbox, batches, Arc::clone(&shared), lists.of_kind(Kind::Ledger))?;
    let (threads, gate) = capture_thread::spawn_all(captures, &config, &events, &shared, &lists.of_kind(Kind::Capture))?;
    lists.conclude(&mut sandbox, &shared)?;
    tokio::spawn(watch_queues(store.clone(), Arc::clone(&shared)));
    tokio::spawn(upkeep::keep_up(store.clone(), Arc::clone(&shared)));
    tokio::spawn(updates::watch_updates(Arc::clone(&shared)));
    tokio::spawn(expiring::watch(Arc::clone(&shared)));
    tokio::spawn(sensor::tell(store.clone(), report_inbox, Arc::clone(&shared)));
    tokio::spawn(health::watch(store.clone(), Arc::clone(&shared)));
    tokio::spawn(summing::sum_up(store.clone(), Arc::clone(&shared)));
    tokio::spawn(volumes::watch(store.clone(), Arc::clone(&shared)));
    tokio::spawn(allowing::settle(store.clone(), Arc::clone(&shared)));
    tokio::spawn(forgetting::watch(store.clone(), events.clone(), Arc::clone(&shared)));
    if let Some(key) = key {
        tokio::spawn(keys::watch(key.period, config.clone(), store.clone(), events.clone(), Arc::clone(&shared)));
    }
    let stop_web = shared.stopped();
    let door = Door::new(&config.http).map_err(Failure::Setting)?;
    let web = tokio::spawn(web::serve(listener, door, Arc::clone(&shared.metrics), shared.readiness(), stop_web));
    let mut reloading = Reloading::start(config_file, config, known, store.clone(), events, &shared).await?.within(places);
    tokio::spawn(supervisor::keep_watchdog_quiet(Arc::clone(&shared)));
    supervisor::ready();
    drop(gate);
    tracing::info!("running");

    wait(&mut signals, &mut reloading).await;
    supervisor::stopping();
    tracing::info!("stopping");
    shared.stop.store(true, Ordering::Release);
    shared.stop_signal.send_replace(true);
    let (delivery, streaming) = reloading.into_couriers();
    let finished = finish(Parts { threads, ledger, writer, delivery, streaming, store }).await;
    web.abort();
    finished
}

/// What ends with the daemon.
struct Parts {
    threads: Vec<std::thread::JoinHandle<()>>,
    ledger: std::thread::JoinHandle<()>,
    writer: tokio::task::JoinHandle<usize>,
    delivery: Option<Delivery>,
    streaming: Option<Streaming>,
    store: Store,
}

/// Ends everything in the order in which it hands on what it holds, and says what was lost.
async fn finish(parts: Parts) -> Result<(), Failure> {
    let Parts { threads, ledger, writer, delivery, streaming, store } = parts;
    let deadline = Instant::now() + STOP;
    let written = timeout_at(deadline, async {
        join(threads).await;
        join(vec![ledger]).await;
        writer.await
    });
    let failed = |what: String| Err(Failure::Internal(what));
    match written.await {
        Ok(Ok(0)) => {}
        Ok(Ok(lost)) => return failed(format!("the store could not be written: {lost} sightings, or what was new in them, are lost")),
        Ok(Err(error)) => return failed(format!("the writer ended badly: {error}")),
        Err(_) => return failed("stopped before everything was written; the next start goes on from the last commit".into()),
    }
    let tidied = timeout_at(deadline, async {
        if let Some(delivery) = delivery {
            delivery.stop().await;
        }
        if let Some(streaming) = streaming {
            streaming.stop().await;
        }
        store.close().await;
    });
    match tidied.await {
        Ok(()) => tracing::info!("stopped"),
        Err(_) => tracing::warn!("stopped with everything written; another process keeps the store from being closed"),
    }
    Ok(())
}

/// Serves signals and reloads until it is time to stop.
async fn wait(signals: &mut Signals, reloading: &mut Reloading) {
    loop {
        tokio::select! {
            stop = signals.next() => match stop {
                Asked::Stop => return,
                Asked::Reload => reload(reloading).await,
            },
            changed = reloading.changed() => match changed {
                Changed::Rules => reload(reloading).await,
                Changed::Clients => reloading.read_clients().await,
            },
        }
    }
}

async fn reload(reloading: &mut Reloading) {
    supervisor::reloading();
    reloading.reload().await;
    supervisor::ready();
}

/// Keeps the depth of the outbox, and how far streams are behind, in the metrics.
async fn watch_queues(store: Store, shared: Arc<Shared>) {
    while !shared.is_stopping() {
        match store.outbox_depth().await {
            Ok(depth) => shared.metrics.outbox(depth),
            Err(error) => opening::mend(&store, &error, &shared).await,
        }
        for stream in shared.streams().iter() {
            if let Ok(depth) = store.stream_depth(stream).await {
                shared.metrics.stream_depth(stream, depth);
            }
        }
        tokio::time::sleep(OUTBOX).await;
    }
}

async fn join(threads: Vec<std::thread::JoinHandle<()>>) {
    for thread in threads {
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }
}
