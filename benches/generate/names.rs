//! Names that clients ask for, and the addresses they live at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::rng::Rng;

/// Hosts of GenAI services, as the shipped signatures know them.
const GENAI: [&str; 24] = [
    "chatgpt.com",
    "ab.chatgpt.com",
    "api.openai.com",
    "files.oaiusercontent.com",
    "claude.ai",
    "api.anthropic.com",
    "gemini.google.com",
    "generativelanguage.googleapis.com",
    "api.mistral.ai",
    "chat.mistral.ai",
    "www.perplexity.ai",
    "api.perplexity.ai",
    "api.deepseek.com",
    "chat.deepseek.com",
    "api.groq.com",
    "api.cohere.com",
    "huggingface.co",
    "api.elevenlabs.io",
    "api2.cursor.sh",
    "copilot.microsoft.com",
    "api.together.xyz",
    "openrouter.ai",
    "character.ai",
    "grok.com",
];

const ORDINARY: [&str; 16] = [
    "www.google.com",
    "fonts.gstatic.com",
    "outlook.office365.com",
    "teams.microsoft.com",
    "github.com",
    "www.wikipedia.org",
    "cdn.jsdelivr.net",
    "slack.com",
    "zoom.us",
    "www.youtube.com",
    "s3.eu-central-1.amazonaws.com",
    "login.microsoftonline.com",
    "deb.debian.org",
    "static.cloudflareinsights.com",
    "update.googleapis.com",
    "www.bbc.co.uk",
];

/// A name: one in six of a GenAI service, most of the rest from a long tail.
pub fn any(rng: &mut Rng) -> String {
    match rng.below(12) {
        0 | 1 => (*rng.pick(&GENAI)).into(),
        2..=6 => (*rng.pick(&ORDINARY)).into(),
        _ => format!("{}{}.site-{}.example", rng.pick(&["www", "cdn", "api", "img-assets"]), rng.below(20), rng.below(400)),
    }
}

/// Where a name lives: always the same place.
pub fn server(name: &str, is_v6: bool) -> IpAddr {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
    match is_v6 {
        false => Ipv4Addr::new(104, (16 + hash % 16) as u8, (hash >> 8) as u8, (1 + (hash >> 16) % 254) as u8).into(),
        true => Ipv6Addr::from(0x2606_4700u128 << 96 | u128::from(hash)).into(),
    }
}

/// One of some two thousand clients.
pub fn client(rng: &mut Rng, is_v6: bool) -> IpAddr {
    let (net, host) = (rng.below(8) as u8, rng.between(2, 250) as u8);
    match is_v6 {
        false => Ipv4Addr::new(10, 1, net, host).into(),
        true => Ipv6Addr::from(0xfd00_0001u128 << 96 | u128::from(net) << 16 | u128::from(host)).into(),
    }
}
