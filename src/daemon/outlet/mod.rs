//! Places that lines go to one after the other: a syslog receiver, and a file that is rotated.

mod file;
mod syslog;
mod tls;

pub use file::LineFile;
pub use syslog::{Receiver, SyslogLine};
pub use tls::TlsFiles;
