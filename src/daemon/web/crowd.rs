//! How many connections each address has, and how fast they come.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Connections of each address; of IPv6 each network of 64 bits, which is one host's or one link's. No more than there are connections.
#[derive(Clone, Default)]
pub(super) struct Crowd(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection's place among those of its address.
pub(super) struct Seat {
    crowd: Crowd,
    address: IpAddr,
}

impl Crowd {
    /// A place for one more; `None` where its address has as many as it may.
    pub fn seat(&self, address: IpAddr, most: usize) -> Option<Seat> {
        let address = match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX)).into(),
            v4 => v4,
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Seat { crowd: self.clone(), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// So many a second in the long run, after a beginning of some at once.
pub(super) struct Pace {
    step: Duration,
    slack: Duration,
    next: Instant,
}

impl Pace {
    pub fn new(each_second: u32, at_once: u32) -> Self {
        let step = Duration::from_secs(1) / each_second.max(1);
        Pace { step, slack: step * at_once, next: Instant::now() }
    }

    /// Waits for the turn of one more.
    pub async fn turn(&mut self) {
        let now = Instant::now();
        let due = self.next.max(now.checked_sub(self.slack).unwrap_or(now));
        self.next = due + self.step;
        if due > now {
            sleep_until(due).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_places_and_no_more_and_leaves_no_trace() {
        let crowd = Crowd::default();
        let seat = |address: &str| crowd.seat(address.parse().unwrap(), 2);
        let held = [seat("192.0.2.1"), seat("::ffff:192.0.2.1"), seat("2001:db8::1"), seat("2001:db8::2")];
        assert!(held.iter().all(Option::is_some));
        assert!(seat("192.0.2.1").is_none() && seat("2001:db8::3").is_none());
        assert!(seat("192.0.2.2").is_some() && seat("2001:db8:0:1::1").is_some());
        drop(held);
        assert!(crowd.0.lock().unwrap().is_empty());
    }
}
