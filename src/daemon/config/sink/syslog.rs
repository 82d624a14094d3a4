//! `[[alert.syslog]]`, and the receiver that `[[stream]]` of kind syslog has too.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::endpoint;
use crate::daemon::outlet::{Receiver, TlsFiles};
use crate::daemon::siem::Format;
use crate::daemon::siem::rfc5424::FACILITIES;
use crate::daemon::toml_fields::{Fields, Located};

/// A syslog receiver of alerts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Syslog {
    /// Where, and how it is spoken to.
    pub place: SyslogPlace,
    /// `format`: form of what is said; default json.
    pub format: Format,
    /// Name of this sensor.
    pub sensor: String,
}

/// A syslog receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyslogPlace {
    /// Host of `address`.
    pub host: String,
    /// Port of `address`.
    pub port: u16,
    /// `transport = "tls"`, the default: `ca_file`, `client_cert_file`, `client_key_file`; none over TCP in the clear.
    pub tls: Option<TlsFiles>,
    /// Number of `facility`; default local0.
    pub facility: u8,
    /// `app_name`; default shadowtap.
    pub app: String,
    /// `timeout_seconds`: how long an attempt may take; default 10 s.
    pub timeout: Duration,
}

impl Syslog {
    pub(super) fn read(fields: &Fields<'_>, config: &Path) -> Option<Self> {
        let format = format(fields);
        Some(Syslog { place: SyslogPlace::read(fields, config)?, format, sensor: String::new() })
    }
}

impl SyslogPlace {
    /// Reads its keys.
    pub(in crate::daemon::config) fn read(fields: &Fields<'_>, config: &Path) -> Option<Self> {
        const TRANSPORTS: &[&str] = &["tls", "tcp"];
        let address = fields.needed_text("address").and_then(|a| host_and_port(fields, "address", &a));
        let transport = fields.word("transport", TRANSPORTS, |w| TRANSPORTS.contains(&w).then_some(w == "tls"));
        let (is_tls, allow_plain) = (transport.as_ref().is_none_or(|t| t.value), fields.flag("allow_plain", false));
        let (ca_file, client) = (endpoint::file(fields, "ca_file", config), endpoint::client(fields, config));
        let words = FACILITIES.map(|(word, _)| word);
        let facility = fields.word("facility", &words, |w| FACILITIES.iter().find(|(word, _)| *word == w).map(|(_, number)| *number));
        let app = fields.text("app_name").map_or_else(|| "shadowtap".to_owned(), |a| a.value.to_owned());
        let timeout = Duration::from_secs(fields.number("timeout_seconds", 10, 1..=300));
        let (host, port) = address?;
        if !is_tls && !allow_plain && !is_own(&host) {
            let line = transport.map_or(fields.line(), |t| t.line);
            let message = "transport is tcp to another machine: alerts would cross the network in the clear";
            fields.reading().error(line, message, "use tls, or set allow_plain = true");
        }
        let files = TlsFiles { authorities: ca_file.map(|f| f.value), client: client.map(|c| (c.cert_file, c.key_file)) };
        if !is_tls && files != TlsFiles::default() {
            fields.reading().warning(fields.line(), "certificates are named, and transport is tcp", "use tls, or take them out");
        }
        Some(SyslogPlace { host, port, tls: is_tls.then_some(files), facility: facility.map_or(16, |f| f.value), app, timeout })
    }

    /// The receiver, not connected yet; `sensor` is the host its lines are of.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn receiver(&self, sensor: &str) -> Result<Receiver, String> {
        let receiver = Receiver::new((&self.host, self.port), self.tls.clone(), self.timeout)?;
        Ok(receiver.as_of(self.facility, &self.app, sensor))
    }

    /// Files it reads when it is made or connected.
    pub fn files(&self) -> Vec<PathBuf> {
        self.tls.iter().flat_map(TlsFiles::files).collect()
    }
}

/// `format`, json where nothing is said.
pub(in crate::daemon::config) fn format(fields: &Fields<'_>) -> Format {
    fields.word("format", Format::WORDS, Format::from_word).map(|f| f.value).unwrap_or_default()
}

/// `host:port`, or `[address]:port`.
fn host_and_port(fields: &Fields<'_>, key: &str, written: &Located<&str>) -> Option<(String, u16)> {
    let split = written.value.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok().filter(|p| *p > 0)?)));
    let host = split.map(|(host, _)| host.trim_start_matches('[').trim_end_matches(']'));
    match (host, split) {
        (Some(host), Some((_, port))) if is_host(host) => Some((host.to_owned(), port)),
        _ => {
            let message = format!("{} {:?} is no host and port", fields.named(key), written.value);
            fields.reading().error(written.line, message, "write logs.example.org:6514");
            None
        }
    }
}

/// Whether a text is an address or may be a name.
pub(super) fn is_host(text: &str) -> bool {
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
    text.parse::<IpAddr>().is_ok() || is_name(text)
}

/// Whether a host is this machine.
pub(super) fn is_own(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|a| a.to_canonical().is_loopback())
}
