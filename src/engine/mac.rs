//! MAC addresses.

/// Whether an address is one station's: neither a group's (IEEE 802, the first bit on the wire) nor none at all.
pub const fn is_individual(mac: [u8; 6]) -> bool {
    let [first, b, c, d, e, f] = mac;
    first & 1 == 0 && (first | b | c | d | e | f) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_nothing_are_no_station() {
        assert!(is_individual([2, 0, 0, 0, 0, 5]) && is_individual([0, 0, 0, 0, 0, 1]));
        assert!(!is_individual([0; 6]) && !is_individual([0xff; 6]) && !is_individual([1, 0, 0x5e, 0, 0, 1]));
    }
}
