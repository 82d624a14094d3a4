//! Clients that answer DNS for others, and flows that are given up because a bound is reached.

use std::collections::BTreeSet;
use std::sync::Arc;

use shadowtap::daemon::rules::Catalogue;
use shadowtap::engine::attribution::{Attribution, Bounds, Judgement};
use shadowtap::engine::event::{BlindSpot, Reason};
use shadowtap::engine::frame::Time;
use shadowtap::engine::visibility::Sight;
use shadowtap::engine::{Engine, Settings};

use crate::draw::Draw;
use crate::hello::{Hello, record};
use crate::scene::HOUR;
use crate::talk::{CLIENT, SERVER, Shot, Talk};
use crate::{judgement, seed, watch};

const RESOLVER: &str = "10.1.0.53";
const UPSTREAM: &str = "9.9.9.9:53";

#[test]
fn look_ups_of_a_resolver_are_not_its_own_use_and_those_of_its_clients_are_theirs() {
    let mut draw = Draw::new(seed());
    let mut shots = Vec::new();
    // The resolver's own client asks it; it asks on; both are answered. Another client asks the world itself.
    for (n, name) in ["chatgpt.com", "claude.ai", "www.example.org"].into_iter().enumerate() {
        let at = 10_000 * n as u64;
        look_up(&mut shots, [&format!("10.2.0.{}:4000{n}", n + 1), &format!("{RESOLVER}:53")], name, [at, 400], &mut draw);
        look_up(&mut shots, [&format!("{RESOLVER}:5000{n}"), UPSTREAM], name, [at + 100, 100], &mut draw);
    }
    look_up(&mut shots, ["10.3.0.9:40009", UPSTREAM], "chatgpt.com", [60_000, 30], &mut draw);
    shots.sort_by_key(|s| s.time);

    let signatures = Arc::new(Catalogue::shipped().signatures());
    let mut attribution = Attribution::new(Judgement { signatures, ..judgement() }, Bounds::default());
    let mut engine = Engine::new(Settings::default());
    for shot in &shots {
        engine.frame(&shot.frame(), &mut |event| attribution.event(&event));
    }
    engine.finish(&mut |event| attribution.event(&event));
    attribution.finish();
    let findings = attribution.drain();
    let told: BTreeSet<_> = findings.iter().map(|f| (&*f.sighting.client, &*f.sighting.service)).collect();
    assert_eq!(
        told,
        [("10.2.0.1", "openai.chatgpt"), ("10.2.0.2", "anthropic.claude"), ("10.3.0.9", "openai.chatgpt")].into(),
        "the resolver itself uses nothing"
    );
    let sights: Vec<_> = attribution.visibility().drain().into_iter().map(|i| (i.zone, i.sight, i.more.flows, i.more.clients)).collect();
    assert_eq!(sights, [("office".into(), Sight::Blind(BlindSpot::BehindResolver), 3, 1)], "one for each question it asked on");
}

/// A question `start` milliseconds in, and its answer `wait` later.
fn look_up(shots: &mut Vec<Shot>, ends: [&str; 2], name: &str, [start, wait]: [u64; 2], draw: &mut Draw) {
    let [client, server] = ends.map(|end| end.parse().expect("address and port"));
    let id = draw.bytes(2);
    let mut question: Vec<u8> = name.split('.').flat_map(|l| [&[l.len() as u8], l.as_bytes()].concat()).collect();
    question.extend([0, 0, 1, 0, 1]);
    let message = |flags: [u8; 2], answers: u8, rest: &[u8]| [&id[..], &flags, &[0, 1, 0, answers, 0, 0, 0, 0], &question, rest].concat();
    let mut talk = Talk::new(client, server, Time::new(HOUR + 5, 0), draw);
    talk.pause(start).datagram(CLIENT, &message([1, 0], 0, &[])).pause(wait);
    talk.datagram(SERVER, &message([0x81, 0x80], 1, &[0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 192, 0, 2, 1]));
    shots.extend(talk.shots);
}

#[test]
fn hellos_given_up_at_the_bound_are_told_as_such() {
    let mut draw = Draw::new(seed());
    let (open, bound) = (draw.between(20, 60), draw.between(4, 12));
    for is_of_flows in [false, true] {
        let mut shots = Vec::new();
        for n in 0..open {
            let client = format!("10.1.0.7:{}", 40_000 + n).parse().expect("address and port");
            let server = "198.51.100.9:443".parse().expect("address and port");
            let start = Time::new(HOUR + 60 + n as u64, 0);
            let hello = record(22, &Hello { padding: 900, ..Hello::named("www.example.org") }.message(&mut draw));
            let mut talk = Talk::new(client, server, start, &mut draw);
            talk.connect().say(CLIENT, &hello[..500]);
            shots.extend(talk.shots);
        }
        shots.sort_by_key(|s| s.time);
        let settings = match is_of_flows {
            true => Settings { flows: bound, ..Settings::default() },
            false => Settings { hellos: bound, ..Settings::default() },
        };
        let told: BTreeSet<_> = watch(&shots, settings).iter().map(|i| (i.sight, i.more.flows)).collect();
        // Those still held when the connections fall silent never became whole.
        let expected = [(Sight::Flow(Reason::Bound), (open - bound) as u64), (Sight::Flow(Reason::Undecodable), bound as u64)];
        assert_eq!(told, expected.into(), "{open} hellos, bound {bound}, of flows: {is_of_flows}");
    }
}
