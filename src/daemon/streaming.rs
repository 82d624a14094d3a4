//! Streaming: joins the lines of the store to one carrier a stream, and stops them together. Streams are made of the configuration here.
//!
//! A carrier takes the next lines, gives them to its place, and notes in the store how far it is: killed at any moment, the next one goes on
//! there, and the worst that happens is lines that come twice, with the same number. Nothing waits for a carrier: what it does not take stays
//! in the store, where it is bounded.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::alert::{HttpSink, Outcome, Pace, Sink};
use super::clock;
use super::config::{self, StreamKind};
use super::failure::Failure;
use super::letter::Letter;
use super::outlet::{LineFile, Receiver, SyslogLine};
use super::siem::rfc5424::Severity;
use super::siem::sighting_line::numbered;
use super::siem::{Format, Record};
use super::store::Store;

/// Lines given at a time, at most.
const HANDFUL: u32 = 500;
/// How long a disk may take.
const DISK: Duration = Duration::from_secs(30);

/// Told of each attempt: the stream, lines, and whether they were taken.
pub type OnLines = Arc<dyn Fn(&str, usize, bool) + Send + Sync>;

/// A stream, ready to carry lines.
pub struct Stream {
    name: String,
    format: Format,
    place: Place,
}

enum Place {
    File(Arc<Mutex<LineFile>>),
    Syslog(Box<Receiver>),
    Webhook(Box<HttpSink>),
}

/// The streams of a configuration, all or none.
///
/// # Errors
/// [`Failure::Setting`]: what is wrong with the first that cannot be used.
pub fn streams(config: &config::Config) -> Result<Vec<Stream>, Failure> {
    let make = |stream: &config::Stream| -> Result<Stream, String> {
        let place = match &stream.kind {
            StreamKind::File(file) => Place::File(Arc::new(Mutex::new(file.open()))),
            StreamKind::Syslog(syslog) => Place::Syslog(Box::new(syslog.receiver(&config.sensor_name())?)),
            StreamKind::Webhook(webhook) => Place::Webhook(Box::new(HttpSink::of_lines(&stream.name, webhook)?)),
        };
        Ok(Stream { name: stream.name.clone(), format: stream.format, place })
    };
    config.streams.iter().map(|s| make(s).map_err(|what| Failure::Setting(format!("stream `{}`: {what}", s.name)))).collect()
}

/// The carriers at work.
pub struct Streaming {
    carriers: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Streaming {
    /// Starts a carrier for each stream; `fresh` changes when there are new lines, `on_lines` hears of each attempt.
    pub fn start(store: &Store, streams: Vec<Stream>, fresh: &watch::Receiver<()>, on_lines: &OnLines) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut streaming = Streaming { carriers: JoinSet::new(), stop };
        for stream in streams {
            let carrier = Carrier {
                store: store.clone(),
                stream,
                pace: Pace::default(),
                fresh: fresh.clone(),
                on_lines: Arc::clone(on_lines),
                failures: 0,
                handful: HANDFUL,
                given: None,
                is_said: false,
            };
            streaming.carriers.spawn(carrier.run(stopped.clone()));
        }
        streaming
    }

    /// Stops the carriers. What is under way stays in the store.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.carriers.join_all().await;
    }
}

/// Carries one stream's lines.
struct Carrier {
    store: Store,
    stream: Stream,
    pace: Pace,
    fresh: watch::Receiver<()>,
    on_lines: OnLines,
    /// Attempts in a row that failed.
    failures: u32,
    /// Lines given at a time now: fewer after a failure, for a receiver may refuse what is too long.
    handful: u32,
    /// The last line given of which the store does not know yet: no other is given before.
    given: Option<i64>,
    /// Whether it was said that the store cannot be used.
    is_said: bool,
}

impl Carrier {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.carry() => {}
        }
    }

    async fn carry(&mut self) {
        loop {
            self.fresh.mark_unchanged();
            match self.round().await {
                Ok(true) => {}
                Ok(false) => {
                    let _ = timeout(self.pace.look, self.fresh.changed()).await;
                }
                Err(pause) => sleep(pause).await,
            }
        }
    }

    /// Gives the next lines; false where there are none, and how long to wait where it failed.
    async fn round(&mut self) -> Result<bool, Duration> {
        let name = &self.stream.name;
        let (look, is_said) = (self.pace.look, &mut self.is_said);
        let mut in_the_store = |error: super::store::StoreError| {
            if !std::mem::replace(is_said, true) {
                tracing::error!(stream = name, %error, "lines of the stream wait in a store that cannot be used");
            }
            look
        };
        if let Some(given) = self.given {
            self.store.has_lines(name, given).await.map_err(&mut in_the_store)?;
            self.given = None;
        }
        let lines = self.store.next_lines(name, self.handful).await.map_err(&mut in_the_store)?;
        let Some((last, _)) = lines.last() else { return Ok(false) };
        let outcome = self.stream.give(&lines).await;
        (self.on_lines)(name, lines.len(), outcome.is_ok());
        if let Err(error) = outcome {
            if self.failures == 0 {
                tracing::warn!(stream = name, error, "the stream takes nothing; its lines wait in the store");
            }
            self.failures = self.failures.saturating_add(1);
            self.handful = (self.handful / 2).max(1);
            return Err(self.pace.wait(self.failures));
        }
        self.given = Some(*last);
        self.store.has_lines(name, *last).await.map_err(&mut in_the_store)?;
        (self.given, self.is_said) = (None, false);
        if std::mem::take(&mut self.failures) > 0 {
            tracing::info!(stream = name, "the stream takes lines again");
        }
        self.handful = self.handful.saturating_mul(2).min(HANDFUL);
        Ok(true)
    }
}

/// A line as it is said.
struct Said {
    number: String,
    time: String,
    text: String,
}

impl Stream {
    /// Gives lines to its place, all or none as far as can be known.
    async fn give(&self, lines: &[(i64, String)]) -> Result<(), String> {
        let said: Vec<Said> = lines.iter().map(|(number, text)| self.said(*number, text)).collect();
        match &self.place {
            Place::File(file) => append(Arc::clone(file), joined(&said)).await,
            Place::Syslog(receiver) => {
                let data: Vec<_> = said.iter().map(|s| [("sequence", &*s.number)]).collect();
                let line = |(s, data)| {
                    let Said { time, text, .. }: &Said = s;
                    let data: &[_; 1] = data;
                    SyslogLine { severity: Severity::Informational, time, kind: "sighting", data, text }
                };
                receiver.send(&said.iter().zip(&data).map(line).collect::<Vec<_>>()).await
            }
            Place::Webhook(sink) => match sink.send(&self.letter(&said)).await {
                Outcome::Taken(_) => Ok(()),
                Outcome::Refused(error) | Outcome::Down { error, .. } => Err(error),
            },
        }
    }

    fn said(&self, number: i64, text: &str) -> Said {
        let text = numbered(number, text);
        let all: Value = serde_json::from_str(&text).unwrap_or_default();
        let time = all["last_seen"].as_str().unwrap_or_default().to_owned();
        Said { number: number.to_string(), time, text: self.format.line(&Record::of_sighting(&all), &text) }
    }

    /// Lines as a webhook gets them; the id is the same for the same lines.
    fn letter(&self, said: &[Said]) -> Letter {
        let number = |s: Option<&Said>| s.map(|s| s.number.clone()).unwrap_or_default();
        let id = format!("{}-{}-{}", self.name, number(said.first()), number(said.last()));
        let now = clock::now();
        Letter { alert: 0, id, payload: joined(said), attempts: 0, since: now, next_attempt: now }
    }
}

fn joined(said: &[Said]) -> String {
    said.iter().fold(String::new(), |mut all, s| {
        all.push_str(&s.text);
        all.push('\n');
        all
    })
}

async fn append(file: Arc<Mutex<LineFile>>, text: String) -> Result<(), String> {
    let written = spawn_blocking(move || {
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.append(&text).map_err(|e| format!("{}: {e}", file.path().display()))
    });
    match timeout(DISK, written).await {
        Ok(Ok(written)) => written,
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("the disk did not take it within {} s", DISK.as_secs())),
    }
}
