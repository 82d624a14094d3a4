//! What a shell and a reader of manuals get: completions asked for in the shells themselves, pages read by groff.
#![cfg(all(target_os = "linux", feature = "daemon"))]
#![allow(missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_shadowtap");

/// The completions for a shell, in a file of a folder.
fn completions(shell: &str, folder: &Path) -> String {
    let output = Command::new(PROGRAM).args(["completions", shell]).output().expect("starts");
    assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {}", said(&output));
    let file = folder.join("_shadowtap");
    fs::write(&file, output.stdout).expect("written");
    file.to_str().expect("text").to_owned()
}

/// Asks bash, by the function that it has registered, what completes the last of `words`.
fn bash(file: &str, words: &[&str]) -> Vec<String> {
    const ASK: &str = r#"
        source "$1"; shift
        registered=$(complete -p shadowtap) || exit 3
        [[ $registered =~ -F\ ([^ ]+) ]] || exit 4
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        "${BASH_REMATCH[1]}" shadowtap "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let output = Command::new("bash").args(["--norc", "-c", ASK, "bash", file]).args(words).output().expect("bash is there");
    assert!(output.status.success() && output.stderr.is_empty(), "{words:?}: {}", said(&output));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_subcommands_options_and_their_values() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = completions("bash", folder.path());
    assert_eq!(bash(&file, &["shadowtap", "vis"]), ["visibility"]);
    assert_eq!(bash(&file, &["shadowtap", "policy", "expl"]), ["explain"]);
    assert_eq!(bash(&file, &["shadowtap", "report", "--form"]), ["--format"]);
    let formats = bash(&file, &["shadowtap", "report", "--format", ""]);
    assert!(["table", "json", "csv"].iter().all(|form| formats.iter().any(|f| f == form)), "{formats:?}");
    assert_eq!(bash(&file, &["shadowtap", "nothing-begins-so"]), [""]);
}

#[test]
fn fish_completes_subcommands_and_values() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = completions("fish", folder.path());
    let ask = |line: &str| run("fish", &["--no-config", "-c", &format!("source {file}; complete --do-complete '{line}'")]);
    let Some(output) = ask("shadowtap vis") else { return };
    assert!(said(&output).starts_with("visibility\t"), "{}", said(&output));
    let formats = said(&ask("shadowtap report --format ").expect("fish is there"));
    assert!(["table", "json", "csv"].iter().all(|form| formats.lines().any(|l| l.starts_with(form))), "{formats}");
}

#[test]
fn zsh_takes_them_up_as_the_completion_of_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = completions("zsh", folder.path());
    let Some(output) = run("zsh", &["-f", "-n", &file]) else { return };
    assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
    let path = folder.path().display();
    let ask = format!("fpath=({path} $fpath); autoload -Uz compinit; compinit -u -D; print -r -- $_comps[shadowtap]");
    let output = run("zsh", &["-f", "-c", &ask]).expect("zsh is there");
    assert_eq!(said(&output).trim(), "_shadowtap");
}

#[test]
fn every_page_is_read_without_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("man/man1");
    let status = Command::new(PROGRAM).arg("man").arg(&pages).status().expect("starts");
    assert!(status.success());
    for entry in fs::read_dir(&pages).expect("pages") {
        let path = entry.expect("an entry").path();
        let page = path.to_str().expect("text");
        let Some(output) = run("groff", &["-man", "-ww", "-Tutf8", "-P-cbu", page]) else { return };
        assert!(output.status.success() && output.stderr.is_empty(), "{page}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("EXIT STATUS") && text.contains("FILES"), "{text}");
    }
}

/// `None` where the program is not there: said, and not held against the code.
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(program).args(arguments).output() {
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
