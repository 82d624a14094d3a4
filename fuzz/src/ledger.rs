//! Operations on the ledger.

use std::collections::HashMap;
use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use shadowtap::engine::agent::Verdict;
use shadowtap::engine::event::Source;
use shadowtap::engine::frame::Time;
use shadowtap::engine::identity::Client;
use shadowtap::engine::ledger::{Entry, Heading, Ledger, SightingKey, Thresholds};
use shadowtap::engine::minutes::Minutes;
use shadowtap::engine::policy::Status;
use shadowtap::engine::sighting::{Evidence, Finding, Sighting};

/// What may happen to the ledger.
#[derive(Arbitrary, Clone, Debug)]
enum Operation {
    LookUp { key: u8, is_use: bool },
    Contact { key: u8, is_use: bool },
    Bytes { key: u8, flags: u8, up: u32, down: u32, posted: u16, turns: u8 },
    Note { key: u8, name: u8 },
    Tighten { key: u8 },
    Wait { seconds: u16 },
    End { of: u8 },
    Forget { of: u8 },
    Drain,
    DrainEnded,
}

const BOUND: usize = 6;
const STATUSES: [Status; 3] = [Status::Unreviewed, Status::Approved, Status::Unapproved];

/// Never more open than the bound, nor more waiting than three times that, drained or not; of each sighting evidence only rises, bytes, turns
/// and connections never fall, presence only falls; opened = open + ended + forgotten + given up; a replay gives the same.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let operations: Vec<Operation> = u.arbitrary_iter().into_iter().flatten().flatten().take(300).collect();
    let first = played(&operations);
    assert_eq!(first, played(&operations), "a replay gives something else");
}

struct Model {
    ledger: Ledger,
    now: Time,
    last: HashMap<(Arc<str>, Arc<str>, u64), Sighting>,
    opened: u64,
    ended: u64,
    forgotten: u64,
    told: Vec<Finding>,
    bytes: u64,
}

fn played(operations: &[Operation]) -> Vec<Finding> {
    let mut model = Model {
        ledger: Ledger::new(Thresholds::default(), BOUND, 5),
        now: Time::new(1_700_000_000, 0),
        last: HashMap::new(),
        opened: 0,
        ended: 0,
        forgotten: 0,
        told: Vec::new(),
        bytes: 0,
    };
    for operation in operations {
        model.apply(operation);
        model.now = Time(model.now.0 + 1);
        let (open, changed) = (model.ledger.len(), model.ledger.changed());
        assert!(open <= BOUND, "{open} open after {operation:?}");
        assert!(changed <= 3 * BOUND + 1, "{changed} wait after {operation:?}");
        assert_eq!(model.ledger.is_empty(), open == 0);
    }
    model.drain();
    model.ledger.end_where(|_, _| true);
    model.drain();
    assert!(model.ledger.is_empty() && model.ledger.changed() == 0, "something is left");
    // One given up for room in the list of ended ones was evicted after it ended, and is told by nobody.
    assert!(model.opened <= model.ended + model.forgotten + model.ledger.evicted(), "a sighting is gone");
    assert!(model.opened >= model.ended, "a sighting ended twice");
    let told: u64 = model.last.values().map(|s| s.bytes_up.saturating_add(s.bytes_down)).fold(0, u64::saturating_add);
    assert!(told <= model.bytes, "{told} bytes told of {}", model.bytes);
    model.told
}

fn key(of: u8) -> SightingKey {
    let status = STATUSES[usize::from(of / 16) % 3];
    let client = Client::from(std::net::IpAddr::from([10, 0, 0, of % 4]));
    SightingKey { client, tenure: 0, team: None, service: format!("vendor.service-{}", of / 4 % 4).into(), status }
}

impl Model {
    fn enter(&mut self, of: u8, entry: &Entry) {
        let key = key(of);
        let (client, service) = (key.client.to_string(), Arc::clone(&key.service));
        let was_open = self.ledger.is_open(&key);
        let is_new = self.ledger.enter(&key, entry, None, self.now, || Heading {
            client: client.into(),
            identity: Arc::default(),
            team: "other".into(),
            vendor: "vendor".into(),
            category: "chat".into(),
            moment: None,
        });
        assert!(self.ledger.is_open(&key) && (is_new || was_open), "{service} is not open");
        self.opened += u64::from(is_new);
    }

    fn apply(&mut self, operation: &Operation) {
        match *operation {
            Operation::LookUp { key, is_use } => self.enter(key, &Entry::LookUp { is_use }),
            Operation::Contact { key, is_use } => self.enter(key, &Entry::Contact { is_use }),
            Operation::Bytes { key, flags, up, down, posted, turns } => {
                let (up, down) = (u64::from(up), u64::from(down));
                let mut minutes = Minutes::default();
                minutes.note(Minutes::of(self.now));
                let posted = u64::from(posted).min(up);
                let (is_use, is_upload, is_page) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0);
                self.bytes = self.bytes.saturating_add(up).saturating_add(down);
                self.enter(key, &Entry::Bytes { is_use, is_upload, is_page, up, down, posted, turns: turns.into(), minutes });
            }
            Operation::Note { key, name } => {
                self.ledger.note(&self::key(key), Source::TlsSni, &format!("host-{name}.example").into(), Verdict::default());
            }
            Operation::Tighten { key } => self.ledger.tighten(&self::key(key), Status::Unapproved, None),
            Operation::Wait { seconds } => {
                self.now = self.now.plus_seconds(seconds.into());
                self.ledger.end_silent(self.now);
            }
            Operation::End { of } => self.ledger.end_where(|k, _| k.client == key(of).client),
            Operation::Forget { of } => {
                let client = key(of).client.to_string();
                let forgotten = self.ledger.forget_where(|s| *s.client == *client);
                self.last.retain(|(c, ..), _| **c != *client);
                self.forgotten += forgotten.len() as u64;
                // Ended ones that waited go too, uncounted.
                self.forgotten += BOUND as u64;
            }
            Operation::Drain => self.drain(),
            Operation::DrainEnded => {
                let findings = self.ledger.drain_ended();
                self.take(findings);
            }
        }
    }

    fn drain(&mut self) {
        let findings = self.ledger.drain();
        assert!(!self.ledger.has_due() && self.ledger.changed() == 0, "drained, and something waits");
        self.take(findings);
    }

    fn take(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            let s = &finding.sighting;
            self.ended += u64::from(s.closed);
            if let Some((from, to)) = finding.reached {
                assert!(from <= to && to == s.evidence, "{from:?} to {to:?}, at {:?}", s.evidence);
            }
            assert!(s.first_seen <= s.last_seen && s.names.len() <= Sighting::MAX_NAMES && s.turns.low <= s.turns.high);
            assert!(s.evidence != Evidence::Resolved || s.connections == 0);
            assert!(s.use_bytes.up <= s.bytes_up && s.use_bytes.down <= s.bytes_down && s.use_bytes.upload <= s.bytes_up);
            let before = self.last.insert((Arc::clone(&s.client), Arc::clone(&s.service), s.first_seen.0), s.clone());
            if let Some(before) = before.filter(|b| b.status == s.status) {
                only_rises(&before, s);
            }
            self.told.push(finding);
        }
    }
}

fn only_rises(before: &Sighting, now: &Sighting) {
    assert!(before.evidence <= now.evidence, "evidence fell from {:?} to {:?}", before.evidence, now.evidence);
    assert!(before.bytes_up <= now.bytes_up && before.bytes_down <= now.bytes_down, "bytes fell");
    assert!(before.connections <= now.connections && before.active_minutes <= now.active_minutes, "connections or minutes fell");
    assert!(before.turns.high <= now.turns.high && before.last_seen <= now.last_seen, "turns or time fell");
    assert!(
        now.evidence == Evidence::Resolved || before.evidence != now.evidence || before.presence_only >= now.presence_only,
        "presence rose"
    );
    assert!(!before.closed, "told after its end");
    assert!(now.names.starts_with(&before.names), "names changed");
}
