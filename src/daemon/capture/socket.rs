//! Opening one libpcap handle, and why that fails.

use std::os::fd::AsRawFd;

use nix::sys::socket::{LinkAddr, bind};
use pcap::{Active, Capture, Precision};

use super::interfaces::{interfaces, listed};
use crate::daemon::{config, failure::Failure};

/// Milliseconds after which the kernel hands over a block that is not full.
pub(super) const BLOCK_MILLIS: u16 = 100;
/// All interfaces at once.
pub(super) const ANY: &str = "any";

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
    /// Binds the handle to an interface that was made again. That needs no right, but it cannot ask for promiscuous mode.
    pub fn rebind(&mut self, link: &LinkAddr) -> Result<(), String> {
        if self.link.is_some_and(|old| old.hatype() != link.hatype()) {
            return Err("it is of another kind now, which takes the right CAP_NET_RAW; restart shadowtap".into());
        }
        bind(self.handle.as_raw_fd(), link).map_err(|e| e.to_string())?;
        self.link = Some(*link);
        Ok(())
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
