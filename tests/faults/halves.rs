//! Files that are written in place and read half way: what was in force stays, with file and remedy, until they are whole.

use std::fs;

use crate::site::Site;

const NAME: &str = "chatgpt.com";

#[test]
fn half_a_file_changes_nothing_and_a_whole_one_does() {
    let Some(mut site) = Site::new("[policy]\nfile = \"policy.toml\"\n[signatures]\nfolder = \"signatures\"\n") else {
        return;
    };
    fs::create_dir(site.path("signatures")).expect("a folder");
    let policy = "[[rule]]\nstatus = \"tolerated\"\nservice = \"anthropic.claude\"\nreason = \"pilot\"\n";
    let signature = "vendor = \"Example\"\n[[service]]\nid = \"example.scribe\"\nname = \"Scribe\"\ncategory = \"writing\"\nhosts = [\"docs.example.net\"]\n\
                     examples = [\"docs.example.net\"]\nnot = [\"example.net\"]\nsources = [{ url = \"https://docs.example.net/\", checked = 2026-11-23 }]\n";
    let files = [("policy.toml", policy), ("signatures/example.toml", signature)];
    for (name, text) in files {
        fs::write(site.path(name), text).expect("written");
    }
    let config = fs::read_to_string(site.path("config.toml")).expect("a configuration");
    site.start();
    let refused = |site: &Site| site.metric("shadowtap_reloads_total", "result=\"refused\"");
    let taken = |site: &Site| site.metric("shadowtap_reloads_total", "result=\"ok\"");
    let mut client = 0;
    // Files of clients: tests/client_files.rs; bundles: tests/updates_cli.rs.
    for (name, text, at) in [
        ("config.toml", &*config, "listen = \"127"),
        ("policy.toml", policy, "service = \"anth"),
        ("signatures/example.toml", signature, "hosts = [\"docs"),
    ] {
        let was = (refused(&site), taken(&site));
        let half = &text[..text.find(at).expect("is there") + at.len()];
        fs::write(site.path(name), half).expect("written");
        site.until(&format!("half of {name} is refused"), |site| (refused(site) > was.0).then_some(()));
        assert!(site.log().contains(name.rsplit('/').next().unwrap_or(name)), "{}", site.log());
        site.visit_and_hear(client, NAME);
        client += 1;
        assert_eq!(site.trouble(), None);
        fs::write(site.path(name), format!("{text}\n")).expect("written");
        site.until(&format!("the whole {name} is taken"), |site| (taken(site) > was.1).then_some(()));
    }
    site.all_is_kept(0..client);
}
