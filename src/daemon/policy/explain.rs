//! `policy explain`: every rule considered for a name, and why one won.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::daemon::clock;
use crate::daemon::config::{Config, WrittenRule};
use crate::daemon::failure::Failure;
use crate::daemon::output::{borderless, print};
use crate::daemon::rules::Rules;
use crate::engine::frame::Time;
use crate::engine::group::OTHER;
use crate::engine::host::HostName;
use crate::engine::policy::{Considered, Decision, Question, Rule, Verdict};

/// About what, and for whom.
#[derive(clap::Args)]
pub struct Args {
    /// Host name
    name: String,
    /// Address of the client; default one that is in no team
    #[arg(long, value_name = "ADDR")]
    client: Option<IpAddr>,
    /// Configuration file; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints the service, the status and the rules.
///
/// # Errors
/// A configuration that is refused; a name that is none.
pub fn run(args: Args) -> Result<(), Failure> {
    let config = Config::load(args.config.as_deref()).map_err(Failure::Configuration)?.value;
    let rules = Rules::load(&config).map_err(Failure::Configuration)?.value;
    let name = HostName::parse(args.name.as_bytes()).map_err(|_| Failure::Setting(format!("{:?} is no host name", args.name)))?;
    print(&explanation(&rules, &config.policy.rules, name.as_str(), args.client, clock::now()))
}

fn explanation(rules: &Rules, written: &[WrittenRule], name: &str, client: Option<IpAddr>, now: Time) -> String {
    let Some(matched) = rules.signatures.match_name(name) else {
        return format!("{name} belongs to no service: nothing is decided\n");
    };
    let team = client.map_or(OTHER, |c| &**rules.teams.name_of(c));
    let question = Question::new(&matched, name, team, client);
    let decision = rules.policy.decide(&question, now);
    let (service, role, use_) = (&matched.service.id, matched.role.word(), matched.use_.word());
    let mut text = format!("{name} is {service} (host {}, role {role}, use {use_}), team {team}\n", matched.host);
    let presence = if matched.is_use() { "" } else { "; the name shows presence only, and makes no alert" };
    let _ = writeln!(text, "status: {}{presence}", told(&decision, written));
    if !written.is_empty() {
        let _ = writeln!(text, "\n{}", table(&rules.policy.explain(&question, now), written));
    }
    text
}

fn told(decision: &Decision<'_>, written: &[WrittenRule]) -> String {
    let status = decision.status.word();
    let Some(rule) = decision.rule.and_then(|r| written.get(r)) else { return format!("{status}, by default") };
    let mut text = format!("{status}, by {}:{}", rule.file.display(), rule.line);
    for (what, value) in [("reason", decision.reason), ("owner", decision.owner), ("use instead", decision.alternative)] {
        if let Some(value) = value {
            let _ = write!(text, "; {what}: {value}");
        }
    }
    if let Some(end) = decision.expires {
        let _ = write!(text, "; until {} 00:00 UTC", clock::day_of(end));
    }
    text
}

fn table(considered: &[Considered], written: &[WrittenRule]) -> String {
    let mut table = borderless(["RULE", "STATUS", "CONDITIONS", "VERDICT"]);
    let place = |rule: usize| written.get(rule).map_or(String::new(), |w| format!("{}:{}", w.file.display(), w.line));
    for c in considered {
        let Some(rule) = written.get(c.rule).map(|w| &w.rule) else { continue };
        table.add_row([place(c.rule), rule.status.word().to_owned(), conditions(rule), verdict(c.verdict, place)]);
    }
    table.trim_fmt()
}

fn verdict(verdict: Verdict, place: impl Fn(usize) -> String) -> String {
    match verdict {
        Verdict::Won => "won: the most specific that matches".into(),
        Verdict::LessSpecific(other) => format!("lost: {} is more specific", place(other)),
        Verdict::Later(other) => format!("lost: {} is as specific and stands first", place(other)),
        Verdict::Expired => "has run out".into(),
        Verdict::Mismatch(what) => format!("does not match: {}", what.word()),
    }
}

fn conditions(rule: &Rule) -> String {
    fn one<T: ToString>(what: &str, list: &[T]) -> Option<String> {
        let values: Vec<_> = list.iter().map(T::to_string).collect();
        (!values.is_empty()).then(|| format!("{what} {}", values.join("|")))
    }
    let categories: Vec<_> = rule.categories.iter().map(|c| c.word()).collect();
    let tenants: Vec<_> = rule.tenants.iter().map(|t| t.word()).collect();
    let all = [
        one("host", &rule.hosts),
        one("service", &rule.services),
        one("vendor", &rule.vendors),
        one("category", &categories),
        one("tenant", &tenants),
        one("team", &rule.teams),
        one("subnet", &rule.subnets),
    ];
    let all: Vec<_> = all.into_iter().flatten().collect();
    if all.is_empty() { "none".into() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const POLICY: &str = "[[team]]\nname = \"lab\"\nsubnets = [\"10.1.0.0/16\"]\n[[policy.rule]]\nstatus = \"unapproved\"\nvendor = \
                          \"Acme\"\n[[policy.rule]]\nstatus = \"approved\"\nservice = \"acme.chat\"\nteam = \"lab\"\nreason = \
                          \"contract\"\nexpires = 2026-12-31\n";

    fn explained(name: &str, client: &str) -> String {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/signatures");
        let (config, problems) = Config::parse(Path::new("c.toml"), &format!("signatures.folder = {folder:?}\n{POLICY}"));
        assert_eq!(problems, []);
        let (rules, problems) = Rules::survey(&config);
        assert_eq!(problems, []);
        explanation(&rules, &config.policy.rules, name, client.parse().ok(), Time::new(1_795_000_000, 0))
    }

    #[test]
    fn says_what_holds_and_why() {
        let text = explained("www.acme-chat.example", "10.1.2.3");
        assert!(text.starts_with(
            "www.acme-chat.example is acme.chat (host acme-chat.example, role web, use exclusive), team lab\nstatus: approved, by c.toml:8; \
             reason: contract; until 2027-01-01 00:00 UTC\n"
        ));
        assert!(text.contains("lost: c.toml:8 is more specific") && text.contains("won: the most specific"), "{text}");
        let text = explained("acme-chat.example", "10.9.2.3");
        assert!(text.contains("status: unapproved, by c.toml:5\n") && text.contains("does not match: team"), "{text}");
    }

    #[test]
    fn says_where_a_name_is_presence_or_nothing() {
        assert!(explained("auth.acme.example", "10.9.2.3").contains("presence only"));
        assert_eq!(explained("nobody.example", ""), "nobody.example belongs to no service: nothing is decided\n");
    }
}
