//! RADIUS accounting.

use shadowtap::engine::bytes::Verdict;
use shadowtap::engine::names::radius;

use super::verdict::{agrees, bounded, cut, steered};

/// A report has its own length, so it has the prefix property; what it names is bounded; a receipt tells nothing.
pub fn run(data: &[u8]) {
    let Some(([at, _], bytes)) = steered(data) else { return };
    let part = cut(bytes, at);
    let (whole, early) = (radius::report(bytes), radius::report(part));
    bounded(&whole, bytes.len());
    bounded(&early, part.len());
    agrees(&early, part.len(), &whole, bytes.len());
    let Verdict::Found(report) = whole else { return };
    assert!(report.addresses.len() <= 8, "{} addresses", report.addresses.len());
    for net in &report.addresses {
        assert!(net.trunc() == *net && (net.prefix_len() >= 48 || net.prefix_len() == 32), "{net}");
    }
    assert!(report.user.as_ref().is_none_or(|u| !u.is_empty() && u.len() <= 253 && !u.chars().any(char::is_control)), "{:?}", report.user);
    assert!(bytes[0] == 4 || report == radius::Report::default());
}
