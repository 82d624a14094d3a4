//! The policies we ship: each loads, lint has nothing to say of it, and it decides what its own comment says.

use std::process::{Command, Output};

fn shadowtap(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shadowtap")).args(args).output().expect("it runs")
}

/// A configuration with the teams the policies name, and the policy in force.
fn configuration(folder: &tempfile::TempDir, policy: &str) -> String {
    let teams = ["engineering", "research"].map(|t| format!("[[team]]\nname = \"{t}\"\nsubnets = []\n")).concat();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, format!("{teams}[policy]\nfile = {policy:?}\n")).unwrap();
    file.to_string_lossy().into_owned()
}

/// Name, team, what was seen, moment, status: what a comment says that a policy decides.
struct Said<'a> {
    name: &'a str,
    team: &'a str,
    evidence: &'a str,
    bytes: &'a str,
    at: Option<&'a str>,
    status: &'a str,
}

fn said(line: &str) -> Option<Said<'_>> {
    let (seen, status) = line.strip_prefix("#   ")?.split_once(" -> ")?;
    let mut parts = seen.split(", ");
    let (name, team, seen) = (parts.next()?, parts.next()?, parts.next()?);
    let (seen, at) = seen.split_once(" at ").map_or((seen, None), |(seen, at)| (seen, Some(at)));
    let (evidence, bytes) = seen.split_once(' ').unwrap_or((seen, "0"));
    Some(Said { name, team, evidence, bytes, at, status })
}

#[test]
fn each_shipped_policy_lints_clean_and_decides_what_its_comment_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/policies");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let names: Vec<_> = files.iter().filter_map(|f| f.file_name()?.to_str()).collect();
    assert_eq!(names, ["coaching.toml", "research-lab.toml", "strict.toml"]);
    for file in &files {
        let path = file.to_str().unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let config = configuration(&scratch, path);
        let lint = shadowtap(&["policy", "lint", path, "--config", &config]);
        assert!(lint.status.success(), "{path}: {}", String::from_utf8_lossy(&lint.stderr));
        assert!(
            String::from_utf8_lossy(&lint.stdout).ends_with(" rules, 0 warnings\n"),
            "{path}: {}",
            String::from_utf8_lossy(&lint.stderr)
        );
        let text = std::fs::read_to_string(file).unwrap();
        let all: Vec<_> = text.lines().filter_map(said).collect();
        assert!(all.len() >= 7, "{path} says what it decides");
        for s in all {
            let mut args = vec!["policy", "explain", s.name, "--team", s.team, "--evidence", s.evidence, "--bytes", s.bytes];
            args.extend(["--config", &config, "--output", "json"]);
            args.extend(s.at.iter().flat_map(|at| ["--at", at]));
            let told = shadowtap(&args);
            let told: serde_json::Value =
                serde_json::from_slice(&told.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&told.stderr)));
            assert_eq!(told["status"], s.status, "{path}: {} for {} {} {}", s.name, s.team, s.evidence, s.bytes);
        }
    }
}

#[test]
fn set_lint_and_explain_work_together() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, "# Ours\ndefault = \"unapproved\"\n").unwrap();
    let config = configuration(&folder, policy.to_str().unwrap());
    let set = |args: &[&str]| shadowtap(&[&["policy", "set"], args, &["--config", &config]].concat());
    let told = set(&["openai.api", "approved", "--team", "research", "--reason", "contract", "--expires", "2099-12-31"]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    assert!(String::from_utf8_lossy(&told.stdout).contains("policy.toml:4: added the rule about openai.api for team research"));
    let explained = shadowtap(&["policy", "explain", "api.openai.com", "--team", "research", "--config", &config]);
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.contains("status: approved, by") && explained.contains("reason: contract; until 2100-01-01"), "{explained}");
    let refused = set(&["openai.apu", "approved"]);
    assert_eq!(refused.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("did you mean \"openai.api\"?"));
    assert_eq!(set(&["openai.api", "forbidden"]).status.code(), Some(2));
    let written = std::fs::read_to_string(&policy).unwrap();
    let rule =
        "\n[[rule]]\nstatus = \"approved\"\nservice = \"openai.api\"\nteam = \"research\"\nreason = \"contract\"\nexpires = 2099-12-31\n";
    assert_eq!(written, format!("# Ours\ndefault = \"unapproved\"\n{rule}"));
}

#[test]
fn simulate_answers_from_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite").to_str().unwrap().to_owned();
    let demo = "deploy/config/demo.toml";
    let replay = shadowtap(&["replay", "tests/captures/demo.pcap", "--config", demo, "--store", &store, "--output", "none"]);
    assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));
    let new = folder.path().join("new.toml");
    std::fs::write(&new, "default = \"unapproved\"\n[[rule]]\nstatus = \"approved\"\nservice = \"openai.api\"\n").unwrap();
    let args = ["policy", "simulate", "--policy", new.to_str().unwrap(), "--since", "all", "--store", &store, "--config", demo];
    let text = String::from_utf8(shadowtap(&args).stdout).unwrap();
    assert!(text.contains("9 sightings from the beginning"), "{text}");
    let json = shadowtap(&[&args[..], &["--output", "json"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["sightings"], &json["judged_otherwise"]), (&9.into(), &0.into()));
    let chatgpt = json["changes"].as_array().unwrap().iter().find(|c| c["service"] == "openai.chatgpt").expect("it changes");
    assert_eq!(
        (&chatgpt["today"], &chatgpt["new"], &chatgpt["rule_new"]),
        (&"unreviewed".into(), &"unapproved".into(), &serde_json::Value::Null)
    );
    let refused = shadowtap(&["policy", "simulate", "--policy", "/nonexistent", "--store", &store, "--config", demo]);
    assert_eq!(refused.status.code(), Some(78));
}
