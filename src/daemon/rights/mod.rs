//! Giving rights away, for good. The order is fixed:
//!
//! 1. The caller opens capture handles and listening sockets, and has started no thread yet: the kernel keeps rights for each thread
//!    apart, so [`drop_to`] refuses where there are others. Runtime and store are started afterwards, as the user dropped to.
//! 2. Root chooses whom to become: the configured user; else who called sudo; else the user `shadowtap`; else `nobody`.
//! 3. The bounding set is emptied, so that no program started later can bring a capability; that takes CAP_SETPCAP.
//! 4. Ambient capabilities are cleared.
//! 5. Root becomes that user: supplementary groups, group, user, each real, effective and saved.
//! 6. Permitted, effective and inheritable capabilities are cleared, CAP_NET_RAW among them.
//! 7. No-new-privs is set: no set-uid program and no file capability gives anything back.
//! 8. All that is looked at again: root cannot be taken back, no capability is left.
//! 9. What the daemon must write is tried as that user; what it must read is, by [`unreadable`], when it is known.

mod reach;

use std::ffi::CString;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::unistd::{Gid, Uid, User, getegid, geteuid, getuid, initgroups, setgroups, setresgid, setresuid, setuid};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set, no_new_privs,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use super::failure::Failure;
pub use reach::{OutOfReach, unreadable, unwritable};

/// What was achieved; printed, it is one sentence for the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Whom the process runs as.
    pub user: String,
    /// Their number.
    pub uid: u32,
    /// Their group's number.
    pub gid: u32,
    /// Whether root was given up by this; else the process was an ordinary user's from the start.
    pub was_root: bool,
    /// Whether CAP_NET_RAW was held and has been given up.
    pub had_net_raw: bool,
    /// Whether the bounding set is empty. It takes CAP_SETPCAP, which an ordinary user's process lacks; no-new-privs stands in for it.
    pub is_bounding_set_empty: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { user, uid, gid, .. } = self;
        write!(f, "runs as {user} (uid {uid}, gid {gid}) without any capability and with no-new-privs")?;
        match (self.was_root, self.had_net_raw) {
            (true, _) => f.write_str("; root was given up and cannot be taken back")?,
            (false, true) => f.write_str("; CAP_NET_RAW was given up and cannot be taken back")?,
            (false, false) => {}
        }
        if !self.is_bounding_set_empty {
            f.write_str("; the bounding set could not be emptied for want of CAP_SETPCAP, which no-new-privs makes harmless")?;
        }
        Ok(())
    }
}

/// Whom to become.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Target {
    name: String,
    uid: Uid,
    gid: Gid,
    is_listed: bool,
}

/// Gives every right away, as the module's steps say. `user` is the configured one; `writable` are folders and files that must be
/// writable afterwards, as far as they exist (for a folder that does not, its parent is meant).
///
/// # Errors
/// [`Failure::Setting`] for a user who does not exist or is root; [`Failure::Permission`] where the kernel refuses a step, or a path cannot be
/// written by the user dropped to; [`Failure::Internal`] where other threads run or a right is left.
pub fn drop_to(user: Option<&str>, writable: &[&Path]) -> Result<Report, Failure> {
    refuse_threads()?;
    let was_root = geteuid().is_root() || getuid().is_root();
    let before = capabilities(None).map_err(|e| refused("capabilities cannot be read", e))?;
    let target = if was_root { choose(user)? } else { own(user)? };
    empty_bounding_set();
    clear_ambient_capability_set().map_err(|e| refused("ambient capabilities cannot be cleared", e))?;
    if was_root {
        writable.iter().try_for_each(|folder| make_folder(folder, &target))?;
        become_user(&target)?;
    }
    let none = CapabilitySets { effective: CapabilitySet::empty(), permitted: CapabilitySet::empty(), inheritable: CapabilitySet::empty() };
    set_capabilities(None, none).map_err(|e| refused("capabilities cannot be cleared", e))?;
    set_no_new_privs(true).map_err(|e| refused("no-new-privs cannot be set", e))?;
    verify(&target)?;
    let report = Report {
        user: target.name,
        uid: target.uid.as_raw(),
        gid: target.gid.as_raw(),
        was_root,
        had_net_raw: before.effective.contains(CapabilitySet::NET_RAW),
        is_bounding_set_empty: bounding_set().next().is_none(),
    };
    match writable.iter().find_map(|path| unwritable(path, &report)) {
        Some(problem) => Err(Failure::Permission(problem.to_string())),
        None => Ok(report),
    }
}

/// No core of this process is ever written: its memory holds who is who, and keys.
///
/// # Errors
/// The kernel's refusal.
pub fn forbid_dumps() -> Result<(), Failure> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // A core that goes to a program minds no limit: only what cannot be dumped is not.
    let done = setrlimit(Resource::Core, none).and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    done.map_err(|e| Failure::Internal(format!("core dumps cannot be switched off: {e}")))
}

/// Becomes the user a daemon would become, where this process may: to test as them. `None` for an ordinary user's process where another
/// user is configured.
///
/// # Errors
/// As [`drop_to`].
pub fn stand_in(user: Option<&str>) -> Result<Option<Report>, Failure> {
    if let Some(name) = user
        && !geteuid().is_root()
    {
        // Whoever starts the daemon as root later: this user must be one it can become.
        let found = ordinary(name)?;
        if found.uid != geteuid() {
            return Ok(None);
        }
    }
    drop_to(user, &[]).map(Some)
}

/// Makes a folder that is missing, for the user dropped to alone; one that is there is left as it is.
fn make_folder(folder: &Path, target: &Target) -> Result<(), Failure> {
    if folder.exists() {
        return Ok(());
    }
    let failed = |e: std::io::Error| Failure::Permission(format!("{} cannot be made: {e}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(failed)?;
    std::os::unix::fs::chown(folder, Some(target.uid.as_raw()), Some(target.gid.as_raw())).map_err(failed)
}

fn refuse_threads() -> Result<(), Failure> {
    match std::fs::read_dir("/proc/self/task").map(Iterator::count) {
        Ok(1) | Err(_) => Ok(()),
        Ok(n) => Err(Failure::Internal(format!("rights must be given up before threads are started; {n} run already"))),
    }
}

fn refused(what: &str, error: impl fmt::Display) -> Failure {
    Failure::Permission(format!("giving up rights failed: {what} ({error})"))
}

/// Whom root becomes.
fn choose(user: Option<&str>) -> Result<Target, Failure> {
    if let Some(name) = user {
        return ordinary(name);
    }
    let number = |name| std::env::var(name).ok().and_then(|text: String| text.parse().ok());
    if let (Some(uid @ 1..), Some(gid @ 1..)) = (number("SUDO_UID"), number("SUDO_GID")) {
        return caller(Uid::from_raw(uid), Gid::from_raw(gid));
    }
    for name in ["shadowtap", "nobody"] {
        if let Some(found) = listed(name)?.filter(|t| !t.uid.is_root()) {
            return Ok(found);
        }
    }
    Err(Failure::Setting("started as root, and there is no user to become: name one with `user = \"…\"` in the configuration".into()))
}

/// A listed user who is not root.
fn ordinary(name: &str) -> Result<Target, Failure> {
    let found = listed(name)?.ok_or_else(|| {
        Failure::Setting(format!("user {name:?} does not exist; make it with: sudo useradd --system --shell /usr/sbin/nologin {name}"))
    })?;
    match found.uid.is_root() {
        true => Err(Failure::Setting(format!("user {name:?} is root; name an ordinary user to become"))),
        false => Ok(found),
    }
}

/// Who called sudo: known by number only where no list of users has them.
fn caller(uid: Uid, gid: Gid) -> Result<Target, Failure> {
    let found = User::from_uid(uid).map_err(|e| Failure::Internal(format!("user {uid} cannot be looked up: {e}")))?;
    Ok(found.map_or_else(|| Target { name: uid.to_string(), uid, gid, is_listed: false }, Target::from))
}

/// An ordinary user stays who they are.
fn own(user: Option<&str>) -> Result<Target, Failure> {
    let own = caller(geteuid(), getegid())?;
    match user {
        Some(name) if listed(name)?.is_none_or(|t| t.uid != own.uid) => Err(Failure::Permission(format!(
            "only root can become the configured user {name:?}, and this process is {}'s; start it as root, start it as {name}, or leave \
             the user out of the configuration",
            own.name
        ))),
        _ => Ok(Target { gid: getegid(), ..own }),
    }
}

fn listed(name: &str) -> Result<Option<Target>, Failure> {
    let found = User::from_name(name).map_err(|e| Failure::Internal(format!("user {name:?} cannot be looked up: {e}")))?;
    Ok(found.map(Target::from))
}

impl From<User> for Target {
    fn from(user: User) -> Self {
        Target { name: user.name, uid: user.uid, gid: user.gid, is_listed: true }
    }
}

/// Every capability that is in the bounding set.
fn bounding_set() -> impl Iterator<Item = CapabilitySet> {
    let all = (0..64).map(|n| CapabilitySet::from_bits_retain(1 << n));
    // The kernel refuses the number after its last.
    all.map_while(|one| capability_is_in_bounding_set(one).ok().map(|is_in| is_in.then_some(one))).flatten()
}

fn empty_bounding_set() {
    for one in bounding_set() {
        if remove_capability_from_bounding_set(one).is_err() {
            return; // without CAP_SETPCAP none can be; the report looks at the set itself
        }
    }
}

fn become_user(target: &Target) -> Result<(), Failure> {
    let Target { name, uid, gid, is_listed } = target;
    let step = |what: &str, done: nix::Result<()>| {
        let helps = if is_mapped(uid.as_raw()) {
            "in a container grant the capabilities SETUID and SETGID, or start it as an ordinary user with NET_RAW".into()
        } else {
            format!(
                "this user namespace has no user {uid}: map more than root into it (unshare --map-auto, podman --userns=keep-id), or start it \
                 outside of the namespace"
            )
        };
        done.map_err(|e| Failure::Permission(format!("root cannot become {name}: {what} failed ({e}); {helps}")))
    };
    match CString::new(name.as_str()) {
        Ok(listed) if *is_listed => step("setting groups", initgroups(&listed, *gid))?,
        _ => step("setting groups", setgroups(&[*gid]))?,
    }
    step("setting the group", setresgid(*gid, *gid, *gid))?;
    step("setting the user", setresuid(*uid, *uid, *uid))
}

/// Whether this process's user namespace has that user (user_namespaces(7)); so it is taken where nothing can be read.
fn is_mapped(uid: u32) -> bool {
    let Ok(map) = std::fs::read_to_string("/proc/self/uid_map") else { return true };
    map.lines().any(|line| {
        let mut numbers = line.split_ascii_whitespace().filter_map(|n| n.parse::<u64>().ok());
        let (Some(first), Some(count)) = (numbers.next(), numbers.nth(1)) else { return true };
        (first..first.saturating_add(count)).contains(&uid.into())
    })
}

fn verify(target: &Target) -> Result<(), Failure> {
    let left = capabilities(None).map_err(|e| refused("capabilities cannot be read", e))?;
    let root = Uid::from_raw(0);
    let problem = if !(left.effective | left.permitted | left.inheritable).is_empty() {
        format!("capabilities are left: {left:?}")
    } else if (geteuid(), getuid()) != (target.uid, target.uid) {
        format!("the user is {} instead of {}", geteuid(), target.uid)
    } else if setuid(root).is_ok() || setresuid(root, root, root).is_ok() {
        "root can be taken back".into()
    } else if !no_new_privs().is_ok_and(|is_set| is_set) {
        "no-new-privs is not set".into()
    } else {
        return Ok(());
    };
    Err(Failure::Internal(format!("rights were not given up: {problem}")))
}
