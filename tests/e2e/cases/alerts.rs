//! Alerts arrive whatever happens to the receiver or the daemon.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use minisign::KeyPair;
use serde_json::Value;

use super::{Case, wait_for_all_before};
use crate::client::Client;
use crate::net::CLIENTS;
use crate::patience::eventually;
use crate::receiver::Receiver;
use crate::site::Site;

pub const CASES: &[Case] = &[
    Case { name: "a_receiver_that_comes_back_gets_the_alert", needs: &["curl"], run: receiver_away },
    Case { name: "kill_9_loses_no_alert_and_doubles_no_sighting", needs: &["curl", "sqlite3"], run: kill_9 },
    Case { name: "kill_9_at_any_moment_keeps_store_and_alerts_together", needs: &["curl"], run: kill_9_at_any_moment },
    Case { name: "an_alert_is_over_when_somebody_or_the_policy_says_so", needs: &["curl"], run: over },
    Case { name: "what_the_sensor_could_not_do_is_alerted_on_once", needs: &[], run: sensor },
];

fn receiver_away(client: &Client) {
    let site = Site::new(client.net);
    let daemon = site.start();
    client.net.be(CLIENTS[0]);
    client.curl("chatgpt.com");
    site.sighting(CLIENTS[0], "openai.chatgpt", "contacted");
    eventually("an alert waits", || (daemon.metrics().sum("shadowtap_alert_outbox_depth", &[]) == 1.0).then_some(()));

    let receiver = Receiver::start(client.net, &site.inbox);
    let first = site.alert(CLIENTS[0], "openai.chatgpt");
    eventually("nothing waits", || (daemon.metrics().sum("shadowtap_alert_outbox_depth", &[]) == 0.0).then_some(()));
    drop(receiver);

    client.net.be(CLIENTS[1]);
    client.curl("claude.ai");
    eventually("an alert waits again", || (daemon.metrics().sum("shadowtap_alert_outbox_depth", &[]) == 1.0).then_some(()));
    let _receiver = Receiver::start(client.net, &site.inbox);
    let second = site.alert(CLIENTS[1], "anthropic.claude");
    assert_ne!(first, second);
}

fn kill_9(client: &Client) {
    let site = Site::new(client.net);
    let daemon = site.start();
    client.net.be(CLIENTS[0]);
    client.curl("chatgpt.com");
    site.sighting(CLIENTS[0], "openai.chatgpt", "contacted");
    daemon.kill();

    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    let id = site.alert(CLIENTS[0], "openai.chatgpt");
    client.curl("chatgpt.com");
    eventually("the sighting goes on", || {
        let found = site.of(CLIENTS[0], "openai.chatgpt");
        assert_eq!(found.len(), 1, "one session, one sighting: {found:#?}");
        (found[0]["connections"].as_u64() >= Some(2)).then_some(())
    });
    daemon.kill();

    let _daemon = site.start();
    wait_for_all_before(client, &site);
    assert_eq!(site.of(CLIENTS[0], "openai.chatgpt").len(), 1, "nothing is doubled");
    assert_eq!(site.inbox.alerts(CLIENTS[0], "openai.chatgpt"), [id], "one alert, however often it was sent");
    assert_eq!(site.sqlite("pragma integrity_check"), "ok");
}

/// Whenever the blow falls: what the store holds as contacted is told, once, and what is told is in the store.
fn kill_9_at_any_moment(client: &Client) {
    let site = Site::new(client.net);
    let _receiver = Receiver::start(client.net, &site.inbox);
    let people = &CLIENTS[..6];
    for (who, after) in people.iter().zip([0, 10, 30, 60, 120, 400]) {
        let daemon = site.start();
        client.net.be(who);
        client.curl("chatgpt.com");
        sleep(Duration::from_millis(after));
        daemon.kill();
    }
    let _daemon = site.start();
    wait_for_all_before(client, &site);
    for who in people {
        let stored = site.of(who, "openai.chatgpt");
        assert!(stored.len() <= 1, "not doubled: {stored:#?}");
        if stored.iter().any(|s| s["evidence"] != "resolved") {
            site.alert(who, "openai.chatgpt");
        }
        let told = site.inbox.alerts(who, "openai.chatgpt").len();
        assert!(told <= stored.len(), "{who}: {told} alerts, {} sightings", stored.len());
    }
}

/// Acknowledged, or allowed by the policy: whoever got the alert hears that it is over. Banned again, it is told again; silenced, it is kept.
fn over(client: &Client) {
    let site = Site::new(client.net);
    let banned = "[[rule]]\nstatus = \"unapproved\"\nservice = \"openai.*\"\nalternative = \"anthropic.claude\"\n";
    fs::write(site.policy_file(), banned).expect("policy.toml");
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    let visit = |who: &str| {
        client.net.be(who);
        client.curl("chatgpt.com");
    };
    let alert_of = |id: &str| site.inbox.deliveries().into_iter().find(|d| d.id == id).expect("delivered").alert;
    let hears_of_the_end = |alert: &Value| {
        eventually("it is told that it is over", || {
            let is_end = |d: &crate::receiver::Delivery| d.alert["incident"] == alert["incident"] && d.alert["state"] == "resolved";
            site.inbox.deliveries().into_iter().find(is_end).map(|d| d.alert["message"].as_str().unwrap_or_default().to_owned())
        })
    };
    visit(CLIENTS[0]);
    let id = site.alert(CLIENTS[0], "openai.chatgpt");
    let alert = alert_of(&id);
    assert!(alert["rule"].as_str().is_some_and(|r| r.ends_with("policy.toml:1: unapproved (service openai.*)")), "{alert:#}");
    assert!(alert["tell_user"].as_str().is_some_and(|t| t.contains("Please use Claude instead")), "{alert:#}");
    assert_eq!(alert["decide"], "shadowtap policy set openai.chatgpt approved --team engineering --reason \"WHY\"");
    let (said, error, is_well) = site.ask(&["alerts", "ack", &id, "--note", "talked to them"]);
    assert!(is_well && said.starts_with("acknowledged"), "{said}{error}");
    assert!(hears_of_the_end(&alert).contains("talked to them"));
    assert!(!site.ask(&["alerts", "ack", &id, "--note", "again"]).2, "once");
    assert!(site.ask(&["alerts", "list"]).0.contains(": talked to them"), "the list shows the note");

    visit(CLIENTS[1]);
    let alert = alert_of(&site.alert(CLIENTS[1], "openai.chatgpt"));
    fs::write(site.policy_file(), "[[rule]]\nstatus = \"approved\"\nservice = \"openai.chatgpt\"\n").expect("policy.toml");
    assert!(hears_of_the_end(&alert).starts_with("The policy allows it now."));
    fs::write(site.policy_file(), banned).expect("policy.toml");
    eventually("it is banned and told again", || {
        visit(CLIENTS[1]);
        let again = |d: &crate::receiver::Delivery| d.alert["client"] == CLIENTS[1] && d.alert["kind"] == "status_changed";
        site.inbox.deliveries().iter().any(again).then_some(())
    });

    let (said, error, is_well) = site.ask(&["alerts", "silence", "--team", "finance", "--for", "1h", "--note", "fire drill"]);
    assert!(is_well && said.starts_with("silence 1 holds until"), "{said}{error}");
    visit(CLIENTS[4]);
    wait_for_all_before(client, &site);
    assert!(!site.inbox.mentions(CLIENTS[4]), "nobody is told");
    eventually("but it is kept", || site.ask(&["alerts", "list"]).0.contains("silence 1: fire drill").then_some(()));
    let silenced = [("kind", "first_use"), ("reason", "silence")];
    eventually("and counted", || (daemon.metrics().sum("shadowtap_alerts_suppressed_total", &silenced) == 1.0).then_some(()));
    assert!(!site.inbox.mentions(CLIENTS[4]), "still nobody is told");
    assert!(site.ask(&["alerts", "unsilence", "1"]).2);
}

/// A refused update and a refused reload, and nothing of them again after a crash.
fn sensor(client: &Client) {
    let site = Site::new(client.net);
    let key = KeyPair::generate_unencrypted_keypair().expect("a key").pk.to_base64();
    let (config, updates) = (site.path("config.toml"), site.path("state/updates"));
    let asked = format!("[signatures]\nkey = {key:?}\nupdate_folder = {updates:?}\n");
    let text = fs::read_to_string(&config).expect("config.toml").replace("[signatures]\n", &asked);
    fs::write(&config, text).expect("config.toml");
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    let told = |kind: &str| -> Vec<Value> {
        let of_kind = site.inbox.deliveries().into_iter().filter(|d| d.alert["kind"] == kind && d.alert["state"] == "open");
        of_kind.map(|d| d.alert).collect()
    };

    fs::write(site.path("forged.bundle"), "no bundle").expect("a file");
    let mut update = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
    update.args(["signatures", "update", "--yes", "--config"]).arg(&config).arg("--from").arg(site.path("forged.bundle"));
    assert_eq!(update.output().expect("runs").status.code(), Some(78));
    let refused = eventually("the refused update is told", || told("update_refused").into_iter().next());
    assert_eq!(refused["schema"], "shadowtap.sensor/1");
    assert!(refused["message"].as_str().is_some_and(|m| m.contains("no bundle")), "{refused}");

    fs::write(site.policy_file(), "[[rule]]\nstatus = \"aproved\"\n").expect("policy.toml");
    let refused = eventually("the refused reload is told", || told("reload_refused").into_iter().next());
    assert!(refused["message"].as_str().is_some_and(|m| m.contains("policy.toml:2")), "{refused}");

    fs::write(site.policy_file(), "").expect("policy.toml");
    daemon.kill();
    let _daemon = site.start();
    wait_for_all_before(client, &site);
    assert_eq!((told("update_refused").len(), told("reload_refused").len()), (1, 1));
    let incident = &refused["incident"];
    eventually("what was refused is accepted again, and that is told", || {
        let over = |d: &crate::receiver::Delivery| d.alert["incident"] == *incident && d.alert["state"] == "resolved";
        site.inbox.deliveries().iter().any(over).then_some(())
    });
}
