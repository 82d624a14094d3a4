//! `shadowtap alerts`: what was alerted on, how far each delivery is, putting back what was given up, and trying a sink.

mod ack;
mod silence;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::alert_trial;
use super::clock;
use super::config::Config;
use super::failure::Failure;
use super::sighting_json::moment;
use super::store::{AlertRow, DEFAULT_STORE, Store};
use super::table::layout;
use crate::engine::frame::Time;

/// Arguments of `shadowtap alerts`.
#[derive(Args, Debug)]
pub struct AlertsArgs {
    /// The store to read
    #[arg(long, value_name = "URL", default_value = DEFAULT_STORE, global = true)]
    store: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Every alert and every sink it goes to, oldest first
    List {
        /// Form of the list
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
    /// Put back what was given up, and try at once what waits; a daemon at work takes it up within seconds. What was for a sink that is
    /// configured no more, or had none, goes to the sinks configured now
    Retry {
        /// Configuration with the sinks; default /etc/shadowtap/config.toml where it is there
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Id of an alert
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// All that have not arrived
        #[arg(long)]
        all: bool,
    },
    /// Acknowledge an alert: its incident is over, and whoever got the alert is told so
    Ack(ack::Args),
    /// Keep alerts of a team, service, kind or client back for a time; what is kept back is listed, counted and in the next digest
    Silence(silence::Args),
    /// Every silence, and how many alerts it kept back
    Silences {
        /// Form of the list
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
    /// End a silence before its time
    Unsilence {
        /// Its number
        id: i64,
    },
    /// Send a sample to a sink and print what came back; exit 1 where it was not taken
    Test {
        /// Its name in the configuration
        #[arg(value_name = "SINK")]
        sink: String,
        /// Configuration with the sinks; default /etc/shadowtap/config.toml where it is there
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Say that the sample sent before is over, which closes it where a sink keeps incidents
        #[arg(long)]
        resolve: bool,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Output {
    /// For people
    Table,
    /// One object a line
    Json,
}

/// Lists or puts back.
///
/// # Errors
/// The store's errors, an id that is none, or an output that cannot be written.
pub fn run(args: AlertsArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if let Action::Test { sink, config, resolve } = &args.action {
            return alert_trial::run(sink, config.as_deref(), *resolve).await;
        }
        let store = Store::open_existing(&args.store).await?;
        let text = match args.action {
            Action::List { output } => list(&store.alerts().await?, output),
            Action::Ack(args) => ack::run(&store, &args).await?,
            Action::Silence(args) => silence::run(&store, args).await?,
            Action::Silences { output } => silence::list(&store.silences().await?, output),
            Action::Unsilence { id } => silence::end(&store, id).await?,
            // Went its own way: it asks for no store.
            Action::Test { .. } => String::new(),
            Action::Retry { id, config, .. } => retry(&store, id.as_deref(), &sinks(config.as_deref())?).await?,
        };
        store.close().await;
        match io::stdout().lock().write_all(text.as_bytes()) {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e.into()),
            _ => Ok(()),
        }
    })
}

/// Names of the sinks a configuration has.
fn sinks(config: Option<&Path>) -> Result<Vec<String>, Failure> {
    let config = Config::load(config).map_err(Failure::Configuration)?.value;
    Ok(config.sink_names())
}

async fn retry(store: &Store, id: Option<&str>, sinks: &[String]) -> Result<String, Failure> {
    if sinks.is_empty() {
        let why = "the configuration has no sink (such as [[alert.webhook]]), so alerts can go nowhere";
        return Err(Failure::Setting(format!("{why}\n  remedy: add one, or name the daemon's configuration with --config")));
    }
    match (store.retry(id, sinks).await?, id) {
        (0, Some(id)) => {
            Err(Failure::Setting(format!("no alert `{id}` waits, was given up, or went nowhere\n  remedy: see `shadowtap alerts list`")))
        }
        (0, None) => Ok("nothing to retry\n".to_owned()),
        (1, _) => Ok("1 delivery will be tried again\n".to_owned()),
        (n, _) => Ok(format!("{n} deliveries will be tried again\n")),
    }
}

#[derive(Serialize)]
struct AlertJson<'a> {
    id: &'a str,
    #[serde(serialize_with = "moment")]
    created: Time,
    kind: &'static str,
    client: &'a str,
    team: &'a str,
    service: &'a str,
    /// Whether it says that its incident is over.
    over: bool,
    fate: &'static str,
    why: Option<&'a str>,
    sink: &'a str,
    state: &'static str,
    attempts: u32,
    next_attempt: Option<String>,
    last_error: Option<&'a str>,
    resolved: Option<String>,
    acknowledged: Option<AcknowledgedJson<'a>>,
}

#[derive(Serialize)]
struct AcknowledgedJson<'a> {
    by: &'a str,
    #[serde(serialize_with = "moment")]
    at: Time,
    note: &'a str,
}

fn list(alerts: &[AlertRow], output: Output) -> String {
    match output {
        Output::Json => alerts.iter().map(|a| json(a) + "\n").collect(),
        Output::Table if alerts.is_empty() => "no alerts\n".to_owned(),
        Output::Table => {
            layout(&["id", "created", "kind", "client", "service", "sink", "state", ">attempts", "remark"], alerts.iter().map(row)) + "\n"
        }
    }
}

fn json(a: &AlertRow) -> String {
    let object = AlertJson {
        id: &a.id,
        created: a.created,
        kind: a.kind.word(),
        client: &a.client,
        team: &a.team,
        service: &a.service,
        over: a.is_over,
        fate: a.fate.word(),
        why: a.why.as_deref(),
        sink: &a.sink,
        state: a.state.word(),
        attempts: a.attempts,
        next_attempt: a.next_attempt.map(clock::rfc3339),
        last_error: a.last_error.as_deref(),
        resolved: a.resolved.map(clock::rfc3339),
        acknowledged: a.acknowledged.as_ref().map(|(by, at, note)| AcknowledgedJson { by, at: *at, note }),
    };
    // Serialising text and numbers into a String cannot fail.
    serde_json::to_string(&object).unwrap_or_default()
}

fn row(a: &AlertRow) -> Vec<String> {
    vec![
        a.id.clone(),
        to_the_second(a.created),
        if a.is_over { format!("{}, over", a.kind.word()) } else { a.kind.word().to_owned() },
        a.client.clone(),
        a.service.clone(),
        a.sink.clone(),
        a.state.word().to_owned(),
        a.attempts.to_string(),
        remark(a),
    ]
}

/// Why it was not sent, why it did not arrive, who acknowledged it.
fn remark(a: &AlertRow) -> String {
    let acknowledged = a.acknowledged.as_ref().map(|(by, at, note)| format!("acknowledged by {by}, {}: {note}", to_the_second(*at)));
    let remarks: Vec<String> = [a.why.clone(), a.last_error.clone(), acknowledged].into_iter().flatten().collect();
    remarks.join("; ")
}

/// A moment in UTC as tables show it.
fn to_the_second(time: Time) -> String {
    clock::rfc3339(time).chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::dispatch::Dispatch;
    use crate::daemon::fixture::{finding, sighting};
    use crate::daemon::letter::Given;
    use crate::daemon::store::Telling;

    async fn with_one_given_up() -> Store {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let sinks = ["soc".to_owned()];
        store
            .commit(&vec![finding(sighting())].into(), Some(&Telling { dispatch: &Dispatch::at_once(&sinks), render: &|_| "{}".into() }))
            .await
            .unwrap();
        let letter = store.letters("soc", 1).await.unwrap().remove(0);
        store.settle(&letter, "soc", &Given::Up { error: "404 Not Found".into() }).await.unwrap();
        store
    }

    #[tokio::test]
    async fn lists_what_was_given_up_and_why() {
        let alerts = with_one_given_up().await.alerts().await.unwrap();
        let line: serde_json::Value = serde_json::from_str(&list(&alerts, Output::Json)).unwrap();
        assert_eq!((&line["state"], &line["last_error"], &line["next_attempt"]), (&"given_up".into(), &"404 Not Found".into(), &().into()));
        let table = list(&alerts, Output::Table);
        assert!(table.contains("new_service") && table.contains("given_up") && table.contains("404 Not Found"), "{table}");
    }

    #[tokio::test]
    async fn retry_says_how_many_and_refuses_an_unknown_id() {
        let (store, soc) = (with_one_given_up().await, ["soc".to_owned()]);
        assert_eq!(retry(&store, None, &[]).await.unwrap_err().code(), 78);
        assert_eq!(retry(&store, Some("no such"), &soc).await.unwrap_err().code(), 78);
        assert_eq!(retry(&store, None, &soc).await.unwrap(), "1 delivery will be tried again\n");
        assert_eq!(store.outbox_depth().await.unwrap(), 1);
    }
}
