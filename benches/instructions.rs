//! Stages of the engine over a classic capture, for `scripts/instructions` to count: `instructions flows|sightings FILE.pcap`.
//!
//! A program of its own, and one that needs nothing of the tests, so that a test run makes it in little time.

#[path = "growth/rules.rs"]
#[allow(dead_code)] // rules once are enough here
mod rules;

use std::sync::Arc;
use std::{env, fs};

use shadowtap::engine::attribution::{Attribution, Bounds, Judgement};
use shadowtap::engine::frame::{Frame, LinkType, Time};
use shadowtap::engine::pattern::HostPattern;
use shadowtap::engine::signature::{HostRule, ServiceRecord, Signatures};
use shadowtap::engine::{Engine, Settings};

/// Hosts that the generator's clients ask for, each a service beside those of `growth`.
const HOSTS: [&str; 8] =
    ["chatgpt.com", "claude.ai", "api.openai.com", "gemini.google.com", "api.mistral.ai", "grok.com", "api2.cursor.sh", "openrouter.ai"];

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let [stage, file] = &words[..] else { panic!("usage: instructions flows|sightings FILE.pcap") };
    let capture = fs::read(file).unwrap_or_else(|e| panic!("{file}: {e}"));
    println!("{stage} {}", if stage == "sightings" { sightings(&capture) } else { flows(&capture) });
}

/// Frames to events.
fn flows(capture: &[u8]) -> u64 {
    let mut engine = Engine::new(Settings { flows: 100_000, ..Settings::default() });
    let mut events = 0u64;
    for frame in Frames(capture.get(24..).unwrap_or_default()) {
        engine.frame(&frame, &mut |_| events += 1);
    }
    engine.finish(&mut |_| events += 1);
    events
}

/// Frames to sightings.
fn sightings(capture: &[u8]) -> u64 {
    let mut engine = Engine::new(Settings { flows: 100_000, ..Settings::default() });
    let mut attribution = Attribution::new(judgement(), Bounds::default());
    let mut sightings = 0;
    for frame in Frames(capture.get(24..).unwrap_or_default()) {
        engine.frame(&frame, &mut |event| attribution.event(&event));
        sightings += attribution.drain().len();
    }
    engine.finish(&mut |event| attribution.event(&event));
    attribution.finish();
    (sightings + attribution.drain().len()) as u64
}

fn judgement() -> Judgement {
    let usual = rules::judgement(1);
    let mut services = usual.signatures.services().cloned().collect::<Vec<_>>();
    services.extend(HOSTS.iter().zip(usual.signatures.services()).map(|(host, like)| {
        let pattern = HostPattern::parse(host).expect("a host");
        ServiceRecord { id: format!("known.{host}").into(), hosts: vec![HostRule::new(pattern)], ..like.clone() }
    }));
    Judgement { signatures: Arc::new(Signatures::new(services)), ..usual }
}

/// Records of a little-endian capture in microseconds, as the generator writes it.
struct Frames<'a>(&'a [u8]);

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let (head, rest) = self.0.split_first_chunk::<16>()?;
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (bytes, rest) = rest.split_at_checked(word(8) as usize)?;
        self.0 = rest;
        let time = Time(u64::from(word(0)) * 1_000_000_000 + u64::from(word(4)) * 1000);
        Some(Frame { time, link: LinkType(1), bytes, wire_len: word(12) })
    }
}
