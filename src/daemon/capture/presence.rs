//! How an interface stands that was opened once: there, down, made again, renamed or gone. Pure.

use super::interfaces::Interface;

/// The interface a capture of `name`, whose number was `index`, is to go on with; the number outlives a new name.
///
/// # Errors
/// Why there is none at present.
pub(super) fn present<'a>(index: usize, name: &str, all: &'a [Interface]) -> Result<&'a Interface, String> {
    let found = all.iter().find(|i| i.index() == Some(index)).or_else(|| all.iter().find(|i| i.name == name));
    match found {
        Some(interface) if interface.is_up => Ok(interface),
        Some(_) => Err(format!("{name} is down")),
        None => Err(format!("{name} is gone")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::capture::interfaces::interfaces;

    /// Loopback is the one interface every machine has; its number comes with it.
    fn loopback() -> Option<Interface> {
        interfaces().ok()?.into_iter().find(|i| i.is_loopback && i.link.is_some())
    }

    #[test]
    fn finds_by_number_first_and_then_by_name() {
        let Some(lo) = loopback() else { return };
        let index = lo.index().expect("it has a link address");
        let up = Interface { is_up: true, ..lo.clone() };
        let renamed = Interface { name: "wan0".into(), ..up.clone() };
        assert_eq!(present(index, &lo.name, std::slice::from_ref(&renamed)), Ok(&renamed));
        assert_eq!(present(index + 1, &lo.name, std::slice::from_ref(&up)), Ok(&up), "made again under a new number");
        assert_eq!(present(index + 1, "eth9", std::slice::from_ref(&up)), Err("eth9 is gone".into()));
        assert_eq!(present(index, "eth9", &[Interface { is_up: false, ..lo }]), Err("eth9 is down".into()));
    }
}
