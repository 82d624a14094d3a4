//! True ECH with a real server, watched by the engine: what the server decrypted, and what a sensor can know of it.
#![allow(dead_code)] // what is shared with the other tests of the wire has more in it

#[path = "../../wire/hello.rs"]
mod hello;
#[path = "../../wire/packet.rs"]
mod packet;
#[path = "../../wire/watch.rs"]
mod watch;

use ech_peer::{HIDDEN, Offer, Outcome, PUBLIC, Served, config_list, handshake};
use packet::{Talk, address, join, udp, vec16};
use shadowtap::engine::event::Detail;
use watch::Watch;

/// The HTTPS record by which clients learn a server's configurations passes the sensor too.
fn hears_the_record(watch: &mut Watch, list: &[u8]) {
    let record = join(&[&[0, 1, 0, 0, 5], &vec16(list)]);
    let answer = hello::dns_answer(7, HIDDEN, 65, 300, &[&record]);
    watch.ip(&udp(address("10.0.0.1:53"), address("10.0.0.5:5000"), &answer));
}

/// What an engine says of a handshake's bytes: ECH, name, reason of the flow.
fn seen(outcome: &Outcome, list: Option<&[u8]>) -> (&'static str, String, &'static str) {
    let mut watch = Watch::new();
    if let Some(list) = list {
        hears_the_record(&mut watch, list);
    }
    let mut talk = Talk::new("10.0.0.5:51514", "198.51.100.7:443");
    watch.ips(&talk.open());
    for (is_client, bytes) in &outcome.wire {
        let segment = if *is_client { talk.say(bytes) } else { talk.answer(bytes) };
        watch.ip(&segment);
    }
    let shown = watch.only();
    let Detail::Hello(facts) = &shown.detail else { panic!("a hello") };
    let (ech, name) = (facts.ech.word(), shown.name.to_string());
    (ech, name, watch.flows()[0].reason.word())
}

fn passes_in_clear(outcome: &Outcome, name: &str) -> bool {
    let said: Vec<u8> = outcome.wire.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    said.windows(name.len()).any(|w| w == name.as_bytes())
}

#[test]
fn an_accepted_hidden_hello_is_real_where_its_record_was_seen() {
    let list = config_list(0);
    let outcome = handshake(&Offer::True(&list), 0).expect("both ends work");
    assert_eq!(outcome.served, Some(Served { is_accepted: true, name: Some(HIDDEN.into()) }), "the server's log");
    assert!(outcome.is_accepted && !passes_in_clear(&outcome, HIDDEN) && passes_in_clear(&outcome, PUBLIC));
    assert_eq!(seen(&outcome, Some(&list)), ("real", PUBLIC.into(), "ech_real"));
    // A sensor that never saw the record cannot know: the outer name counts as the truth.
    assert_eq!(seen(&outcome, None), ("grease", PUBLIC.into(), "named"));
}

#[test]
fn a_refused_hidden_hello_and_the_retry_are_both_real() {
    let (old, new) = (config_list(0), config_list(1));
    let refused = handshake(&Offer::True(&old), 1).expect("both ends work");
    assert!(!refused.is_accepted && !passes_in_clear(&refused, HIDDEN));
    assert!(refused.served.as_ref().is_none_or(|s| !s.is_accepted && s.name.as_deref() == Some(PUBLIC)), "{:?}", refused.served);
    assert_eq!(refused.retry_configs.as_deref(), Some(&new[..]), "the server tells its own configurations");
    assert_eq!(seen(&refused, Some(&old)), ("real", PUBLIC.into(), "ech_real"));
    let retried = handshake(&Offer::True(&new), 1).expect("both ends work");
    assert_eq!(retried.served, Some(Served { is_accepted: true, name: Some(HIDDEN.into()) }));
    assert_eq!(seen(&retried, Some(&old)), ("real", PUBLIC.into(), "ech_real"));
}

#[test]
fn grease_and_plain_hellos_show_the_true_name() {
    for (offer, ech) in [(Offer::Grease, "grease"), (Offer::Plain, "none")] {
        let outcome = handshake(&offer, 0).expect("both ends work");
        assert_eq!(outcome.served, Some(Served { is_accepted: false, name: Some(HIDDEN.into()) }), "{ech}");
        assert_eq!(seen(&outcome, Some(&config_list(0))), (ech, HIDDEN.into(), "named"));
    }
}
