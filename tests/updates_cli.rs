//! From a publisher's folder to a site's catalogue and back, as the commands do it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use minisign::KeyPair;

const ACME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/signatures");

fn signatures(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shadowtap")).arg("signatures").args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn expect(output: Output, code: i32, words: &str) {
    let text = said(&output);
    assert!(output.status.code() == Some(code) && text.contains(words), "{words}: {:?} {text}", output.status.code());
}

fn listed(config: &str, service: &str) -> bool {
    let output = signatures(&["list", "--output", "json", "--config", config]);
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    text.contains(&format!("\"id\":\"{service}\""))
}

#[test]
fn a_bundle_is_made_taken_rolled_back_and_never_played_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let pair = KeyPair::generate_unencrypted_keypair().unwrap();
    fs::write(path("key"), pair.sk.to_box(None).unwrap().into_string()).unwrap();
    let config = path("c.toml");
    let store = path("none.sqlite");
    let text = format!(
        "[signatures]\nkey = [{:?}]\nupdate_folder = \"updates\"\n[store]\nurl = {:?}\n",
        pair.pk.to_base64(),
        format!("sqlite://{store}")
    );
    fs::write(&config, text).unwrap();

    for (version, dir) in [("1", None), ("2", Some(ACME))] {
        let (key, bundle) = (path("key"), path(&format!("{version}.bundle")));
        let mut args = vec!["bundle", "--key", &key, "--version", version, "--expires", "2200-01-01", "-o", &bundle];
        args.extend(dir);
        expect(signatures(&args), 0, &pair.pk.to_base64());
    }
    let update = |version: &str| signatures(&["update", "--yes", "--config", &config, "--from", &path(&format!("{version}.bundle"))]);
    expect(update("1"), 0, "version 1 is in force");
    assert!(listed(&config, "openai.chatgpt"));
    expect(update("2"), 0, "services gone");
    assert!(listed(&config, "acme.chat") && !listed(&config, "openai.chatgpt"));
    expect(update("2"), 0, "in force already");
    expect(update("1"), 78, "version 2 was in force here already");
    expect(signatures(&["rollback", "--config", &config]), 0, "version 1");
    assert!(listed(&config, "openai.chatgpt"));
    expect(signatures(&["rollback", "--config", &config]), 0, "version 2");
    assert!(listed(&config, "acme.chat"));

    let current = folder.path().join("updates/current/signatures.bundle");
    fs::write(&current, "x").unwrap();
    expect(signatures(&["list", "--config", &config]), 78, "is not used: it is no bundle");
    expect(signatures(&["rollback", "--config", &config]), 0, "version 1");
    expect(signatures(&["rollback", "--config", &config]), 78, "is not used");
    assert!(Path::new(&current).exists() && listed(&config, "openai.chatgpt"));
}

#[test]
fn a_bundle_is_not_made_of_what_lint_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let pair = KeyPair::generate_unencrypted_keypair().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    fs::write(path("key"), pair.sk.to_box(None).unwrap().into_string()).unwrap();
    let acme = fs::read_to_string(Path::new(ACME).join("acme.toml")).unwrap();
    fs::create_dir(path("dir")).unwrap();
    fs::write(path("dir/acme.toml"), acme.replace("sources  =", "#")).unwrap();
    let make = |expires: &str| {
        signatures(&["bundle", &path("dir"), "--key", &path("key"), "--version", "1", "--expires", expires, "-o", &path("b")])
    };
    expect(make("2200-01-01"), 78, "acme.chat has no source");
    expect(make("2020-01-01"), 78, "not to come");
    assert!(!Path::new(&path("b")).exists());
}
