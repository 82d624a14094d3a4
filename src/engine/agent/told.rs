//! What a program says of itself: the User-Agent of a request in clear, most often of a CONNECT to a proxy. Reduced to a kind of program
//! where it is read; the text is not kept.

use crate::engine::sighting::Agent;

/// Words and what they mean, the first that is there counts. Products a user agent begins with end with `/`.
const WORDS: [(&str, Agent); 25] = [
    // An application says so behind the browser it is built upon.
    ("electron/", Agent::DesktopApp),
    // Command-line tools, as they write themselves.
    ("claude-cli/", Agent::Cli),
    ("codex_cli_rs/", Agent::Cli),
    ("geminicli/", Agent::Cli),
    ("curl/", Agent::Cli),
    ("wget/", Agent::Cli),
    ("httpie/", Agent::Cli),
    ("git/", Agent::Cli),
    // Libraries; the SDKs of two vendors among them.
    ("openai/", Agent::Sdk),
    ("asyncopenai/", Agent::Sdk),
    ("anthropic/", Agent::Sdk),
    ("asyncanthropic/", Agent::Sdk),
    ("python-requests/", Agent::Sdk),
    ("python-httpx/", Agent::Sdk),
    ("python-urllib/", Agent::Sdk),
    ("python-urllib3/", Agent::Sdk),
    ("python/", Agent::Sdk),
    ("go-http-client/", Agent::Sdk),
    ("java-http-client/", Agent::Sdk),
    ("okhttp/", Agent::Sdk),
    ("axios/", Agent::Sdk),
    ("undici", Agent::Sdk),
    ("node", Agent::Sdk),
    ("bun/", Agent::Sdk),
    ("deno/", Agent::Sdk),
];

/// The kind of program a User-Agent names; `None` where it names none that is known.
pub fn agent(user_agent: &[u8]) -> Option<Agent> {
    let text = String::from_utf8_lossy(user_agent).to_ascii_lowercase();
    let is_said = |word: &str| if word == "electron/" { text.contains(word) } else { text.starts_with(word) };
    let known = WORDS.iter().find(|(word, _)| is_said(word)).map(|(_, agent)| *agent);
    let is_browser = || text.starts_with("mozilla/5.0 (") && (text.contains(" gecko/") || text.contains(" applewebkit/"));
    known.or_else(|| is_browser().then_some(Agent::Browser))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_agents_as_programs_send_them() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
        let cases = [
            (chrome, Some(Agent::Browser)),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", Some(Agent::Browser)),
            (&chrome.replace("Safari", "Cursor/0.45.0 Electron/32.2.6 Safari"), Some(Agent::DesktopApp)),
            ("curl/7.88.1", Some(Agent::Cli)),
            ("OpenAI/Python 1.54.0", Some(Agent::Sdk)),
            ("python-requests/2.28.1", Some(Agent::Sdk)),
            ("Go-http-client/1.1", Some(Agent::Sdk)),
            ("claude-cli/1.0.51 (external, cli)", Some(Agent::Cli)),
            ("Mozilla/4.0", None),
            ("x curl/7.88.1", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(agent(text.as_bytes()), expected, "{text}");
        }
    }
}
