//! `policy explain`: every rule considered for a name, and why one won.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::ValueEnum;

use super::explanation::{Explanation, Judged, Place, Rule};
use crate::daemon::byte_size;
use crate::daemon::clock;
use crate::daemon::config::Config;
use crate::daemon::failure::Failure;
use crate::daemon::output::{Output, borderless, print};
use crate::daemon::rules::Rules;
use crate::daemon::since;
use crate::engine::frame::Time;
use crate::engine::host::HostName;
use crate::engine::sighting::Evidence;

/// About what, and for whom.
#[derive(clap::Args)]
pub struct Args {
    /// Host name
    name: String,
    /// Address of the client; default one that is in no team
    #[arg(long, value_name = "ADDR")]
    client: Option<IpAddr>,
    /// Team of the client; default that of its address
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// How far the sighting has come
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "resolved")]
    evidence: EvidenceWord,
    /// Bytes the client sent, as 10MB or 5000
    #[arg(long, value_name = "N", default_value = "0", value_parser = bytes)]
    bytes: u64,
    /// When: a duration before now (90m, 12h, 7d) or RFC 3339; default now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Configuration file; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to answer: one JSON object, or a table
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EvidenceWord {
    Resolved,
    Contacted,
    Engaged,
    Uploaded,
}

impl From<EvidenceWord> for Evidence {
    fn from(word: EvidenceWord) -> Self {
        match word {
            EvidenceWord::Resolved => Evidence::Resolved,
            EvidenceWord::Contacted => Evidence::Contacted,
            EvidenceWord::Engaged => Evidence::Engaged,
            EvidenceWord::Uploaded => Evidence::Uploaded,
        }
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    text.parse().ok().or_else(|| byte_size::parse(text)).ok_or_else(|| "write 10MB or 5000".into())
}

/// Prints the service, the status and the rules.
///
/// # Errors
/// A configuration that is refused; a name or a moment that is none.
pub fn run(args: Args) -> Result<(), Failure> {
    let config = Config::load(args.config.as_deref()).map_err(Failure::Configuration)?.value;
    let rules = Rules::load(&config).map_err(Failure::Configuration)?.value;
    let name = HostName::parse(args.name.as_bytes()).map_err(|_| Failure::Setting(format!("{:?} is no host name", args.name)))?;
    let at = moment(args.at.as_deref())?;
    let team = args.team.map(Into::into).or_else(|| args.client.map(|client| rules.team_of(client, at)));
    let judged = Judged { client: args.client, team: team.as_deref(), evidence: args.evidence.into(), bytes_up: args.bytes, at };
    let explanation = Explanation::new(&rules, name.as_str(), &judged);
    match args.output {
        Output::Table => print(&text(&explanation)),
        Output::Json => print(&serde_json::to_string(&explanation).map_err(|e| Failure::Internal(e.to_string()))?),
    }
}

fn moment(text: Option<&str>) -> Result<Time, Failure> {
    let now = clock::now();
    let Some(text) = text else { return Ok(now) };
    match since::parse(text, now) {
        Ok(Some(at)) => Ok(at),
        Ok(None) => Err(Failure::Setting("--at: all is no moment; write a duration before now, or RFC 3339".into())),
        Err(why) => Err(Failure::Setting(format!("--at: {why}"))),
    }
}

fn text(e: &Explanation<'_>) -> String {
    let Some(found) = &e.found else { return format!("{} belongs to no service: nothing is decided\n", e.name) };
    let (service, role, use_) = (found.service, found.role, found.use_);
    let mut text = format!("{} is {service} (host {}, role {role}, use {use_}), team {}\n", e.name, found.host, found.team);
    let presence = if found.presence_only { "; the name shows presence only, and makes no alert" } else { "" };
    let _ = writeln!(text, "status: {}{presence}", decided(e));
    if !found.considered.is_empty() {
        let mut table = borderless(["RULE", "STATUS", "CONDITIONS", "VERDICT"]);
        for rule in &found.considered {
            let by = rule.by.as_ref().map_or("the default".into(), Place::to_string);
            table.add_row([rule.place.to_string(), rule.status.to_owned(), rule.conditions.clone(), verdict(rule, &by)]);
        }
        let _ = writeln!(text, "\n{}", table.trim_fmt());
    }
    text
}

/// The status, and on whose word.
fn decided(e: &Explanation<'_>) -> String {
    let Some(found) = &e.found else { return String::new() };
    let Some(rule) = &found.rule else { return format!("{}, by default", found.status) };
    let mut text = format!("{}, by {rule}", found.status);
    for (what, value) in [("reason", &found.reason), ("owner", &found.owner), ("use instead", &found.alternative)] {
        if let Some(value) = value {
            let _ = write!(text, "; {what}: {value}");
        }
    }
    if let Some(end) = &found.expires {
        let _ = write!(text, "; until {end} 00:00 UTC");
    }
    text
}

fn verdict(rule: &Rule, by: &str) -> String {
    match rule.verdict {
        "won" => "won: the most specific that matches".into(),
        "less_specific" => format!("lost: {by} is more specific"),
        "later" => format!("lost: {by} is as specific and stands first"),
        "not_stricter" => format!("lost: a bound only makes stricter, and {by} is as strict"),
        "expired" => "has run out".into(),
        _ => format!("does not match: {}", rule.condition.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const POLICY: &str = "[[team]]\nname = \"lab\"\nsubnets = [\"10.1.0.0/16\"]\n[[policy.rule]]\nstatus = \"unapproved\"\nvendor = \
                          \"Acme\"\n[[policy.rule]]\nstatus = \"approved\"\nservice = \"acme.chat\"\nteam = \"lab\"\nreason = \
                          \"contract\"\nexpires = 2026-12-31\n[[policy.rule]]\nstatus = \"unapproved\"\nservice = \
                          \"acme.chat\"\nteam = \"lab\"\nevidence = \"uploaded\"\nvolume_up = \"10MB\"\n";
    const NOW: Time = Time::new(1_795_000_000, 0);

    fn with<T>(name: &str, client: &str, change: impl FnOnce(&mut Judged<'_>), read: impl FnOnce(&Explanation<'_>) -> T) -> T {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/signatures");
        let (config, problems) = Config::parse(Path::new("c.toml"), &format!("signatures.folder = {folder:?}\n{POLICY}"));
        assert_eq!(problems, []);
        let (rules, problems) = Rules::survey(&config);
        assert_eq!(problems, []);
        let mut judged = Judged { client: client.parse().ok(), team: None, evidence: Evidence::Resolved, bytes_up: 0, at: NOW };
        change(&mut judged);
        read(&Explanation::new(&rules, name, &judged))
    }

    fn explained(name: &str, client: &str) -> String {
        with(name, client, |_| (), text)
    }

    #[test]
    fn says_what_holds_and_why() {
        let told = explained("www.acme-chat.example", "10.1.2.3");
        assert!(
            told.starts_with(
                "www.acme-chat.example is acme.chat (host acme-chat.example, role web, use exclusive), team lab\nstatus: approved, by \
                 c.toml:8; reason: contract; until 2027-01-01 00:00 UTC\n"
            ),
            "{told}"
        );
        assert!(told.contains("lost: c.toml:8 is more specific") && told.contains("won: the most specific"), "{told}");
        assert!(told.contains("does not match: evidence"), "{told}");
        let told = explained("acme-chat.example", "10.9.2.3");
        assert!(told.contains("status: unapproved, by c.toml:5\n") && told.contains("does not match: team"), "{told}");
        assert!(with("acme-chat.example", "", |j| j.team = Some("lab"), text).contains("status: approved, by c.toml:8"));
    }

    #[test]
    fn says_where_a_name_is_presence_or_nothing() {
        assert!(explained("auth.acme.example", "10.9.2.3").contains("presence only"));
        assert_eq!(explained("nobody.example", ""), "nobody.example belongs to no service: nothing is decided\n");
    }

    #[test]
    fn evidence_volume_and_time_are_asked_as_given() {
        let told = |evidence, bytes_up, at| {
            with("acme-chat.example", "10.1.2.3", |j| (j.evidence, j.bytes_up, j.at) = (evidence, bytes_up, at), text)
        };
        assert!(told(Evidence::Uploaded, 9_999_999, NOW).contains("does not match: volume_up"));
        let uploaded = told(Evidence::Uploaded, 10_000_000, NOW);
        assert!(
            uploaded.contains("status: unapproved, by c.toml:14\n") && uploaded.contains("lost: c.toml:14 is more specific"),
            "{uploaded}"
        );
        // Once the exception has run out, the service is unapproved before anything is uploaded: the bound adds nothing.
        let later = told(Evidence::Uploaded, 10_000_000, NOW.plus_seconds(90 * 86_400));
        assert!(later.contains("by c.toml:5") && later.contains("has run out"), "{later}");
        assert!(later.contains("a bound only makes stricter, and c.toml:5 is as strict"), "{later}");
    }

    #[test]
    fn programs_are_told_the_same() {
        let json = |name| with(name, "10.1.2.3", |_| (), |e| serde_json::to_value(e).unwrap());
        let told = json("acme-chat.example");
        assert_eq!((&told["service"], &told["status"]), (&"acme.chat".into(), &"approved".into()));
        assert_eq!((&told["rule"]["file"], &told["rule"]["line"], &told["expires"]), (&"c.toml".into(), &8.into(), &"2027-01-01".into()));
        let verdicts: Vec<_> = told["considered"].as_array().unwrap().iter().map(|c| c["verdict"].as_str().unwrap()).collect();
        assert_eq!(verdicts, ["less_specific", "won", "mismatch"]);
        assert_eq!((&told["considered"][0]["by"]["line"], &told["considered"][2]["condition"]), (&8.into(), &"evidence".into()));
        assert_eq!(json("nobody.example").to_string(), "{\"name\":\"nobody.example\",\"service\":null}");
    }

    #[test]
    fn a_moment_is_one() {
        assert!(moment(None).is_ok() && moment(Some("2026-11-23T07:00:00Z")).is_ok() && moment(Some("2h")).is_ok());
        assert!(moment(Some("all")).is_err() && moment(Some("yesterday")).is_err());
        assert_eq!((bytes("10MB"), bytes("5000")), (Ok(10_000_000), Ok(5000)));
        assert!(bytes("lots").is_err());
    }
}
