//! What kind of program real clients are said to be. What the rules make of every client of the table stands in `tests/agents.rs`.

use super::Case;
use crate::client::Client;
use crate::net::CLIENTS;
use crate::patience::eventually;
use crate::site::Site;

pub const CASES: &[Case] = &[
    Case { name: "agents_of_programs_at_an_api", needs: &["curl", "openssl", "python3", "node", "wget"], run: programs },
    Case { name: "agents_of_a_browser", needs: &["chromium", "certutil"], run: browser },
];

fn programs(client: &Client) {
    let site = Site::new(client.net);
    let _daemon = site.start();
    let visits: [(&str, &dyn Fn(&str)); 5] = [
        (CLIENTS[0], &|name| client.curl(name)),
        (CLIENTS[1], &|name| client.openssl(name)),
        (CLIENTS[2], &|name| client.python(name)),
        (CLIENTS[3], &|name| client.node(name)),
        (CLIENTS[4], &|name| client.wget(name)),
    ];
    for (who, visit) in visits {
        client.net.be(who);
        visit("api.anthropic.com");
        visit("claude.ai");
    }
    for (who, _) in visits {
        assert_eq!(site.sighting(who, "anthropic.api", "contacted")["agent"], "sdk", "{who}");
        assert_eq!(site.sighting(who, "anthropic.claude", "contacted")["agent"], "unknown", "no program is a browser: {who}");
    }
    client.net.be(CLIENTS[5]);
    client.node("api2.cursor.sh");
    assert_eq!(site.sighting(CLIENTS[5], "cursor.cursor", "contacted")["agent"], "cli");
    // Who looks a name up has said nothing of itself.
    client.net.be(CLIENTS[6]);
    client.dig("claude.ai", "A", "+notcp");
    assert_eq!(site.sighting(CLIENTS[6], "anthropic.claude", "resolved")["agent"], "unknown");
}

fn browser(client: &Client) {
    let site = Site::new(client.net);
    let _daemon = site.start();
    client.net.be(CLIENTS[0]);
    client.chromium("gemini.google.com");
    client.net.be(CLIENTS[1]);
    client.chromium_quic("gemini.google.com");
    client.net.be(CLIENTS[2]);
    client.chromium("api.openai.com");
    // A script and a browser at one tool: a person uses it.
    client.net.be(CLIENTS[3]);
    client.curl("gemini.google.com");
    client.chromium("gemini.google.com");
    client.curl("gemini.google.com");
    // A first contact is committed at once, and what comes after it within half a second.
    for who in [CLIENTS[0], CLIENTS[1], CLIENTS[3]] {
        let is_browser = || site.of(who, "google.gemini").iter().any(|s| s["agent"] == "browser").then_some(());
        eventually(&format!("{who} has a browser"), is_browser);
        assert_eq!(site.of(who, "google.gemini").len(), 1, "{who}");
    }
    assert_eq!(site.sighting(CLIENTS[2], "openai.api", "contacted")["agent"], "unknown", "a page's script, or an application");
}
