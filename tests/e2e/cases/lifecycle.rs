//! Rights, and a clean end.

use std::time::Duration;

use super::Case;
use crate::client::Client;
use crate::net::CLIENTS;
use crate::site::Site;

pub const CASES: &[Case] = &[
    Case { name: "rights_are_given_up", needs: &[], run: rights },
    Case { name: "sigterm_flushes_and_exits_0_within_5_s", needs: &["curl"], run: sigterm },
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
