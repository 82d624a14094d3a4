//! Lists of domains as others keep them, line by line: what each line means, or why it means no host.

use std::net::IpAddr;

use clap::ValueEnum;

/// How a list is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Format {
    /// What its lines look like
    #[default]
    Auto,
    /// One name a line, `#` comments; hosts files too
    Domains,
    /// AdGuard and AdBlock: `||example.com^`, `@@` exceptions, `!` comments
    Adguard,
    /// v2fly domain-list-community: `domain:`, `full:`, attributes
    V2fly,
}

/// What stands on a line.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Item {
    /// A host, in our notation.
    Host(String),
    /// A host that must not match.
    Exception(String),
    /// Something that says more about the host before it than our format can.
    Dropped(String),
    /// Something that is no host: what, and what to do.
    LeftOut(&'static str, &'static str),
}

impl Format {
    /// The format itself, or what the lines look like.
    pub(super) fn told_by(self, text: &str) -> Format {
        if self != Format::Auto {
            return self;
        }
        let lines = || text.lines().map(str::trim);
        let is_adguard = |l: &str| l.starts_with("||") || l.starts_with("@@") || l.starts_with('!') || l.starts_with("[Ad");
        let v2fly = ["domain:", "full:", "keyword:", "regexp:", "include:"];
        let is_v2fly = |l: &str| v2fly.iter().any(|p| l.starts_with(p)) || (!l.starts_with('#') && l.contains(" @"));
        if lines().any(is_adguard) {
            Format::Adguard
        } else if lines().any(is_v2fly) {
            Format::V2fly
        } else {
            Format::Domains
        }
    }

    /// What a line says.
    pub(super) fn read(self, line: &str) -> Vec<Item> {
        let line = line.trim();
        match self {
            Format::Adguard => adguard(line).into_iter().collect(),
            Format::V2fly => v2fly(line),
            Format::Auto | Format::Domains => domains(line),
        }
    }
}

fn domains(line: &str) -> Vec<Item> {
    let code = line.split('#').next().unwrap_or_default();
    let mut words = code.split_whitespace().peekable();
    // A hosts file: the address that the names are sent to comes first.
    if words.peek().is_some_and(|w| w.parse::<IpAddr>().is_ok()) {
        words.next();
        if words.peek().is_none() {
            return vec![Item::LeftOut("is an address", "signatures are about names")];
        }
    }
    words.map(host).collect()
}

fn v2fly(line: &str) -> Vec<Item> {
    let code = line.split('#').next().unwrap_or_default();
    let mut words = code.split_whitespace();
    let Some(rule) = words.next() else { return Vec::new() };
    let mut items = vec![match rule.split_once(':') {
        None => host(rule),
        Some(("domain", name)) => host(name),
        Some(("full", name)) => exact(name),
        Some(("keyword", _)) => Item::LeftOut("is a keyword, which matches anybody's names", "write out the hosts that are meant"),
        Some(("regexp", _)) => Item::LeftOut("is a regular expression", "write out the hosts; \"*\" is one whole label"),
        Some(("include", _)) => Item::LeftOut("includes another list", "import that list too, if it is the same service"),
        Some(_) => Item::LeftOut("has a rule of unknown kind", "known are domain:, full:, keyword:, regexp: and include:"),
    }];
    items.extend(words.map(|w| Item::Dropped(w.to_owned())));
    items
}

fn adguard(line: &str) -> Option<Item> {
    let is_comment = line.starts_with('!') || (line.starts_with('#') && !line.starts_with("##") && !line.starts_with("#@"));
    if line.is_empty() || is_comment || (line.starts_with('[') && line.ends_with(']')) {
        return None;
    }
    if ["##", "#@#", "#?#", "#$#", "#%#", "$$"].iter().any(|mark| line.contains(mark)) {
        return Some(Item::LeftOut("is about parts of a page, not about a host", "leave it out"));
    }
    let (is_exception, rule) = match line.strip_prefix("@@") {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    if rule.starts_with('/') {
        return Some(Item::LeftOut("is a regular expression or a path", "write out the hosts; \"*\" is one whole label"));
    }
    let (rule, modifiers) = rule.split_once('$').unwrap_or((rule, ""));
    if modifiers.split(',').any(|m| m.contains('=') || m == "badfilter") {
        return Some(Item::LeftOut("holds under conditions only ($…)", "decide whether the host belongs here, and write it alone"));
    }
    Some(match address(rule) {
        Item::Host(name) if is_exception => Item::Exception(name),
        other => other,
    })
}

/// The address part of an AdGuard rule: `||` begins a name and its subdomains, `|https://` one host, `^` ends a name.
fn address(rule: &str) -> Item {
    let ended = |text: &str| text.trim_end_matches(['|', '^']).to_owned();
    let schemes = ["|https://", "|http://", "https://", "http://"];
    if let Some(rest) = schemes.iter().find_map(|s| rule.strip_prefix(s)) {
        return exact(&ended(rest));
    }
    host(&ended(rule.strip_prefix("||").unwrap_or(rule)))
}

fn host(name: &str) -> Item {
    let name = name.strip_prefix("*.").or_else(|| name.strip_prefix('.')).unwrap_or(name);
    named(name, "")
}

fn exact(name: &str) -> Item {
    named(name, "=")
}

fn named(name: &str, mark: &str) -> Item {
    if name.contains('/') {
        return Item::LeftOut("names a path or an address, not a host", "write the host alone, if all of it is the tool");
    }
    if !name.is_ascii() {
        return Item::LeftOut("has letters beyond ASCII", "write the name as it is on the wire, xn--…");
    }
    Item::Host(format!("{mark}{}", name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Item {
        Item::Host(text.into())
    }

    fn is_left_out(format: Format, line: &str, word: &str) {
        match &format.read(line)[..] {
            [Item::LeftOut(why, _)] => assert!(why.contains(word), "{line}: {why}"),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn reads_plain_names_and_hosts_files() {
        for (line, items) in [
            ("Chat.Acme.example.", vec![host("chat.acme.example")]),
            ("*.acme.example # theirs", vec![host("acme.example")]),
            ("0.0.0.0 a.example b.example", vec![host("a.example"), host("b.example")]),
            ("# nothing", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(Format::Domains.read(line), items, "{line}");
        }
        is_left_out(Format::Domains, "https://acme.example/chat", "path");
        is_left_out(Format::Domains, "10.0.0.1", "address");
        is_left_out(Format::Domains, "bücher.example", "ASCII");
    }

    #[test]
    fn reads_adguard() {
        for (line, items) in [
            ("||acme.example^", vec![host("acme.example")]),
            ("||*.acme.example^$important,third-party", vec![host("acme.example")]),
            ("|https://chat.acme.example^", vec![host("=chat.acme.example")]),
            ("@@||status.acme.example^|", vec![Item::Exception("status.acme.example".into())]),
            ("acme.example", vec![host("acme.example")]),
            ("! comment", vec![]),
            ("# comment", vec![]),
            ("[Adblock Plus 2.0]", vec![]),
        ] {
            assert_eq!(Format::Adguard.read(line), items, "{line}");
        }
        is_left_out(Format::Adguard, "acme.example##.banner", "parts of a page");
        is_left_out(Format::Adguard, "/^chat[0-9]+/", "regular");
        is_left_out(Format::Adguard, "||acme.example/chat", "path");
        is_left_out(Format::Adguard, "||acme.example^$client=10.0.0.1", "conditions");
    }

    #[test]
    fn reads_v2fly() {
        for (line, items) in [
            ("domain:acme.example", vec![host("acme.example")]),
            ("acme.example @ads @cn # seen", vec![host("acme.example"), Item::Dropped("@ads".into()), Item::Dropped("@cn".into())]),
            ("full:chat.acme.example", vec![host("=chat.acme.example")]),
            ("# comment", vec![]),
        ] {
            assert_eq!(Format::V2fly.read(line), items, "{line}");
        }
        is_left_out(Format::V2fly, "keyword:acme", "keyword");
        is_left_out(Format::V2fly, "regexp:^a.*$", "regular");
        is_left_out(Format::V2fly, "include:acme-cdn", "another list");
        is_left_out(Format::V2fly, "geosite:acme", "unknown kind");
    }

    #[test]
    fn tells_formats_apart() {
        for (text, format) in [
            ("# list\na.example\n", Format::Domains),
            ("! list\n||a.example^\n", Format::Adguard),
            ("a.example\nfull:b.example\n", Format::V2fly),
            ("a.example @ads\n", Format::V2fly),
            ("", Format::Domains),
        ] {
            assert_eq!(Format::Auto.told_by(text), format, "{text}");
        }
        assert_eq!(Format::V2fly.told_by("||a.example^"), Format::V2fly);
    }
}
