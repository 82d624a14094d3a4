//! The list of threads that read what strangers sent: it holds nothing that opens, connects, or starts.
#![allow(clippy::unnecessary_cast)] // the constants' types differ between C libraries

use nix::libc;

use super::{Call, NO_EXEC, Purpose};

/// Of the ledger's thread and of every capture.
#[rustfmt::skip]
pub(super) const PURPOSES: &[Purpose] = &[
    Purpose { why: "memory of tables, never executable", is_rare: true, calls: &[
        call!(SYS_brk), call!(SYS_munmap), call!(SYS_mremap), call!(SYS_madvise), call!(SYS_mprotect, NO_EXEC),
        // Of no file.
        call!(SYS_mmap, &[&[(2, libc::PROT_EXEC as u64, 0), (3, libc::MAP_ANONYMOUS as u64, libc::MAP_ANONYMOUS as u64)]]),
    ] },
    Purpose { why: "locks and channels; waking tasks by a descriptor that is open, and the log", is_rare: false,
        calls: calls![SYS_futex, SYS_write] },
    Purpose { why: "a lock that is held, a wait that was interrupted", is_rare: true,
        calls: calls![SYS_sched_yield, SYS_restart_syscall, SYS_writev] },
    Purpose { why: "time where the kernel maps no clock, and waiting", is_rare: true,
        calls: calls![SYS_clock_gettime, SYS_gettimeofday, SYS_clock_nanosleep, SYS_nanosleep] },
    Purpose { why: "keys of hash tables, pseudonyms and alert ids", is_rare: true, calls: calls![SYS_getrandom] },
    Purpose { why: "the end of the thread", is_rare: true,
        calls: calls![SYS_rt_sigprocmask, SYS_sigaltstack, SYS_close, SYS_exit, SYS_exit_group, SYS_rt_sigreturn] },
    Purpose { why: "a panic, which ends the process", is_rare: true,
        calls: calls![SYS_gettid, SYS_getpid, SYS_tgkill, SYS_rt_sigaction] },
];

/// Of a capture besides: the handle it was given, as libpcap reads it.
#[rustfmt::skip]
pub(super) const CAPTURE: &[Purpose] = &[
    Purpose { why: "waiting for the ring of the open socket", is_rare: true, calls: WAIT },
    Purpose { why: "taking the ring down at the end; looking whether a descriptor is open (builds for tests)", is_rare: true, calls: &[
        call!(SYS_setsockopt, &[&[(1, LOW, libc::SOL_PACKET as u64), (2, LOW, libc::PACKET_RX_RING as u64)]]),
        call!(SYS_fcntl, &[&[(1, LOW, libc::F_GETFD as u64)]]),
    ] },
    Purpose { why: "losses, and why a socket fell silent", is_rare: false, calls: &[
        call!(SYS_getsockopt),
    ] },
    Purpose { why: "whether the interface is there still, asked through the open socket", is_rare: true, calls: &[
        call!(SYS_getsockname),
        call!(SYS_ioctl, &[
            &[(1, LOW, libc::SIOCGIFINDEX as u64)], &[(1, LOW, libc::SIOCGIFFLAGS as u64)], &[(1, LOW, libc::SIOCGIFMTU as u64)],
        ]),
    ] },
    Purpose { why: "devices that are no network interface, which have no ring (nflog, usbmon)", is_rare: true,
        calls: calls![SYS_read, SYS_recvfrom, SYS_recvmsg] },
];

/// All of a C `int`.
const LOW: u64 = 0xffff_ffff;

#[cfg(target_arch = "x86_64")]
const WAIT: &[Call] = calls![SYS_poll, SYS_ppoll];
#[cfg(not(target_arch = "x86_64"))]
const WAIT: &[Call] = calls![SYS_ppoll];
