//! Where frames come from: files and interfaces.

pub mod file;
mod pcap_file;
mod pcapng_file;
