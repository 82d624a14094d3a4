//! Reading `/metrics`.

use std::io::Write;
use std::process::{Command, Stdio};

/// One scrape, in Prometheus' text format.
pub struct Metrics(pub String);

impl Metrics {
    /// Sum of the series of that name that carry all those labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let carries = |series: &str| labels.iter().all(|(key, value)| series.contains(&format!("{key}=\"{value}\"")));
        let value = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            let is_it = series.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'));
            (is_it && carries(series)).then(|| value.parse::<f64>().ok()).flatten()
        };
        self.0.lines().filter_map(value).sum()
    }

    /// What `promtool check metrics` has to say; empty where it is content.
    pub fn lint(&self) -> String {
        let mut promtool = Command::new("promtool");
        promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = promtool.spawn().expect("promtool runs");
        child.stdin.take().expect("piped").write_all(self.0.as_bytes()).expect("writes");
        let output = child.wait_with_output().expect("promtool ends");
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }
}
