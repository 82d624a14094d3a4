//! Which interface to listen on, and why that one.

use super::machine::Machine;

/// What was chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Choice {
    /// None where nothing spoke for any.
    pub interfaces: Vec<String>,
    /// For a person.
    pub why: String,
    /// Whether somebody named them.
    pub is_told: bool,
}

/// Those that were named; else the only one that looks like a span port; else that of the default route.
pub(super) fn choose(machine: &Machine, named: Vec<String>) -> Choice {
    if !named.is_empty() {
        return Choice { interfaces: named, why: "named on the command line".into(), is_told: true };
    }
    let guess = |name: &str, why: String| Choice { interfaces: vec![name.into()], why, is_told: false };
    let mirrored: Vec<&str> = machine.ports.iter().filter(|port| port.looks_mirrored()).map(|port| port.name.as_str()).collect();
    match (&mirrored[..], machine.default.as_deref()) {
        ([one], _) => guess(one, "a guess: it is up and has no address, as a span port has none".into()),
        (_, Some(name)) => guess(name, "a guess: the default route leads over it".into()),
        ([], None) => Choice { interfaces: Vec::new(), why: "no interface leads anywhere: name one".into(), is_told: false },
        (several, None) => {
            let why = format!("{} have no address, as a span port has none: name the right one", several.join(" and "));
            Choice { interfaces: Vec::new(), why, is_told: false }
        }
    }
}
