//! Every way a conversation can look to a sensor, and what must be said of it.

use shadowtap::engine::event::BlindSpot as B;
use shadowtap::engine::event::Reason as R;
use shadowtap::engine::visibility::Sight;

use crate::hello::{Hello, Quic, dtls, record};
use crate::talk::{CLIENT, Fate, SERVER, Talk};

/// One way.
pub struct Kind {
    /// For messages.
    pub name: &'static str,
    /// Plays it.
    pub play: fn(&mut Talk<'_>),
    /// What must be counted: once each.
    pub sights: &'static [Sight],
}

const fn kind(name: &'static str, sights: &'static [Sight], play: fn(&mut Talk<'_>)) -> Kind {
    Kind { name, play, sights }
}

const NAMED: Sight = Sight::Flow(R::Named);
const NO_SNI: Sight = Sight::Flow(R::NoSni);
const TUNNEL: Sight = Sight::Flow(R::Tunnel);
const LOSS: &[Sight] = &[Sight::Flow(R::Loss)];
const SNAPPED: &[Sight] = &[Sight::Flow(R::Snapped)];
const MIDSTREAM: &[Sight] = &[Sight::Flow(R::Midstream)];
const ONE_SIDED: &[Sight] = &[Sight::Flow(R::OneSided)];
const UNDECODABLE: &[Sight] = &[Sight::Flow(R::Undecodable)];

const WWW: &str = "www.example.org";
const COVER: &str = "cloudflare-ech.com";
const GREASE: Hello = Hello { name: Some(WWW), has_ech: true, padding: 0 };
const LONG: Hello = Hello { name: Some(WWW), has_ech: false, padding: 2400 };
const NAMELESS: Hello = Hello { name: None, has_ech: false, padding: 0 };
const HIDDEN: Hello = Hello { name: Some(COVER), has_ech: true, padding: 0 };

/// Over TCP.
pub const TCP: &[Kind] = &[
    kind("tls", &[NAMED], |t| whole(t, Hello::named(WWW))),
    kind("tls, long", &[NAMED], |t| whole(t, LONG)),
    kind("tls, grease ech", &[NAMED], |t| whole(t, GREASE)),
    kind("tls, client only", &[NAMED], |t| whole(t.mute(SERVER), Hello::named(WWW))),
    kind("tls through a proxy", &[NAMED], |t| {
        t.port(3128).connect().say(CLIENT, b"CONNECT www.example.org:443 HTTP/1.1\r\nHost: www.example.org:443\r\n\r\n");
        t.say(SERVER, b"HTTP/1.1 200 Connection established\r\n\r\n").hello(Hello::named(WWW)).answer().bye();
    }),
    kind("tls, real ech", &[Sight::Flow(R::EchReal)], |t| whole(t, HIDDEN)),
    kind("tls, no name", &[NO_SNI], |t| whole(t, NAMELESS)),
    kind("tls, ech and no name", &[NO_SNI], |t| whole(t, Hello { has_ech: true, ..NAMELESS })),
    kind("tls, joined", MIDSTREAM, |t| {
        let body = t.draw.bytes(500);
        t.say(CLIENT, &record(23, &body)).records().bye();
    }),
    kind("tls, joined inside records", MIDSTREAM, |t| {
        for side in [SERVER, SERVER, CLIENT, SERVER, SERVER] {
            let body = [&[0xa5][..], &t.draw.bytes(900)].concat();
            t.say(side, &body);
        }
        t.bye();
    }),
    kind("tls, server only", ONE_SIDED, |t| whole(t.mute(CLIENT), Hello::named(WWW))),
    kind("tls, broken", UNDECODABLE, |t| {
        let mut body = Hello::named(WWW).body(false, t.draw);
        body[34] = 0xff;
        let message = [&[1][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat();
        t.connect().say(CLIENT, &record(22, &message)).say(SERVER, &record(21, &[2, 50])).bye();
    }),
    kind("tls, cut before the name", SNAPPED, |t| cut(t, LONG, 120)),
    kind("tls, cut in headers", SNAPPED, |t| cut(t, LONG, 0)),
    kind("tls, cut behind the name", &[NAMED], |t| {
        let message = Hello { padding: 0, ..LONG }.message(t.draw);
        let whole = record(22, &[&message[..], &[0; 4]].concat());
        t.connect().tell(CLIENT, &whole, Fate::Cut(whole.len() - 2)).answer().bye();
    }),
    kind("tls, second piece cut", SNAPPED, |t| {
        let whole = long_hello(t);
        let (head, tail) = whole.split_at(700);
        t.connect().say(CLIENT, head).tell(CLIENT, tail, Fate::Cut(200)).answer().bye();
    }),
    kind("tls, longer than any", &[Sight::Flow(R::Bound)], |t| {
        let head = [&[22, 3, 1, 0x40, 0, 1, 1, 0x86, 0xa0, 3, 3][..], &t.draw.bytes(1400)].concat();
        t.connect().say(CLIENT, &head).bye();
    }),
    kind("tls, hello lost", LOSS, |t| lossy(t, [Fate::Lost, Fate::Lost, Fate::Lost])),
    kind("tls, first piece lost", LOSS, |t| lossy(t, [Fate::Lost, Fate::Seen, Fate::Seen])),
    kind("tls, middle piece lost", LOSS, |t| lossy(t, [Fate::Seen, Fate::Lost, Fate::Seen])),
    kind("tls, last piece lost", LOSS, |t| lossy(t, [Fate::Seen, Fate::Seen, Fate::Lost])),
    kind("openvpn over tcp", &[TUNNEL, Sight::Blind(B::Openvpn)], |t| {
        let reset = openvpn(t);
        t.port(443).connect().say(CLIENT, &[&[0, 14][..], &reset].concat());
        let answer = t.draw.bytes(100);
        t.say(SERVER, &answer).bye();
    }),
    kind("doh by name", &[NAMED, Sight::Blind(B::Doh)], |t| whole(t, Hello::named("chrome.cloudflare-dns.com"))),
    kind("doh by address", &[NO_SNI, Sight::Blind(B::Doh)], |t| whole(t.server("1.1.1.1:443"), NAMELESS)),
    kind("dot", &[NO_SNI, Sight::Blind(B::Dot)], |t| whole(t.port(853), NAMELESS)),
    kind("dot with a resolver's name", &[NAMED, Sight::Blind(B::Dot)], |t| whole(t.port(853), Hello::named("dns.google"))),
    kind("doh behind a proxy's address", &[NAMED, Sight::Blind(B::Doh)], |t| {
        t.port(3128).connect().say(CLIENT, b"CONNECT 203.0.113.9:443 HTTP/1.1\r\n\r\n");
        t.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n").hello(Hello::named("dns.google")).answer().bye();
    }),
    kind("tor", &[NAMED, Sight::Blind(B::Tor)], |t| whole(t, Hello::named("bridges.torproject.org"))),
    kind("masque", &[NAMED, Sight::Blind(B::Masque)], |t| whole(t, Hello::named("engage.cloudflareclient.com"))),
    kind("http", &[], |t| {
        t.port(80).connect().say(CLIENT, b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n");
        t.say(SERVER, b"HTTP/1.1 204 No Content\r\n\r\n").bye();
    }),
    kind("http, cut", &[], |t| {
        t.port(80).connect().tell(CLIENT, b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n", Fate::Cut(9));
        t.tell(SERVER, b"HTTP/1.1 204 No Content\r\n\r\n", Fate::Cut(9)).bye();
    }),
    kind("ssh", &[], |t| {
        t.port(22).connect().say(CLIENT, b"SSH-2.0-OpenSSH_9.2\r\n").say(SERVER, b"SSH-2.0-OpenSSH_9.2\r\n").bye();
    }),
    kind("ssh, cut in headers", &[], |t| {
        let banner = b"SSH-2.0-OpenSSH_9.2\r\n";
        t.port(22).connect().tell(CLIENT, banner, Fate::Cut(0)).tell(SERVER, banner, Fate::Cut(0)).bye();
    }),
    kind("nobody answers", &[], |t| {
        t.mute(SERVER).connect();
    }),
];

/// Over UDP.
pub const UDP: &[Kind] = &[
    kind("quic", &[NAMED], |t| quic(t, Hello::named(WWW), [Fate::Seen; 2])),
    kind("quic, two datagrams", &[NAMED], |t| quic(t, Hello { padding: 1200, ..GREASE }, [Fate::Seen; 2])),
    kind("quic, client only", &[NAMED], |t| quic(t.mute(SERVER), GREASE, [Fate::Seen; 2])),
    kind("quic, real ech", &[Sight::Flow(R::EchReal)], |t| quic(t, HIDDEN, [Fate::Seen; 2])),
    kind("quic, no name", &[NO_SNI], |t| quic(t, NAMELESS, [Fate::Seen; 2])),
    kind("quic, joined", MIDSTREAM, short_headers),
    kind("quic, server only", ONE_SIDED, |t| quic(t.mute(CLIENT), Hello::named(WWW), [Fate::Seen; 2])),
    kind("quic, broken", UNDECODABLE, |t| {
        let mut connection = Quic::new(t.draw);
        let mut hello = connection.datagram(CLIENT, 0, &Hello::named(WWW).message(t.draw));
        hello[600] ^= 1;
        t.datagram(CLIENT, &hello).datagram(SERVER, &connection.datagram(SERVER, 0, &[2, 0, 0, 0]));
    }),
    kind("quic, unknown version", UNDECODABLE, |t| {
        let long = [&[0xc3, 0x7f, 1, 2, 3, 8][..], &t.draw.bytes(1244)].concat();
        t.datagram(CLIENT, &long);
    }),
    kind("quic, cut", SNAPPED, |t| quic(t, Hello::named(WWW), [Fate::Cut(200); 2])),
    kind("quic, hello lost", LOSS, |t| quic(t, Hello::named(WWW), [Fate::Lost; 2])),
    kind("quic, second datagram lost", LOSS, |t| quic(t, Hello { padding: 1200, ..GREASE }, [Fate::Seen, Fate::Lost])),
    kind("quic, first datagram lost", LOSS, |t| quic(t, Hello { padding: 1200, ..GREASE }, [Fate::Lost, Fate::Seen])),
    kind("doq", &[NO_SNI, Sight::Blind(B::Doq)], |t| quic(t.port(853), NAMELESS, [Fate::Seen; 2])),
    kind("doq with a resolver's name", &[NAMED, Sight::Blind(B::Doq)], |t| quic(t.port(853), Hello::named("dns.google"), [Fate::Seen; 2])),
    kind("doh over quic", &[NAMED, Sight::Blind(B::Doh)], |t| quic(t, Hello::named("dns.google"), [Fate::Seen; 2])),
    kind("private relay", &[NAMED, Sight::Blind(B::PrivateRelay)], |t| quic(t, Hello::named("mask.icloud.com"), [Fate::Seen; 2])),
    kind("dtls", &[NAMED], |t| datagrams_of_dtls(t, Hello::named(WWW), Fate::Seen)),
    kind("dtls, no name", &[NO_SNI], |t| datagrams_of_dtls(t, NAMELESS, Fate::Seen)),
    kind("dtls, cut", SNAPPED, |t| datagrams_of_dtls(t, Hello::named(WWW), Fate::Cut(60))),
    kind("dtls, joined", MIDSTREAM, |t| {
        let body = [&[23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 80][..], &t.draw.bytes(80)].concat();
        t.port(4433).datagram(CLIENT, &body);
    }),
    kind("dtls, server only", ONE_SIDED, |t| datagrams_of_dtls(t.mute(CLIENT), Hello::named(WWW), Fate::Seen)),
    kind("wireguard", &[TUNNEL, Sight::Blind(B::Wireguard)], |t| {
        let (hello, answer) = (first(t, &[1, 0, 0, 0], 148), first(t, &[2, 0, 0, 0], 92));
        t.port(51820).datagram(CLIENT, &hello).datagram(SERVER, &answer);
        wireguard_data(t);
    }),
    kind("wireguard, joined", &[TUNNEL, Sight::Blind(B::Wireguard)], |t| wireguard_data(t.port(51820))),
    kind("ike", &[TUNNEL, Sight::Blind(B::Ike)], |t| {
        let spi = t.draw.bytes(8);
        let message = [&spi[..], &[0; 8], &[33, 0x20, 34, 8, 0, 0, 0, 0, 0, 0, 0, 60], &t.draw.bytes(32)].concat();
        t.port(500).datagram(CLIENT, &message);
    }),
    kind("openvpn", &[TUNNEL, Sight::Blind(B::Openvpn)], |t| {
        let reset = openvpn(t);
        t.port(1194).datagram(CLIENT, &reset);
    }),
    kind("something else", &[], |t| {
        for side in [CLIENT, SERVER, CLIENT] {
            let body = [&[0x24][..], &t.draw.bytes(47)].concat();
            t.port(123).datagram(side, &body);
        }
    }),
];

fn whole(t: &mut Talk<'_>, hello: Hello) {
    t.connect().hello(hello).answer().bye();
}

fn long_hello(t: &mut Talk<'_>) -> Vec<u8> {
    record(22, &LONG.message(t.draw))
}

fn cut(t: &mut Talk<'_>, hello: Hello, keep: usize) {
    let whole = record(22, &hello.message(t.draw));
    let answer = record(22, &[&[2, 0, 0, 70][..], &t.draw.bytes(70)].concat());
    t.connect().tell(CLIENT, &whole, Fate::Cut(keep)).tell(SERVER, &answer, Fate::Cut(keep.min(40))).bye();
}

fn lossy(t: &mut Talk<'_>, fates: [Fate; 3]) {
    let whole = long_hello(t);
    t.connect();
    for (piece, fate) in whole.chunks(whole.len().div_ceil(3)).zip(fates) {
        t.tell(CLIENT, piece, fate);
    }
    t.answer().bye();
}

fn quic(t: &mut Talk<'_>, hello: Hello, fates: [Fate; 2]) {
    let mut connection = Quic::new(t.draw);
    let message = hello.message(t.draw);
    for (n, (piece, fate)) in message.chunks(1100).zip(fates).enumerate() {
        let datagram = connection.datagram(CLIENT, n * 1100, piece);
        t.drop_off(CLIENT, &datagram, fate);
    }
    let answer = [&[2, 0, 0, 86][..], &t.draw.bytes(86)].concat();
    let datagram = connection.datagram(SERVER, 0, &answer);
    let is_cut = matches!(fates, [Fate::Cut(_), _]);
    t.drop_off(SERVER, &datagram, if is_cut { fates[0] } else { Fate::Seen });
    // The client acknowledges in an Initial of its own, addressed as the server chose.
    let handshake = [&[0xe1, 0, 0, 0, 1, 8][..], &t.draw.bytes(8), &[8], &t.draw.bytes(8), &[0x40, 60], &t.draw.bytes(60)].concat();
    t.datagram(CLIENT, &handshake);
    short_headers(t);
}

fn short_headers(t: &mut Talk<'_>) {
    for _ in 0..t.draw.between(1, 4) {
        let (side, size) = (t.draw.between(0, 1), t.draw.between(40, 1200));
        let body = [&[0x40 | t.draw.below(64) as u8][..], &t.draw.bytes(size)].concat();
        t.datagram(side, &body);
    }
}

fn datagrams_of_dtls(t: &mut Talk<'_>, hello: Hello, fate: Fate) {
    let body = hello.body(true, t.draw);
    t.port(4433).drop_off(CLIENT, &dtls(1, &body), fate);
    let answer = t.draw.bytes(50);
    t.datagram(SERVER, &dtls(2, &answer));
}

fn wireguard_data(t: &mut Talk<'_>) {
    for (n, side) in [CLIENT, SERVER, CLIENT].into_iter().enumerate() {
        let receiver = t.draw.bytes(4);
        let body = [&[4, 0, 0, 0][..], &receiver, &[n as u8 + 3, 1, 0, 0, 0, 0, 0, 0], &t.draw.bytes(112)].concat();
        t.datagram(side, &body);
    }
}

fn openvpn(t: &mut Talk<'_>) -> Vec<u8> {
    [&[0x38][..], &t.draw.bytes(8), &[0; 5]].concat()
}

fn first(t: &mut Talk<'_>, head: &[u8], size: usize) -> Vec<u8> {
    [head, &t.draw.bytes(size - head.len())].concat()
}
