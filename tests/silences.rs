//! When a flow that pauses is told about, and how long the rest of a hello is waited for.

mod wire;

use shadowtap::engine::event::{Event, FlowState, Reason};
use shadowtap::engine::frame::Time;
use wire::hello::modern;
use wire::packet::Talk;
use wire::watch::Watch;

/// The last that was told of the only flow.
fn told(watch: &Watch) -> Option<&FlowState> {
    watch.events.iter().rev().find_map(|e| if let Event::Flow(state) = e { Some(state) } else { None })
}

#[test]
fn a_connection_opened_long_before_its_hello_is_told_in_time() {
    let (mut watch, mut c) = (Watch::new(), Talk::new("10.0.0.1:40000", "192.0.2.1:443"));
    watch.ips(&c.open());
    // As browsers do: connected in advance, used minutes later.
    watch.wait(20);
    watch.ip(&c.say(&modern("chatgpt.com").wire()));
    assert_eq!(watch.names(), [("tls_sni", "chatgpt.com")]);
    watch.ip(&c.answer(&[23; 1000]));
    watch.wait(6);
    assert_eq!(told(&watch).unwrap().bytes_down, 1000, "five seconds after its bytes");
}

#[test]
fn a_flow_that_rested_is_told_five_seconds_after_it_goes_on() {
    let (mut watch, mut c) = (Watch::new(), Talk::new("10.0.0.1:40000", "192.0.2.1:443"));
    watch.ips(&c.open());
    watch.ip(&c.say(&modern("chatgpt.com").wire()));
    for pause in [6, 100, 300, 800] {
        watch.wait(pause);
        let (bytes, count) = (told(&watch).unwrap().bytes_down, watch.events.len());
        watch.wait(60);
        assert_eq!(watch.events.len(), count, "nothing new, nothing told");
        watch.ip(&c.answer(&[23; 1000]));
        watch.wait(6);
        let state = told(&watch).unwrap();
        assert_eq!((state.bytes_down, state.closed), (bytes + 1000, false), "after {pause} s");
    }
    watch.wait(901);
    assert!(told(&watch).unwrap().closed);
}

#[test]
fn the_rest_of_a_hello_is_waited_for_as_long_as_a_sender_tries() {
    let hello = modern("chatgpt.com").wire();
    let (first, rest) = hello.split_at(100);
    for (pause, expected) in [(200, Reason::Named), (300, Reason::Undecodable)] {
        let (mut watch, mut c) = (Watch::new(), Talk::new("10.0.0.1:40000", "192.0.2.1:443"));
        watch.ips(&c.open());
        watch.ip(&c.say(first));
        // Ticks come every second.
        (0..pause).for_each(|_| watch.wait(1));
        watch.ip(&c.say(rest));
        let states = watch.flows();
        let all: Vec<_> = states.iter().map(|s| (s.reason, s.bytes_up)).collect();
        assert_eq!(all, [(expected, hello.len() as u64)], "after {pause} s");
    }
}

#[test]
fn a_clock_that_is_set_ends_no_flow_and_delays_no_telling() {
    for to in [1_600_000_000, 1_699_999_000, 1_700_090_000, 1_900_000_000] {
        let (mut watch, mut c) = (Watch::new(), Talk::new("10.0.0.1:40000", "192.0.2.1:443"));
        watch.ips(&c.open());
        watch.ip(&c.say(&modern("chatgpt.com").wire()));
        watch.wait(3);
        watch.now = Time::new(to, 0);
        watch.engine.set_clock(watch.now);
        watch.ip(&c.answer(&[23; 1000]));
        watch.wait(6);
        let state = told(&watch).unwrap().clone();
        assert_eq!((state.bytes_down, state.closed, state.last_seen.seconds()), (1000, false, to), "set to {to}");
        assert!(state.first_seen < state.last_seen && state.name.is_some());
        watch.wait(901);
        let state = told(&watch).unwrap();
        assert!(state.closed && state.last_seen.seconds() == to, "it ends by the new clock");
        assert_eq!(watch.names().len(), 1);
    }
}
