//! Tries what is to be refused, on threads that are held as the daemon's are: for `shadowtap check --sandbox` and tests.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::thread;

use super::calls::Kind;
use super::filter::Filters;

/// What a thread of a kind tried, and why it could not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tried {
    /// To open a file.
    pub open: Option<io::ErrorKind>,
    /// To connect to this machine.
    pub connect: Option<io::ErrorKind>,
}

impl Tried {
    /// Whether both were refused for want of permission.
    pub fn is_refused(self) -> bool {
        [self.open, self.connect].iter().all(|error| *error == Some(io::ErrorKind::PermissionDenied))
    }
}

/// Opens `file` and connects, on a thread that is held as those of `kind` are.
///
/// # Errors
/// The filters cannot be made or put on, or no thread can be started.
pub fn try_out(kind: Kind, file: &Path) -> Result<Tried, String> {
    let (filters, file) = (Filters::of(kind)?, file.to_owned());
    let held = thread::Builder::new().name(format!("as-{}", kind.word())).spawn(move || {
        filters.put_on()?;
        let open = File::open(&file).err().map(|e| e.kind());
        Ok(Tried { open, connect: TcpStream::connect((Ipv4Addr::LOCALHOST, 9)).err().map(|e| e.kind()) })
    });
    held.map_err(|e| e.to_string())?.join().map_err(|_| "the thread panicked".to_owned())?
}
