//! `shadowtap init` on a machine made for it: a network namespace with several interfaces, which takes root; without it these tests say
//! that they were skipped.
#![cfg(all(target_os = "linux", feature = "daemon"))]
#![allow(missing_docs)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};

/// A gateway: an uplink with the default route, an inside with a routed network behind it, a port that only listens, one that is down, and
/// a DHCP server's leases.
const MACHINE: &str = "
    mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /var/lib/misc
    echo '1795417200 02:00:00:00:00:01 10.20.0.11 ws-11 *' >/var/lib/misc/dnsmasq.leases
    ip link set lo up
    ip link add br0 type bridge && ip link set br0 up
    port() { ip link add $1 type veth peer name $2 && ip link set $2 master br0 up && ip link set $1 up; }
    port wan0 far0 && ip addr add 203.0.113.7/24 dev wan0
    port lan0 far1 && ip addr add 10.20.0.1/16 dev lan0
    port span0 far2 && ip link set span0 promisc on
    ip link add down0 type veth peer name down1
    ip route add default via 203.0.113.1 && ip route add 10.30.0.0/16 via 10.20.0.254";

/// Runs a script on such a machine, `$1` being the program and `$2` a folder; `None` without root.
fn on_machine(script: &str, folder: &Path) -> Option<Output> {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: needs root for a network namespace");
        return None;
    }
    fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("its mode");
    let script = format!("set -e\n{MACHINE}\n{script}");
    let command = ["--net", "--mount", "sh", "-c", &script, "sh", env!("CARGO_BIN_EXE_shadowtap")];
    Some(Command::new("unshare").args(command).arg(folder).output().expect("util-linux is there"))
}

#[track_caller]
fn well(output: &Output) -> (String, String) {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{out}{err}");
    (out, err)
}

#[test]
fn root_gets_a_configuration_of_the_machine_that_check_accepts() {
    let folder = tempfile::tempdir().expect("a folder");
    let script =
        "\"$1\" init -o \"$2/etc/c.toml\"; \"$1\" check --config \"$2/etc/c.toml\"; \"$1\" init -o \"$2/etc/c.toml\" || echo \"again: $?\"";
    let Some(output) = on_machine(script, folder.path()) else { return };
    let (out, err) = well(&output);
    assert!(out.contains("ok: ") && out.contains(" 2 teams") && out.contains("1 records of clients in 1 files"), "{out}{err}");
    assert!(out.contains("again: 78") && err.contains("is there already") && err.contains("--force"), "{out}{err}");
    for words in ["which port is the span port", "where alerts go", "policy: which tools are approved", "teams: those below"] {
        assert!(err.contains(words), "{words}: {err}");
    }
    let file = folder.path().join("etc/c.toml");
    let (text, meta) = (fs::read_to_string(&file).expect("written"), fs::metadata(&file).expect("there"));
    assert_eq!(meta.mode() & 0o777, 0o640);
    assert_ne!(meta.gid(), 0, "the daemon's group may read it");
    for words in [
        "interfaces = [\"span0\"]",
        "#   span0: up, ",
        "promiscuous",
        "#   down0: down, ",
        "#   lan0: up, ",
        ", 10.20.0.1",
        "name = \"10.30.0.0/16\"    # on lan0",
        "203.0.113.0/24 is public and lies on the uplink wan0",
        "file = \"/var/lib/misc/dnsmasq.leases\"\nformat = \"dnsmasq\"",
        "url = \"sqlite:///var/lib/shadowtap/shadowtap.sqlite\"",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
}

#[test]
fn an_ordinary_user_gets_one_too_with_the_store_at_home() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    fs::create_dir(&home).expect("a home");
    std::os::unix::fs::chown(&home, Some(65534), Some(65534)).expect("root may");
    let script = "
        cp \"$1\" \"$2/shadowtap\"; chmod 755 \"$2/shadowtap\"; cd /
        as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all env -u XDG_STATE_HOME HOME=\"$folder/home\" \"$folder/shadowtap\" \"$@\"; }
        folder=$2
        as_nobody init -i wan0 -o \"$folder/home/c.toml\"; as_nobody check --config \"$folder/home/c.toml\"
        as_nobody init -i lan0 -o \"$folder/home/c.toml\" --force
        as_nobody init || echo \"refused: $?\"
        as_nobody init -i nothing0 -o - || echo \"unknown: $?\"";
    let Some(output) = on_machine(script, folder.path()) else { return };
    let (out, err) = well(&output);
    assert!(out.contains("ok: ") && err.contains("this user may not capture"), "{out}{err}");
    let is_there = Path::new("/etc/shadowtap/config.toml").exists();
    assert!(out.contains(if is_there { "refused: 7" } else { "refused: 77" }) && out.contains("unknown: 78"), "{out}{err}");
    let text = fs::read_to_string(home.join("c.toml")).expect("written");
    assert!(text.contains("interfaces = [\"lan0\"]") && !text.contains("\nuser = "), "{text}");
    assert!(text.contains(&format!("url = \"sqlite://{}/.local/state/shadowtap/shadowtap.sqlite\"", home.display())), "{text}");
}
