//! Who a client is: what the wire tells of an address, and what the site's own files know.

pub mod directory;

pub use directory::{Directory, Known, Record, Subject};
