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
    run(ReportArgs { store, since: since.into(), until, format, by: None, output: Some(output.clone()), config: Some(config) })?;
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
        by: None,
        output: None,
        config: None,
    };
    let failure = run(args("sqlite::memory:", "tomorrow")).unwrap_err();
    assert!(failure.code() == 78 && failure.to_string().starts_with("--since: `tomorrow`"), "{failure}");
    let failure = run(args("/nowhere/s.sqlite", "7d")).unwrap_err();
    assert!(failure.code() == 78 && failure.to_string().contains("--store"), "{failure}");
}

/// Sightings of three days, four teams and three services, in a store.
async fn varied(folder: &tempfile::TempDir) -> (Store, String) {
    let path = folder.path().join("s.sqlite").to_str().unwrap().to_owned();
    let store = Store::open(&path).await.unwrap();
    let one = |n: u64| Sighting {
        client: format!("10.0.{}.{}", n % 4, n % 7).into(),
        team: format!("team-{}", n % 4).into(),
        service: format!("vendor.service{}", n % 3).into(),
        status: Status::ALL[(n % 3) as usize],
        evidence: Evidence::ALL[(n % 4) as usize],
        presence_only: n.is_multiple_of(3),
        first_seen: SEVEN.plus_seconds(n % 3 * 86_400 + n),
        last_seen: SEVEN.plus_seconds(n % 3 * 86_400 + n + 60),
        bytes_up: n * 1000,
        closed: true,
        ..sighting()
    };
    store.commit(&(0..200).map(one).map(finding).collect::<Vec<_>>().into(), None).await.unwrap();
    (store, path)
}

/// A table out of single sightings, and one out of sums.
async fn both(store: &Store, window: Window) -> [String; 2] {
    let frame = Frame { from: None, until: SEVEN, zones: &[], expiring: &[], decided: None };
    let (mut raw, mut summed) = (Vec::new(), Vec::new());
    assert!(write(store.sightings(window).await.unwrap(), Format::Table, &frame, &mut raw).await.is_ok());
    assert!(Sums::of(store, window, SEVEN).await.unwrap().write(&mut summed).await.is_ok());
    [raw, summed].map(|bytes| String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn sums_say_what_single_sightings_say() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = varied(&folder).await;
    let day = Window { since: Some(Time::new(SEVEN.seconds() / 86_400 * 86_400, 0)), until: Some(SEVEN.plus_seconds(7200)) };
    let [raw, summed] = both(&store, day).await;
    let (heading, table) = summed.split_once("\n\n").unwrap();
    assert_eq!(table, raw);
    assert_eq!(
        heading,
        "Sums of whole days in UTC, 2026-11-23 to 2026-11-23, as of 2026-11-23 07:00. Clients are those of the busiest day."
    );

    // Over several days all but clients is the same: those of the busiest day are counted.
    let [raw, summed] = both(&store, Window::default()).await;
    let numbers = |text: &str| -> Vec<Vec<String>> {
        let rows = text.lines().filter(|l| l.contains("vendor.service"));
        rows.map(|l| l.split_whitespace().enumerate().filter(|(at, _)| *at != 4).map(|(_, word)| word.to_owned()).collect()).collect()
    };
    assert_eq!(numbers(&raw), numbers(&summed));
    assert_eq!(numbers(&raw).len(), 3);
}

#[tokio::test]
async fn fresh_sums_of_a_day_that_goes_on_are_taken_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = varied(&folder).await;
    let rows = async |now: Time| {
        let sums = Sums::of(&store, Window::default(), now).await.unwrap();
        (store.sums(None, None).await.unwrap().iter().map(|s| s.sightings).sum::<i64>(), sums.as_of)
    };
    assert_eq!(rows(SEVEN).await, (200, SEVEN));
    store.commit(&vec![finding(Sighting { client: "10.9.9.9".into(), ..sighting() })].into(), None).await.unwrap();
    let then = Time::from_micros(SEVEN.micros());
    assert_eq!(rows(SEVEN.plus_seconds(300)).await, (200, then));
    assert_eq!(rows(SEVEN.plus_seconds(900)).await, (201, SEVEN.plus_seconds(900)));
}

#[test]
fn sums_are_told_by_day_team_and_service() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = runtime.block_on(async {
        let (store, path) = varied(&folder).await;
        store.close().await;
        path
    });
    let output = folder.path().join("out");
    let report = |by, format| {
        let output = Some(output.clone());
        let args = ReportArgs { store: path.clone(), since: "all".into(), until: None, format, by: Some(by), output, config: None };
        run(args).map(|()| std::fs::read_to_string(folder.path().join("out")).unwrap())
    };
    let by_day = report(By::Day, Format::Table).unwrap();
    let days: Vec<_> = by_day.lines().filter(|l| l.starts_with("2026-")).collect();
    assert_eq!(days, ["2026-11-23", "2026-11-24", "2026-11-25"], "{by_day}");
    assert!(by_day.starts_with("Sums of whole days in UTC, 2026-11-23 to 2026-11-25") && by_day.contains(" TEAM "), "{by_day}");
    let rows = |by| -> Vec<Value> {
        let document: Value = serde_json::from_str(&report(by, Format::Json).unwrap()).unwrap();
        document["rows"].as_array().unwrap().clone()
    };
    let total = |rows: &[Value], key: &str| rows.iter().map(|r| r[key].as_i64().unwrap()).sum::<i64>();
    for by in [By::Day, By::Team, By::Service] {
        let rows = rows(by);
        assert_eq!((total(&rows, "sightings"), total(&rows, "bytes_up")), (200, 19_900_000), "{by:?}");
        assert_eq!(rows.iter().any(|r| r.get("day").is_some()), by == By::Day);
    }
    assert_eq!(rows(By::Team)[0]["team"], "team-0");
    assert_eq!(rows(By::Service)[0]["service"], "vendor.service0");
    let refused = report(By::Day, Format::Csv).unwrap_err();
    assert!(refused.code() == 78 && refused.to_string().contains("remedy"), "{refused}");
}
