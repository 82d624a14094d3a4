//! Which interfaces to capture from: each once, and every one there.

use super::interfaces::{interfaces, listed};
use super::socket::{ANY, is_device, missing};
use crate::daemon::failure::Failure;

/// Interfaces as they were named, each once; those named again are listed second.
///
/// # Errors
/// `any` beside others: it holds their frames too, and everything would count twice.
pub fn once_each(names: &[String]) -> Result<(Vec<String>, Vec<String>), Failure> {
    let (mut kept, mut again): (Vec<String>, Vec<String>) = Default::default();
    for name in names {
        if kept.contains(name) { again.push(name.clone()) } else { kept.push(name.clone()) }
    }
    let other = kept.iter().find(|name| *name != ANY);
    match other.filter(|_| kept.iter().any(|name| name == ANY)) {
        Some(other) => Err(Failure::Setting(format!(
            "interfaces {ANY} and {other} are both named, and {ANY} holds what {other} sees: all of it would count twice; name one of them"
        ))),
        None => Ok((kept, again)),
    }
}

/// Refuses an interface that is not there now.
///
/// # Errors
/// [`Failure::Setting`], with the interfaces that are there.
pub fn must_exist(name: &str) -> Result<(), Failure> {
    let known = interfaces()?;
    let is_there = name == ANY || known.iter().any(|i| i.name == name) || is_device(name);
    if is_there { Ok(()) } else { Err(missing(name, &listed(&known))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Result<(Vec<String>, Vec<String>), Failure> {
        once_each(&names.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn an_interface_named_twice_is_captured_once() {
        let (kept, again) = named(&["eth0", "eth1", "eth0", "eth0"]).unwrap();
        assert_eq!((kept, again), (vec!["eth0".into(), "eth1".into()], vec!["eth0".into(), "eth0".into()]));
        assert!(named(&["any", "any"]).is_ok());
    }

    #[test]
    fn any_beside_another_is_refused_and_so_is_what_is_not_there() {
        for names in [["any", "lo"], ["lo", "any"]] {
            assert_eq!(named(&names).unwrap_err().code(), 78);
        }
        must_exist("lo").unwrap();
        let failure = must_exist("eth99").unwrap_err();
        assert!(failure.code() == 78 && failure.to_string().contains("lo (up"), "{failure}");
    }
}
