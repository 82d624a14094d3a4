//! Mistakes of sinks, each with its line and a remedy.

use std::path::Path;

use crate::daemon::config::Config;

/// What is said of a configuration that stands in this folder.
fn problems(folder: &Path, text: &str) -> Vec<String> {
    let (_, problems) = Config::parse(&folder.join("c.toml"), text);
    problems.iter().map(|p| format!("{}: {} | {}", p.line, p.message, p.hint)).collect()
}

#[test]
fn mistakes_have_their_line_and_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("empty", ""), ("two", "T0K3N\nT0K3N\n"), ("plain", "http://hooks.example/T0K3N\n"), ("key", "T0K3N\n")] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let here = |name: &str| folder.path().join(name).display().to_string();
    let url = "url = \"https://a.example/T0K3N\"\n";
    for (section, keys, wanted) in [
        ("slack", String::new(), "1: alert.slack.url is missing | add url = ".to_owned()),
        ("slack", format!("{url}url_file = \"key\"\n"), "4: url and url_file are both there | leave one of them".into()),
        ("teams", "url_file = \"empty\"\n".into(), format!("3: url_file {}: holds nothing | write it on a line", here("empty"))),
        ("teams", "url_file = \"two\"\n".into(), format!("3: url_file {}: holds more than one line", here("two"))),
        ("teams", "url_file = \"plain\"\n".into(), format!("3: url_file {}: url is http to another machine", here("plain"))),
        ("slack", format!("{url}client_cert_file = \"c.pem\"\n"), "4: alert.slack.client_key_file is missing | name both files".into()),
        ("slack", format!("{url}ca_file = \"gone\"\n"), format!("4: ca_file {} cannot be read", here("gone"))),
        ("slack", format!("{url}ca_file = \"key\"\n"), format!("4: ca_file {} holds no certificate in PEM form | put the", here("key"))),
        (
            "slack",
            format!("{url}client_cert_file = \"key\"\nclient_key_file = \"two\"\n"),
            format!("4: {} and {} hold no certificate with its key | put the", here("key"), here("two")),
        ),
        ("slack", format!("{url}proxy = \"http://me:T0K3N@p.example:1\"\n"), "4: proxy holds a user or a password | write http://".into()),
        ("slack", format!("{url}proxy = \"socks5://p.example:1\"\n"), "4: proxy names no HTTP proxy".into()),
        ("pagerduty", String::new(), "1: alert.pagerduty.routing_key_file is missing | name the file".into()),
        ("pagerduty", "routing_key_file = \"two\"\n".into(), format!("3: routing_key_file {} holds more than one line", here("two"))),
        ("alertmanager", format!("{url}labels = [\"a b=c\"]\n"), "4: \"a b=c\" is no label | write name=value".into()),
        ("alertmanager", format!("{url}open_hours = 0\n"), "4: alert.alertmanager.open_hours is 0, out of bounds".into()),
        ("template", url.into(), "1: alert.template.body is missing".into()),
        ("template", format!("{url}body = 'x'\nbody_file = \"key\"\n"), "5: body and body_file are both there".into()),
        ("template", format!("{url}method = \"GET\"\nbody = '1'\n"), "4: alert.template.method has no value \"GET\" | one of: POST".into()),
        ("template", format!("{url}body = '{{\"a\": \"{{{{ id }}}}\"}}'\n"), "4: the body that comes out is no JSON".into()),
        (
            "template",
            format!("{url}body = '''{{{{ id }}}},\n{{{{ nothing }}}}'''\n"),
            "5: the template cannot be used: undefined value".into(),
        ),
        ("slack", format!("{url}[[alert.slack.headers]]\nname = \"X-A\"\n"), "4: the header x-a has no value".into()),
        (
            "slack",
            format!("{url}[[alert.slack.headers]]\nname = \"Host\"\nvalue = \"x\"\n"),
            "5: the header host is set by the sink".into(),
        ),
        ("slack", format!("{url}[[alert.slack.headers]]\nname = \"a b\"\nvalue = \"x\"\n"), "5: \"a b\" cannot be the name".into()),
        (
            "slack",
            format!("{url}[[alert.slack.headers]]\nname = \"X-A\"\nvalue_file = \"gone\"\n"),
            format!("6: value_file {}", here("gone")),
        ),
    ] {
        let found = problems(folder.path(), &format!("[[alert.{section}]]\nname = \"a\"\n{keys}"));
        assert!(found.len() == 1 || (found.len() == 2 && found[1].contains("everybody may read")), "{section} {keys}: {found:?}");
        assert!(found[0].starts_with(&wanted), "{found:?} begins otherwise than {wanted:?}");
        assert!(!found.concat().contains("T0K3N"), "{found:?}");
    }
}

#[test]
fn files_that_are_read_are_known_and_a_template_in_a_file_is_part_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "k3y\n").unwrap();
    std::fs::write(folder.path().join("url"), "https://a.example/T0K3N\n").unwrap();
    std::fs::write(folder.path().join("body"), "{{ message }}").unwrap();
    let text = "[[alert.pagerduty]]\nname = \"p\"\nrouting_key_file = \"key\"\nca_file = \"ca\"\n[[alert.template]]\nname = \"t\"\nurl_file = \"url\"\n\
                body_file = \"body\"\nclient_cert_file = \"cert\"\nclient_key_file = \"certkey\"\n[[alert.template.headers]]\nname = \"X-A\"\n\
                value_file = \"key\"\n";
    let config = Config::parse(&folder.path().join("c.toml"), text).0;
    let read: Vec<_> = config.reads().iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    for file in ["key", "ca", "url", "body", "cert", "certkey"] {
        assert!(read.iter().any(|name| name == file), "{file} is not among {read:?}");
    }
    assert!(config.files.iter().any(|path| path.ends_with("body")));
    assert!(!format!("{config:?}").contains("T0K3N") && !format!("{config:?}").contains("k3y"));
    std::fs::write(folder.path().join("body"), "{{ title }}").unwrap();
    assert_ne!(Config::parse(&folder.path().join("c.toml"), text).0.sinks, config.sinks);
}

#[test]
fn names_are_unique_over_all_kinds() {
    let text = "[[alert.webhook]]\nname = \"a\"\nurl = \"https://a.example\"\n[[alert.slack]]\nname = \"a\"\nurl = \"https://b.example\"\n";
    assert_eq!(problems(Path::new("/nonexistent"), text), ["5: two sinks are named \"a\" | give each its own name"]);
}
