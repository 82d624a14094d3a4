//! What policy decides while a sighting goes on, and what it says of its own end.

use std::fs;
use std::process::Command;

use super::{Case, wait_for_all_before};
use crate::client::Client;
use crate::net::CLIENTS;
use crate::patience::eventually;
use crate::receiver::Receiver;
use crate::site::Site;

pub const CASES: &[Case] = &[
    Case { name: "an_upload_past_a_bound_is_alerted_on_at_once", needs: &["curl"], run: bound },
    Case { name: "an_exception_that_ends_is_announced_and_can_be_renewed", needs: &["date"], run: exception },
];

/// A visit alerts nobody; the upload makes the same sighting unapproved.
fn bound(client: &Client) {
    let site = Site::new(client.net);
    let rules = "[[rule]]\nstatus = \"approved\"\nservice = \"openai.api\"\n[[rule]]\nstatus = \"unapproved\"\nservice = \
                 \"openai.api\"\nevidence = \"uploaded\"\nreason = \"no files\"\n";
    fs::write(site.policy_file(), rules).expect("policy.toml");
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    client.net.be(CLIENTS[0]);
    client.curl("api.openai.com");
    assert_eq!(site.sighting(CLIENTS[0], "openai.api", "engaged")["status"], "approved");
    wait_for_all_before(client, &site);
    assert!(!site.inbox.mentions(CLIENTS[0]), "what is approved alerts nobody");

    client.net.be(CLIENTS[0]);
    client.upload("api.openai.com", 2_000_000);
    let id = site.alert(CLIENTS[0], "openai.api");
    let deliveries = site.inbox.deliveries();
    let alert = &deliveries.iter().find(|delivery| delivery.id == id).expect("delivered").alert;
    assert_eq!((&alert["status"], &alert["evidence"], &alert["reason"]), (&"unapproved".into(), &"uploaded".into(), &"no files".into()));
    let sighting = site.sighting(CLIENTS[0], "openai.api", "uploaded");
    assert_eq!((&sighting["status"], &sighting["connections"]), (&"unapproved".into(), &2.into()));
    let counted = [("service", "openai.api"), ("status", "unapproved"), ("evidence", "uploaded")];
    assert_eq!(daemon.metrics().sum("shadowtap_sightings_total", &counted), 1.0);
    assert_eq!(daemon.metrics().sum("shadowtap_active_clients", &[("service", "openai.api"), ("status", "approved")]), 0.0);
}

/// The alert names what holds afterwards; `policy set` renews the rule, which the daemon takes up by itself.
fn exception(client: &Client) {
    let site = Site::new(client.net);
    let config = site.path("config.toml");
    let day = Command::new("date").args(["-u", "-d", "5 days", "+%F"]).output().expect("date runs").stdout;
    let day = String::from_utf8(day).expect("a day");
    let rule = format!("# Ours\n[[rule]]\nstatus = \"approved\"\nservice = \"openai.api\" # for now\nexpires = {}\n", day.trim());
    fs::write(site.policy_file(), &rule).expect("policy.toml");
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    let rules = |kind: &str| daemon.metrics().sum("shadowtap_policy_rules", &[("kind", kind)]);
    let told = eventually("the end is announced", || {
        site.inbox.deliveries().into_iter().find(|delivery| delivery.alert["kind"] == "policy_expiring")
    });
    assert!(told.alert["message"].as_str().is_some_and(|m| m.contains("then it is unreviewed")), "{:?}", told.alert);
    assert_eq!((rules("expiring"), rules("in_force")), (1.0, 0.0));

    let mut set = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
    set.args(["policy", "set", "openai.api", "approved", "--expires", "2099-12-31", "--config"]).arg(&config);
    let output = set.output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_to_string(site.policy_file()).expect("policy.toml"), rule.replace(day.trim(), "2099-12-31"));
    eventually("the rule goes on", || (rules("in_force") == 1.0 && rules("expiring") == 0.0).then_some(()));
}
