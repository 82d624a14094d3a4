//! Every way a name is spoken over TCP: hellos of all ages, behind STARTTLS, proxies and preambles, and names in clear.

mod wire;

use shadowtap::engine::event::Ech;
use wire::hello::{Hello, alpn, codes8, codes16, modern, record, server_name};
use wire::packet::{Talk, join, vec8, vec16};
use wire::watch::Watch;

const NAME: &str = "chatgpt.com";

/// Turns of a talk: what is said, and whether the client says it.
type Turns = Vec<(Vec<u8>, bool)>;

/// A connection to a port; `is_one_sided` leaves the server's packets out.
fn heard(port: u16, turns: &Turns, is_one_sided: bool) -> Watch {
    let mut talk = Talk::new("10.0.0.5:51514", &format!("198.51.100.7:{port}"));
    let mut watch = Watch::new();
    let [syn, answer] = talk.open();
    watch.ip(&syn);
    if !is_one_sided {
        watch.ip(&answer);
    }
    for (bytes, is_client) in turns {
        let segment = if *is_client { talk.say(bytes) } else { talk.answer(bytes) };
        if *is_client || !is_one_sided {
            watch.ip(&segment);
        }
    }
    watch
}

fn up(bytes: &[u8]) -> (Vec<u8>, bool) {
    (bytes.to_vec(), true)
}

fn down(bytes: &[u8]) -> (Vec<u8>, bool) {
    (bytes.to_vec(), false)
}

/// All names are the client's, on one flow, named; heard from both sides and from one.
fn assert_heard(how: &str, port: u16, turns: &Turns, names: &[(&str, &str)]) {
    for is_one_sided in [false, true] {
        let mut watch = heard(port, turns, is_one_sided);
        assert_eq!(watch.names(), names, "{how}, one-sided {is_one_sided}; odd: {:?}", watch.odd());
        for seen in watch.observations() {
            assert_eq!((seen.ends.client_port, seen.ends.server_port), (51514, port), "{how}");
        }
        let sum = |is_client| turns.iter().filter(|(_, c)| *c == is_client).map(|(b, _)| b.len() as u64).sum::<u64>();
        let flows = watch.flows();
        assert_eq!(flows.len(), 1, "{how}: one connection");
        assert_eq!((flows[0].bytes_up, flows[0].bytes_down), (sum(true), if is_one_sided { 0 } else { sum(false) }), "{how}");
        assert_eq!(flows[0].reason.word(), "named", "{how}");
    }
}

#[test]
fn hellos_of_every_age_are_read() {
    let old = |version, extensions: Vec<(u16, Vec<u8>)>| Hello { version, extensions, ciphers: vec![0x002f, 0x0035], has_extensions: true };
    for (how, hello, ja4_version) in [
        ("TLS 1.0", old(0x0301, vec![(0, server_name(NAME))]), "10"),
        ("TLS 1.1", old(0x0302, vec![(0, server_name(NAME)), (11, vec8(&[0]))]), "11"),
        ("TLS 1.2", old(0x0303, vec![(13, codes16(&[0x0401])), (0, server_name(NAME)), (16, alpn(&["http/1.1"]))]), "12"),
        ("TLS 1.3", modern(NAME), "13"),
        ("TLS 1.3, GREASE everywhere", modern(NAME).with(0x3a3a, &[]).with(0xfafa, &[0]), "13"),
        (
            "an unknown extension of 9 KB before the name",
            Hello { extensions: vec![(0x7777, vec![0; 9000])], ..modern(NAME) }.with(0, &server_name(NAME)),
            "12",
        ),
    ] {
        let turns = vec![up(&hello.wire()), down(&record(22, &[2, 0, 0, 1, 0]))];
        assert_heard(how, 4433, &turns, &[("tls_sni", NAME)]);
        let watch = heard(443, &turns, false);
        let shadowtap::engine::event::Detail::Hello(facts) = &watch.only().detail else { panic!("{how}: a hello") };
        assert_eq!(&facts.ja4.as_deref().expect("a fingerprint")[..4], format!("t{ja4_version}d"), "{how}");
        assert_eq!(facts.ech, Ech::None);
    }
    let nameless = Hello { has_extensions: false, ..modern(NAME) };
    let mut watch = heard(443, &vec![up(&nameless.wire())], false);
    assert_eq!(watch.names(), [], "a hello without extensions");
    assert_eq!(watch.flows()[0].reason.word(), "no_sni");
}

#[test]
fn the_second_hello_after_a_hello_retry_request_counts_once() {
    let second = modern(NAME).with(44, &vec16(b"cookie"));
    let turns = vec![
        up(&modern(NAME).wire()),
        down(&record(22, &[2, 0, 0, 40])),
        up(&[record(20, &[1]), second.wire()].concat()),
        up(&record(23, &[0; 300])),
    ];
    assert_heard("HelloRetryRequest", 443, &turns, &[("tls_sni", NAME)]);
}

#[test]
fn a_hello_after_starttls_is_read() {
    let hello = modern(NAME).wire();
    let talks: [(&str, u16, Turns); 9] = [
        (
            "SMTP",
            587,
            vec![down(b"220 mail ESMTP\r\n"), up(b"EHLO me\r\n"), down(b"250 STARTTLS\r\n"), up(b"STARTTLS\r\n"), down(b"220 go\r\n")],
        ),
        (
            "IMAP",
            143,
            vec![down(b"* OK ready\r\n"), up(b"a1 CAPABILITY\r\n"), down(b"a1 OK\r\n"), up(b"a2 STARTTLS\r\n"), down(b"a2 OK\r\n")],
        ),
        ("POP3", 110, vec![down(b"+OK\r\n"), up(b"CAPA\r\n"), down(b"+OK\r\nSTLS\r\n.\r\n"), up(b"STLS\r\n"), down(b"+OK\r\n")]),
        ("FTP", 21, vec![down(b"220 hello\r\n"), up(b"AUTH TLS\r\n"), down(b"234 go\r\n")]),
        (
            "XMPP",
            5222,
            vec![
                up(b"<?xml version='1.0'?><stream:stream to='example.org' xmlns='jabber:client'>"),
                down(b"<stream:features><starttls/></stream:features>"),
                up(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
                down(b"<proceed/>"),
            ],
        ),
        (
            "LDAP",
            389,
            vec![
                up(b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"),
                down(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"),
            ],
        ),
        ("PostgreSQL", 5432, vec![up(&[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]), down(b"S")]),
        (
            "MySQL",
            3306,
            vec![
                down(&join(&[&[74, 0, 0, 0, 10], b"8.0.36\0", &[0; 67]])),
                up(&join(&[&[0x20, 0, 0, 1, 0x85, 0xae, 0xff, 0x19], &[0; 28]])),
            ],
        ),
        (
            "RDP",
            3389,
            vec![
                up(&join(&[&[3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0], &[1, 0, 8, 0, 3, 0, 0, 0]])),
                down(&join(&[&[3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0], &[2, 0, 8, 0, 2, 0, 0, 0]])),
            ],
        ),
    ];
    for (how, port, mut turns) in talks {
        turns.push(up(&hello[..70]));
        turns.push(up(&hello[70..]));
        assert_heard(how, port, &turns, &[("tls_sni", NAME)]);
        assert_heard(how, 9999, &turns, &[("tls_sni", NAME)]);
    }
}

#[test]
fn a_request_is_read_though_its_first_byte_comes_alone() {
    let request = b"CONNECT chatgpt.com:443 HTTP/1.1\r\nHost: chatgpt.com\r\n\r\n";
    for first in 1..8 {
        assert_heard("CONNECT", 8080, &vec![up(&request[..first]), up(&request[first..])], &[("http_connect", "chatgpt.com")]);
    }
}

#[test]
fn the_name_asked_of_a_proxy_and_the_name_inside_are_the_clients_on_one_connection() {
    let hello = modern(NAME).wire();
    let greeting = [down(b"HTTP/1.1 200 Connection established\r\n\r\n")];
    let connect = up(b"CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\nProxy-Authorization: Basic eA==\r\n\r\n");
    assert_heard(
        "CONNECT",
        3128,
        &vec![connect.clone(), greeting[0].clone(), up(&hello)],
        &[("http_connect", "api.openai.com"), ("tls_sni", NAME)],
    );
    assert_heard(
        "CONNECT, hello at once",
        8080,
        &vec![up(&[connect.0, hello.clone()].concat())],
        &[("http_connect", "api.openai.com"), ("tls_sni", NAME)],
    );
    let request = join(&[&[5, 1, 0, 3], &vec8(b"claude.ai"), &[1, 0xbb]]);
    let socks5 = vec![up(&[5, 1, 0]), down(&[5, 0]), up(&request), down(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]), up(&hello)];
    assert_heard("SOCKS5", 1080, &socks5, &[("socks5", "claude.ai"), ("tls_sni", NAME)]);
    let password = join(&[&[1], &vec8(b"user"), &vec8(b"secret")]);
    let with_password = vec![up(&[5, 2, 0, 2]), down(&[5, 2]), up(&password), down(&[1, 0]), up(&request), up(&hello)];
    assert_heard("SOCKS5 with a password", 9050, &with_password, &[("socks5", "claude.ai"), ("tls_sni", NAME)]);
    let socks4a = vec![up(b"\x04\x01\x01\xbb\0\0\0\x01me\0gemini.google.com\0"), down(&[0, 90, 0, 0, 0, 0, 0, 0]), up(&hello)];
    assert_heard("SOCKS4a", 1080, &socks4a, &[("socks4a", "gemini.google.com"), ("tls_sni", NAME)]);
    let nested = vec![up(&[5, 1, 0]), up(&request), up(b"CONNECT api.openai.com:443 HTTP/1.1\r\n\r\n"), up(&hello)];
    assert_heard(
        "a proxy behind a proxy",
        1080,
        &nested,
        &[("socks5", "claude.ai"), ("http_connect", "api.openai.com"), ("tls_sni", NAME)],
    );
}

#[test]
fn the_address_a_proxy_header_carries_is_shown_and_the_client_stays_who_connected() {
    let v2 = |family: u8, body: &[u8]| join(&[b"\r\n\r\n\0\r\nQUIT\n", &[0x21, family], &vec16(body)]);
    let four = v2(0x11, &[203, 0, 113, 9, 198, 51, 100, 7, 0x30, 0x39, 1, 0xbb]);
    let six_body = join(&[&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9], &[0; 16], &[0x30, 0x39, 1, 0xbb], &[4, 0, 1, 0]]);
    let local = join(&[b"\r\n\r\n\0\r\nQUIT\n", &[0x20, 0], &[0, 0]]);
    let hello = modern(NAME).wire();
    for (header, proxied) in [
        (b"PROXY TCP4 203.0.113.9 198.51.100.7 12345 443\r\n".to_vec(), Some("203.0.113.9:12345")),
        (b"PROXY TCP6 2001:db8::9 2001:db8::7 12345 443\r\n".to_vec(), Some("[2001:db8::9]:12345")),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (four, Some("203.0.113.9:12345")),
        (v2(0x21, &six_body), Some("[2001:db8::9]:12345")),
        (local, None),
    ] {
        let whole = vec![up(&[&header[..], &hello].concat())];
        let split: Turns = vec![up(&header[..9]), up(&header[9..]), up(&hello[..50]), up(&hello[50..])];
        for turns in [whole, split] {
            assert_heard("PROXY", 443, &turns, &[("tls_sni", NAME)]);
            let watch = heard(443, &turns, false);
            assert_eq!(watch.only().proxied.map(|p| p.to_string()).as_deref(), proxied);
        }
        let requests = vec![
            up(&[&header[..], b"GET / HTTP/1.1\r\nHost: chatgpt.com\r\n\r\n"].concat()),
            down(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            up(b"GET / HTTP/1.1\r\nHost: claude.ai\r\n\r\n"),
        ];
        let watch = heard(80, &requests, false);
        let told: Vec<_> = watch.observations().iter().map(|o| o.proxied.map(|p| p.to_string())).collect();
        assert_eq!(told, [proxied.map(str::to_owned), proxied.map(str::to_owned)], "every request of the connection");
    }
}

#[test]
fn names_in_clear_are_read_on_any_port() {
    let requests = vec![
        up(b"GET / HTTP/1.1\r\nUser-Agent: x\r\nHost: ChatGPT.com:8080\r\n\r\n"),
        down(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        up(b"POST /v1 HTTP/1.1\r\nhost: claude.ai\r\nContent-Length: 0\r\n\r\n"),
        down(b"HTTP/1.1 204 No Content\r\n\r\n"),
        up(b"GET http://example.org/x HTTP/1.1\r\n"),
        up(b"Accept: */*\r\n\r\n"),
    ];
    for port in [80, 11434] {
        assert_heard("HTTP/1", port, &requests, &[("http_host", NAME), ("http_host", "claude.ai"), ("http_host", "example.org")]);
    }
    // RFC 7541 C.4.1: `:authority: www.example.com`, Huffman-coded.
    let block = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
    let frame = |kind: u8, flags: u8, stream: u8, body: &[u8]| {
        join(&[&(body.len() as u32).to_be_bytes()[1..], &[kind, flags, 0, 0, 0, stream], body])
    };
    let padded = join(&[&[3, 0, 0, 0, 0, 15], block, &[0; 3]]);
    for headers in [frame(1, 0x05, 1, block), frame(1, 0x2d, 1, &padded)] {
        let all =
            join(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]), &frame(8, 0, 0, &[0, 0, 1, 0]), &headers]);
        assert_heard("HTTP/2", 50051, &vec![up(&all)], &[("http_host", "www.example.com")]);
        let split: Turns = all.chunks(7).map(up).collect();
        assert_heard("HTTP/2 in pieces", 80, &split, &[("http_host", "www.example.com")]);
    }
}

#[test]
fn versions_in_a_hello_may_be_unknown_or_grease() {
    let hello = modern(NAME).without(43).with(43, &codes8(&[0x7a7a, 0x0399, 0x0304]));
    assert_heard("unknown versions", 443, &vec![up(&hello.wire())], &[("tls_sni", NAME)]);
}

#[test]
fn the_proxied_address_stands_in_the_json_of_names() {
    let mut talk = Talk::new("10.0.0.5:51514", "198.51.100.7:443");
    let said = [b"PROXY TCP4 203.0.113.9 198.51.100.7 12345 443\r\n", &modern(NAME).wire()[..]].concat();
    let frame = wire::packet::framed(&talk.say(&said));
    let length = (frame.len() as u32).to_le_bytes();
    let head = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0";
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("proxied.pcap");
    std::fs::write(&path, join(&[head, &[0; 8], &length, &length, &frame])).expect("written");
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_shadowtap")).args(["names", "--output", "json"]).arg(&path).output();
    let line: serde_json::Value = serde_json::from_slice(&run.expect("runs").stdout).expect("one object");
    assert_eq!((&line["client"], &line["proxied"]), (&"10.0.0.5".into(), &"203.0.113.9:12345".into()));
}
