//! Reports of a known store.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::daemon::fixture::{SEVEN, finding, sighting};
use crate::daemon::store::Batch;
use crate::engine::event::Reason;
use crate::engine::policy::Status;
use crate::engine::sighting::{Evidence, Sighting};
use crate::engine::visibility::{Count, Increment, Sight};
use serde_json::Value;

/// Three sightings of two services, one unapproved, and the report of them.
fn report(format: Format, since: &str) -> Result<String, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite").to_str().unwrap().to_owned();
    let claude =
        Sighting { service: "anthropic.claude".into(), vendor: "Anthropic, \"PBC\"".into(), status: Status::Unapproved, ..sighting() };
    let cdn = Sighting { client: "10.0.0.9".into(), evidence: Evidence::Contacted, presence_only: true, bytes_up: 5_000_000, ..sighting() };
    let findings: Vec<_> = [sighting(), claude, cdn].into_iter().map(finding).collect();
    let named = Increment {
        hour: Time::new(SEVEN.seconds() / 3600 * 3600, 0),
        zone: "office".into(),
        sight: Sight::Flow(Reason::Named),
        more: Count { flows: 7, clients: 2 },
    };
    let batch = Batch { findings, visibility: vec![named], ..Batch::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&store).await.unwrap();
        store.commit(&batch, None).await.unwrap();
        store.close().await;
    });
    drop(runtime);
    let output = folder.path().join("out");
    let until = Some(clock::rfc3339(SEVEN.plus_seconds(3600)));
    let config = folder.path().join("c.toml");
    let rule = "[[policy.rule]]\nstatus = \"approved\"\nservice = \"openai.api\"\nowner = \"it\"\nexpires = 2020-01-31\n";
    std::fs::write(&config, rule).unwrap();
    run(ReportArgs { store, since: since.into(), until, format, output: Some(output.clone()), config: Some(config) })?;
    assert_eq!(std::fs::metadata(&output).unwrap().permissions().mode() & 0o777, 0o600);
    Ok(std::fs::read_to_string(output).unwrap())
}

#[test]
fn json_is_one_document_with_every_sighting_and_totals() {
    let report: Value = serde_json::from_str(&report(Format::Json, "2026-11-23T06:00:00Z").unwrap()).unwrap();
    assert_eq!((&report["from"], &report["until"]), (&"2026-11-23T06:00:00.000000Z".into(), &"2026-11-23T08:00:00.123456Z".into()));
    assert_eq!(report["sightings"].as_array().unwrap().len(), 3);
    assert_eq!(report["sightings"][0]["names"][0], "chatgpt.com");
    let totals = &report["totals"];
    assert_eq!((&totals["sightings"], &totals["clients"], &totals["services"]), (&3.into(), &2.into(), &2.into()));
    assert_eq!(totals["bytes_up"], 5_024_000);
    let zone = &report["visibility"][0];
    assert_eq!((&zone["zone"], &zone["encrypted"], &zone["supported"]), (&"office".into(), &7.into(), &true.into()));
    let ending = &report["expiring"][0];
    assert_eq!(
        (&ending["conditions"], &ending["expires"], &ending["days_left"]),
        (&"service openai.api".into(), &"2020-02-01".into(), &0.into())
    );
    assert_eq!((&ending["status"], &ending["then"], &ending["owner"]), (&"approved".into(), &"unreviewed".into(), &"it".into()));
}

#[test]
fn json_of_nothing_is_a_document_too() {
    let report: Value = serde_json::from_str(&report(Format::Json, "2026-11-23T07:30:00Z").unwrap()).unwrap();
    assert_eq!((&report["sightings"], &report["totals"]["sightings"]), (&Value::Array(vec![]), &0.into()));
}

#[test]
fn csv_has_a_header_and_quotes() {
    let report = report(Format::Csv, "all").unwrap();
    let lines: Vec<_> = report.split("\r\n").collect();
    assert_eq!(lines.len(), 5, "{report}");
    assert!(
        lines[0].starts_with("client,team,service,")
            && lines[0].ends_with(",sources,names,host,user,site,active_minutes,turns_low,turns_high")
    );
    assert_eq!(
        lines[2],
        "10.0.0.5,design,anthropic.claude,\"Anthropic, \"\"PBC\"\"\",chat,unapproved,engaged,false,browser,2026-11-23T07:00:00.123456Z,\
         2026-11-23T07:01:00.123456Z,3,12000,340000,tls_sni dns_query,chatgpt.com ab.chatgpt.com,ws-14,,,2,4,6"
    );
}

#[test]
fn table_puts_first_what_is_not_approved() {
    let report = report(Format::Table, "all").unwrap();
    let lines: Vec<_> = report.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(lines[0].starts_with("SERVICE VENDOR CATEGORY STATUS CLIENTS TEAMS SIGHTINGS"), "{report}");
    assert!(lines[1].starts_with("anthropic.claude") && lines[1].contains("unapproved 1 1 1 3 12.0 kB 340 kB engaged"), "{report}");
    assert!(lines[2].starts_with("openai.chatgpt") && lines[2].contains("unreviewed 2 1 2 6 5.0 MB"), "{report}");
    assert_eq!(lines[4], "sightings: 3, services: 2, clients: 2, teams: 1, up: 5.0 MB, down: 1.0 MB");
    assert!(lines[6].starts_with("office: \"no AI use here\" is supported: 100.0 % of 7 encrypted flows named"), "{report}");
    assert!(lines[8].starts_with("policy: the rule that says approved (service openai.api) has run out"), "{report}");
}

#[test]
fn nonsense_is_refused_with_its_option() {
    let args = |store: &str, since: &str| ReportArgs {
        store: store.into(),
        since: since.into(),
        until: None,
        format: Format::Table,
        output: None,
        config: None,
    };
    let failure = run(args("sqlite::memory:", "tomorrow")).unwrap_err();
    assert!(failure.code() == 78 && failure.to_string().starts_with("--since: `tomorrow`"), "{failure}");
    let failure = run(args("/nowhere/s.sqlite", "7d")).unwrap_err();
    assert!(failure.code() == 78 && failure.to_string().contains("--store"), "{failure}");
}
