//! Opening one libpcap handle, and why that fails.

use nix::sys::socket::LinkAddr;
use pcap::{Active, Capture, Precision};

use super::errand::{Errands, ask_rebind};
use super::interfaces::{interfaces, listed};
use super::packet_socket;
use crate::daemon::{config, failure::Failure};

/// Milliseconds after which the kernel hands over a block that is not full.
pub(super) const BLOCK_MILLIS: u16 = 100;
/// All interfaces at once.
pub(super) const ANY: &str = "any";

/// What an operator can do where promiscuous mode is missing after an interface was made again.
const PROMISCUOUS_REMEDY: &str = "frames for other machines are missed until \"ip link set dev IFACE promisc on\" or a restart";

/// An open handle, and what holds for every frame of it.
pub(super) struct Socket {
    pub handle: Capture<Active>,
    /// The interface as the kernel knows it; `None` for `any` and devices that are no network interface.
    pub link: Option<LinkAddr>,
    /// Nanoseconds in one unit of a frame's fraction of a second.
    pub nanos_per_tick: u32,
}

/// Opens `interface`; reading never blocks.
pub(super) fn open(interface: &str, settings: &config::Capture) -> Result<Socket, Failure> {
    let known = interfaces()?;
    let found = known.iter().find(|i| i.name == interface);
    // libpcap grants nanoseconds to every capture over a packet socket; other devices (usbmon, nflog) keep microseconds.
    let is_network = found.is_some() || interface == ANY;
    let precision = if is_network { Precision::Nano } else { Precision::Micro };
    let refused = |error: &pcap::Error| match found {
        None if interface != ANY && !is_device(interface) => missing(interface, &listed(&known)),
        Some(found) if !found.is_up => {
            Failure::Internal(format!("interface {interface} is down; bring it up with: ip link set dev {interface} up"))
        }
        _ => refusal(interface, error),
    };
    let megabytes = i32::try_from(settings.buffer_mib).unwrap_or(i32::MAX).saturating_mul(1 << 20);
    let handle = Capture::from_device(interface)
        .map_err(|e| refused(&e))?
        // libpcap warns that `any` cannot be promiscuous, and the crate takes a warning for an error.
        .promisc(settings.promiscuous && interface != ANY)
        .immediate_mode(false)
        .timeout(i32::from(BLOCK_MILLIS))
        .buffer_size(megabytes)
        .snaplen(i32::try_from(settings.snapshot_length).unwrap_or(i32::MAX))
        .precision(precision)
        .open()
        .map_err(|e| refused(&e))?;
    let mut handle = handle.setnonblock().map_err(|e| refusal(interface, &e))?;
    if let Some(filter) = &settings.filter {
        handle.filter(filter, true).map_err(|e| bad_filter(interface, filter, &e))?;
    }
    Ok(Socket { handle, link: found.and_then(|i| i.link), nanos_per_tick: if is_network { 1 } else { 1000 } })
}

impl Socket {
    /// Binds the handle to an interface that was made again, promiscuous mode included. That needs no right.
    pub fn rebind(&mut self, link: &LinkAddr, promiscuous: bool, errands: &Errands) -> Result<(), String> {
        if self.link.is_some_and(|old| old.hatype() != link.hatype()) {
            return Err("it is of another kind now, which takes the right CAP_NET_RAW; restart shadowtap".into());
        }
        let bound = match errands {
            Errands::Own => packet_socket::rebind(&self.handle, link, promiscuous),
            Errands::Sent { to, socket } => ask_rebind(to, socket, *link, promiscuous).ok_or("nobody answers")?,
        };
        if let Err(why) = bound.map_err(|e| e.to_string())? {
            tracing::warn!("promiscuous mode could not be asked for again ({why}); {PROMISCUOUS_REMEDY}");
        }
        self.link = Some(*link);
        Ok(())
    }

    /// Whether this is a packet socket, whose losses the kernel tells by itself.
    fn is_packet_socket(&self) -> bool {
        self.nanos_per_tick == 1
    }

    /// Frames lost for want of room since the last call, where they can be told.
    pub fn dropped(&mut self, last: &mut u32) -> u64 {
        if self.is_packet_socket() {
            return packet_socket::dropped(&self.handle).map_or(0, u64::from);
        }
        let Ok(now) = self.handle.stats() else { return 0 };
        u64::from(now.dropped.wrapping_sub(std::mem::replace(last, now.dropped)))
    }
}

/// Whether libpcap knows a device of this name, a network interface or another.
pub(super) fn is_device(name: &str) -> bool {
    pcap::Device::list().is_ok_and(|devices| devices.iter().any(|d| d.name == name))
}

/// What to say of an interface that is not there.
pub(super) fn missing(interface: &str, known: &str) -> Failure {
    Failure::Setting(format!("interface {interface} does not exist; there are: {known}"))
}

fn bad_filter(interface: &str, filter: &str, error: &pcap::Error) -> Failure {
    Failure::Setting(format!("the filter {filter:?} cannot be used on {interface}: {}; see man 7 pcap-filter", reason(error)))
}

fn refusal(interface: &str, error: &pcap::Error) -> Failure {
    let why = reason(error);
    if !["permi", "CAP_NET_RAW"].iter().any(|word| why.contains(word)) {
        return Failure::Internal(format!("{interface} cannot be captured: {why}"));
    }
    let binary = std::env::current_exe().map_or_else(|_| "shadowtap".into(), |p| p.display().to_string());
    Failure::Permission(format!(
        "capturing on {interface} needs the right CAP_NET_RAW, which this process has not ({why}); grant it with \
         \"sudo setcap cap_net_raw+ep {binary}\", or start as root, or under systemd with AmbientCapabilities=CAP_NET_RAW"
    ))
}

/// libpcap's own words, without the crate's.
pub(super) fn reason(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}
