//! `[[stream]]`: where every sighting is said to, when it is opened, raised and closed.

use std::path::{Path, PathBuf};

use super::sink::{FilePlace, SyslogPlace, Webhook, line_format};
use crate::daemon::siem::Format;
use crate::daemon::toml_fields::Fields;

/// Lines that may wait for a stream, unless `stream_queue` says otherwise.
pub const DEFAULT_QUEUE: u64 = 200_000;

/// One stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stream {
    /// Name in logs, metrics and the store.
    pub name: String,
    /// `kind`, and what that wants to know.
    pub kind: StreamKind,
    /// `format`: form of a line; default json.
    pub format: Format,
}

/// Where a stream goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamKind {
    /// A file that is rotated.
    File(FilePlace),
    /// A syslog receiver.
    Syslog(SyslogPlace),
    /// A webhook: many lines a POST.
    Webhook(Webhook),
}

impl Stream {
    fn read(fields: &Fields<'_>, config: &Path) -> Option<Self> {
        const KINDS: &[&str] = &["file", "syslog", "webhook"];
        let name = fields.needed_text("name");
        fields.needed_text("kind");
        let format = line_format(fields);
        let kind = fields.word("kind", KINDS, |word| match word {
            "file" => Some(FilePlace::read(fields, config).map(StreamKind::File)),
            "syslog" => Some(SyslogPlace::read(fields, config).map(StreamKind::Syslog)),
            "webhook" => Some(Webhook::read(fields, config).map(StreamKind::Webhook)),
            _ => None,
        });
        if let Some(kind) = &kind
            && matches!(kind.value, Some(StreamKind::Webhook(_)))
            && format == Format::Cef
        {
            fields.reading().error(kind.line, "a stream of kind webhook is JSON, not cef", "use json or ocsf, or kind syslog");
        }
        Some(Stream { name: name?.value.to_owned(), kind: kind?.value?, format })
    }

    /// Files it reads when it is made or at each attempt.
    pub fn files(&self) -> Vec<PathBuf> {
        match &self.kind {
            StreamKind::File(_) => Vec::new(),
            StreamKind::Syslog(syslog) => syslog.files(),
            StreamKind::Webhook(webhook) => webhook.files(),
        }
    }

    /// The folder it writes to, where it does.
    pub fn folder(&self) -> Option<PathBuf> {
        match &self.kind {
            StreamKind::File(file) => Some(file.folder()),
            _ => None,
        }
    }
}

/// Every stream, as they stand in the file.
pub(super) fn read(top: &Fields<'_>, file: &Path) -> Vec<Stream> {
    let tables = top.tables("stream");
    let mut names = Vec::new();
    for name in tables.iter().filter_map(|t| t.text("name")) {
        if names.contains(&name.value) {
            top.reading().error(name.line, format!("two streams are named {:?}", name.value), "give each its own name");
        }
        names.push(name.value);
    }
    tables.iter().filter_map(|fields| Stream::read(fields, file)).collect()
}
