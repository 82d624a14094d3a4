//! Policy and signatures change under a running daemon.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{Case, wait_for_all_before};
use crate::client::Client;
use crate::net::CLIENTS;
use crate::patience::eventually;
use crate::receiver::Receiver;
use crate::site::{Daemon, Site};

pub const CASES: &[Case] = &[
    Case { name: "a_policy_replaced_by_rename_counts_at_once", needs: &["curl"], run: rename },
    Case { name: "a_policy_swapped_as_kubelet_does_counts_at_once", needs: &["curl"], run: kubelet },
    Case { name: "a_bad_policy_keeps_the_old_one_and_is_counted", needs: &["curl"], run: bad_policy },
    Case { name: "sighup_reloads", needs: &["curl"], run: sighup },
    Case { name: "a_signature_added_to_the_folder_counts_at_once", needs: &["curl"], run: signature },
];

const APPROVES_CLAUDE: &str = "[[rule]]\nstatus = \"approved\"\nservice = \"anthropic.claude\"\nreason = \"contract\"\n";

fn rename(client: &Client) {
    let site = Site::new(client.net);
    let _receiver = Receiver::start(client.net, &site.inbox);
    let daemon = site.start();
    visit(client, &site, CLIENTS[0], "unreviewed");
    site.alert(CLIENTS[0], "anthropic.claude");

    let before = reloads(&daemon);
    replace(&site.policy_file(), APPROVES_CLAUDE);
    eventually("the policy is read again", || (reloads(&daemon) > before).then_some(()));
    visit(client, &site, CLIENTS[1], "approved");
    wait_for_all_before(client, &site);
    assert!(!site.inbox.mentions(CLIENTS[1]), "what is approved alerts nobody");
}

/// A ConfigMap volume: `policy.toml -> ..data/policy.toml`, `..data -> ..TIMESTAMP`; kubelet renames a new `..data` over the old.
fn kubelet(client: &Client) {
    let site = Site::new(client.net);
    let volume = site.path("rules");
    fs::remove_file(site.policy_file()).expect("no file yet");
    project(&volume, "..2026_11_23_08_00_00.1", "");
    symlink("..data/policy.toml", site.policy_file()).expect("a link");
    let daemon = site.start();
    visit(client, &site, CLIENTS[0], "unreviewed");

    for (version, (who, policy, status)) in
        [(CLIENTS[1], APPROVES_CLAUDE, "approved"), (CLIENTS[2], "", "unreviewed")].into_iter().enumerate()
    {
        let before = reloads(&daemon);
        let old = fs::read_link(volume.join("..data")).expect("a link");
        project(&volume, &format!("..2026_11_23_09_00_0{version}.2"), policy);
        fs::remove_dir_all(volume.join(old)).expect("the old version goes");
        eventually("the volume is read again", || (reloads(&daemon) > before).then_some(()));
        visit(client, &site, who, status);
    }
    assert_eq!(errors(&daemon), 0.0, "no half-made volume was taken for a mistake");
}

fn bad_policy(client: &Client) {
    let site = Site::new(client.net);
    fs::write(site.policy_file(), APPROVES_CLAUDE).expect("policy.toml");
    let daemon = site.start();
    visit(client, &site, CLIENTS[0], "approved");

    replace(&site.policy_file(), "[[rule]]\nstatus = \"aproved\"\nservice = \"anthropic.claude\"\n");
    eventually("the mistake is counted", || (errors(&daemon) >= 1.0).then_some(()));
    visit(client, &site, CLIENTS[1], "approved");
    let log = fs::read_to_string(site.path("log")).expect("log");
    assert!(log.contains("policy.toml"), "the log names the file:\n{log}");

    let before = reloads(&daemon);
    replace(&site.policy_file(), "");
    eventually("the mended file is taken", || (reloads(&daemon) > before).then_some(()));
    visit(client, &site, CLIENTS[2], "unreviewed");
}

fn sighup(client: &Client) {
    let site = Site::new(client.net);
    let daemon = site.start();
    let before = reloads(&daemon);
    daemon.signal("HUP");
    eventually("a reload is counted", || (reloads(&daemon) > before).then_some(()));
    visit(client, &site, CLIENTS[0], "unreviewed");
}

fn signature(client: &Client) {
    let site = Site::new(client.net);
    let daemon = site.start();
    let before = reloads(&daemon);
    replace(
        &site.path("signatures/example.toml"),
        "vendor = \"Example\"\n[[service]]\nid = \"example.scribe\"\nname = \"Scribe\"\ncategory = \"writing\"\nhosts = [\"docs.example.net\"]\n\
         examples = [\"docs.example.net\"]\nnot = [\"example.net\"]\nsources = [{ url = \"https://docs.example.net/\", checked = 2026-11-23 }]\n",
    );
    eventually("the signatures are read again", || (reloads(&daemon) > before).then_some(()));
    client.net.be(CLIENTS[0]);
    client.curl("docs.example.net");
    site.sighting(CLIENTS[0], "example.scribe", "contacted");
}

/// A person visits claude.ai; their sighting has that status.
fn visit(client: &Client, site: &Site, who: &str, status: &str) {
    client.net.be(who);
    client.curl("claude.ai");
    assert_eq!(site.sighting(who, "anthropic.claude", "contacted")["status"], status, "{who}");
}

/// As editors save: a new file renamed over the old one.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).expect("a new file");
    fs::rename(new, file).expect("renames");
}

fn project(volume: &Path, version: &str, policy: &str) {
    fs::create_dir(volume.join(version)).expect("a folder");
    fs::write(volume.join(version).join("policy.toml"), policy).expect("policy.toml");
    symlink(version, volume.join("..data_tmp")).expect("a link");
    fs::rename(volume.join("..data_tmp"), volume.join("..data")).expect("renames");
}

/// Reloads taken.
fn reloads(daemon: &Daemon) -> f64 {
    daemon.metrics().sum("shadowtap_reloads_total", &[("result", "ok")])
}

/// Reloads refused, the old set kept.
fn errors(daemon: &Daemon) -> f64 {
    daemon.metrics().sum("shadowtap_reloads_total", &[]) - reloads(daemon)
}
