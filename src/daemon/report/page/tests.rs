//! Pages of a known store.

use super::*;
use crate::daemon::fixture::{SEVEN, finding, sighting};
use crate::daemon::report::expiring;
use crate::daemon::store::{Batch, DayTotal};
use crate::daemon::zone_sight::zone_sights;
use crate::engine::event::{BlindSpot, Reason};
use crate::engine::policy::Status;
use crate::engine::sighting::{Evidence, Sighting};
use crate::engine::visibility::{Count, Increment, Sight};

/// A site with a policy, hostile names, and use on two days.
async fn site(folder: &tempfile::TempDir) -> (Store, Decided) {
    let store = Store::open(folder.path().join("s.sqlite").to_str().unwrap()).await.unwrap();
    let on = |days: u64, client: &str, change: &dyn Fn(&mut Sighting)| {
        let moved = SEVEN.plus_seconds(days * 86_400);
        let mut one = Sighting { client: client.into(), first_seen: moved, last_seen: moved, closed: true, ..sighting() };
        change(&mut one);
        finding(one)
    };
    let findings = vec![
        on(0, "10.0.0.5", &|_| {}),
        on(1, "10.0.0.5", &|s| s.evidence = Evidence::Uploaded),
        on(1, "10.0.0.6", &|s| {
            s.team = "<script>alert(1)</script>".into();
            (s.service, s.vendor, s.status) = ("deepseek.deepseek".into(), "Deep & \"Seek\"".into(), Status::Unapproved);
            s.bytes_up = 5_000_000;
        }),
        on(1, "10.0.0.7", &|s| {
            (s.service, s.status, s.presence_only, s.evidence) = ("anthropic.claude".into(), Status::Approved, true, Evidence::Contacted);
        }),
    ];
    let seen = |zone: &str, sight, flows| Increment {
        hour: Time::new(SEVEN.plus_seconds(86_400).seconds() / 3600 * 3600, 0),
        zone: zone.into(),
        sight,
        more: Count { flows, clients: 2 },
    };
    let visibility = vec![
        seen("office", Sight::Flow(Reason::Named), 99),
        seen("office", Sight::Flow(Reason::Midstream), 1),
        seen("lab", Sight::Flow(Reason::Named), 1),
        seen("lab", Sight::Blind(BlindSpot::Wireguard), 3),
    ];
    store.commit(&Batch { findings, visibility, ..Batch::default() }, None).await.unwrap();
    let file = folder.path().join("c.toml");
    let rules = "[[policy.rule]]\nstatus = \"unapproved\"\nvendor = \"DeepSeek\"\nreason = \"no <b>contract</b>\"\nowner = \"it\"\n\
                 alternative = \"anthropic.claude\"\n[[policy.rule]]\nstatus = \"approved\"\nservice = \"openai.api\"\nexpires = 2020-01-31\n";
    std::fs::write(&file, rules).unwrap();
    (store, Decided::load(Some(&file)).unwrap().unwrap())
}

async fn page_of(store: &Store, since: Option<Time>, decided: Option<&Decided>) -> String {
    let window = Window { since, until: None };
    let now = SEVEN.plus_seconds(2 * 86_400);
    let zones = zone_sights(&store.visibility(window).await.unwrap());
    let expiring = decided.map(|d| expiring::of(d, now)).unwrap_or_default();
    let frame = Frame { from: since, until: now, zones: &zones, expiring: &expiring, decided };
    let mut html = Vec::new();
    assert!(write(store, (window, now), &frame, &mut html).await.is_ok());
    String::from_utf8(html).unwrap()
}

#[tokio::test]
async fn it_answers_what_it_is_opened_for() {
    let folder = tempfile::tempdir().unwrap();
    let (store, decided) = site(&folder).await;
    let html = page_of(&store, Some(SEVEN.plus_seconds(86_400)), Some(&decided)).await;
    for words in [
        "Yes: 1 tool in 1 team; 5.0 MB went out to them.",
        "1 tool is used and not reviewed.",
        "2 tools were seen for the first time.",
        "in 1 of 2 zones; 99.0 % of all encrypted flows were named.",
        "2026-11-24 to 2026-11-24",
        "no &lt;b&gt;contract&lt;",
        "<td>it</td><td>Claude</td>",
        "3 flows of up to 2 clients",
        "decide whether this VPN is allowed",
        "contacted (present, not used)",
        "the rule that says approved (service openai.api) has run out",
    ] {
        assert!(html.contains(words), "{words}\n{html}");
    }
    assert!(!html.contains("10.0.0."), "no client stands in it");
}

#[tokio::test]
async fn what_goes_in_is_text_and_nothing_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let (store, decided) = site(&folder).await;
    let html = page_of(&store, None, Some(&decided)).await;
    assert!(html.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;") && !html.contains("<script"), "{html}");
    assert!(html.contains("Deep &amp; &quot;Seek&quot;"), "{html}");
    for loads in ["src=", "href=", "url(", "@import", "<link", "<img", "style=\"", "http:", "https:"] {
        assert!(!html.contains(loads), "{loads}");
    }
    assert!(html.contains("default-src 'none'; style-src 'sha256-") || html.contains("default-src &#x27;none&#x27;"), "{html}");
    assert!(html.contains("The sensor&#x27;s record begins") || html.contains("record begins in this period"), "{html}");
    assert!(html.contains("aria-label=\"Bytes sent"), "two days are drawn");
}

#[tokio::test]
async fn a_page_of_nothing_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("s.sqlite").to_str().unwrap()).await.unwrap();
    let html = page_of(&store, None, None).await;
    for words in
        ["No use of a GenAI tool was seen.", "Nothing was sent", "the absence of a tool proves nothing", "Not known: nothing is kept"]
    {
        assert!(html.contains(words), "{words}\n{html}");
    }
}

#[tokio::test]
async fn without_clients_the_page_says_what_a_number_means() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut decided) = site(&folder).await;
    for (mode, words) in
        [(Mode::TeamOnly, "No client is kept"), (Mode::Pseudonymous, "kept as pseudonyms"), (Mode::Full, "Clients are addresses")]
    {
        decided.config.privacy.mode = mode;
        assert!(page_of(&store, None, Some(&decided)).await.contains(words), "{words}");
    }
}

#[test]
fn bars_stand_on_each_other_and_long_times_are_joined() {
    let total = |day, status, bytes_up| DayTotal { day, status, bytes_up };
    assert_eq!(chart::of(&[total(20_000, 0, 5)]), None, "one day is no course");
    assert_eq!(chart::of(&[total(20_000, 0, 0), total(20_001, 0, 0)]), None);
    let chart = chart::of(&[total(20_000, 0, 50), total(20_000, 4, 50), total(20_003, 1, 25)]).unwrap();
    let [below, above, late] = &chart.bars[..] else { panic!("{chart:?}") };
    assert_eq!((below.status, &*below.y, &*below.height), ("unapproved", "60.0", "60.0"));
    assert_eq!((above.status, &*above.y, &*late.x, &*late.height), ("unreviewed", "0.0", "750.0", "30.0"));
    let years: Vec<_> = (0..1095).map(|n| total(20_000 + n, 0, 7)).collect();
    assert!((100..=180).contains(&chart::of(&years).unwrap().bars.len()));
}

#[test]
fn of_very_many_lines_it_says_how_many_are_left_out() {
    let sum = |n: usize| Sum {
        team: format!("team-{n}"),
        service: "openai.chatgpt".into(),
        vendor: String::new(),
        category: String::new(),
        status: 0,
        sightings: 1,
        presence_only: 0,
        clients: 1,
        evidence: 1,
        uploaded: 0,
        connections: 1,
        bytes_up: n as i64,
        bytes_down: 0,
        active_minutes: 0,
        turns_low: 0,
        turns_high: 0,
        last_seen: 0,
    };
    let sums: Vec<_> = (0..MOST + 5).map(sum).collect();
    let rows = Rows::of(&sums, &Default::default(), &Catalogue::shipped().signatures(), &BTreeSet::new());
    assert_eq!((rows.left_out, rows.teams.len(), &*rows.teams[0].name), (5, MOST, "team-2004"));
}
