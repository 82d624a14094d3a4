//! Kinds of sinks that want little besides their endpoint: `[[alert.slack]]`, `[[alert.teams]]`, `[[alert.pagerduty]]`, `[[alert.alertmanager]]`.

use std::path::{Path, PathBuf};

use super::endpoint::{self, Endpoint};
use crate::daemon::toml_fields::{Fields, Located};

/// Where PagerDuty takes events of accounts in its US region.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// A service of PagerDuty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PagerDuty {
    /// Where, and how to get there; default the US region's.
    pub endpoint: Endpoint,
    /// `routing_key_file`: file with the integration key of an Events API v2 integration.
    pub routing_key_file: PathBuf,
}

/// An Alertmanager.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alertmanager {
    /// Where, and how to get there.
    pub endpoint: Endpoint,
    /// `open_hours`: how long an alert stays open if nothing says that it is over; default 168.
    pub open_hours: u64,
    /// `labels`: added to those of each alert, such as the sensor's place; default none.
    pub labels: Vec<(String, String)>,
}

impl PagerDuty {
    pub(super) fn read(fields: &Fields<'_>, config: &Path) -> Option<Self> {
        let endpoint = Endpoint::read(fields, config, Some(PAGERDUTY));
        if !fields.has("routing_key_file") {
            let message = format!("{} is missing", fields.named("routing_key_file"));
            fields.reading().error(fields.line(), message, "name the file that holds the integration key, on a line of its own");
        }
        let routing_key_file = endpoint::secret(fields, "routing_key_file", config);
        Some(PagerDuty { endpoint: endpoint?, routing_key_file: routing_key_file? })
    }

    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.endpoint.files().into_iter().chain([self.routing_key_file.clone()]).collect()
    }
}

impl Alertmanager {
    pub(super) fn read(fields: &Fields<'_>, config: &Path) -> Option<Self> {
        let endpoint = Endpoint::read(fields, config, None);
        let open_hours = fields.number("open_hours", 168, 1..=8784);
        let labels = fields.texts("labels").iter().filter_map(|written| label(fields, written)).collect();
        Some(Alertmanager { endpoint: endpoint?, open_hours, labels })
    }
}

/// `name=value`, with a name Prometheus takes (`[a-zA-Z_][a-zA-Z0-9_]*`).
fn label(fields: &Fields<'_>, written: &Located<&str>) -> Option<(String, String)> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    match written.value.split_once('=') {
        Some((name, value)) if is_name(name.trim()) && !value.trim().is_empty() => Some((name.trim().to_owned(), value.trim().to_owned())),
        _ => {
            let message = format!("{:?} is no label", written.value);
            fields.reading().error(written.line, message, "write name=value, the name of letters, digits and _");
            None
        }
    }
}
