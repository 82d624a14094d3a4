//! Delivery: joins the store's outbox to one courier a sink, and stops them together. Sinks are made of the configuration here.

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::alert::{AnySink, Courier, OnResult, Outbox, Pace, Sink};
use super::config;
use super::failure::Failure;
use super::letter::{Given, Letter};
use super::store::Store;

/// The sinks of a configuration, all or none.
///
/// # Errors
/// [`Failure::Setting`]: what is wrong with the first that cannot be used.
pub fn sinks(sinks: &[config::Sink]) -> Result<Vec<AnySink>, Failure> {
    sinks.iter().map(|sink| AnySink::new(sink).map_err(Failure::Setting)).collect()
}

/// The couriers at work.
pub struct Delivery {
    couriers: JoinSet<()>,
    wakes: Vec<Arc<Notify>>,
    stop: watch::Sender<bool>,
}

impl Delivery {
    /// Starts a courier for each sink; `on_result` hears of each attempt.
    pub fn start<S: Sink>(store: &Store, sinks: Vec<S>, pace: Pace, on_result: &OnResult) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut delivery = Delivery { couriers: JoinSet::new(), wakes: Vec::new(), stop };
        for sink in sinks {
            let wake = Arc::new(Notify::new());
            let courier = Courier::new(store.clone(), sink, pace, Arc::clone(on_result));
            delivery.couriers.spawn(courier.run(Arc::clone(&wake), stopped.clone()));
            delivery.wakes.push(wake);
        }
        delivery
    }

    /// Says that there may be new letters: call it after each commit that made alerts.
    pub fn wake(&self) {
        self.wakes.iter().for_each(|w| w.notify_one());
    }

    /// Stops the couriers. What is under way stays in the outbox.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.couriers.join_all().await;
    }
}

impl Outbox for Store {
    async fn letters(&self, sink: &str, limit: u32) -> Result<Vec<Letter>, String> {
        Store::letters(self, sink, limit).await.map_err(|e| e.to_string())
    }

    async fn settle(&self, letter: &Letter, sink: &str, given: &Given) -> Result<(), String> {
        Store::settle(self, letter, sink, given).await.map_err(|e| e.to_string())
    }
}
