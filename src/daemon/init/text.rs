//! The text of the configuration: every line that the machine spoke for, with what it said, and the questions it left open.

use std::fmt::Write;

use super::choice::Choice;
use super::machine::{Machine, Rights};
use super::memory::{bounds, ring_mib};
use super::networks::{Network, is_private};
use crate::daemon::config::{Bounds, Capture};
use crate::daemon::store::{DEFAULT_STORE, Location};
use crate::daemon::table::bytes;

/// Networks that nobody outside can have an address in.
const PRIVATE: [&str; 5] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"];
/// Teams named after networks, at most; of more, a person has a table (`[[identity]]`).
const TEAMS: usize = 50;
/// Less than this is soon full.
const LITTLE_DISK: u64 = 2_000_000_000;

/// The whole file.
pub(super) fn configuration(machine: &Machine, choice: &Choice, open: &[String]) -> String {
    let mut text = String::from(
        "# shadowtap's configuration, written by `shadowtap init` from what this machine looks like. `shadowtap check` says what is wrong\n\
         # with it; a running daemon takes changes up by itself, but for [capture], [store] and user. Every setting with its default:\n\
         # /usr/share/doc/shadowtap/examples/config.toml, or deploy/config/config.toml in the sources.\n#\n# What nobody could see from here:\n",
    );
    for question in open {
        line(&mut text, &format!("#  - {question}"));
    }
    user(&mut text, machine);
    inside(&mut text, machine);
    capture(&mut text, machine, choice);
    store(&mut text, machine);
    teams(&mut text, machine);
    leases(&mut text, machine);
    text.push_str(REST);
    memory(&mut text, machine);
    text
}

/// What to decide, and what to look at, in sentences.
pub(super) fn open_questions(machine: &Machine, choice: &Choice) -> Vec<String> {
    let mut open = Vec::new();
    let listen = choice.interfaces.first().map_or("IFACE", String::as_str);
    if !choice.is_told {
        open.push(format!(
            "which port is the span port ({}): `shadowtap doctor -i {listen} --for 60s` tells whether it is worth listening to",
            choice.why
        ));
    } else {
        open.push(format!("whether both directions and DNS arrive: `shadowtap doctor -i {listen} --for 60s` tells"));
    }
    open.extend(machine.uplink_hint.clone());
    open.push("teams: those below are networks; give them the names people use".into());
    open.push("networks behind routers that this machine has no route to; a span port may show them".into());
    open.push("policy: which tools are approved, and which are not; until somebody decides, every one is unreviewed".into());
    open.push("where alerts go: no receiver is named".into());
    if machine.leases.is_empty() {
        open.push(
            "who has which address: no leases of dnsmasq or Kea lie here; tables and leases of other machines go into [[identity]]".into(),
        );
    }
    for closed in machine.leases.iter().filter(|leases| !leases.is_open) {
        open.push(format!(
            "who has which address: {} is there and may not be read by everybody; let the daemon's user read it",
            closed.file.display()
        ));
    }
    if machine.rights == Rights::None {
        open.push("this user may not capture: start the daemon as root, or once `sudo setcap cap_net_raw=ep` on the program's file".into());
    }
    if let Some(free) = machine.free.filter(|free| *free < LITTLE_DISK) {
        open.push(format!("whether the disk lasts: {} are free for the store; [retention] says how long what is kept", bytes(free)));
    }
    open
}

fn user(text: &mut String, machine: &Machine) {
    line(text, "\n# Whom to become once the capture handles are open: an ordinary user who can read this file, rules and secrets.");
    match machine.user.as_deref() {
        Some("shadowtap") => line(text, "user = \"shadowtap\""),
        Some(other) => {
            line(text, "# Better one of its own: sudo useradd --system --shell /usr/sbin/nologin shadowtap");
            line(text, &format!("user = {}", quoted(other)));
        }
        None => line(text, "# user = \"shadowtap\"      # where root starts it; started by an ordinary user it stays that user"),
    }
}

/// Networks whose addresses clients may have, and those of the uplink that the whole world is in.
fn inner_and_outer(machine: &Machine) -> (Vec<&Network>, Vec<&Network>) {
    let is_uplink = |interface: &str| machine.default.as_deref() == Some(interface);
    machine.networks.iter().partition(|network| is_private(&network.net) || !is_uplink(&network.interface))
}

fn inside(text: &mut String, machine: &Machine) {
    let (inner, outer) = inner_and_outer(machine);
    let public = inner.iter().filter(|network| !is_private(&network.net)).map(|network| network.net.to_string());
    let all: Vec<String> = PRIVATE.iter().map(ToString::to_string).chain(public).map(|net| quoted(&net)).collect();
    line(text, "\n# Whose use is recorded: an address outside these is a server, not a client.");
    line(text, &format!("inside = [{}]", all.join(", ")));
    for Network { net, interface } in outer {
        line(text, &format!("# {net} is public and lies on the uplink {interface}: add it where clients have such addresses"));
    }
}

fn capture(text: &mut String, machine: &Machine, choice: &Choice) {
    line(text, "\n[capture]\n# Interfaces of this machine:");
    for port in machine.ports.iter().filter(|port| !port.is_loopback) {
        line(text, &format!("#   {}: {}", port.name, port.described()));
    }
    let names: Vec<String> = choice.interfaces.iter().map(|name| quoted(name)).collect();
    line(text, &format!("# {}", choice.why));
    match names.is_empty() {
        true => line(text, "# interfaces = [\"eth1\"]"),
        false => line(text, &format!("interfaces = [{}]", names.join(", "))),
    }
    let speed = machine.ports.iter().filter(|port| choice.interfaces.contains(&port.name)).filter_map(|port| port.speed).max();
    let ring = machine.memory.map_or(Capture::default().buffer_mib, |memory| ring_mib(memory, names.len(), speed));
    line(text, &format!("buffer_mib = {ring}            # kernel buffer of each interface"));
    if !machine.resolvers.is_empty() {
        let asked: Vec<_> = machine.resolvers.iter().map(ToString::to_string).collect();
        line(
            text,
            &format!(
                "# This machine asks {} for names. Look-ups of clients are seen where their way to a resolver crosses these interfaces.",
                asked.join(", ")
            ),
        );
    }
}

fn store(text: &mut String, machine: &Machine) {
    let is_usual = Location::parse(DEFAULT_STORE) == Ok(Location::File(machine.store.clone()));
    let url = format!("sqlite://{}", machine.store.display());
    let free = machine.free.map_or_else(|| "unknown".to_owned(), bytes);
    line(text, &format!("\n[store]\n# Free there: {free}. How long what is kept: [retention]."));
    let comment = if is_usual { "" } else { "# /var/lib/shadowtap is not this user's.\n" };
    line(text, &format!("{comment}url = {}", quoted(&url)));
}

fn teams(text: &mut String, machine: &Machine) {
    line(text, "\n# Who is who. The most specific subnet wins; a client in none of them is in team \"other\". By networks for now:");
    let (inner, _) = inner_and_outer(machine);
    for network in inner.iter().take(TEAMS) {
        let net = quoted(&network.net.to_string());
        line(text, &format!("[[team]]\nname = {net}    # on {}\nsubnets = [{net}]\n", network.interface));
    }
    if inner.is_empty() {
        line(text, "# [[team]]\n# name = \"engineering\"\n# subnets = [\"10.20.0.0/16\"]\n");
    }
    if let Some(more @ 1..) = inner.len().checked_sub(TEAMS) {
        line(text, &format!("# {more} more networks have routes here: a table of them goes into [[identity]]\n"));
    }
}

fn leases(text: &mut String, machine: &Machine) {
    line(text, "# Who has which address, as files of the site say it: docs/identity.md.");
    for leases in &machine.leases {
        let mark = if leases.is_open { "" } else { "# " };
        let file = quoted(&leases.file.display().to_string());
        line(text, &format!("{mark}[[identity]]\n{mark}file = {file}\n{mark}format = {}\n", quoted(leases.format)));
    }
    if machine.leases.is_empty() {
        line(text, "# [[identity]]\n# file = \"/etc/shadowtap/hosts.csv\"\n");
    }
}

const REST: &str = "\
# What the site has decided; docs/policy.md. For example:
[policy]
default = \"unreviewed\"
# [[policy.rule]]
# status = \"unapproved\"
# vendor = \"DeepSeek\"
# reason = \"no data processing agreement\"
# alternative = \"microsoft.365-copilot\"

# Where alerts go. The secret stands in a file of its own, never here.
# [[alert.webhook]]
# name = \"soc\"
# url = \"https://soc.example.com/hooks/shadowtap\"
# secret_file = \"/etc/shadowtap/soc.secret\"

# How much of a client is kept: full, pseudonymous or team_only; docs/privacy.md.
[privacy]
mode = \"full\"

[retention]
sightings = \"90d\"          # single sightings
daily = \"1095d\"            # their sums by day, team and service: numbers, no client
";

fn memory(text: &mut String, machine: &Machine) {
    let (size, bounds) = match machine.memory {
        Some(memory) => (format!("This machine has {}.", bytes(memory)), bounds(memory)),
        None => ("How much this machine has could not be read.".into(), Bounds::default()),
    };
    line(text, &format!("\n# How much is kept in memory; beyond, the oldest goes and is counted. {size}\n[bounds]"));
    let Bounds { flows, hellos, dns_memory, sightings, bindings } = bounds;
    for (key, value) in [("flows", flows), ("hellos", hellos), ("dns_memory", dns_memory), ("sightings", sightings), ("bindings", bindings)]
    {
        line(text, &format!("{key} = {value}"));
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn line(text: &mut String, line: &str) {
    // Writing into a text cannot fail.
    let _ = writeln!(text, "{line}");
}
