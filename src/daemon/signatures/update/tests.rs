//! Every lie a server can tell: each is refused, counted and said, and what was in force still is.

use std::fs;
use std::time::Instant;

use jiff::civil::Date;

use super::liar::{Answer, over_tls, plain};
use super::*;
use crate::daemon::bundle::{Bundle, BundledFile, SecretKey, seal};
use crate::daemon::fixture::{finding, sighting};

const ACME: &str = include_str!("../../../../tests/fixtures/signatures/acme.toml");

struct Site {
    folder: tempfile::TempDir,
    key: SecretKey,
}

impl Site {
    fn new() -> Self {
        let (folder, key) = (tempfile::tempdir().unwrap(), SecretKey::generate());
        let text = format!(
            "[signatures]\nkey = {:?}\nupdate_folder = \"updates\"\n[store]\nurl = \"sqlite://{}\"\n",
            key.public().unwrap(),
            folder.path().join("s.sqlite").display()
        );
        fs::write(folder.path().join("c.toml"), text).unwrap();
        Site { folder, key }
    }

    fn sealed(&self, version: u64) -> Vec<u8> {
        self.sealed_with(version, |_| {})
    }

    fn sealed_with(&self, version: u64, change: impl Fn(&mut Bundle)) -> Vec<u8> {
        let files = vec![BundledFile { name: "acme.toml".into(), text: ACME.into() }];
        let (issued, expires) = (Date::constant(2026, 11, 1), Date::constant(2200, 1, 1));
        let mut bundle = Bundle { version, issued, expires, files };
        change(&mut bundle);
        seal(&bundle, &self.key).unwrap()
    }

    fn args(&self, from: &str) -> Args {
        Args {
            from: from.into(),
            config: Some(self.folder.path().join("c.toml")),
            store: None,
            yes: true,
            timeout: 1,
            ca: None,
            allow_plain_loopback: true,
        }
    }

    fn update(&self, answer: Answer) -> Result<(), Failure> {
        run(self.args(&plain(answer)))
    }

    /// The version in force, and how many updates were taken and refused.
    fn state(&self) -> (Option<u64>, u64, u64) {
        let config = Config::load(Some(&self.folder.path().join("c.toml"))).unwrap().value;
        let folder = Folder::new(&config.signatures.update_folder);
        let tally = Tally::read(folder.path()).unwrap();
        (folder.current(&config.signatures.keys).unwrap().map(|b| b.version), tally.taken, tally.refused)
    }

    /// That an answer is refused for a reason, with an exit code, and nothing changes but the count.
    fn refuses(&self, answer: Answer, code: u8, why: &str) {
        let before = self.state();
        let failure = self.update(answer).unwrap_err();
        assert!(failure.code() == code && failure.to_string().contains(why), "{why}: {} {failure}", failure.code());
        assert_eq!(self.state(), (before.0, before.1, before.2 + 1), "{why}");
    }
}

fn site_with_7() -> Site {
    let site = Site::new();
    site.update(Answer::Body(site.sealed(7))).unwrap();
    assert_eq!(site.state(), (Some(7), 1, 0));
    site
}

#[test]
fn a_bundle_with_another_key_or_changed_is_refused() {
    let (site, other) = (site_with_7(), Site::new());
    site.refuses(Answer::Body(other.sealed(8)), 78, "a key that is not pinned");
    let mut changed = site.sealed(8);
    *changed.last_mut().unwrap() = b' ';
    site.refuses(Answer::Body(changed), 78, "signature is wrong");
    site.refuses(Answer::Body(b"<html>captive portal</html>\n".to_vec()), 78, "no bundle");
}

#[test]
fn an_older_version_played_again_is_refused_after_a_rollback_too() {
    let site = site_with_7();
    site.update(Answer::Body(site.sealed(9))).unwrap();
    site.refuses(Answer::Body(site.sealed(7)), 78, "its version is 7, and version 9 was in force");
    site.refuses(Answer::Body(site.sealed_with(9, |b| b.files[0].text.push('\n'))), 78, "its version is 9");
    let config = Config::load(Some(&site.folder.path().join("c.toml"))).unwrap().value;
    assert!(Updates::open(&config).unwrap().roll_back().unwrap().starts_with("version 7"));
    site.refuses(Answer::Body(site.sealed(8)), 78, "version 9 was in force");
    assert!(Updates::open(&config).unwrap().roll_back().unwrap().starts_with("version 9"));
    site.update(Answer::Body(site.sealed(10))).unwrap();
    assert_eq!(site.state(), (Some(10), 3, 3));
}

#[test]
fn the_same_bundle_again_is_no_news() {
    let site = site_with_7();
    let bytes = site.sealed(8);
    site.update(Answer::Body(bytes.clone())).unwrap();
    site.update(Answer::Body(bytes)).unwrap();
    assert_eq!(site.state(), (Some(8), 2, 0));
}

#[test]
fn a_bundle_that_has_ended_is_refused() {
    let site = site_with_7();
    site.refuses(Answer::Body(site.sealed_with(8, |b| b.expires = Date::constant(2026, 11, 2))), 78, "it ended on 2026-11-02");
}

#[test]
fn a_truncated_answer_is_refused_wherever_it_ends() {
    let site = site_with_7();
    let bytes = site.sealed(8);
    site.refuses(Answer::Promise(bytes.len(), bytes[..bytes.len() / 2].to_vec()), 70, "bundle");
    site.refuses(Answer::Body(bytes[..bytes.len() - 1].to_vec()), 78, "cut off");
    site.refuses(Answer::Body(bytes[..100].to_vec()), 78, "cut off");
    site.refuses(Answer::Body(Vec::new()), 78, "no bundle");
}

#[test]
fn a_drip_and_silence_end_in_time() {
    let site = site_with_7();
    // Each byte comes well within any pause one could wait for; all of them would take minutes.
    for answer in [Answer::Drip(site.sealed(8), Duration::from_millis(40)), Answer::Hang] {
        let started = Instant::now();
        site.refuses(answer, 70, "");
        assert!((900..3000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    }
}

#[test]
fn an_oversized_answer_is_refused_promised_or_not() {
    let site = site_with_7();
    site.refuses(Answer::Promise(1 << 30, b"x".to_vec()), 70, "longer than 16 MiB");
    site.refuses(Answer::Flood, 70, "");
}

#[test]
fn redirects_are_not_followed_and_failures_are_said() {
    let site = site_with_7();
    let good = plain(Answer::Body(site.sealed(8)));
    site.refuses(Answer::Redirect(good), 70, "redirects are not followed");
    site.refuses(Answer::Status(503), 70, "503");
}

#[test]
fn content_that_lint_refuses_or_the_site_cannot_use_is_refused() {
    let site = site_with_7();
    let changed = |from: &'static str, to: &'static str| site.sealed_with(8, |b| b.files[0].text = ACME.replacen(from, to, 1));
    site.refuses(Answer::Body(changed("sources  =", "#")), 78, "acme.chat has no source");
    site.refuses(Answer::Body(changed("acme-chat.example\",", "com\",")), 78, "public suffix");
    site.refuses(Answer::Body(changed("category    = \"chat\"", "category = \"chta\"")), 78, "chta");
    site.refuses(Answer::Body(site.sealed_with(8, |b| b.files.clear())), 78, "no service is in it");
    let config = site.folder.path().join("c.toml");
    let policy = "[[policy.rule]]\nstatus = \"approved\"\nservice = \"acme.chat\"\n";
    fs::write(&config, fs::read_to_string(&config).unwrap() + policy).unwrap();
    let renamed = site.sealed_with(8, |b| b.files[0].text = ACME.replace("acme.chat\"", "acme.cat\""));
    site.refuses(Answer::Body(renamed), 78, "acme.chat");
}

#[test]
fn only_https_is_spoken_to_others_and_certificates_are_checked() {
    let site = site_with_7();
    for from in ["http://192.0.2.1/bundle", "ftp://127.0.0.1/bundle", "file:///tmp/bundle"] {
        assert_eq!(run(site.args(from)).unwrap_err().code(), 78, "{from}");
    }
    let plain_url = plain(Answer::Body(site.sealed(8)));
    assert_eq!(run(Args { allow_plain_loopback: false, ..site.args(&plain_url) }).unwrap_err().code(), 78);
    let (url, certificate) = over_tls(Answer::Body(site.sealed(8)));
    let failure = run(site.args(&url)).unwrap_err();
    assert!(failure.code() == 70 && failure.to_string().contains("ertificate"), "{failure}");
    assert_eq!(site.state(), (Some(7), 1, 5));
    let ca = site.folder.path().join("ca.pem");
    fs::write(&ca, certificate).unwrap();
    run(Args { ca: Some(ca), ..site.args(&url) }).unwrap();
    assert_eq!(site.state(), (Some(8), 2, 5));
}

#[test]
fn nothing_is_put_into_force_without_a_key_or_consent() {
    let site = Site::new();
    let file = site.folder.path().join("b");
    fs::write(&file, site.sealed(7)).unwrap();
    let from = file.display().to_string();
    if !io::stdin().is_terminal() {
        assert!(run(Args { yes: false, ..site.args(&from) }).unwrap_err().to_string().contains("--yes"));
        assert_eq!(site.state(), (None, 0, 0));
    }
    run(site.args(&from)).unwrap();
    assert_eq!(site.state(), (Some(7), 1, 0));
    fs::write(site.folder.path().join("c.toml"), "").unwrap();
    assert!(run(site.args(&from)).unwrap_err().to_string().contains("no key is pinned"));
}

#[test]
fn the_difference_is_told_against_stored_sightings() {
    let site = site_with_7();
    let url = format!("sqlite://{}", site.folder.path().join("s.sqlite").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut seen = sighting();
    (seen.service, seen.names) = ("acme.chat".into(), vec!["acme-chat.example".into()]);
    (seen.first_seen, seen.last_seen) = (clock::now(), clock::now());
    runtime.block_on(async {
        let store = Store::open(&url).await.unwrap();
        store.commit(&vec![finding(seen)].into(), None).await.unwrap();
        store.close().await;
    });
    let config = Config::load(Some(&site.folder.path().join("c.toml"))).unwrap().value;
    let moved = site.sealed_with(8, |b| b.files[0].text = ACME.replace("acme.chat\"", "acme.cat\""));
    let candidate = examine(moved, &config, 7, clock::today()).unwrap();
    let text = compare(&Catalogue::of(&config).signatures(), &candidate.signatures, &url).unwrap();
    assert!(text.contains("acme.chat -> acme.cat: 1 sightings"), "{text}");
    assert!(text.contains("1 services reclassified, 1 sightings of 30 days touched"), "{text}");
}
