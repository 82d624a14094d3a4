//! Where frames come from: files and interfaces.

mod absence;
pub mod choice;
mod compressed;
pub mod errand;
mod fanout;
pub mod file;
pub mod interfaces;
pub mod live;
mod packet_socket;
mod pcap_file;
mod pcapng_file;
mod presence;
pub mod route;
mod share;
mod socket;
pub mod uplink;

#[cfg(test)]
mod cut_tests;
