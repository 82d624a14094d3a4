//! What is asked of a packet socket without libpcap: its losses, an interface that was made again, promiscuous mode there. None of this
//! takes a right, and none opens a file, as libpcap's own count of losses does (packet(7)).

use std::fs::read_to_string;
use std::os::fd::{AsFd, AsRawFd};

use nix::libc;
use nix::sys::socket::{GetSockOpt, LinkAddr, SetSockOpt, bind};
use nix::{getsockopt_impl, setsockopt_impl, sockopt_impl};

sockopt_impl!(
    /// `PACKET_STATISTICS` of a socket with a ring of blocks (TPACKET_V3), which libpcap makes of every capture that is not immediate. The
    /// kernel counts from 0 again after each reading.
    Statistics,
    GetOnly,
    libc::SOL_PACKET,
    libc::PACKET_STATISTICS,
    libc::tpacket_stats_v3
);

sockopt_impl!(
    /// `PACKET_ADD_MEMBERSHIP`.
    Membership,
    SetOnly,
    libc::SOL_PACKET,
    libc::PACKET_ADD_MEMBERSHIP,
    libc::packet_mreq
);

/// Frames the socket had no room for since the last call.
pub(super) fn dropped(socket: &impl AsFd) -> nix::Result<u32> {
    Statistics.get(socket).map(|counted| counted.tp_drops)
}

/// Binds an open socket to an interface that was made again, promiscuous where that is wanted. `Err` where it could not be bound; the
/// inner one where only promiscuous mode is missing.
pub(super) fn rebind(socket: &impl AsFd, link: &LinkAddr, promiscuous: bool) -> nix::Result<nix::Result<()>> {
    bind(socket.as_fd().as_raw_fd(), link)?;
    if !promiscuous {
        return Ok(Ok(()));
    }
    let wish = libc::packet_mreq {
        mr_ifindex: i32::try_from(link.ifindex()).unwrap_or_default(),
        mr_type: u16::try_from(libc::PACKET_MR_PROMISC).unwrap_or_default(),
        mr_alen: 0,
        mr_address: [0; 8],
    };
    Ok(Membership.set(socket, &wish))
}

/// Frames the interface or its driver dropped since it came up; 0 where the kernel does not say.
pub(super) fn dropped_by(interface: &str) -> u64 {
    let count = |what: &str| {
        let text = read_to_string(format!("/sys/class/net/{interface}/statistics/{what}"));
        text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0_u64)
    };
    count("rx_missed_errors").saturating_add(count("rx_fifo_errors"))
}
