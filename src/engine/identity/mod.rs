//! Who a client is: what the wire tells of an address, and what the site's own files know.
//!
//! An address is held by one owner after the other. [`Bindings`] keeps, for each address, its last tenures: who held it from when until
//! when, as leases, neighbours, frames, host names and accounting tell. A sighting belongs to a tenure, so that it keeps the identity that
//! held when it happened; what becomes known of the same owner later is added to it. `docs/identity.md` says what counts as what.

mod bindings;
mod client;
mod device;
pub mod directory;
mod exclude;
mod held;
mod slots;
mod tenure;
#[cfg(test)]
mod tests;

pub use bindings::{Bindings, Who};
pub use client::Client;
pub use directory::{Directory, Known, Record, Subject};
pub use exclude::{Excluded, Exclusion};
