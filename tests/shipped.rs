//! What is shipped under `deploy/`, each part read by the program it is for: rules by promtool, the unit by systemd-analyze. The
//! dashboards' queries are asked in the end-to-end test.
#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The highest exposure the unit may have, in tenths (decision 0016).
const EXPOSURE: &str = "--threshold=17";

#[test]
fn rules_alert_when_they_are_to_and_not_otherwise() {
    let folder = deploy("prometheus");
    for arguments in [
        &["check", "config", "prometheus.yml"][..],
        &["check", "rules", "shadowtap.rules.yml"],
        &["test", "rules", "shadowtap.rules.test.yml", "shadowtap.weeks.test.yml"],
    ] {
        let Some(output) = run("promtool", arguments, &folder) else { return };
        assert!(output.status.success(), "promtool {arguments:?}: {}", said(&output));
    }
}

#[test]
fn every_alert_is_tested_and_stands_in_the_runbook() {
    let read = |name: &str| fs::read_to_string(deploy("prometheus").join(name)).expect(name);
    let rules = read("shadowtap.rules.yml");
    let tests = read("shadowtap.rules.test.yml") + &read("shadowtap.weeks.test.yml");
    let runbook = fs::read_to_string(root().join("docs/runbook.md")).expect("docs/runbook.md");
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    for alert in alerts {
        assert!(rules.contains(&format!("runbook: docs/runbook.md#{}\n", alert.to_lowercase())), "{alert} names its place in the runbook");
        assert!(runbook.contains(&format!("\n## {alert}\n")), "docs/runbook.md says what to do about {alert}");
        let raised = format!("alertname: {alert}\n        exp_alerts:\n");
        assert!(tests.contains(&raised), "a test raises {alert}");
    }
}

#[test]
fn unit_is_sound_and_shut() {
    let unit = fs::read_to_string(deploy("systemd/shadowtap.service")).expect("the unit");
    let here = unit.replace("/usr/bin/shadowtap", env!("CARGO_BIN_EXE_shadowtap"));
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("shadowtap.service"), here).expect("the unit");
    for arguments in [&["verify", "./shadowtap.service"][..], &["security", "--offline=true", EXPOSURE, "./shadowtap.service"]] {
        let Some(output) = run("systemd-analyze", arguments, folder.path()) else { return };
        assert!(output.status.success(), "systemd-analyze {arguments:?}: {}", said(&output));
        if arguments[0] == "verify" {
            assert!(!said(&output).contains("shadowtap.service"), "{}", said(&output));
        }
    }
}

#[test]
fn dashboards_use_the_data_sources_that_are_provisioned() {
    let sources = fs::read_to_string(deploy("grafana/provisioning/datasources/shadowtap.yml")).expect("data sources");
    let mut uids = BTreeSet::new();
    for entry in fs::read_dir(deploy("grafana/dashboards")).expect("dashboards") {
        let path = entry.expect("an entry").path();
        let board: Value = serde_json::from_str(&fs::read_to_string(&path).expect("a file")).expect("JSON");
        assert!(uids.insert(board["uid"].as_str().expect("a uid").to_owned()), "{}: its uid is another's too", path.display());
        for panel in board["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().expect("targets") {
                let source = &target["datasource"];
                let (uid, kind) = (source["uid"].as_str().unwrap_or_default(), source["type"].as_str().unwrap_or_default());
                let is_provisioned = sources.contains(&format!("uid: {uid}\n    type: {kind}\n"));
                assert!(is_provisioned, "{}: {} uses {source}", path.display(), panel["title"]);
            }
        }
    }
    assert_eq!(uids.len(), 3);
}

/// The compiling stage of the image has every file that the program is compiled of, and the ignore list lets it through.
#[test]
fn the_image_is_built_of_all_that_the_program_includes() {
    let recipe = fs::read_to_string(deploy("container/Containerfile")).expect("the recipe");
    let ignore = fs::read_to_string(deploy("container/Containerfile.dockerignore")).expect("the ignore list");
    let copied: Vec<&str> = recipe
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|rest| !rest.starts_with("--from"))
        .flat_map(|rest| rest.split_whitespace().rev().skip(1).collect::<Vec<_>>())
        .collect();
    for name in &copied {
        assert!(root().join(name).exists(), "{name} is copied and not there");
        assert!(ignore.lines().any(|line| line.strip_prefix('!') == Some(name)), "{name} is ignored");
    }
    let mut folders = vec![root().join("src")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                seen += includes(&path, &copied);
            }
        }
    }
    assert!(seen > 3, "{seen} files are included");
}

/// Looks at each file that a source includes outside of its tests; how many there are.
fn includes(source: &Path, copied: &[&str]) -> usize {
    let text = fs::read_to_string(source).expect("text");
    let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let is_test = source.file_name().is_some_and(|name| name.to_string_lossy().ends_with("tests.rs"))
        || source.parent().is_some_and(|folder| folder.ends_with("tests"));
    if is_test {
        return 0;
    }
    let files = product.split("include_").skip(1).filter_map(|rest| rest.split_once("!(\"")?.1.split_once('"'));
    let mut count = 0;
    for (file, _) in files {
        let path = source.parent().expect("a folder").join(file).canonicalize().expect(file);
        let name = path.strip_prefix(root().canonicalize().expect("the root")).expect("inside");
        assert!(
            copied.iter().any(|copied| name.starts_with(copied)),
            "{} includes {}, which the image has not",
            source.display(),
            name.display()
        );
        count += 1;
    }
    count
}

/// `None` where the program is not there: said, and not held against the code.
fn run(program: &str, arguments: &[&str], folder: &Path) -> Option<Output> {
    match Command::new(program).args(arguments).current_dir(folder).output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("SKIPPED: {program} cannot be run ({error})");
            None
        }
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn deploy(name: &str) -> PathBuf {
    root().join("deploy").join(name)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
