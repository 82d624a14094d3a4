//! Rights, interfaces, and a clean end.

use std::time::Duration;

use super::Case;
use crate::client::Client;
use crate::net::{CLIENTS, Host, TAP};
use crate::patience::eventually;
use crate::site::Site;

pub const CASES: &[Case] = &[
    Case { name: "rights_are_given_up", needs: &[], run: rights },
    Case { name: "sigterm_flushes_and_exits_0_within_5_s", needs: &["curl"], run: sigterm },
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
