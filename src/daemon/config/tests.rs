//! What is accepted, what is refused, and what is said about it.

use super::*;

fn parsed(text: &str) -> (Config, Vec<String>) {
    let (config, problems) = Config::parse(Path::new("c.toml"), text);
    (config, problems.iter().map(|d| d.to_string().replace("\n  remedy: ", " | ")).collect())
}

fn accepted(text: &str) -> Config {
    let (config, problems) = parsed(text);
    assert_eq!(problems, Vec::<String>::new());
    config
}

#[test]
fn an_empty_file_is_the_defaults() {
    let mut config = accepted("");
    config.files.clear();
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
}

#[test]
fn reads_all_keys() {
    let config = accepted(include_str!("../../../tests/fixtures/full.toml"));
    assert_eq!(config.user.as_deref(), Some("shadowtap"));
    assert_eq!((config.inside.len(), config.teams.len(), config.zones.len(), config.identities.len()), (2, 2, 1, 1));
    assert_eq!(config.shared, ["10.9.0.1/32".parse().unwrap()]);
    let guests = crate::engine::event::Link { vlans: [40].into_iter().collect(), ..Default::default() };
    let holds = |address: &str, link| config.exclude.holds(address.parse().unwrap(), &link);
    assert!(holds("10.200.1.1", Default::default()) && holds("10.0.0.1", guests) && config.exclude.holds_mac([2, 0, 0, 0, 0, 6]));
    assert!(!holds("10.0.0.1", Default::default()) && Config::default().exclude.is_empty());
    assert_eq!((config.capture.interfaces.len(), config.capture.promiscuous, config.capture.buffer_mib), (2, false, 128));
    assert_eq!((config.store.url.as_str(), config.http.listen.port()), ("sqlite:///tmp/x.sqlite", 9700));
    assert_eq!(config.signatures.folder.as_deref(), Some(Path::new("/srv/signatures")));
    assert_eq!((config.signatures.keys.len(), config.signatures.update_folder.to_str()), (1, Some("/srv/updates")));
    assert!(!config.unmatched.enabled && Config::default().unmatched.enabled);
    let privacy = Privacy { mode: Mode::TeamOnly, key_folder: "/srv/keys".into(), rotation: 14 * 86_400, k: 10 };
    assert_eq!(config.privacy, privacy);
    let days = |days: u64| Some(std::time::Duration::from_secs(days * 86_400));
    let kept = Retention { sightings: days(30), daily: None, alerts: days(14), visibility: days(365) };
    assert_eq!(config.retention, kept);
    assert_eq!((config.policy.default, config.policy.rules.len()), (Some(crate::engine::policy::Status::Unapproved), 2));
    assert_eq!(config.policy.file.as_deref(), Some(Path::new("policy.toml")));
    assert_eq!((config.sighting.session_minutes, config.sighting.upload_bytes), (20, 500_000));
    assert_eq!(config.sighting.thresholds.iter().map(|t| t.limits.upload_host).collect::<Vec<_>>(), [Some(10_000)]);
    assert_eq!(config.sink_names(), ["soc", "local"]);
    assert_eq!((config.bounds.flows, config.bounds.hellos), (2_000_000, 8192));
    assert_eq!((config.log.format, config.log.level), (LogFormat::Json, "debug"));
    assert_eq!(&**config.team_groups().name_of("10.1.9.9".parse().unwrap()), "research");
}

#[test]
fn the_same_text_gives_the_same_configuration() {
    let text = include_str!("../../../tests/fixtures/full.toml");
    assert_eq!(format!("{:?}", parsed(text)), format!("{:?}", parsed(text)));
}

#[test]
fn finds_all_mistakes_at_once() {
    let (_, problems) = parsed(include_str!("../../../tests/fixtures/mistakes.toml"));
    let wanted = [
        "c.toml:1: error: inside \"10.0.0.0/99\" is no network | write 10.0.0.0/8 or 2001:db8::/32",
        "c.toml:1: warning: inside 10.1.2.3/8 has bits beyond its prefix | 10.0.0.0/8 is meant",
        "c.toml:4: error: capture.interface is no known key | did you mean \"interfaces\"?",
        "c.toml:8: error: store.url \"mysql://x/y\": only SQLite stores are known | write sqlite:///absolute/path, sqlite://relative/path, \
         sqlite::memory: or a plain path",
        "c.toml:11: error: http.listen 0.0.0.0:9615 can be reached from other machines, and allow_remote = true, tls_cert_file, tls_key_file, \
         token_file are not set | listen on 127.0.0.1, or set what is missing (docs/guides/dashboards.md)",
        "c.toml:14: error: a team is named \"other\", the name of everybody else | choose another name",
        "c.toml:17: error: team.subnets is missing | add subnets = [\"10.1.0.0/16\"]",
        "c.toml:36: error: two teams are named \"lab\" | join their subnets under one name",
        "c.toml:22: error: policy.rule.status has no value \"aproved\" | did you mean \"approved\"?",
        "c.toml:24: error: policy.rule.expires is no date | write expires = 2026-11-23",
        "c.toml:28: error: url is http to another machine: alerts would cross the network in the clear | use https, or set allow_plain = true",
        "c.toml:35: error: subnet 10.0.0.0/8 is in team \"other\" and in team \"lab\" | leave it in one of them; a narrower subnet may be in another",
        "c.toml:40: error: exclude.macs \"02:00:00:00:00\" is no MAC address | write 02:00:00:00:00:05",
        "c.toml:41: error: exclude.vlans holds 4095, out of bounds | from 1 to 4094",
        "c.toml:41: error: exclude.vlans is a TOML string | it takes a list of whole numbers",
        "c.toml:42: error: exclude.mac is no known key | did you mean \"macs\"?",
        "c.toml:32: error: two sinks are named \"soc\" | give each its own name",
    ];
    for want in wanted {
        assert!(problems.iter().any(|p| p == want), "{want}\nnot in\n{}", problems.join("\n"));
    }
    assert!(problems.iter().any(|p| p.starts_with("c.toml:5: error: capture.filter cannot be compiled")), "{problems:?}");
}

#[test]
fn a_file_that_is_not_there_is_one_problem() {
    let problems = Config::load(Some(Path::new("/nonexistent/c.toml"))).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].to_string().starts_with("/nonexistent/c.toml: error: cannot be read"), "{}", problems[0]);
}

#[test]
fn the_policy_file_stands_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "[policy]\nfile = \"p.toml\"\n[[policy.rule]]\nstatus = \"approved\"\nservice = \"a.b\"\n").unwrap();
    std::fs::write(folder.path().join("p.toml"), "default = \"tolerated\"\n[[rule]]\nstatus = \"unapproved\"\nservice = \"c.*\"\n")
        .unwrap();
    let loaded = Config::load(Some(&config)).unwrap().value;
    assert_eq!(loaded.policy.default, Some(crate::engine::policy::Status::Tolerated));
    assert_eq!(
        loaded.policy.rules.iter().map(|r| (r.line, r.rule.services[0].to_string())).collect::<Vec<_>>(),
        [(3, "a.b".to_owned()), (2, "c.*".to_owned())]
    );
    assert_eq!(loaded.files.len(), 2);
}

#[test]
fn secrets_must_be_there_and_are_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "hunter2\n").unwrap();
    let hook = |file: &Path| format!("[[alert.webhook]]\nname = \"a\"\nurl = \"https://a.example/\"\nsecret_file = {:?}\n", file);
    let (config, _) = parsed(&hook(&key));
    assert_eq!(config.sinks[0].files(), std::slice::from_ref(&key));
    assert!(!format!("{config:?}").contains("hunter2"));
    std::fs::write(&key, "hunter1\nhunter2\nhunter3\n").unwrap();
    let (_, problems) = parsed(&hook(&key));
    assert!(problems[0].contains("holds more than two secrets") && !problems[0].contains("hunter"), "{problems:?}");
    let (_, problems) = parsed(&hook(&folder.path().join("gone")));
    assert!(problems[0].starts_with("c.toml:4: error: secret_file") && problems[0].contains("cannot be read"), "{problems:?}");
}

#[test]
fn a_store_stands_where_the_command_line_could_name_it() {
    for url in ["/tmp/x.db", "sqlite:///tmp/x.db", "sqlite:x.db", "sqlite::memory:"] {
        assert_eq!(accepted(&format!("[store]\nurl = {url:?}\n")).store.url, url);
    }
    for url in ["sqlite:///tmp/x.db?mode=ro", "", "postgres://me:hunter2@db/x"] {
        let (_, problems) = parsed(&format!("[store]\nurl = {url:?}\n"));
        assert!(problems.len() == 1 && problems[0].contains("store.url") && !problems[0].contains("hunter2"), "{problems:?}");
    }
}

#[test]
fn no_part_of_a_webhook_url_behind_its_host_is_shown() {
    for url in
        ["https://hooks.example:port/T0K3N", "T0K3N", "https:T0K3N", "data:T0K3N", "http://hooks.example/T0K3N", "ftp://h.example/T0K3N"]
    {
        let (config, problems) = parsed(&format!("[[alert.webhook]]\nname = \"a\"\nurl = {url:?}\n"));
        assert!(!problems.is_empty() || url == "https:T0K3N", "{url}");
        assert!(!problems.concat().contains("T0K3N") && !format!("{config:?}").contains("T0K3N"), "{url}: {problems:?} {config:?}");
    }
    let (config, _) = parsed("[[alert.webhook]]\nname = \"a\"\nurl = \"https://hooks.example/T0K3N?k=T0K3N\"\n");
    assert!(format!("{config:?}").contains("hooks.example") && !format!("{config:?}").contains("T0K3N"), "{config:?}");
}

#[test]
fn any_bytes_are_read_without_panic() {
    let text = include_str!("../../../tests/fixtures/full.toml");
    for cut in 0..text.len() {
        if let Some(part) = text.get(..cut) {
            parsed(part);
        }
        let mut bytes = text.as_bytes().to_vec();
        bytes[cut] = bytes[cut].wrapping_mul(31).wrapping_add(cut as u8);
        parsed(&String::from_utf8_lossy(&bytes));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.toml");
    std::fs::write(&file, [b'a', b'\n', 0xff, 0xfe]).unwrap();
    let problem = Config::load(Some(&file)).unwrap_err().remove(0);
    assert_eq!((problem.line, problem.message.as_str()), (2, "is not UTF-8 text"));
}

#[test]
fn a_key_that_is_none_is_said() {
    let (_, problems) = parsed("[signatures]\nkey = \"RWno\"\n");
    assert_eq!(
        problems,
        ["c.toml:2: error: signatures.key \"RWno\" is no public key of minisign | write the second line of minisign.pub, which begins \
             with RW"]
    );
}

#[test]
fn thresholds_of_a_service_or_a_team_are_checked() {
    let text = "[[team]]\nname = \"design\"\nsubnets = [\"10.0.0.0/8\"]\n[[sighting.threshold]]\nservice = \"openai.*\"\nteam = \
                \"design\"\nupload_bytes = 5\nengaged_bytes_up = 6\n[[sighting.threshold]]\nteam = \"desing\"\nupload_bytes = 7\n\
                [[sighting.threshold]]\nupload_bytes = 8\n[[sighting.threshold]]\nservice = \"openai.*\"\nteam = \"design\"\n";
    let (config, problems) = Config::parse(Path::new("c.toml"), text);
    let first = &config.sighting.thresholds[0].limits;
    assert_eq!((first.upload, first.engaged_up, first.upload_host), (Some(5), Some(6), None));
    let shown: Vec<_> = problems.iter().map(|d| (d.line, d.message.as_str())).collect();
    assert_eq!(
        shown,
        [
            (12, "sighting.threshold names neither a service nor a team"),
            (14, "sighting.threshold sets no value"),
            (14, "sighting.threshold is for the same service and team as the one of line 4"),
        ]
    );
}

#[test]
fn files_of_clients_stand_beside_the_configuration() {
    let text = "[[identity]]\nfile = \"hosts.csv\"\n[[identity]]\nfile = \"/var/lib/misc/d\"\nformat = \"dnsmasq\"\n";
    let (config, problems) = Config::parse(Path::new("/etc/x/c.toml"), text);
    assert_eq!(problems, []);
    let named: Vec<_> = config.identities.iter().map(|s| (s.file.to_str().unwrap(), s.format)).collect();
    use crate::daemon::identity::Format;
    assert_eq!(named, [("/etc/x/hosts.csv", None), ("/var/lib/misc/d", Some(Format::Dnsmasq))]);
    assert!(config.reads().iter().any(|path| path == Path::new("/etc/x/hosts.csv")));
    let text = "[[identity]]\nformat = \"xml\"\n[[identity]]\nfile = \"a\"\nkind = \"csv\"\n[[identity]]\nfile = \"a\"\n";
    assert_eq!(
        parsed(text).1,
        [
            "c.toml:1: error: identity.file is missing | add file = \"…\"",
            "c.toml:2: error: identity.format has no value \"xml\" | one of: csv, json, netbox, dnsmasq, kea",
            "c.toml:5: error: identity.kind is no known key | one of: format, file",
            "c.toml:7: error: identity.file a is named twice | name it once",
        ]
    );
}

#[test]
fn privacy_is_refused_where_it_would_be_none() {
    for (text, wanted) in [
        ("mode = \"pseudonymus\"", "c.toml:2: error: privacy.mode has no value \"pseudonymus\" | did you mean \"pseudonymous\"?"),
        ("rotation = \"5m\"", "c.toml:2: error: privacy.rotation \"5m\" is no time from 1h to ten years | write 30d; h, d and w are known"),
        ("k = 1", "c.toml:2: error: privacy.k is 1, out of bounds | from 2 to 1000"),
    ] {
        assert_eq!(parsed(&format!("[privacy]\n{text}\n")).1, [wanted]);
    }
}

#[test]
fn the_daemon_quotes_files_of_clients_only_where_clients_are_kept_in_full() {
    let problem = |file: &str| Diagnostic {
        severity: crate::daemon::diagnostic::Severity::Warning,
        file: file.into(),
        line: 3,
        message: "\"anna-laptop\" is no address".into(),
        hint: "10.0.0.5".into(),
    };
    for (mode, is_quoted) in [("full", true), ("pseudonymous", false), ("team_only", false)] {
        let config = accepted(&format!("[privacy]\nmode = \"{mode}\"\n[[identity]]\nfile = \"hosts.csv\"\n"));
        let said = config.discreet(vec![problem("hosts.csv"), problem("policy.toml")]);
        let quotes = |d: &Diagnostic| d.to_string().contains("anna") || d.to_string().contains("10.0.0.5");
        assert_eq!((quotes(&said[0]), quotes(&said[1]), said[0].line), (is_quoted, true, 3), "{mode}");
    }
}

#[test]
fn times_to_keep_are_refused_with_their_line() {
    for (text, want) in [
        (
            "sightings = \"90\"",
            "retention.sightings \"90\" is no time to keep something | write a number and d or w, as in \"90d\", or \"forever\"",
        ),
        ("alerts = \"3h\"", "retention.alerts \"3h\" is less than a day | write a number and d or w, as in \"90d\", or \"forever\""),
        (
            "daily = \"60d\"",
            "retention.daily is shorter than retention.sightings: sums would go before what they sum up | \
             keep daily at least as long as sightings, or daily = \"forever\"",
        ),
        ("dayly = \"60d\"", "retention.dayly is no known key | did you mean \"daily\"?"),
    ] {
        let (_, problems) = parsed(&format!("[retention]\n{text}\n"));
        assert_eq!(problems, [format!("c.toml:2: error: {want}")], "{text}");
    }
    let all = accepted("[retention]\nsightings = \"forever\"\ndaily = \"forever\"\n").retention;
    assert_eq!((all.sightings, all.daily), (None, None));
    assert_eq!(parsed("[retention]\nsightings = \"forever\"\n").1.len(), 1, "sums go before what they sum up");
}
