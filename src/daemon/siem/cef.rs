//! Common Event Format, version 0: one line of header and key-value pairs.
//!
//! It is defined by "Implementing ArcSight Common Event Format (CEF)" (Micro Focus, now OpenText). That document itself was not read: keys, their
//! lengths and escapes are from what others publish about version 23 of 2016-05-16, read 2026-11-23. In the header `\` and `|` are escaped; in values `\` and `=`, and line ends are `\n`. `in` and `out` are seen
//! from source to destination: what the client sent is `in`.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::IpAddr;

use super::record::{Activity, Level, Record};

/// The line of a record.
pub fn line(record: &Record) -> String {
    let (severity, kind) = (severity(record.level), header(&record.kind));
    let mut line = format!("CEF:0|shadowtap|shadowtap|{}|{kind}|{}|{severity}|", env!("CARGO_PKG_VERSION"), header(&record.title));
    let mut pairs = Pairs { line: &mut line, is_first: true };
    pairs.put("rt", record.time);
    pairs.put("start", record.first_seen);
    pairs.put("end", record.last_seen);
    pairs.text("externalId", Some(&record.message_id), 40);
    pairs.text("dvchost", record.sensor.as_ref(), 100);
    client(&mut pairs, record);
    pairs.text("shost", record.host.as_ref(), 1023);
    pairs.text("suser", record.user.as_ref(), 1023);
    pairs.text("smac", record.mac.as_ref(), 17);
    pairs.text("dhost", record.names.first(), 1023);
    pairs.put("in", record.bytes_up);
    pairs.put("out", record.bytes_down);
    pairs.put("cnt", record.connections);
    pairs.text("cat", record.category.as_ref(), 1023);
    pairs.text("act", Some(&act(record.activity).to_owned()), 63);
    pairs.text("outcome", record.evidence.as_ref(), 63);
    pairs.text("reason", record.reason.as_ref(), 1023);
    pairs.text("requestClientApplication", record.agent.as_ref(), 1023);
    let service = record.service.as_ref().map(|id| match &record.service_name {
        Some(name) => format!("{name} ({id})"),
        None => id.clone(),
    });
    let custom = [
        ("service", service.as_ref()),
        ("policyStatus", record.status.as_ref()),
        ("team", record.team.as_ref()),
        ("incident", Some(&record.matter)),
        ("communityId", record.community_id.as_ref()),
        ("runbook", record.runbook.as_ref()),
    ];
    for (number, (label, value)) in (1..).zip(custom) {
        pairs.custom(number, label, value);
    }
    pairs.text("msg", Some(&record.message), 1023);
    line
}

/// An IPv4 address is `src`, an IPv6 address the custom field that is there for it; anything else, a pseudonym or a team, is an id.
fn client(pairs: &mut Pairs<'_>, record: &Record) {
    let Some(client) = &record.client else { return };
    match client.parse() {
        Ok(IpAddr::V4(_)) => pairs.text("src", Some(client), 15),
        Ok(IpAddr::V6(_)) => {
            pairs.text("c6a2", Some(client), 45);
            pairs.text("c6a2Label", Some(&"Source IPv6 Address".to_owned()), 1023);
        }
        Err(_) => pairs.text("suid", Some(client), 1023),
    }
}

/// 0 to 3 is low, 4 to 6 medium, 7 and 8 high, 9 and 10 very high.
const fn severity(level: Level) -> u8 {
    match level {
        Level::Informational => 0,
        Level::Low => 3,
        Level::Medium => 6,
        Level::High => 8,
    }
}

const fn act(activity: Activity) -> &'static str {
    match activity {
        Activity::Create => "opened",
        Activity::Update => "raised",
        Activity::Close => "closed",
    }
}

struct Pairs<'a> {
    line: &'a mut String,
    is_first: bool,
}

impl Pairs<'_> {
    fn put(&mut self, key: &str, value: Option<impl std::fmt::Display>) {
        let Some(value) = value else { return };
        let space = if std::mem::take(&mut self.is_first) { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = write!(self.line, "{space}{key}={value}");
    }

    /// A text, escaped; of one longer than `most` characters the beginning.
    fn text(&mut self, key: &str, value: Option<&String>, most: usize) {
        self.put(key, value.filter(|v| !v.is_empty()).map(|v| escaped(begin(v, most))));
    }

    fn custom(&mut self, number: u8, label: &str, value: Option<&String>) {
        if value.is_some_and(|v| !v.is_empty()) {
            self.text(&format!("cs{number}"), value, 4000);
            self.text(&format!("cs{number}Label"), Some(&label.to_owned()), 1023);
        }
    }
}

fn begin(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(at, _)| text.get(..at).unwrap_or(text))
}

/// A field of the header: one line, `\` and `|` escaped.
fn header(text: &str) -> String {
    let mut field = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '|' => field.extend(['\\', c]),
            c if c.is_control() => field.push(' '),
            c => field.push(c),
        }
    }
    field
}

/// A value: `\` and `=` escaped, line ends written out, other control characters left out.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| c == '\\' || c == '=' || c.is_control()) {
        return text.into();
    }
    let mut value = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '=' => value.extend(['\\', c]),
            '\n' => value.push_str("\\n"),
            '\r' => value.push_str("\\r"),
            c if c.is_control() => {}
            c => value.push(c),
        }
    }
    value.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn header_and_values_are_escaped_each_in_its_way() {
        assert_eq!(header("a|b\\c=d\ne"), "a\\|b\\\\c=d e");
        assert_eq!(escaped("a|b\\c=d\r\ne\u{7}"), "a|b\\\\c\\=d\\r\\ne");
    }

    #[test]
    fn an_alert_is_one_line() {
        let all = json!({
            "schema": "shadowtap.alert/1", "id": "ab", "incident": "cd", "state": "open", "kind": "first_use", "severity": "high",
            "created": "2026-11-23T07:00:00.123456Z", "client": "10.0.0.5", "host": "ws|14", "team": "a=b", "status": "unapproved",
            "service": {"id": "openai.chatgpt", "name": "ChatGPT", "vendor": "OpenAI", "category": "chat"}, "names": ["chatgpt.com"],
            "bytes_up": 12, "bytes_down": 34, "message": "first\nsecond",
        });
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            line(&Record::of_alert(&all, "ChatGPT | x".into())),
            format!(
                "CEF:0|shadowtap|shadowtap|{version}|first_use|ChatGPT \\| x|8|rt=1795417200123 externalId=ab src=10.0.0.5 shost=ws|14 \
                 dhost=chatgpt.com in=12 out=34 cat=chat act=opened cs1=ChatGPT (openai.chatgpt) cs1Label=service cs2=unapproved \
                 cs2Label=policyStatus cs3=a\\=b cs3Label=team cs4=cd cs4Label=incident msg=first\\nsecond"
            )
        );
    }

    #[test]
    fn what_is_no_address_is_no_src() {
        let of = |client: &str| line(&Record::of_sighting(&json!({"client": client, "event": "closed"})));
        assert!(of("2001:db8::5").contains(" c6a2=2001:db8::5 c6a2Label=Source IPv6 Address "));
        let pseudonym = of("p-abcdefghijklmnop");
        assert!(pseudonym.contains("suid=p-abcdefghijklmnop ") && !pseudonym.contains("src="), "{pseudonym}");
    }

    #[test]
    fn long_texts_end_at_a_character() {
        assert_eq!(begin("äöü", 2), "äö");
        assert_eq!(begin("äöü", 3), "äöü");
    }
}
