//! Rights, interfaces, and a clean end.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::Case;
use crate::client::Client;
use crate::net::{CLIENTS, Host, TAP};
use crate::patience::{DUE, eventually};
use crate::site::Site;

pub const CASES: &[Case] = &[
    Case { name: "rights_are_given_up", needs: &[], run: rights },
    Case { name: "captures_go_before_the_store", needs: &[], run: ranks },
    Case { name: "sigterm_flushes_and_exits_0_within_5_s", needs: &["curl"], run: sigterm },
    Case { name: "the_service_manager_hears_of_readiness_life_reload_and_stop", needs: &[], run: told },
    Case { name: "an_interface_that_comes_back_is_heard_again", needs: &["curl"], run: interface_comes_back },
    Case { name: "an_interface_that_is_not_there_is_told_with_those_that_are", needs: &[], run: no_such_interface },
];

fn rights(client: &Client) {
    let site = Site::new(client.net);
    let daemon = site.start();
    let users = daemon.status("Uid");
    assert!(users.split_whitespace().all(|id| id != "0"), "an ordinary user, not {users}");
    for set in ["CapPrm", "CapEff", "CapInh", "CapAmb"] {
        assert_eq!(daemon.status(set), "0000000000000000", "{set}");
    }
}

/// On one core a capture thread gets what it needs: the ledger steps back behind it, the store behind both.
fn ranks(client: &Client) {
    let site = Site::new(client.net);
    let daemon = site.start();
    let threads = daemon.threads();
    let ranks = |name| threads.iter().filter(move |(n, _)| n == name).map(|(_, rank)| *rank);
    let one = |name| {
        let first = ranks(name).next().unwrap_or_else(|| panic!("no {name}: {threads:?}"));
        assert!(ranks(name).all(|r| r == first), "{name}: {threads:?}");
        first
    };
    // Captures keep the rank the process was started with.
    assert!(one("capture-0") < one("ledger") && one("ledger") < one("tokio-rt-worker"), "{threads:?}");
    // Its writer; readers are opened by whoever asks first.
    assert!(ranks("sqlx-sqlite-wor").any(|r| r == one("tokio-rt-worker")), "{threads:?}");
}

fn sigterm(client: &Client) {
    let site = Site::new(client.net);
    let daemon = site.start();
    client.net.be(CLIENTS[0]);
    client.curl("chatgpt.com");
    let (status, took) = daemon.terminate();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(5), "took {took:?}");
    let kept = site.of(CLIENTS[0], "openai.chatgpt");
    assert_eq!(kept.len(), 1, "what was on its way is kept");
    assert!(kept[0]["bytes_down"].as_u64() > Some(10_000), "with its bytes: {kept:#?}");
}

/// Its watchdog grants two seconds here, so that an answer is due every second.
fn told(client: &Client) {
    let site = Site::new(client.net);
    let path = site.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    fs::set_permissions(&path, Permissions::from_mode(0o777)).expect("its mode");
    socket.set_read_timeout(Some(DUE)).expect("a time-out");
    let next = || {
        let mut message = [0; 256];
        let length = socket.recv(&mut message).expect("a message");
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let other_than_alive = || std::iter::repeat_with(next).find(|message| message != "WATCHDOG=1\n").expect("a message");

    let daemon = site.start_with(&[("NOTIFY_SOCKET", &path.display().to_string()), ("WATCHDOG_USEC", "2000000")]);
    assert_eq!(other_than_alive(), "READY=1\n");
    let answers = std::iter::repeat_with(next).take(3).filter(|message| message == "WATCHDOG=1\n").count();
    assert_eq!(answers, 3, "a daemon that hears nothing is alive all the same");
    daemon.signal("HUP");
    let reloading = other_than_alive();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(other_than_alive(), "READY=1\n");
    assert!(daemon.terminate().0.success());
    assert_eq!(other_than_alive(), "STOPPING=1\n");
}

fn interface_comes_back(client: &Client) {
    let site = Site::new(client.net);
    let _daemon = site.start();
    client.net.flap_tap(Duration::from_secs(2));
    let mut visits = 0;
    eventually("the daemon hears again", || {
        client.net.be(CLIENTS[visits % 4]);
        visits += 1;
        client.curl("chatgpt.com");
        (!site.sightings().is_empty()).then_some(())
    });
}

fn no_such_interface(client: &Client) {
    let output = client.net.run(Host::Sensor, Duration::from_secs(5), &[env!("CARGO_BIN_EXE_shadowtap"), "run", "-i", "eth99"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("eth99") && told.contains(TAP), "{}: {told}", output.status);
}
