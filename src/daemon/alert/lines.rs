//! Alerts as lines: on standard output, and in a file that is rotated.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::form::Form;
use super::outbox::{Outcome, Sink};
use crate::daemon::config;
use crate::daemon::letter::Letter;
use crate::daemon::outlet::LineFile;
use crate::daemon::siem::{Format, Record};

/// How long a disk or a reader of standard output may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where lines go.
#[derive(Clone)]
enum Place {
    Stdout,
    File(Arc<Mutex<LineFile>>),
}

/// A sink that takes each alert as a line.
pub struct LineSink {
    name: String,
    format: Format,
    place: Place,
    /// A write that hangs holds it: no other is begun then, however often it is tried.
    turn: Arc<Semaphore>,
}

impl LineSink {
    /// Lines on standard output.
    pub fn stdout(name: &str, settings: &config::Stdout) -> Self {
        LineSink::new(name, settings.format, Place::Stdout)
    }

    /// Lines in a file; nothing is opened yet.
    pub fn file(name: &str, settings: &config::File) -> Self {
        LineSink::new(name, settings.format, Place::File(Arc::new(Mutex::new(settings.place.open()))))
    }

    fn new(name: &str, format: Format, place: Place) -> Self {
        LineSink { name: name.to_owned(), format, place, turn: Arc::new(Semaphore::new(1)) }
    }

    async fn write(&self, line: String) -> Result<&'static str, String> {
        let hangs = || "an earlier line is still being written".to_owned();
        let turn = Arc::clone(&self.turn).try_acquire_owned().map_err(|_| hangs())?;
        let place = self.place.clone();
        let written = spawn_blocking(move || {
            let _turn = turn;
            match place {
                Place::Stdout => {
                    let mut out = std::io::stdout().lock();
                    out.write_all(line.as_bytes()).and_then(|()| out.flush()).map(|()| "written to standard output")
                }
                Place::File(file) => file.lock().unwrap_or_else(PoisonError::into_inner).append(&line).map(|()| "written, and on the disk"),
            }
        });
        match timeout(PATIENCE, written).await {
            Ok(Ok(written)) => written.map_err(|e| e.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(hangs()),
        }
    }
}

impl Sink for LineSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, letter: &Letter) -> Outcome {
        let form = Form::read(&letter.payload);
        let mut line = self.format.line(&Record::of_alert(&form.all, form.title()), &letter.payload);
        line.push('\n');
        match self.write(line).await {
            Ok(said) => Outcome::Taken(said.into()),
            Err(error) => Outcome::Down { error, leave_alone: None },
        }
    }
}
