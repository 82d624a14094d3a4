//! The list of the whole process: what the store, couriers, reload and metrics need. Landlock says which files; no right says which sockets.
#![allow(clippy::unnecessary_cast)] // the constants' types differ between C libraries

use nix::libc;

use super::{Call, NO_EXEC, Purpose, Test};

/// All of a C `int`.
const LOW: u64 = 0xffff_ffff;
const EXEC: u64 = libc::PROT_EXEC as u64;
const WRITE: u64 = libc::PROT_WRITE as u64;
const ANONYMOUS: u64 = libc::MAP_ANONYMOUS as u64;
const THREAD: u64 = libc::CLONE_THREAD as u64;

/// Ordinary sockets: no packet socket even where somebody had the right.
const FAMILIES: &[&[Test]] = &[
    &[(0, LOW, libc::AF_UNIX as u64)],
    &[(0, LOW, libc::AF_INET as u64)],
    &[(0, LOW, libc::AF_INET6 as u64)],
    &[(0, LOW, libc::AF_NETLINK as u64)],
];

/// Own matters: a name, no more privileges, no core.
const OWN_MATTERS: &[&[Test]] = &[
    &[(0, LOW, libc::PR_SET_NAME as u64)],
    &[(0, LOW, libc::PR_SET_NO_NEW_PRIVS as u64)],
    &[(0, LOW, libc::PR_GET_NO_NEW_PRIVS as u64)],
    &[(0, LOW, libc::PR_GET_DUMPABLE as u64)],
    &[(0, LOW, libc::PR_SET_VMA as u64)],
];

#[rustfmt::skip]
pub(super) const PURPOSES: &[Purpose] = &[
    Purpose { why: "files of the store, of configuration and of resolvers, those that Landlock leaves", is_rare: false, calls: calls![
        SYS_openat, SYS_close, SYS_read, SYS_pread64, SYS_write, SYS_pwrite64, SYS_lseek, SYS_statx, SYS_fcntl, SYS_ftruncate,
        SYS_getdents64, SYS_geteuid,
    ] },
    Purpose { why: "folders of keys and store as they are made, tidied and listed; files in ways that only some libraries and file systems take", is_rare: true, calls: calls![
        SYS_close_range, SYS_fstat, SYS_fdatasync, SYS_writev, SYS_newfstatat, SYS_statfs, SYS_fstatfs,
        SYS_faccessat, SYS_faccessat2, SYS_getcwd, SYS_readlinkat, SYS_fsync, SYS_fallocate,
        SYS_mkdirat, SYS_unlinkat, SYS_renameat, SYS_renameat2, SYS_linkat, SYS_fchmod, SYS_fchmodat,
    ] },
    Purpose { why: "the same by the calls that C libraries had before", is_rare: true, calls: OLD_FILES },
    Purpose { why: "memory; code only of libraries' files, never written and run", is_rare: false, calls: &[
        call!(SYS_brk), call!(SYS_munmap), call!(SYS_madvise), call!(SYS_mprotect, NO_EXEC),
        call!(SYS_mmap, &[&[(2, EXEC, 0)], &[(2, EXEC | WRITE, EXEC), (3, ANONYMOUS, 0)]]),
    ] },
    Purpose { why: "memory of large tables that grow", is_rare: true, calls: calls![SYS_mremap] },
    Purpose { why: "threads; not processes", is_rare: false, calls: &[
        // `clone3` is answered as a kernel answers that has none (`filter`): its flags lie in memory, which no filter can read.
        call!(SYS_clone, &[&[(0, THREAD, THREAD)]]), call!(SYS_clone3), call!(SYS_set_robust_list), call!(SYS_rseq), call!(SYS_futex),
        call!(SYS_sigaltstack), call!(SYS_exit), call!(SYS_exit_group), call!(SYS_sched_getaffinity), call!(SYS_gettid),
        call!(SYS_prctl, OWN_MATTERS),
    ] },
    Purpose { why: "a thread's own, narrower list", is_rare: false, calls: calls![SYS_seccomp] },
    Purpose { why: "stepping back behind the captures", is_rare: false, calls: calls![SYS_setpriority] },
    Purpose { why: "threads, locks, sorting and names of hosts, where the C library looks closer", is_rare: true, calls: calls![
        SYS_sched_yield, SYS_membarrier, SYS_prlimit64, SYS_restart_syscall, SYS_uname, SYS_sysinfo,
        SYS_getpid, SYS_getuid, SYS_getgid, SYS_getegid, SYS_getrandom,
    ] },
    Purpose { why: "signals: a stop, a reload, a panic", is_rare: true, calls: calls![
        SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_rt_sigreturn, SYS_tgkill,
    ] },
    Purpose { why: "time where the kernel maps no clock, and waiting", is_rare: true, calls: calls![
        SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_clock_nanosleep, SYS_nanosleep,
    ] },
    Purpose { why: "tasks that wait for sockets", is_rare: false, calls: calls![
        SYS_epoll_create1, SYS_epoll_ctl, SYS_eventfd2,
    ] },
    Purpose { why: "the same, by version of library", is_rare: true, calls: WAIT },
    Purpose { why: "files that change", is_rare: false, calls: calls![SYS_inotify_init1, SYS_inotify_add_watch] },
    Purpose { why: "files that need not be watched any more", is_rare: true, calls: calls![SYS_inotify_rm_watch] },
    Purpose { why: "receivers of alerts, resolvers, scrapers, the service manager, the list of interfaces", is_rare: false, calls: &[
        call!(SYS_socket, FAMILIES), call!(SYS_socketpair, &[&[(0, LOW, libc::AF_UNIX as u64)]]), call!(SYS_connect), call!(SYS_bind),
        call!(SYS_accept4), call!(SYS_getsockname), call!(SYS_getsockopt), call!(SYS_setsockopt), call!(SYS_sendto), call!(SYS_recvfrom),
        call!(SYS_recvmsg),
    ] },
    Purpose { why: "the same in ways that only some resolvers and connections take", is_rare: true, calls: &[
        call!(SYS_getpeername), call!(SYS_sendmsg), call!(SYS_sendmmsg), call!(SYS_recvmmsg), call!(SYS_shutdown),
        call!(SYS_ioctl, &[
            &[(1, LOW, libc::FIONBIO as u64)], &[(1, LOW, libc::FIONREAD as u64)], &[(1, LOW, libc::TCGETS as u64)],
            &[(1, LOW, libc::SIOCGIFINDEX as u64)], &[(1, LOW, libc::SIOCGIFFLAGS as u64)], &[(1, LOW, libc::SIOCGIFMTU as u64)],
        ]),
    ] },
];

#[cfg(target_arch = "x86_64")]
const OLD_FILES: &[Call] =
    calls![SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_mkdir, SYS_unlink, SYS_rename, SYS_link, SYS_chmod];
#[cfg(not(target_arch = "x86_64"))]
const OLD_FILES: &[Call] = &[];

#[cfg(target_arch = "x86_64")]
const WAIT: &[Call] = calls![SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_poll, SYS_ppoll];
#[cfg(not(target_arch = "x86_64"))]
const WAIT: &[Call] = calls![SYS_epoll_pwait, SYS_epoll_pwait2, SYS_ppoll];
