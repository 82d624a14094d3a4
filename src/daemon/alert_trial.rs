//! `shadowtap alerts test SINK`: a sample through the very sink of the configuration, and what came back.

use std::path::Path;
use std::time::Instant;

use super::alert::{AnySink, Outcome, Sink};
use super::clock;
use super::config::Config;
use super::failure::Failure;
use super::output::print;
use super::sample;
use super::toml_fields::one_of;

/// Sends a sample, or with `is_over` that the sample sent before is over, and prints what came back. No store is read or written.
///
/// # Errors
/// [`Failure::NotTaken`] where the sink does not take it; the configuration's, and a name that no sink has.
pub async fn run(name: &str, config: Option<&Path>, is_over: bool) -> Result<(), Failure> {
    let config = Config::load(config).map_err(Failure::Configuration)?.value;
    let Some(sink) = config.sinks.iter().find(|sink| sink.name == name) else { return Err(no_such(name, &config)) };
    let sink = AnySink::new(sink).map_err(Failure::Setting)?;
    let letter = sample::letter(clock::now(), is_over);
    let begun = Instant::now();
    let outcome = sink.send(&letter).await;
    let took = begun.elapsed().as_millis();
    match outcome {
        Outcome::Taken(said) => print(&format!("{name} took sample {} in {took} ms: {said}", letter.id)),
        Outcome::Refused(said) => Err(Failure::NotTaken(format!("{name} refused sample {} after {took} ms: {said}", letter.id))),
        Outcome::Down { error, leave_alone } => {
            let asked = leave_alone.map(|wait| format!("; it asks to be left alone for {} s", wait.as_secs())).unwrap_or_default();
            Err(Failure::NotTaken(format!("{name} took nothing after {took} ms: {error}{asked}")))
        }
    }
}

fn no_such(name: &str, config: &Config) -> Failure {
    let names = config.sink_names();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    Failure::Setting(match known.len() {
        0 => format!(
            "no sink is named {name:?}: the configuration has none\n  remedy: add one, or name the daemon's configuration with --config"
        ),
        _ => format!("no sink is named {name:?}\n  remedy: {}", one_of(name, &known)),
    })
}
