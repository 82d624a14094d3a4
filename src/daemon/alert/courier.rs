//! A courier: carries one sink's letters, one at a time, until each has arrived or was given up.
//!
//! One courier a sink, so that a slow sink delays no other. A sink that is down is left alone for a while as a whole; a letter that
//! is refused waits alone. Nothing is kept here that the outbox does not know: killed at any moment, the next courier goes on, and
//! the worst that happens is a letter delivered twice, with the same id.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::backoff::Pace;
use super::outbox::{Outbox, Outcome, Sink};
use crate::daemon::clock;
use crate::daemon::letter::{Given, Letter};
use crate::engine::frame::Time;

/// Letters asked for at a time.
const HANDFUL: u32 = 16;

/// Told of each attempt: the sink and what became of it.
pub type OnResult = Arc<dyn Fn(&str, &Given) + Send + Sync>;

/// Carries one sink's letters.
pub struct Courier<O, S> {
    outbox: O,
    sink: S,
    pace: Pace,
    on_result: OnResult,
    /// Attempts in a row that found the sink down.
    failures: u32,
    /// The sink is left alone until then.
    pause: Option<Instant>,
    /// What became of the last letter, where the outbox could not be told yet: no other is tried before.
    unsettled: Option<(Letter, Given)>,
}

impl<O: Outbox, S: Sink> Courier<O, S> {
    /// A courier between this outbox and this sink.
    pub fn new(outbox: O, sink: S, pace: Pace, on_result: OnResult) -> Self {
        Courier { outbox, sink, pace, on_result, failures: 0, pause: None, unsettled: None }
    }

    /// Carries letters until `stop` turns true or its sender is gone; `wake` says that there may be new ones. An attempt under way is
    /// dropped then: the letter stays in the outbox.
    pub async fn run(mut self, wake: Arc<Notify>, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.carry(&wake) => {}
        }
    }

    async fn carry(&mut self, wake: &Notify) {
        loop {
            let until = self.round().await;
            match self.pause {
                Some(pause) => sleep_until(pause).await,
                None => tokio::select! {
                    () = wake.notified() => {}
                    () = sleep_until(until) => {}
                },
            }
        }
    }

    /// Tries the letters that are due, until the sink is down or none is left; says when to look again.
    async fn round(&mut self) -> Instant {
        self.pause = None;
        loop {
            if !self.settle().await {
                let later = Instant::now() + self.pace.look;
                self.pause = Some(later);
                return later;
            }
            let letters = match self.outbox.letters(self.sink.name(), HANDFUL).await {
                Ok(letters) => letters,
                Err(error) => {
                    tracing::error!(sink = self.sink.name(), error, "the outbox cannot be read; alerts wait");
                    return Instant::now() + self.pace.look;
                }
            };
            let now = clock::now();
            let Some(first) = letters.first() else { return Instant::now() + self.pace.look };
            if !self.is_due(first, now) {
                return Instant::now() + Duration::from_nanos(first.next_attempt.since(now)).min(self.pace.look);
            }
            let due: Vec<Letter> = letters.into_iter().filter(|l| self.is_due(l, now)).collect();
            for letter in due {
                self.attempt(letter).await;
                if let Some(pause) = self.pause {
                    return pause;
                }
                if self.unsettled.is_some() {
                    break;
                }
            }
        }
    }

    /// Due now; also if it waits longer than any letter ever does, which means that the clock was set back.
    fn is_due(&self, letter: &Letter, now: Time) -> bool {
        letter.next_attempt <= now || letter.next_attempt.since(now) > nanos(self.pace.longest_asked.max(self.pace.longest))
    }

    /// One attempt, and a note of it in the outbox.
    async fn attempt(&mut self, letter: Letter) {
        let outcome = self.sink.send(&letter).await;
        let given = self.judge(&letter, outcome);
        (self.on_result)(self.sink.name(), &given);
        if let Err(error) = self.outbox.settle(&letter, self.sink.name(), &given).await {
            let what = "the outbox cannot be written: no alert is sent until it can; should the daemon end before, this one comes twice";
            tracing::error!(sink = self.sink.name(), alert = letter.id, error, "{what}");
            self.unsettled = Some((letter, given));
        }
    }

    /// Notes what became of a letter where that was not possible at once; false where it still is not.
    async fn settle(&mut self) -> bool {
        let Some((letter, given)) = &self.unsettled else { return true };
        let is_settled = self.outbox.settle(letter, self.sink.name(), given).await.is_ok();
        if is_settled {
            self.unsettled = None;
        }
        is_settled
    }

    fn judge(&mut self, letter: &Letter, outcome: Outcome) -> Given {
        let (error, wait) = match outcome {
            Outcome::Taken(_) => {
                if self.failures > 0 {
                    tracing::info!(sink = self.sink.name(), failures = self.failures, "the sink takes alerts again");
                }
                self.failures = 0;
                return Given::Delivered;
            }
            Outcome::Refused(error) => (error, self.pace.longest),
            Outcome::Down { error, leave_alone } => {
                if self.failures == 0 {
                    tracing::warn!(sink = self.sink.name(), error, "the sink is down; alerts wait in the store");
                }
                self.failures = self.failures.saturating_add(1);
                let asked = leave_alone.map(|asked| asked.min(self.pace.longest_asked));
                let pause = self.pace.wait(self.failures).max(asked.unwrap_or_default());
                self.pause = Some(Instant::now() + pause);
                (error, pause.max(self.pace.wait(letter.attempts.saturating_add(1))))
            }
        };
        let now = clock::now();
        if now.since(letter.since) >= nanos(self.pace.give_up) {
            tracing::error!(sink = self.sink.name(), alert = letter.id, error, "alert given up; `shadowtap alerts retry` puts it back");
            return Given::Up { error };
        }
        Given::Again { at: Time(now.0.saturating_add(nanos(wait))), error }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
