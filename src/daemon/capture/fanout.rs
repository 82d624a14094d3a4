//! Several handles of one interface, each read by a thread of its own: which frame goes to which is settled in the kernel (packet(7),
//! PACKET_FANOUT), by a program of ours that looks at addresses alone. So both directions of a flow, its fragments, and a look-up with its
//! answer come to one thread; tunnels all come to the first. Decision 0021 says why the kernel's own hash does not do.

use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::libc::{self, c_int, sock_filter, sock_fprog};
use nix::sys::socket::{getsockopt, setsockopt};
use nix::{getsockopt_impl, setsockopt_impl, sockopt_impl};

use super::share::program;
use super::socket::Socket;
use crate::daemon::clock;
use crate::engine::frame::Time;

sockopt_impl!(
    /// The group a packet socket is in: its number below, kind and flags above.
    Fanout, Both, libc::SOL_PACKET, libc::PACKET_FANOUT, c_int);
sockopt_impl!(
    /// The program that chooses among the sockets of a group.
    FanoutProgram, SetOnly, libc::SOL_PACKET, libc::PACKET_FANOUT_DATA, sock_fprog);

/// By a classic BPF program, with IPv4 fragments put together first.
const KIND: c_int = (libc::PACKET_FANOUT_CBPF | libc::PACKET_FANOUT_FLAG_DEFRAG) as c_int;
/// With a number that no other group of this machine has.
const NEW: c_int = libc::PACKET_FANOUT_FLAG_UNIQUEID as c_int;

/// A capture's share of an interface's frames: all of them, or what comes to it in a group.
#[derive(Debug, Default)]
pub(super) struct Share {
    group: Option<Arc<Group>>,
    number: u32,
    since: Time,
}

impl Share {
    /// A share for each of so many threads.
    pub fn of(threads: u32) -> impl Iterator<Item = Share> {
        let group = (threads > 1).then(Arc::<Group>::default);
        (0..threads.max(1)).map(move |number| Share { group: group.clone(), number, since: Time::default() })
    }

    /// Takes its share with a handle that was just opened.
    ///
    /// # Errors
    /// Why the kernel refuses it.
    pub fn join(&mut self, socket: &Socket) -> Result<(), String> {
        if let Some(group) = &self.group {
            let joined = group.join(&socket.handle, socket.link.map(|l| l.ifindex())).map_err(|e| e.desc().to_owned())?;
            self.since = match joined {
                Joined::First => Time::default(),
                Joined::Others => clock::now(),
            };
        }
        Ok(())
    }

    /// Frames captured before this are another's: the handle was open and not yet in the group.
    pub fn since(&self) -> Time {
        self.since
    }

    /// Whether others have shares too.
    pub fn is_part(&self) -> bool {
        self.group.is_some()
    }

    /// Whether it is the first: what is true of the whole interface is counted there.
    pub fn is_first(&self) -> bool {
        self.number == 0
    }
}

/// Whom a handle found in its group.
enum Joined {
    First,
    Others,
}

/// The handles of one interface.
#[derive(Debug, Default)]
struct Group {
    /// Number of the group in the kernel, and of the interface it is bound to (`None`: all of them).
    made: Mutex<Option<(Option<usize>, c_int)>>,
}

impl Group {
    /// Lets a handle bound to `interface` take its share; the first one there makes the group. An interface that was made again has a new
    /// number, and its handles a new group.
    ///
    /// # Errors
    /// Those of the kernel: `ENOENT`, `EINVAL` where it has no fan-out by program (before Linux 4.12) or the handle is not bound.
    fn join(&self, handle: &impl AsFd, interface: Option<usize>) -> Result<Joined, Errno> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, number)) = made.filter(|(of, _)| *of == interface)
            && setsockopt(handle, Fanout, &(KIND << 16 | number)).is_ok()
        {
            return Ok(Joined::Others);
        }
        setsockopt(handle, Fanout, &((KIND | NEW) << 16))?;
        let number = getsockopt(handle, Fanout)? & 0xffff;
        let mut instructions: Vec<sock_filter> = program();
        let len = u16::try_from(instructions.len()).map_err(|_| Errno::EINVAL)?;
        setsockopt(handle, FanoutProgram, &sock_fprog { len, filter: instructions.as_mut_ptr() })?;
        *made = Some((interface, number));
        Ok(Joined::First)
    }
}
