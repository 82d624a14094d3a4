//! Findings on the captures of the repository, and on what is done to them.

use std::path::Path;

use super::findings::Severity;
use super::*;
use crate::engine::frame::Frame;

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name).with_extension("pcap")
}

/// Gives every frame of a capture to `each`.
fn survey(name: &str, mut each: impl FnMut(&mut Survey, &Frame<'_>)) -> Survey {
    let mut file = CaptureFile::open(&capture(name)).unwrap();
    let mut survey = Survey::new(HashSet::new());
    while let Ok(Some(frame)) = file.frame() {
        each(&mut survey, &frame);
    }
    survey
}

fn severities(survey: &mut Survey) -> std::collections::BTreeMap<&'static str, Severity> {
    findings(survey, None).into_iter().map(|f| (f.check, f.severity)).collect()
}

#[test]
fn an_office_is_well_but_for_what_the_capture_cut() {
    let mut survey = recorded(&capture("demo")).unwrap();
    let found = findings(&mut survey, None);
    let wrong: Vec<_> = found.iter().filter(|f| f.severity >= Severity::Warning).map(|f| f.check).collect();
    assert_eq!(wrong, ["snapped"], "{found:#?}");
    assert!(found.iter().any(|f| f.check == "offload" && f.severity == Severity::Note));
    let table = show::table("demo", &survey, &found);
    assert!(table.contains("raise [capture] snapshot_length") && table.ends_with("this view shows most; see the warnings."), "{table}");
    let document: serde_json::Value = serde_json::from_str(&show::json("demo", &survey, &found)).unwrap();
    assert_eq!(document["findings"].as_array().map(Vec::len), Some(found.len()));
}

#[test]
fn a_conversation_of_one_host_is_no_span_port() {
    let severities = severities(&mut recorded(&capture("curl-h2")).unwrap());
    assert_eq!((severities["span"], severities["dns"]), (Severity::Problem, Severity::Warning));
    assert_eq!((severities["directions"], severities["names"]), (Severity::Ok, Severity::Ok));
}

#[test]
fn copies_are_found_whatever_a_router_changed() {
    let mut survey = survey("demo", |survey, frame| {
        survey.frame(frame);
        let mut routed = frame.bytes.to_vec();
        let is_four = routed.get(12..14) == Some(&[8, 0]);
        routed[0] ^= 0x10;
        routed[if is_four { 22 } else { 21 }] -= 1;
        survey.frame(&Frame { bytes: &routed, ..*frame });
    });
    assert!(survey.copies * 3 > survey.frames, "{} of {}", survey.copies, survey.frames);
    assert_eq!(severities(&mut survey)["duplicates"], Severity::Warning);
}

#[test]
fn one_direction_is_a_problem() {
    let from_server = |frame: &Frame<'_>| frame.bytes.get(34..36) == Some(&443_u16.to_be_bytes());
    let mut survey = survey("demo", |survey, frame| {
        if !from_server(frame) {
            survey.frame(frame);
        }
    });
    assert_eq!(severities(&mut survey)["directions"], Severity::Problem);
}

#[test]
fn nothing_at_all_is_said_at_once() {
    let found = findings(&mut Survey::new(HashSet::new()), Some(LiveTotals { dropped_kernel: 3, ..LiveTotals::default() }));
    let told: Vec<_> = found.iter().map(|f| (f.check, f.severity)).collect();
    assert_eq!(told, [("traffic", Severity::Problem), ("loss", Severity::Problem)]);
}

#[test]
fn durations_are_read_and_nonsense_is_not() {
    assert_eq!(period("5m"), Ok(Duration::from_secs(300)));
    assert!(period("soon").is_err() && period("0s").is_err());
}
