//! Community ID, version 1: one text for a flow that Zeek, Suricata and others say too.
//!
//! <https://github.com/corelight/community-id-spec>, read 2026-11-23: SHA-1 over seed, the ends with the smaller first, protocol and ports.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::engine::event::{Conversation, Transport};

/// The Community ID of a flow; sites that use another seed than 0 use it everywhere.
pub fn community_id(conversation: &Conversation, seed: u16) -> String {
    let Conversation { transport, ends } = conversation;
    let (client, server) = ((octets(ends.client), ends.client_port), (octets(ends.server), ends.server_port));
    let (first, second) = if client <= server { (client, server) } else { (server, client) };
    let protocol = match transport {
        Transport::Tcp => 6,
        Transport::Udp => 17,
    };
    let mut said = seed.to_be_bytes().to_vec();
    said.extend(&first.0);
    said.extend(&second.0);
    said.extend([protocol, 0]);
    said.extend(first.1.to_be_bytes());
    said.extend(second.1.to_be_bytes());
    format!("1:{}", STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &said)))
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Ends;

    /// TCP and UDP of the specification's `baseline_deflt.json` and `baseline_seed1.json`.
    const BASELINE: [(Transport, &str, u16, &str, u16, &str, &str); 6] = [
        (
            Transport::Tcp,
            "2001:470:e5bf:dead:4957:2174:e82c:4887",
            63943,
            "2607:f8b0:400c:c03::1a",
            25,
            "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
            "1:eJYTW6AOzFLlSUoESovMjnu7rMw=",
        ),
        (
            Transport::Tcp,
            "2607:f8b0:400c:c03::1a",
            25,
            "2001:470:e5bf:dead:4957:2174:e82c:4887",
            63943,
            "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
            "1:eJYTW6AOzFLlSUoESovMjnu7rMw=",
        ),
        (Transport::Tcp, "128.232.110.120", 34855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="),
        (Transport::Tcp, "66.35.250.204", 80, "128.232.110.120", 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="),
        (Transport::Udp, "192.168.1.52", 54585, "8.8.8.8", 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="),
        (Transport::Udp, "8.8.8.8", 53, "192.168.1.52", 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="),
    ];

    #[test]
    fn agrees_with_the_vectors_of_the_specification() {
        for (transport, client, client_port, server, server_port, by_default, with_one) in BASELINE {
            let ends = Ends { client: client.parse().unwrap(), client_port, server: server.parse().unwrap(), server_port };
            let conversation = Conversation { transport, ends };
            assert_eq!([community_id(&conversation, 0), community_id(&conversation, 1)], [by_default, with_one], "{client}");
        }
    }

    #[test]
    fn one_address_on_both_sides_is_ordered_by_port() {
        let ends =
            |client_port, server_port| Ends { client: [127, 0, 0, 1].into(), client_port, server: [127, 0, 0, 1].into(), server_port };
        let of = |ends| community_id(&Conversation { transport: Transport::Tcp, ends }, 0);
        assert_eq!(of(ends(1, 2)), of(ends(2, 1)));
        assert_ne!(of(ends(1, 2)), of(ends(1, 3)));
    }
}
