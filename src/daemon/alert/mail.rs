//! Alerts by e-mail: SMTP with TLS (RFC 5321, RFC 3207, RFC 8314), one message an alert in plain text.
//!
//! The Message-ID is made of the alert's id, so a server drops the repeat of one it took; References is the incident, so a mail program shows
//! what belongs together as one thread.

use std::time::Duration;

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use zeroize::Zeroizing;

use super::form::Form;
use super::outbox::{Outcome, Sink};
use crate::daemon::config::{self, MailTls};
use crate::daemon::failure::cause;
use crate::daemon::letter::Letter;
use crate::daemon::toml_fields::read_text;

/// Longest subject, characters: what a list of messages shows.
const SUBJECT: usize = 150;

/// Codes by which a server says that it does not want this client, rather than this message (RFC 4954 §6, RFC 5321 §4.2.3).
const NOT_US: [u16; 6] = [530, 534, 535, 538, 454, 421];

/// A mail server, and whom to write to.
pub struct MailSink {
    name: String,
    settings: config::Mail,
}

impl MailSink {
    /// Makes it, and reads its files once to see that they can be read.
    ///
    /// # Errors
    /// Which file of its settings cannot be used.
    pub fn new(name: &str, settings: &config::Mail) -> Result<Self, String> {
        let sink = MailSink { name: name.to_owned(), settings: settings.clone() };
        sink.transport().map_err(|what| format!("sink `{name}`: {what}"))?;
        Ok(sink)
    }

    /// Made for each attempt: a changed password or authority counts from the next one on.
    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
        let config::Mail { host, port, tls, user, timeout, sensor, .. } = &self.settings;
        let parameters = || self.parameters(host);
        let tls = match tls {
            MailTls::StartTls => Tls::Required(parameters()?),
            MailTls::Implicit => Tls::Wrapper(parameters()?),
            MailTls::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host) // what lettre calls the builder that leaves TLS to us
            .port(*port)
            .tls(tls)
            .timeout(Some(*timeout))
            .hello_name(ClientId::Domain(domain(sensor)));
        if let Some((user, password_file)) = user {
            let text = read_text(password_file).map_err(|problem| format!("{}: {}", password_file.display(), problem.message));
            let text = Zeroizing::new(text?);
            builder = builder.credentials(Credentials::new(user.clone(), text.trim_end_matches(['\r', '\n']).to_owned()));
        }
        Ok(builder.build())
    }

    fn parameters(&self, host: &str) -> Result<TlsParameters, String> {
        let mut builder = TlsParameters::builder(host.to_owned());
        if let Some(file) = &self.settings.ca_file {
            let about = |what: String| format!("ca_file {}: {what}", file.display());
            let pem = std::fs::read(file).map_err(|e| about(e.to_string()))?;
            builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|e| about(cause(&e)))?);
        }
        builder.build_rustls().map_err(|e| cause(&e))
    }

    fn message(&self, letter: &Letter) -> Result<Message, String> {
        let form = Form::read(&letter.payload);
        let config::Mail { from, to, sensor, .. } = &self.settings;
        let at = |id: &str| format!("<{}@{}>", id.chars().filter(char::is_ascii_alphanumeric).collect::<String>(), domain(sensor));
        let mailbox = |text: &str| text.parse::<Mailbox>().map_err(|e| format!("{text}: {e}"));
        let mut builder = Message::builder()
            .from(mailbox(from)?)
            .subject(subject(&form))
            .message_id(Some(at(&letter.id)))
            .references(at(&form.incident))
            .header(AutoSubmitted);
        for address in to {
            builder = builder.to(mailbox(address)?);
        }
        builder.singlepart(SinglePart::plain(body(&form, sensor))).map_err(|e| cause(&e))
    }
}

impl Sink for MailSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, letter: &Letter) -> Outcome {
        let down = |error| Outcome::Down { error, leave_alone: None };
        let message = match self.message(letter) {
            Ok(message) => message,
            Err(error) => return Outcome::Refused(error),
        };
        let transport = match self.transport() {
            Ok(transport) => transport,
            Err(error) => return down(error),
        };
        // lettre's own time-out is for each command.
        let patience = self.settings.timeout.saturating_mul(3).max(Duration::from_secs(1));
        match tokio::time::timeout(patience, transport.send(message)).await {
            Ok(Ok(answer)) => Outcome::Taken(format!("{} {}", answer.code(), answer.message().collect::<Vec<_>>().join(" "))),
            Ok(Err(error)) => {
                let is_ours = error.status().is_none_or(|code| NOT_US.contains(&u16::from(code)));
                if error.is_permanent() && !is_ours { Outcome::Refused(cause(&error)) } else { down(cause(&error)) }
            }
            Err(_) => down(format!("{} did not take it within {} s", self.settings.host, patience.as_secs())),
        }
    }
}

/// RFC 3834: no machine shall answer it.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

/// A name that may stand behind the `@` of a message id.
fn domain(sensor: &str) -> String {
    let name: String = sensor.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).collect();
    let name = name.trim_matches(['.', '-']);
    if name.is_empty() { "shadowtap.invalid".into() } else { name.to_owned() }
}

/// One line: a header ends where a line does.
fn subject(form: &Form) -> String {
    let text = format!("[shadowtap] {}: {}", form.severity.word(), form.title());
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SUBJECT).collect()
}

/// Everything a person needs, a line each.
fn body(form: &Form, sensor: &str) -> String {
    let line = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    let facts: String = form.facts().iter().map(|(label, value)| format!("{label}: {}\r\n", line(value))).collect();
    let more = form.all["services"].as_array().into_iter().chain(form.all["alerts"].as_array()).flatten();
    let lists: String = more.map(|entry| format!("- {}\r\n", line(&listed(entry)))).collect();
    let message = line(&form.message);
    let (sensor, id, incident) = (line(sensor), line(&form.id), line(&form.incident));
    format!("{message}\r\n\r\n{facts}{lists}\r\n-- \r\nshadowtap on {sensor}\r\nAlert: {id}\r\nIncident: {incident}\r\n")
}

/// An entry of a digest, its fields one after the other.
fn listed(entry: &serde_json::Value) -> String {
    let field = |(key, value): (&String, &serde_json::Value)| match value {
        serde_json::Value::String(text) => format!("{key} {text}"),
        serde_json::Value::Array(list) => {
            format!("{key} {}", list.iter().filter_map(serde_json::Value::as_str).collect::<Vec<_>>().join(", "))
        }
        other => format!("{key} {other}"),
    };
    entry.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null()).map(field).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::frame::Time;

    fn sink() -> MailSink {
        let settings = config::Mail {
            host: "mail.example".into(),
            port: 587,
            tls: MailTls::StartTls,
            from: "Sensor <shadowtap@example.org>".into(),
            to: vec!["soc@example.org".into(), "Ciso Ö <ciso@example.org>".into()],
            user: None,
            ca_file: None,
            timeout: Duration::from_secs(1),
            sensor: "gw1.example.org".into(),
        };
        MailSink { name: "mail".into(), settings }
    }

    fn said(payload: &serde_json::Value) -> String {
        let letter =
            Letter { alert: 1, id: "ab12".into(), payload: payload.to_string(), attempts: 0, since: Time(0), next_attempt: Time(0) };
        String::from_utf8(sink().message(&letter).unwrap().formatted()).unwrap()
    }

    #[test]
    fn a_message_is_plain_text_with_what_a_person_needs() {
        let message = said(&json!({
            "id": "ab12", "incident": "cd34", "kind": "first_use", "severity": "high", "team": "design", "client": "10.0.0.5",
            "status": "unapproved", "service": {"id": "openai.chatgpt", "name": "ChatGPT"}, "message": "ws-14 uses ChatGPT.",
            "bytes_up": 7, "reason": "no contract", "alternative": "Copilot", "tell_user": "Please use Copilot.", "runbook": "r#first_use",
        }));
        for line in [
            "Subject: [shadowtap] high: ChatGPT (unapproved), team design\r\n",
            "Message-ID: <ab12@gw1.example.org>\r\n",
            "References: <cd34@gw1.example.org>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "ws-14 uses ChatGPT.\r\n",
            "Who: 10.0.0.5\r\n",
            "How much: 7 bytes up\r\n",
            "Reason: no contract\r\n",
            "Tell the user: Please use Copilot.\r\n",
            "Runbook: r#first_use\r\n",
        ] {
            assert!(message.contains(line), "{line} not in {message}");
        }
    }

    #[test]
    fn no_header_comes_out_of_what_was_seen() {
        let evil = "x\r\nBcc: thief@example.net\r\n\r\nhello\r\n.\r\n";
        let message = said(&json!({"id": evil, "incident": evil, "team": evil, "service": {"name": evil}, "message": evil, "kind": evil}));
        let (head, body) = message.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        assert!(!body.lines().any(|line| line.starts_with("Bcc") || line == "."), "{body}");
        assert_eq!(head.matches("\r\nSubject:").count(), 1);
    }
}
