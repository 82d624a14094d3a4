//! The commands about rules, as other programs call them.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn shadowtap(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_shadowtap"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().ok();
    output
}

/// A configuration whose only signatures beside the shipped ones are the fixture's.
fn configuration(folder: &tempfile::TempDir, more: &str) -> String {
    let file = folder.path().join("config.toml");
    let signatures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/signatures");
    std::fs::write(&file, format!("[signatures]\nfolder = {signatures:?}\n{more}")).unwrap();
    file.to_string_lossy().into_owned()
}

#[test]
fn match_answers_a_hundred_thousand_names_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let config = configuration(&folder, "");
    let names: String = (0..100_000).map(|n| format!("h{n}.{}\n", ["acme-chat.example", "nobody.example"][n % 2])).collect();
    let output = shadowtap(&["signatures", "match", "--config", &config, "--output", "json", "-"], &names);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().count(), 100_000);
    for (n, line) in answers.lines().enumerate().take(1000) {
        let wanted = match n % 2 {
            0 => format!(
                "{{\"name\":\"h{n}.acme-chat.example\",\"service\":\"acme.chat\",\"host\":\"acme-chat.example\",\"role\":\"web\",\"use\":\
                 \"exclusive\"}}"
            ),
            _ => format!("{{\"name\":\"h{n}.nobody.example\",\"service\":null}}"),
        };
        assert_eq!(line, wanted);
    }
}

#[test]
fn check_says_ok_or_every_problem() {
    let folder = tempfile::tempdir().unwrap();
    let good = shadowtap(&["check", "--elsewhere", "--config", &configuration(&folder, "")], "");
    assert!(good.status.success() && good.stdout.starts_with(b"ok: "), "{}", String::from_utf8_lossy(&good.stderr));
    let bad = shadowtap(&["check", "--elsewhere", "--config", "tests/fixtures/mistakes.toml"], "");
    let said = String::from_utf8(bad.stderr).unwrap();
    assert_eq!(bad.status.code(), Some(78));
    assert_eq!(said.matches(": error: ").count(), said.matches("remedy:").count() - said.matches(": warning: ").count());
    assert!(said.matches("error:").count() > 10, "{said}");
}

#[test]
fn lint_of_a_folder_prints_totals_and_refuses_mistakes() {
    let good = shadowtap(&["signatures", "lint", "--today", "2026-11-23", "tests/fixtures/signatures"], "");
    assert_eq!(String::from_utf8_lossy(&good.stdout), "2 services of 1 vendors, 5 hosts, 11 of 12 risk facts unknown (91 %)\n");
    assert_eq!((good.status.code(), String::from_utf8_lossy(&good.stderr).as_ref()), (Some(0), ""));
    assert_eq!(shadowtap(&["signatures", "lint", "/nonexistent"], "").status.code(), Some(78));
}

#[test]
fn policy_explain_names_the_rule_that_won() {
    let folder = tempfile::tempdir().unwrap();
    let rule = "[[policy.rule]]\nstatus = \"approved\"\nservice = \"acme.*\"\nreason = \"contract\"\n";
    let config = configuration(&folder, rule);
    let output = shadowtap(&["policy", "explain", "acme-chat.example", "--client", "10.0.0.1", "--config", &config], "");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("status: approved, by") && said.contains("reason: contract"), "{said}");
    assert!(shadowtap(&["policy", "lint", "--config", &config], "").status.success());
}
