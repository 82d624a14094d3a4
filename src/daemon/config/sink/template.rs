//! `[[alert.template]]`: a receiver of anything else, by a template of the site's own.

use std::path::{Path, PathBuf};

use reqwest::Method;
use reqwest::header::HeaderValue;

use super::endpoint::{self, Endpoint};
use crate::daemon::alert_template::AlertTemplate;
use crate::daemon::diagnostic::{Diagnostic, Severity};
use crate::daemon::sample;
use crate::daemon::toml_fields::{Fields, read_text};

/// Used where `content_type` is not there.
const JSON: &str = "application/json";
const METHODS: &[&str] = &["POST", "PUT", "PATCH"];

/// A receiver that is told in words of the site's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    /// Where, and how to get there.
    pub endpoint: Endpoint,
    /// `method`; default POST.
    pub method: Method,
    /// `content_type`; default `application/json`.
    pub content_type: HeaderValue,
    /// `body`, or what stands in `body_file`.
    pub body: AlertTemplate,
    /// `body_file`.
    pub body_file: Option<PathBuf>,
}

/// The text of a template, the file it stands in and the line it begins on there.
struct Source {
    text: String,
    file: Option<PathBuf>,
    line: usize,
}

impl Template {
    pub(super) fn read(fields: &Fields<'_>, config: &Path) -> Option<Self> {
        let endpoint = Endpoint::read(fields, config, None);
        let method = fields.word("method", METHODS, |word| METHODS.contains(&word).then(|| Method::from_bytes(word.as_bytes()).ok())?);
        let content_type = fields.text("content_type");
        let (type_line, type_text) = content_type.map_or((fields.line(), JSON), |t| (t.line, t.value));
        let content_type = HeaderValue::from_str(type_text);
        if content_type.is_err() {
            fields.reading().error(type_line, format!("{type_text:?} is no content type"), "write application/json");
        }
        let source = source(fields, config);
        let body = source.as_ref().and_then(|source| compiled(fields, source, type_text));
        let method = method.map_or(Method::POST, |m| m.value);
        Some(Template { endpoint: endpoint?, method, content_type: content_type.ok()?, body: body?, body_file: source?.file })
    }
}

fn source(fields: &Fields<'_>, config: &Path) -> Option<Source> {
    let (body, file) = (fields.long_text("body"), endpoint::file(fields, "body_file", config));
    match (body, file) {
        (Some(_), Some(file)) => fields.reading().error(file.line, "body and body_file are both there", "leave one of them"),
        (Some(body), None) => return Some(Source { text: body.value.to_owned(), file: None, line: body.line }),
        (None, Some(file)) => match read_text(&file.value) {
            Ok(text) => return Some(Source { text, file: Some(file.value), line: 1 }),
            Err(problem) => {
                let message = format!("body_file {} {}", file.value.display(), problem.message);
                fields.reading().error(file.line, message, problem.hint);
            }
        },
        (None, None) => {
            let message = format!("{} is missing", fields.named("body"));
            fields.reading().error(fields.line(), message, "add body = \"\"\"…\"\"\", or body_file");
        }
    }
    None
}

/// The template, compiled and tried on a sample of every form of alert.
fn compiled(fields: &Fields<'_>, source: &Source, content_type: &str) -> Option<AlertTemplate> {
    let template = AlertTemplate::new(&source.text, content_type);
    let tried = template.and_then(|template| {
        sample::payloads().iter().try_for_each(|payload| template.render(payload).map(drop))?;
        Ok(template)
    });
    match tried {
        Ok(template) => Some(template),
        Err(mistake) => {
            let line = source.line.saturating_add(mistake.line).saturating_sub(1);
            let hint = "see docs/sinks.md for what a template may say";
            match &source.file {
                None => fields.reading().error(line, mistake.message, hint),
                Some(file) => fields.reading().elsewhere(Diagnostic {
                    severity: Severity::Error,
                    file: file.clone(),
                    line,
                    message: mistake.message,
                    hint: hint.into(),
                }),
            }
            None
        }
    }
}
