//! What the site itself knows of its clients, as its files say it.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::engine::frame::Time;

/// What a site's files say of a client; `None` where they are silent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// Host name.
    pub host: Option<Arc<str>>,
    /// Person or account.
    pub user: Option<Arc<str>>,
    /// Team.
    pub team: Option<Arc<str>>,
    /// Place.
    pub site: Option<Arc<str>>,
    /// Link-layer address: leases tell it.
    pub mac: Option<[u8; 6]>,
}

/// Whom a record is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// One address.
    Address(IpAddr),
    /// Every address of a subnet.
    Subnet(IpNet),
    /// One link-layer address.
    Mac([u8; 6]),
    /// Host names, lower case; `*` stands for any characters.
    HostPattern(Arc<str>),
}

/// One line of a site's files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Whom it is about.
    pub subject: Subject,
    /// From when on it holds; `None`: always.
    pub from: Option<Time>,
    /// Until when, exclusive; `None`: still.
    pub until: Option<Time>,
    /// What it says.
    pub known: Known,
}

/// All records, so that a look-up costs the same however many there are.
#[derive(Debug, Default)]
pub struct Directory;

impl Directory {
    /// Compiles records.
    pub fn new(_records: Vec<Record>) -> Self {
        Directory
    }

    /// What is known of a client at a moment: by its address, its link-layer address and its host name where these are known. Each fact
    /// comes from the most specific record that tells it: MAC before address, address before narrower subnet, subnet before host pattern.
    pub fn known(&self, _address: IpAddr, _mac: Option<[u8; 6]>, _host: Option<&str>, _at: Time) -> Known {
        Known::default()
    }
}
