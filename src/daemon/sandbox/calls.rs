//! Which system calls each kind of thread may make, and why. `scripts/trace-calls` holds these lists against what the daemon does.

/// A call with arguments of given forms, or any.
macro_rules! call {
    ($number:ident) => {
        call!($number, &[])
    };
    ($number:ident, $forms:expr) => {
        $crate::daemon::sandbox::calls::Call { constant: stringify!($number), number: nix::libc::$number, forms: $forms }
    };
}

/// Calls with any arguments.
macro_rules! calls {
    ($($number:ident),* $(,)?) => { &[$(call!($number)),*] };
}

mod process;
mod reader;

use nix::libc;

/// A kind of thread, by what it may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Every thread: store, couriers, reload, metrics, interfaces. Those below begin as this one.
    Process,
    /// Reads frames and parses them: no file, no socket, no program.
    Capture,
    /// Keeps the ledger of what the frames said: the same, and nothing of sockets at all.
    Ledger,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Process, Kind::Capture, Kind::Ledger];

    /// In a word, as metrics have it.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Process => "process",
            Kind::Capture => "capture",
            Kind::Ledger => "ledger",
        }
    }

    /// What it may call, by purpose. A thread of the narrower kinds is held by its own list and by the process's.
    pub fn purposes(self) -> impl Iterator<Item = &'static Purpose> {
        let (first, second): (&[Purpose], &[Purpose]) = match self {
            Kind::Process => (process::PURPOSES, &[]),
            Kind::Capture => (reader::PURPOSES, reader::CAPTURE),
            Kind::Ledger => (reader::PURPOSES, &[]),
        };
        first.iter().chain(second)
    }
}

/// Calls that serve one purpose.
#[derive(Debug)]
pub struct Purpose {
    /// What for.
    pub why: &'static str,
    /// Whether an ordinary hour may pass without some of them.
    pub is_rare: bool,
    /// The calls.
    pub calls: &'static [Call],
}

/// A call, and what its arguments must look like.
#[derive(Debug)]
pub struct Call {
    constant: &'static str,
    pub(super) number: i64,
    /// One of these must hold, with all its tests; none: any arguments will do.
    pub(super) forms: &'static [&'static [Test]],
}

impl Call {
    /// Its name, as the manual has it.
    pub fn name(&self) -> &'static str {
        self.constant.strip_prefix("SYS_").unwrap_or(self.constant)
    }
}

/// An argument by its place, the bits of it that are looked at, and what these must be.
pub(super) type Test = (u8, u64, u64);

/// Memory is not made executable.
const NO_EXEC: &[&[Test]] = &[&[(2, libc::PROT_EXEC as u64, 0)]];

/// What no part of the daemon ever does, and whoever took it over would do next: such a call ends the process at once.
#[rustfmt::skip]
pub const DEADLY: &[Call] = &[
    // another program
    call!(SYS_execve), call!(SYS_execveat),
    // other processes
    call!(SYS_ptrace), call!(SYS_process_vm_readv), call!(SYS_process_vm_writev), call!(SYS_kcmp), call!(SYS_pidfd_getfd),
    // the kernel
    call!(SYS_bpf), call!(SYS_kexec_load), call!(SYS_init_module), call!(SYS_finit_module), call!(SYS_delete_module),
    call!(SYS_perf_event_open), call!(SYS_userfaultfd), call!(SYS_reboot), call!(SYS_add_key), call!(SYS_keyctl), call!(SYS_request_key),
    // calls past this very list
    call!(SYS_io_uring_setup), call!(SYS_io_uring_enter), call!(SYS_io_uring_register),
    // other roots, namespaces and mounts
    call!(SYS_chroot), call!(SYS_pivot_root), call!(SYS_mount), call!(SYS_umount2), call!(SYS_setns), call!(SYS_unshare),
    call!(SYS_open_by_handle_at),
];

/// What a command that only reads files of strangers has no use for.
pub(super) const NETWORK: &[Call] =
    &[call!(SYS_socket), call!(SYS_connect), call!(SYS_bind), call!(SYS_listen), call!(SYS_accept), call!(SYS_accept4)];

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(kind: Kind) -> impl Iterator<Item = &'static Call> {
        kind.purposes().flat_map(|purpose| purpose.calls)
    }

    #[test]
    fn no_call_stands_on_a_list_twice_and_none_that_is_deadly() {
        for kind in Kind::ALL {
            let mut numbers: Vec<_> = calls(kind).map(|call| call.number).collect();
            let all = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), all, "{kind:?}");
            assert!(DEADLY.iter().all(|call| numbers.binary_search(&call.number).is_err()), "{kind:?}");
        }
    }

    #[test]
    fn narrower_lists_hold_nothing_that_the_process_may_not_do_and_nothing_that_opens_or_connects() {
        let process: Vec<_> = calls(Kind::Process).map(Call::name).collect();
        for kind in [Kind::Capture, Kind::Ledger] {
            for call in calls(kind) {
                assert!(process.contains(&call.name()), "{} of {kind:?}", call.name());
                let opens = ["open", "socket", "connect", "bind", "accept", "send", "clone", "exec", "link", "rename", "mkdir", "chmod"];
                assert!(!opens.iter().any(|word| call.name().contains(word)), "{} of {kind:?}", call.name());
            }
        }
    }
}
