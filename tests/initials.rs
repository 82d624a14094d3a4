//! A QUIC Initial is decrypted only where a name can still be gained by it: counted, over whole handshakes.

mod wire;

use wire::hello::modern;
use wire::packet::{address, udp};
use wire::quic::{self, Client};
use wire::watch::Watch;

const CLIENT: &str = "10.0.0.5:50000";
const SERVER: &str = "198.51.100.7:443";
/// PING and padding, as an acknowledging Initial has them.
const PING: &[u8] = &[1];

/// A client's datagrams that carry its hello in `pieces` Initials, and what both ends send besides.
struct Handshake {
    client: Client,
    hello: Vec<Vec<u8>>,
}

impl Handshake {
    fn new(pieces: usize) -> Self {
        let mut client = Client::new(quic::V1, &[1; 8], &[2; 8]);
        let message = modern("chatgpt.com").message();
        let size = message.len().div_ceil(pieces);
        let framed = message.chunks(size).enumerate().map(|(n, piece)| quic::padded(&quic::crypto(n * size, piece), 1162));
        Handshake { hello: framed.map(|frames| client.initial(&frames)).collect(), client }
    }

    fn more(&mut self) -> Vec<u8> {
        self.client.initial(&quic::padded(PING, 1162))
    }
}

fn up(watch: &mut Watch, datagram: &[u8]) {
    watch.ip(&udp(address(CLIENT), address(SERVER), datagram));
}

fn down(watch: &mut Watch, datagram: &[u8]) {
    watch.ip(&udp(address(SERVER), address(CLIENT), datagram));
}

#[test]
fn nothing_is_decrypted_behind_the_hello() {
    for pieces in 1..=4 {
        let (mut watch, mut quic) = (Watch::new(), Handshake::new(pieces));
        quic.hello.clone().iter().for_each(|datagram| up(&mut watch, datagram));
        assert_eq!(watch.names(), [("quic_sni", "chatgpt.com")]);
        for n in 0..20 {
            down(&mut watch, &quic.client.answer(&quic::padded(PING, 1162 + n), &[9; 8]));
            let more = quic.more();
            up(&mut watch, &more);
        }
        assert_eq!(watch.engine.counters().initials, pieces as u64, "hello in {pieces}");
    }
}

#[test]
fn the_server_s_side_is_not_decrypted_once_the_client_is_known() {
    let (mut watch, quic) = (Watch::new(), Handshake::new(3));
    up(&mut watch, &quic.hello[0]);
    for n in 0..20 {
        down(&mut watch, &quic.client.answer(&quic::padded(PING, 1162 + n), &[9; 8]));
    }
    quic.hello[1..].iter().for_each(|datagram| up(&mut watch, datagram));
    assert_eq!((watch.names().len(), watch.engine.counters().initials), (1, 3));
}

#[test]
fn what_was_captured_twice_is_decrypted_once() {
    let (mut watch, quic) = (Watch::new(), Handshake::new(2));
    for datagram in &quic.hello {
        (0..3).for_each(|_| up(&mut watch, datagram));
    }
    assert_eq!((watch.names().len(), watch.engine.counters().initials), (1, 2));
}

#[test]
fn a_flow_that_no_key_opens_is_given_up_soon() {
    let (mut watch, quic) = (Watch::new(), Handshake::new(1));
    for n in 0..100 {
        down(&mut watch, &quic.client.answer(&quic::padded(PING, 1162 + n), &[9; 8]));
    }
    let tried = watch.engine.counters().initials;
    assert!(watch.names().is_empty() && (1..=12).contains(&tried), "{tried} of 100");
}
