//! Names kept once: clients of one site ask for the same ones again and again, and each stays for as long as a sighting or an answer.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::engine::host::HostName;

/// Names kept, a power of two. More in turn push one another out, which costs only room.
const NAMES: usize = 4096;

/// The names seen last, each at the place of its hash.
pub(super) struct Texts {
    places: Vec<HostName>,
    hasher: FixedState,
}

impl Texts {
    /// None yet; `seed` keys the hash.
    pub(super) fn new(seed: u64) -> Self {
        Texts { places: vec![HostName::default(); NAMES], hasher: FixedState::with_seed(seed) }
    }

    /// The same name, in the text that was first seen of it where that is still kept.
    pub(super) fn shared(&mut self, name: &HostName) -> HostName {
        let at = self.hasher.hash_one(name.as_str()) as usize & (NAMES - 1);
        let Some(place) = self.places.get_mut(at) else { return name.clone() };
        if place != name {
            place.clone_from(name);
        }
        place.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_name_seen_again_takes_no_more_room_and_stays_what_it_is() {
        let mut texts = Texts::new(1);
        let first = texts.shared(&HostName::unchecked("chatgpt.com"));
        let again = texts.shared(&HostName::unchecked("chatgpt.com"));
        assert!(Arc::ptr_eq(&first.text(), &again.text()));
        // Twenty times as many as it keeps.
        for n in 0..NAMES * 20 {
            let name = format!("{n}.example");
            assert_eq!(texts.shared(&HostName::unchecked(&name)).as_str(), name);
        }
        assert_eq!((first.as_str(), texts.places.len()), ("chatgpt.com", NAMES));
    }
}
