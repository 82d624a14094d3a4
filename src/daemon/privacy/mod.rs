//! Privacy at the edges: the keys of pseudonyms, what is sealed with them, and what configuration makes of the ledger's door.

pub mod command;
mod folder;
mod key;
mod seal;

pub use folder::KeyFolder;
pub use key::PeriodKey;
pub use seal::{Opened, Sealer};
