//! The same office, kept in other modes: nothing tells who anybody is, in any form, in any file, line or metric of the daemon.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use shadowtap::daemon::forms;

use crate::office::Office;

/// Who they are: every one of it stands in the store where it is kept in full.
pub const SECRETS: [&str; 15] = [
    "10.77.0.50",
    "10.77.0.30",
    "10.77.0.31",
    "10.77.0.20",
    "10.78.0.5",
    "2001:db8:77:0:a1b2:c3d4:e5f6:c",
    "02:00:00:00:77:0a",
    "02:00:00:00:77:0b",
    "02:00:00:00:77:0c",
    "02:00:00:00:77:0d",
    "anna-laptop",
    "ben-desk",
    "carl-mac",
    "dora@example",
    "emil@example",
];
/// Addresses that stand nowhere even then, as they are counted by others.
const OTHERS: [&str; 3] = ["2001:db8:77:0:1122:3344:5566:c", "2001:db8:88:0:a1b2:c3d4:e5f6:1", "2001:db8:88:0:a1b2:c3d4:e5f6:2"];

/// A daemon beside the other, with a site of its own.
pub struct Kept {
    mode: &'static str,
    listen: String,
    place: usize,
}

impl Kept {
    /// Starts it in that mode.
    pub fn start(office: &mut Office, mode: &'static str, port: u16) -> Self {
        let state = office.path(mode);
        fs::create_dir(&state).expect("a folder");
        fs::set_permissions(&state, Permissions::from_mode(0o777)).expect("its mode");
        let listen = format!("127.0.0.1:{port}");
        let text = format!(
            "user = \"nobody\"\ninside = [\"10.0.0.0/8\", \"2001:db8:77::/64\", \"2001:db8:88::/64\"]\n[store]\nurl = \"sqlite://{0}/s.sqlite\"\n\
             [http]\nlisten = \"{listen}\"\n[privacy]\nmode = \"{mode}\"\nkey_folder = \"{0}/keys\"\nk = 3\n[log]\nlevel = \"debug\"\n",
            state.display()
        );
        fs::write(office.path(&format!("{mode}.toml")), text).expect("a configuration");
        let (config, log) = (office.path(&format!("{mode}.toml")), office.path(&format!("{mode}.log")));
        let line = format!("exec {} run -i br0 --config {} 2>{}", env!("CARGO_BIN_EXE_shadowtap"), config.display(), log.display());
        let place = office.start("switch", &["sh", "-c", &line]);
        let end = Instant::now() + Duration::from_secs(20);
        while !office.run("switch", &["curl", "-sf", &format!("http://{listen}/readyz")]).status.success() {
            assert!(Instant::now() < end, "the daemon is not ready: {}", fs::read_to_string(&log).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(200));
        }
        Kept { mode, listen, place }
    }

    /// Searches all it left and says, while it runs and after.
    pub fn check(&self, office: &mut Office) {
        let metrics = office.must("switch", &["curl", "-sf", &format!("http://{}/metrics", self.listen)]);
        assert!(metrics.contains("shadowtap_sightings_total{"), "{metrics}");
        self.assert_clean(office, metrics.as_bytes());
        office.stop(self.place);
        let csv = self.ask(office, "--store", &["report", "--since", "all", "--format", "csv"]);
        assert!(csv.lines().count() > 1, "{csv}");
        let listed = self.ask(office, "--store", &["audit", "list"]);
        self.assert_clean(office, (csv.clone() + &listed).as_bytes());
        if self.mode == "pseudonymous" {
            self.assert_known(office, &csv);
        }
    }

    fn assert_clean(&self, office: &Office, said: &[u8]) {
        let secrets = SECRETS.iter().chain(&OTHERS);
        let forms: Vec<_> = secrets.flat_map(|secret| forms::of(secret)).collect();
        let mut places = vec![("said".to_owned(), said.to_vec())];
        files(&office.path(self.mode), &mut places);
        files(&office.path(&format!("{}.log", self.mode)), &mut places);
        assert!(places.len() >= 3, "database, log, and what was said");
        for (place, bytes) in places {
            let found: Vec<_> = forms::found(&forms, &bytes).expect("a search").into_iter().map(|f| &f.what).collect();
            assert!(found.is_empty(), "{} in {place}: {found:?}", self.mode);
        }
    }

    /// With the key everybody is known again, identities told later among them.
    fn assert_known(&self, office: &Office, csv: &str) {
        let mut pseudonyms: Vec<_> = csv.lines().filter_map(|l| l.split(',').next()).filter(|c| c.contains("p-")).collect();
        pseudonyms.sort();
        pseudonyms.dedup();
        let who = |p: &&str| self.ask(office, "--config", &["reidentify", p.trim_matches('\''), "--reason", "a test"]);
        let known: String = pseudonyms.iter().map(who).collect();
        for secret in SECRETS.iter().filter(|s| !s.starts_with("2001")) {
            // A router's address has no machine of its own; neither has an address behind it.
            assert!(known.contains(secret), "{secret}: {known}");
        }
    }

    fn ask(&self, office: &Office, option: &str, line: &[&str]) -> String {
        let path = office.path(self.mode).join("s.sqlite").display().to_string();
        let place = if option == "--store" { path } else { office.path(&format!("{}.toml", self.mode)).display().to_string() };
        let output = Command::new(env!("CARGO_BIN_EXE_shadowtap")).args(line).args([option, &place]).output().expect("runs");
        assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn files(path: &Path, places: &mut Vec<(String, Vec<u8>)>) {
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|entry| files(&entry.path(), places)),
        Err(_) => places.push((path.display().to_string(), fs::read(path).expect("a file"))),
    }
}
