//! `signatures seen`: what is remembered of names that belonged to no service when they were seen.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use crate::daemon::clock::{self, day_of};
use crate::daemon::config::Config;
use crate::daemon::failure::Failure;
use crate::daemon::output::{Output, print};
use crate::daemon::registrable::registrable;
use crate::daemon::remembered::sentence;
use crate::daemon::rules::Catalogue;
use crate::daemon::since;
use crate::daemon::store::{Store, UNMATCHED_DAYS, UnmatchedMemory};
use crate::engine::frame::Time;
use crate::engine::host::HostName;
use crate::engine::signature::Signatures;

/// Which names.
#[derive(clap::Args)]
pub struct Args {
    /// A host name, or the id of a service for all of its hosts
    #[arg(value_name = "NAME|SERVICE")]
    what: String,
    /// From when on: a duration before now, RFC 3339, or all; whole days
    #[arg(long, value_name = "T", default_value = "30d")]
    since: String,
    /// The store to read; default that of the configuration
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Configuration file; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to answer: one JSON object a line, or sentences
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Says on how many days, and by about how many clients on the day on which they were most.
///
/// # Errors
/// Neither a name nor a service, a moment that is none, the store's errors.
pub fn run(args: Args) -> Result<(), Failure> {
    let now = clock::now();
    let from = since::parse(&args.since, now).map_err(|e| Failure::Setting(format!("--since: {e}")))?;
    let days = days_since(from, now);
    let signatures = Catalogue::for_command(args.config.as_deref())?.signatures();
    let wanted = domains(&args.what, &signatures)?;
    let store = match args.store {
        Some(store) => store,
        None => Config::load(args.config.as_deref()).map_err(Failure::Configuration)?.value.store.url,
    };
    let today = now.seconds() / 86_400;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let memories = runtime.block_on(async {
        let store = Store::open_existing(&store).await?;
        let memories = store.unmatched(today.saturating_sub(days), today).await?;
        store.close().await;
        Ok::<_, Failure>(memories)
    })?;
    let lines: Vec<_> = wanted.iter().map(|(domain, note)| line(domain, note, &memories, days, args.output)).collect();
    print(&lines.join("\n"))
}

/// Whole days back to a moment, this one included, as far as anything is kept.
fn days_since(from: Option<Time>, now: Time) -> u64 {
    let kept = UNMATCHED_DAYS - 1;
    from.map_or(kept, |from| (now.seconds() / 86_400).saturating_sub(from.seconds() / 86_400).clamp(1, kept))
}

/// Registrable domains of what is asked about, and what to know about each.
fn domains(what: &str, signatures: &Signatures) -> Result<BTreeMap<String, String>, Failure> {
    let mut wanted = BTreeMap::new();
    if let Some(service) = signatures.service(what) {
        for rule in &service.hosts {
            let sample = rule.pattern.sample();
            let Some(domain) = registrable(&sample) else { continue };
            let is_whole = domain == rule.pattern.text();
            let note = if is_whole { String::new() } else { format!(" ({domain} is wider than the host \"{}\")", rule.pattern) };
            let known: &mut String = wanted.entry(domain.to_owned()).or_insert_with(|| note.clone());
            if is_whole {
                known.clear();
            }
        }
        return Ok(wanted);
    }
    let host = HostName::parse(what.as_bytes()).ok();
    let Some(domain) = host.as_ref().and_then(|host| registrable(host.as_str())) else {
        let why = "neither a service nor a name under a public suffix; see shadowtap signatures list";
        return Err(Failure::Setting(format!("{what:?}: {why}")));
    };
    let note = signatures.match_name(domain).map(|m| format!(" (a host of {} now: its sightings are in the report)", m.service.id));
    wanted.insert(domain.to_owned(), note.unwrap_or_default());
    Ok(wanted)
}

fn line(domain: &str, note: &str, memories: &[UnmatchedMemory], days: u64, output: Output) -> String {
    let memory = memories.iter().find(|m| m.domain == domain);
    let date = |day: &u64| day_of(Time::new(day.saturating_mul(86_400), 0)).to_string();
    match (output, memory) {
        (Output::Json, memory) => json!({
            "domain": domain, "days": memory.map_or(0, |m| m.days.len()), "of_days": days, "clients": memory.map_or(0, |m| m.clients),
            "seen": memory.map_or(0, |m| m.seen), "first_day": memory.and_then(|m| m.days.first().map(date)),
            "last_day": memory.and_then(|m| m.days.last().map(date)),
        })
        .to_string(),
        (Output::Table, Some(memory)) => {
            let last = memory.days.last().map(date).unwrap_or_default();
            format!("{domain}: {}, last on {last}{note}", sentence(memory, days))
        }
        (Output::Table, None) => format!("{domain}: not among the domains remembered of the last {days} days{note}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::daemon::rules::signature_file::{Origin, parse};

    #[test]
    fn a_service_is_all_its_domains_and_a_name_is_its_own() {
        let text = "vendor = \"V\"\n[[service]]\nid = \"v.chat\"\nname = \"N\"\ncategory = \"chat\"\nhosts = [\"chat.v.com\", \"v.com\", \
                    \"bedrock.*.amazonaws.com\", \"v.co.uk\"]\n";
        let signatures = Signatures::new(parse(Path::new("f"), text, Origin::Site).0.into_iter().map(|e| e.record).collect());
        let wanted = domains("v.chat", &signatures).unwrap();
        assert_eq!((wanted.len(), &*wanted["v.com"], &*wanted["v.co.uk"]), (3, "", ""));
        assert!(wanted["amazonaws.com"].contains("wider than the host"));
        assert_eq!(domains("www.zeta.com", &signatures).unwrap().into_keys().collect::<Vec<_>>(), ["zeta.com"]);
        assert!(domains("v.com", &signatures).unwrap()["v.com"].contains("a host of v.chat now"));
        for wrong in ["v.nothing", "printer.lan", "co.uk", "not a name"] {
            assert_eq!(domains(wrong, &signatures).unwrap_err().code(), 78, "{wrong}");
        }
    }

    #[test]
    fn says_days_and_clients() {
        let memories = [UnmatchedMemory { domain: "zeta.com".into(), days: (20_000..20_014).collect(), seen: 99, clients: 6 }];
        assert_eq!(
            line("zeta.com", "", &memories, 30, Output::Table),
            "zeta.com: seen on 14 of the last 30 days by about 6 clients, last on 2024-10-17"
        );
        assert!(line("none.com", "", &memories, 30, Output::Table).contains("not among the domains remembered"));
        assert!(line("zeta.com", "", &memories, 30, Output::Json).contains("\"first_day\":\"2024-10-04\""));
    }

    #[test]
    fn days_are_whole_and_bounded() {
        let now = Time::new(20_000 * 86_400 + 5000, 0);
        let back = |days: u64| Some(Time::new((20_000 - days) * 86_400 + 5000, 0));
        assert_eq!([days_since(back(30), now), days_since(back(7), now), days_since(back(0), now), days_since(None, now)], [30, 7, 1, 30]);
        assert_eq!(days_since(back(300), now), 30);
    }
}
