//! `[[alert.KIND]]`: whom to tell, one section a sink. A kind is one file here, one line of [`KINDS`], one of [`SinkKind`].

mod endpoint;
mod header;
mod lines;
mod mail;
mod plain;
mod syslog;
mod template;
mod webhook;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::daemon::toml_fields::Fields;

pub use endpoint::{Address, ClientCertificate, Endpoint, is_loopback};
pub(super) use endpoint::{file as named_file, warn_if_open};
pub use header::Header;
pub use lines::{File, FilePlace, Stdout};
pub use mail::{Mail, MailTls};
pub use plain::{Alertmanager, PagerDuty};
pub(super) use syslog::format as line_format;
pub use syslog::{Syslog, SyslogPlace};
pub use template::Template;
pub use webhook::Webhook;

/// One receiver of alerts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sink {
    /// Name in logs, metrics and the outbox; no two sinks share one, whatever their kinds.
    pub name: String,
    /// What it is.
    pub kind: SinkKind,
}

/// What a sink is, and what that kind wants to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SinkKind {
    /// `[[alert.webhook]]`
    Webhook(Webhook),
    /// `[[alert.slack]]`: an incoming webhook of Slack.
    Slack(Endpoint),
    /// `[[alert.teams]]`: a workflow of Microsoft Teams that takes webhook requests.
    Teams(Endpoint),
    /// `[[alert.pagerduty]]`
    PagerDuty(PagerDuty),
    /// `[[alert.alertmanager]]`
    Alertmanager(Alertmanager),
    /// `[[alert.template]]`
    Template(Box<Template>),
    /// `[[alert.syslog]]`
    Syslog(Syslog),
    /// `[[alert.mail]]`
    Mail(Mail),
    /// `[[alert.stdout]]`
    Stdout(Stdout),
    /// `[[alert.file]]`
    File(File),
}

/// Reads what a kind wants to know; `None` where something needed is missing or wrong, and was said.
type Read = fn(&Fields<'_>, &Path) -> Option<SinkKind>;

/// Each kind's section and its reader.
const KINDS: [(&str, Read); 10] = [
    ("webhook", |fields, file| Webhook::read(fields, file).map(SinkKind::Webhook)),
    ("slack", |fields, file| Endpoint::read(fields, file, None).map(SinkKind::Slack)),
    ("teams", |fields, file| Endpoint::read(fields, file, None).map(SinkKind::Teams)),
    ("pagerduty", |fields, file| PagerDuty::read(fields, file).map(SinkKind::PagerDuty)),
    ("alertmanager", |fields, file| Alertmanager::read(fields, file).map(SinkKind::Alertmanager)),
    ("template", |fields, file| Template::read(fields, file).map(|template| SinkKind::Template(Box::new(template)))),
    ("syslog", |fields, file| Syslog::read(fields, file).map(SinkKind::Syslog)),
    ("mail", |fields, file| Mail::read(fields, file).map(SinkKind::Mail)),
    ("stdout", |fields, _| Some(SinkKind::Stdout(Stdout::read(fields)))),
    ("file", |fields, file| File::read(fields, file).map(SinkKind::File)),
];

impl SinkKind {
    /// Files it reads when it is made or at each attempt.
    fn files(&self) -> Vec<PathBuf> {
        match self {
            SinkKind::Webhook(webhook) => webhook.files(),
            SinkKind::Slack(endpoint) | SinkKind::Teams(endpoint) => endpoint.files(),
            SinkKind::PagerDuty(pagerduty) => pagerduty.files(),
            SinkKind::Alertmanager(alertmanager) => alertmanager.endpoint.files(),
            SinkKind::Template(template) => template.endpoint.files(),
            SinkKind::Syslog(syslog) => syslog.place.files(),
            SinkKind::Mail(mail) => mail.files(),
            SinkKind::Stdout(_) | SinkKind::File(_) => Vec::new(),
        }
    }
}

impl Sink {
    /// A file whose text is a part of the configuration: a change of it is a change of the configuration.
    pub fn part(&self) -> Option<PathBuf> {
        match &self.kind {
            SinkKind::Template(template) => template.body_file.clone(),
            _ => None,
        }
    }

    /// Files it reads when it is made or at each attempt: secrets and certificates.
    pub fn files(&self) -> Vec<PathBuf> {
        self.kind.files()
    }

    /// The folder it writes to, where it does.
    pub fn folder(&self) -> Option<PathBuf> {
        match &self.kind {
            SinkKind::File(file) => Some(file.place.folder()),
            _ => None,
        }
    }

    /// Says to those that name it what sensor this is.
    pub(super) fn of_sensor(&mut self, name: &str) {
        match &mut self.kind {
            SinkKind::Syslog(Syslog { sensor, .. }) | SinkKind::Mail(Mail { sensor, .. }) => name.clone_into(sensor),
            _ => {}
        }
    }
}

/// Every sink of `[alert]`, kind by kind, as they stand in the file.
pub(super) fn read(alert: &Fields<'_>, file: &Path) -> Vec<Sink> {
    let mut names = Vec::new();
    let mut sinks = Vec::new();
    for (section, read) in KINDS {
        for fields in alert.tables(section) {
            let name = fields.needed_text("name");
            let kind = read(&fields, file);
            let Some(name) = name else { continue };
            if names.contains(&name.value) {
                fields.reading().error(name.line, format!("two sinks are named {:?}", name.value), "give each its own name");
            }
            names.push(name.value);
            sinks.extend(kind.map(|kind| Sink { name: name.value.to_owned(), kind }));
        }
    }
    sinks
}
