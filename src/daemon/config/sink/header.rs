//! `headers` of a sink that goes by HTTP: what a gateway or a vendor wants to see, secrets out of files.

use std::path::{Path, PathBuf};

use reqwest::header::{HeaderName, HeaderValue};

use super::endpoint::secret;
use crate::daemon::secret::Secret;
use crate::daemon::toml_fields::Fields;

/// Those that HTTP itself or the kind of sink sets.
const TAKEN: [&str; 7] = ["connection", "content-length", "content-type", "host", "te", "transfer-encoding", "upgrade"];

/// One header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Its name.
    pub name: HeaderName,
    value: Value,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Value {
    Written(HeaderValue),
    File(PathBuf),
}

impl Header {
    /// Its value, out of its file where it stands in one: a changed file counts from the next attempt on.
    ///
    /// # Errors
    /// What is wrong with the file, without what stands in it.
    pub fn value(&self) -> Result<HeaderValue, String> {
        let path = match &self.value {
            Value::Written(value) => return Ok(value.clone()),
            Value::File(path) => path,
        };
        let about = |what: &str| format!("value_file {} of the header {}: {what}", path.display(), self.name);
        let secret = Secret::read(path).map_err(|(what, remedy)| about(&format!("{what}; {remedy}")))?;
        let mut value = HeaderValue::from_str(secret.text()).map_err(|_| about("what stands in it cannot be sent in a header"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    pub(super) fn file(&self) -> Option<PathBuf> {
        match &self.value {
            Value::Written(_) => None,
            Value::File(path) => Some(path.clone()),
        }
    }
}

/// `[[alert.KIND.headers]]` of a sink.
pub(super) fn read(sink: &Fields<'_>, config: &Path) -> Vec<Header> {
    sink.tables("headers").iter().filter_map(|fields| one(fields, config)).collect()
}

fn one(fields: &Fields<'_>, config: &Path) -> Option<Header> {
    let refuse = |line, message: String, hint: &str| {
        fields.reading().error(line, message, hint);
        None
    };
    let (written, file) = (fields.text("value"), secret(fields, "value_file", config));
    let name = fields.needed_text("name")?;
    let parsed = match HeaderName::from_bytes(name.value.as_bytes()) {
        Ok(parsed) if TAKEN.contains(&parsed.as_str()) => {
            return refuse(name.line, format!("the header {parsed} is set by the sink itself"), "leave it out");
        }
        Ok(parsed) => parsed,
        Err(_) => return refuse(name.line, format!("{:?} cannot be the name of a header", name.value), "write a name such as X-Api-Key"),
    };
    let value = match (written, file) {
        (Some(_), Some(_)) => return refuse(fields.line(), "value and value_file are both there".into(), "leave one of them"),
        (None, None) if fields.has("value_file") => return None, // what is wrong with it was said
        (None, None) => {
            return refuse(fields.line(), format!("the header {parsed} has no value"), "add value, or value_file where it is a secret");
        }
        (None, Some(file)) => Value::File(file),
        (Some(written), None) => match HeaderValue::from_str(written.value) {
            Ok(value) => Value::Written(value),
            Err(_) => return refuse(written.line, format!("the value of the header {parsed} cannot be sent"), "write visible characters"),
        },
    };
    Some(Header { name: parsed, value })
}
