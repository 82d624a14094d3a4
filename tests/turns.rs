//! How many exchanges the engine tells of conversations that are made here: minutes and hours of packet time, packet by packet.

mod wire;

use shadowtap::engine::event::Exchanges;
use shadowtap::engine::frame::Time;
use shadowtap::engine::sighting::Turns;
use wire::dice::Dice;
use wire::hello::modern;
use wire::packet::{Talk, udp};
use wire::quic::{Client, crypto, padded};
use wire::watch::Watch;

const CLIENT: &str = "10.0.0.5:51514";
const SERVER: &str = "198.51.100.7:443";

/// A payload: when, in milliseconds from the beginning; whether the client sent it; bytes.
type Payload = (u64, bool, usize);

/// A conversation being written.
#[derive(Default)]
struct Script {
    payloads: Vec<Payload>,
    now: u64,
}

impl Script {
    fn pause(&mut self, ms: u64) -> &mut Self {
        self.now += ms;
        self
    }

    fn up(&mut self, bytes: usize) -> &mut Self {
        let mut left = bytes;
        while left > 0 {
            self.payloads.push((self.now, true, left.min(1400)));
            left -= left.min(1400);
        }
        self
    }

    fn down(&mut self, bytes: usize) -> &mut Self {
        let mut left = bytes;
        while left > 0 {
            self.payloads.push((self.now, false, left.min(1400)));
            left -= left.min(1400);
        }
        self
    }

    /// A prompt, the wait for its first piece, and an answer streamed for so long.
    fn turn(&mut self, dice: &mut Dice, prompt: usize, ms: u64, (gap, size): (u64, usize)) -> &mut Self {
        self.up(prompt);
        self.pause(200 + dice.below(2000) as u64);
        let end = self.now + ms;
        self.down(300);
        while self.now < end {
            self.pause(gap / 2 + dice.below(gap as usize + 1) as u64);
            self.down(size / 2 + dice.below(size));
        }
        self
    }

    /// Something beside: posts of some size answered by a line, at these distances, until the conversation ends.
    fn beside(&mut self, every: u64, bytes: usize) -> &mut Self {
        let end = self.now;
        for at in (every / 2..end).step_by(every as usize) {
            self.payloads.push((at, true, bytes));
            self.payloads.push((at + 25, false, 90));
        }
        self
    }

    /// What the engine tells of it over TCP.
    fn over_tcp(&self) -> Exchanges {
        let (mut watch, mut talk) = (Watch::new(), Talk::new(CLIENT, SERVER));
        watch.ips(&talk.open());
        watch.ip(&talk.say(&modern("chat.example").wire()));
        watch.ip(&talk.answer(&[0x16; 1400]));
        self.play(&mut watch, |is_up, bytes| if is_up { talk.say(&vec![0x17; bytes]) } else { talk.answer(&vec![0x17; bytes]) })
    }

    /// The same over QUIC: each direction acknowledges what comes, in small datagrams.
    fn over_quic(&self) -> Exchanges {
        let mut watch = Watch::new();
        let (client, server) = (wire::packet::address(CLIENT), wire::packet::address(SERVER));
        let hello = modern("chat.example").message();
        watch.ip(&udp(client, server, &Client::new(1, b"chatchat", b"client").initial(&padded(&crypto(0, &hello), 1150))));
        let mut number = 0u32;
        self.play(&mut watch, |is_up, bytes| {
            number += 1;
            let mut payload = vec![0x45; bytes + 30];
            payload[8..12].copy_from_slice(&number.to_be_bytes());
            if is_up { udp(client, server, &payload) } else { udp(server, client, &payload) }
        })
    }

    fn play(&self, watch: &mut Watch, mut datagram: impl FnMut(bool, usize) -> Vec<u8>) -> Exchanges {
        let mut payloads = self.payloads.clone();
        payloads.sort_by_key(|p| p.0);
        let begin = watch.now.0 + 50_000_000;
        for (ms, is_up, bytes) in payloads {
            watch.now = watch.now.max(Time(begin + ms * 1_000_000));
            watch.ip(&datagram(is_up, bytes));
        }
        watch.flows().first().expect("a flow that is told").exchanges
    }
}

/// What the ledger would say of a count.
fn holds(told: u32, truth: u32) -> bool {
    let range = Turns::about(told);
    (range.low..=range.high).contains(&truth)
}

const PIECES: [(u64, usize); 5] = [(20, 60), (50, 100), (100, 250), (300, 900), (500, 1500)];

/// Conversations of 1 to 50 turns, answers of 2 s to 40 s, pauses of 1 s to two and a half minutes (a QUIC flow ends after three), with and without telemetry on the same connection.
#[test]
fn turns_of_every_conversation_are_in_the_range() {
    let mut dice = Dice::new(5);
    let (mut truth, mut told, mut held) = (0, 0, 0);
    for round in 0..120 {
        let turns = [1, 2, 3, 5, 8, 13, 20, 35, 50][round % 9];
        let (least, most) = [(1000, 1500), (1000, 10_000), (30_000usize, 120_000)][round % 3];
        let answer = [2000, 5000, 40_000][(round / 3) % 3];
        let piece = PIECES[(round / 5) % PIECES.len()];
        let mut script = Script::default();
        script.pause(300).up(80);
        for _ in 0..turns {
            let prompt = 150 + dice.below(if round % 4 == 0 { 60_000 } else { 1500 });
            let ms = 2000 + dice.below(answer) as u64;
            script.turn(&mut dice, prompt, ms, piece);
            script.pause(least as u64 + dice.below(most) as u64);
        }
        if round % 5 == 4 {
            script.beside(7000, 900);
        }
        for exchanges in [script.over_tcp(), script.over_quic()] {
            let is_held = holds(exchanges.streamed.into(), turns);
            assert!(is_held || round % 5 == 4, "round {round}: {turns} turns, {exchanges:?}");
            (truth, told, held) = (truth + turns, told + u32::from(exchanges.streamed), held + u32::from(is_held));
        }
    }
    let error = (f64::from(told) / f64::from(truth) - 1.0).abs();
    println!("{truth} turns, {told} told, {held} of 240 conversations in the range");
    assert!(error < 0.03 && held >= 232, "{truth} turns, {told} told, {held} of 240 in the range");
}

fn none(what: &str, script: &Script) {
    for told in [script.over_tcp(), script.over_quic()] {
        assert_eq!(told.streamed, 0, "{what} is no turn");
    }
}

#[test]
fn pages_are_no_turns() {
    let mut dice = Dice::new(6);
    for assets in [1, 10, 40, 120] {
        let mut script = Script::default();
        script.pause(100).up(600).pause(60).down(30_000);
        // Requests in a burst, answers as they come, in bulk, over half a minute of three visits.
        for _ in 0..3 {
            for _ in 0..assets {
                script.up(80);
            }
            for _ in 0..assets {
                let size = 300 + dice.below(80_000);
                script.pause(dice.below(30) as u64).down(size);
            }
            script.pause(10_000);
        }
        none("a page", &script);
    }
}

#[test]
fn what_runs_beside_is_no_turn() {
    let mut telemetry = Script::default();
    telemetry.pause(1000).up(500).pause(50).down(3000).pause(1_800_000).beside(1500, 2000);
    none("telemetry", &telemetry);
    let mut pings = Script::default();
    pings.pause(500).up(700).pause(40).down(9000);
    for _ in 0..200 {
        pings.pause(15_000).up(39).pause(20).down(39);
    }
    none("keep-alives", &pings);
    let mut pushed = Script::default();
    pushed.pause(500).up(700).pause(40).down(900);
    for _ in 0..200 {
        pushed.pause(10_000).down(140);
    }
    none("pushed events", &pushed);
    let mut upload = Script::default();
    upload.pause(500).up(700).pause(40).down(300);
    for _ in 0..2000 {
        upload.up(14_000).pause(30).down(35);
    }
    upload.pause(50).down(400);
    none("an upload", &upload);
    let mut polls = Script::default();
    for _ in 0..50 {
        polls.up(300).pause(25_000).down(200).pause(10);
    }
    none("long polls", &polls);
}

#[test]
fn an_answer_in_one_piece_is_told_apart() {
    let mut script = Script::default();
    script.pause(300);
    for wait in [2000, 9000, 30_000] {
        script.up(3000).pause(wait).down(2500).pause(4000);
    }
    for told in [script.over_tcp(), script.over_quic()] {
        assert_eq!(told, Exchanges { streamed: 0, all: 3 });
    }
}
