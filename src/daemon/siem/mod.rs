//! Forms that a SIEM reads: CEF, OCSF, and the syslog message that carries either. Pure: no clock, no network.

pub mod cef;
pub mod community_id;
pub mod ocsf;
mod record;
pub mod rfc5424;
pub mod sighting_line;

use serde_json::Value;

pub use record::{Activity, Level, Record};

/// Form of what is said to a SIEM.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// The JSON of the alert or the sighting as it is.
    #[default]
    Json,
    /// Detection Finding of the Open Cybersecurity Schema Framework, in JSON.
    Ocsf,
    /// Common Event Format.
    Cef,
}

impl Format {
    /// Each one's word in the configuration.
    pub const WORDS: &[&str] = &["json", "ocsf", "cef"];

    /// The form of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "json" => Some(Format::Json),
            "ocsf" => Some(Format::Ocsf),
            "cef" => Some(Format::Cef),
            _ => None,
        }
    }

    /// One line that says `record`; `text` is the JSON it was read from, itself one line.
    pub fn line(self, record: &Record, text: &str) -> String {
        match self {
            Format::Json => text.to_owned(),
            Format::Ocsf => ocsf::finding(record),
            Format::Cef => cef::line(record),
        }
    }
}

/// A text of an object; what is not there, no text or empty is not said.
fn text(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().filter(|t| !t.is_empty()).map(str::to_owned)
}
