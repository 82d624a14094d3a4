//! The syslog message: RFC 5424, and its framing by octet counting, RFC 6587 §3.4.1, which RFC 5425 §4.3 asks of TLS.

use std::fmt::Write;

/// Facilities, RFC 5424 §6.2.1, each with its number.
pub const FACILITIES: [(&str, u8); 14] = [
    ("user", 1),
    ("daemon", 3),
    ("auth", 4),
    ("authpriv", 10),
    ("audit", 13),
    ("alert", 14),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// Severity, RFC 5424 §6.2.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// Critical conditions.
    Critical = 2,
    /// Warning conditions.
    Warning = 4,
    /// Normal but significant.
    Notice = 5,
    /// Informational.
    Informational = 6,
}

/// The name of our structured data. Nobody gave this project an enterprise number: 32473 is the one of documentation (RFC 5612).
const SD_ID: &str = "shadowtap@32473";

/// One message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Number of the facility.
    pub facility: u8,
    /// How grave.
    pub severity: Severity,
    /// RFC 3339 with at most six digits behind the second; empty where not known.
    pub time: &'a str,
    /// Name of the sensor.
    pub host: &'a str,
    /// Name of the application.
    pub app: &'a str,
    /// Kind of message.
    pub kind: &'a str,
    /// Structured data: names, which are ours, and values.
    pub data: &'a [(&'a str, &'a str)],
    /// What is said, one line of UTF-8.
    pub text: &'a str,
}

impl Message<'_> {
    /// The message in a frame of its own: its length, a space, and itself. No byte order mark precedes the text: what reads CEF or JSON would
    /// stumble over it, and RFC 5424 leaves out the mark where the form of the text is not said.
    pub fn framed(&self) -> String {
        let priority = u16::from(self.facility) * 8 + self.severity as u16;
        let header = |text: &str, most| Header(text, most).to_string();
        let (time, host, app, kind) = (header(self.time, 32), header(self.host, 255), header(self.app, 48), header(self.kind, 32));
        let mut message = format!("<{priority}>1 {time} {host} {app} {} {kind} ", std::process::id());
        if self.data.is_empty() {
            message.push('-');
        } else {
            message.push_str(&format!("[{SD_ID}"));
            for (name, value) in self.data {
                // Writing to a String cannot fail.
                let _ = write!(message, " {name}=\"{}\"", Parameter(value));
            }
            message.push(']');
        }
        let _ = write!(message, " {}", self.text);
        format!("{} {message}", message.len())
    }
}

/// A field of the header: visible ASCII without spaces, at most so long; `-` where nothing is left.
struct Header<'a>(&'a str, usize);

impl std::fmt::Display for Header<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut is_empty = true;
        for c in self.0.chars().filter(char::is_ascii_graphic).take(self.1) {
            is_empty = false;
            f.write_char(c)?;
        }
        if is_empty { f.write_char('-') } else { Ok(()) }
    }
}

/// The value of a parameter: `"`, `\` and `]` escaped (§6.3.3), control characters left out.
struct Parameter<'a>(&'a str);

impl std::fmt::Display for Parameter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars().filter(|c| !c.is_control()) {
            if matches!(c, '"' | '\\' | ']') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_counted_in_bytes_and_its_parts_are_kept_apart() {
        let message = Message {
            facility: 16,
            severity: Severity::Critical,
            time: "2026-11-23T07:00:00.123456Z",
            host: "se nsör\n1",
            app: "shadowtap",
            kind: "first_use",
            data: &[("id", "a]b\"c\\d\n"), ("sensor", "x")],
            text: "CEF:0|ä",
        };
        let pid = std::process::id();
        let said = format!(
            "<130>1 2026-11-23T07:00:00.123456Z sensr1 shadowtap {pid} first_use [shadowtap@32473 id=\"a\\]b\\\"c\\\\d\" sensor=\"x\"] CEF:0|ä"
        );
        assert_eq!(message.framed(), format!("{} {said}", said.len()));
        let bare = Message { time: "", kind: "", data: &[], ..message };
        assert!(bare.framed().contains(&format!("<130>1 - sensr1 shadowtap {pid} - - CEF")), "{}", bare.framed());
    }
}
