//! Comma-separated values after RFC 4180, safe to open in a spreadsheet.

use std::io::{self, Write};
use std::sync::Arc;

use crate::daemon::clock;
use crate::engine::sighting::Sighting;

const HEADER: &str = "client,team,service,vendor,category,status,evidence,presence_only,agent,first_seen,last_seen,connections,bytes_up,bytes_down,\
                      sources,names,host,user,site,active_minutes,turns_low,turns_high\r\n";

/// Writes the line of names.
pub(super) fn write_header(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(HEADER.as_bytes())
}

/// Writes one sighting; sources and names are lists separated by spaces. New columns come last: programs may count on the places of the others.
pub(super) fn write_row(out: &mut dyn Write, s: &Sighting) -> io::Result<()> {
    let sources: Vec<_> = s.sources.iter().map(|source| source.word()).collect();
    let fields = [
        s.client.to_string(),
        s.team.to_string(),
        s.service.to_string(),
        s.vendor.to_string(),
        s.category.to_string(),
        s.status.word().to_owned(),
        s.evidence.word().to_owned(),
        s.presence_only.to_string(),
        s.agent.word().to_owned(),
        clock::rfc3339(s.first_seen),
        clock::rfc3339(s.last_seen),
        s.connections.to_string(),
        s.bytes_up.to_string(),
        s.bytes_down.to_string(),
        sources.join(" "),
        s.names.join(" "),
        fact(&s.identity.host),
        fact(&s.identity.user),
        fact(&s.identity.site),
        s.active_minutes.to_string(),
        s.turns.low.to_string(),
        s.turns.high.to_string(),
    ];
    let line: Vec<_> = fields.iter().map(|f| field(f)).collect();
    write!(out, "{}\r\n", line.join(","))
}

fn fact(fact: &Option<Arc<str>>) -> String {
    fact.as_deref().unwrap_or_default().to_owned()
}

/// Quotes where RFC 4180 asks for it. What a spreadsheet would run as a formula gets an apostrophe before it
/// (<https://owasp.org/www-community/attacks/CSV_Injection>).
fn field(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) { "'" } else { "" };
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{guard}{}\"", text.replace('"', "\"\"")) } else { format!("{guard}{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_guards() {
        for (text, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("=cmd|' /C calc'!A0,x", "\"'=cmd|' /C calc'!A0,x\""),
            ("@home", "'@home"),
            ("", ""),
        ] {
            assert_eq!(field(text), written, "{text}");
        }
    }
}
