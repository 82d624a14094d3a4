//! `[[alert.mail]]`: alerts by e-mail.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::message::Mailbox;

use super::endpoint;
use super::syslog::{is_host, is_own};
use crate::daemon::toml_fields::{Fields, Located, read_text};

/// A mail server, and whom to write to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mail {
    /// Host of `server`.
    pub host: String,
    /// Port of `server`; default 587, 465 where TLS is implicit, 25 where there is none.
    pub port: u16,
    /// `tls`; default starttls.
    pub tls: MailTls,
    /// `from`
    pub from: String,
    /// `to`
    pub to: Vec<String>,
    /// `user` and `password_file`; default nobody.
    pub user: Option<(String, PathBuf)>,
    /// `ca_file`: authorities to trust besides the system's; default none.
    pub ca_file: Option<PathBuf>,
    /// `timeout_seconds`: how long a command may take; default 20 s.
    pub timeout: Duration,
    /// Name of this sensor.
    pub sensor: String,
}

/// When TLS begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MailTls {
    /// After STARTTLS, which the server must offer.
    StartTls,
    /// At once.
    Implicit,
    /// Never: to a server of this machine only.
    None,
}

impl Mail {
    pub(super) fn read(fields: &Fields<'_>, config: &Path) -> Option<Self> {
        let tls = fields.word("tls", &["starttls", "implicit", "none"], |word| match word {
            "starttls" => Some(MailTls::StartTls),
            "implicit" => Some(MailTls::Implicit),
            "none" => Some(MailTls::None),
            _ => None,
        });
        let (line, tls) = tls.map_or((fields.line(), MailTls::StartTls), |t| (t.line, t.value));
        let server = fields.needed_text("server").and_then(|s| server(fields, &s, tls));
        let from = fields.needed_text("from").and_then(|f| address(fields, "from", &f));
        let written = fields.one_or_more("to");
        let to: Vec<String> = written.iter().filter_map(|t| address(fields, "to", t)).collect();
        if written.is_empty() {
            fields.reading().error(fields.line(), format!("{} is missing", fields.named("to")), "add to = [\"soc@example.org\"]");
        }
        let user = user(fields, config);
        let ca_file = endpoint::file(fields, "ca_file", config).map(|f| f.value);
        let timeout = Duration::from_secs(fields.number("timeout_seconds", 20, 1..=300));
        let (host, port) = server?;
        if tls == MailTls::None && !is_own(&host) {
            fields.reading().error(line, "tls is none to another machine: alerts would cross the network in the clear", "use starttls");
        }
        Some(Mail { host, port, tls, from: from?, to, user, ca_file, timeout, sensor: String::new() })
    }

    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.ca_file.iter().cloned().chain(self.user.iter().map(|(_, file)| file.clone())).collect()
    }
}

/// `host` or `host:port`.
fn server(fields: &Fields<'_>, written: &Located<&str>, tls: MailTls) -> Option<(String, u16)> {
    let usual = match tls {
        MailTls::StartTls => 587,
        MailTls::Implicit => 465,
        MailTls::None => 25,
    };
    let text = written.value;
    let split = text.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
    let (host, port) = match split {
        Some((host, port)) => (host, port.parse().ok().filter(|p| *p > 0)),
        None => (text, Some(usual)),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Some(port) = port.filter(|_| is_host(host)) {
        return Some((host.to_owned(), port));
    }
    fields.reading().error(written.line, format!("mail.server {text:?} is no host and port"), "write mail.example.org:587");
    None
}

/// An address as it may stand in a header.
fn address(fields: &Fields<'_>, key: &str, written: &Located<&str>) -> Option<String> {
    if let Err(error) = written.value.parse::<Mailbox>() {
        let message = format!("{} {:?} is no address: {error}", fields.named(key), written.value);
        fields.reading().error(written.line, message, "write soc@example.org, or Security <soc@example.org>");
        return None;
    }
    Some(written.value.to_owned())
}

/// A user and the file of the password: both or none.
fn user(fields: &Fields<'_>, config: &Path) -> Option<(String, PathBuf)> {
    let (user, file) = (fields.text("user"), endpoint::file(fields, "password_file", config));
    let alone = |line, missing: &str| fields.reading().error(line, format!("{} is missing", fields.named(missing)), "name both");
    match (user, file) {
        (Some(user), Some(file)) => {
            let shown = file.value.display();
            match read_text(&file.value) {
                Ok(text) if text.trim().is_empty() => {
                    fields.reading().error(file.line, format!("password_file {shown} holds no password"), "write it on a line of its own");
                }
                Ok(_) => endpoint::warn_if_open(fields, "password_file", &file),
                Err(problem) => fields.reading().error(file.line, format!("password_file {shown} {}", problem.message), problem.hint),
            }
            return Some((user.value.to_owned(), file.value));
        }
        (Some(user), None) => alone(user.line, "password_file"),
        (None, Some(file)) => alone(file.line, "user"),
        (None, None) => {}
    }
    None
}
