//! An alert as sinks word it: read back from the stored payload, of whatever form it is.
//!
//! Payloads are as old as the rows of the outbox, so nothing here fails: a field that is not there, or is of another type than expected, is as if
//! it were not said. What has no field of its own is still in [`Form::all`].

use serde_json::Value;

pub use crate::daemon::notice::Severity;

/// An alert, read back.
#[derive(Clone, PartialEq, Debug)]
pub struct Form {
    /// Id of the alert, the same on every attempt.
    pub id: String,
    /// Name and version of the payload's form: `shadowtap.alert/1`, `shadowtap.sensor/1`, …
    pub schema: String,
    /// Why there is an alert: `first_use`, `capture_lost`, …
    pub kind: String,
    /// When it came into being: RFC 3339, UTC.
    pub created: String,
    /// How grave it is; `low` where the payload has an unknown word.
    pub severity: Severity,
    /// One sentence for a person.
    pub message: String,
    /// Stable key of the matter it is about; the alert's id where the payload has none.
    pub incident: String,
    /// Whether it says that the matter is over.
    pub is_resolved: bool,
    /// Client, as privacy allows.
    pub client: Option<String>,
    /// Team of the client.
    pub team: Option<String>,
    /// Id of the service: `openai.chatgpt`.
    pub service: Option<String>,
    /// Name of the service, as people know it.
    pub service_name: Option<String>,
    /// Policy status.
    pub status: Option<String>,
    /// How strong the evidence is.
    pub evidence: Option<String>,
    /// Bytes sent.
    pub bytes_up: Option<u64>,
    /// URL of what to do about it.
    pub runbook: Option<String>,
    /// Everything, for what has no field here.
    pub all: Value,
}

impl Form {
    /// Reads a stored payload.
    pub fn read(payload: &str) -> Self {
        let all: Value = serde_json::from_str(payload).unwrap_or_default();
        let text = |pointer: &str| all.pointer(pointer).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
        let needed = |pointer: &str| text(pointer).unwrap_or_default();
        let severity = all["severity"].as_str().and_then(Severity::from_word).unwrap_or(Severity::Low);
        Form {
            id: needed("/id"),
            schema: needed("/schema"),
            kind: needed("/kind"),
            created: needed("/created"),
            severity,
            message: needed("/message"),
            incident: text("/incident").unwrap_or_else(|| needed("/id")),
            is_resolved: all["state"] == "resolved",
            client: text("/client"),
            team: text("/team"),
            service: text("/service/id"),
            service_name: text("/service/name"),
            status: text("/status"),
            evidence: text("/evidence"),
            bytes_up: all["bytes_up"].as_u64(),
            runbook: text("/runbook"),
            all,
        }
    }

    /// One line that says what it is about: for a heading, a subject, a list.
    pub fn title(&self) -> String {
        let what = match (self.service_name.as_ref().or(self.service.as_ref()), &self.status) {
            (Some(service), Some(status)) => format!("{service} ({status})"),
            (Some(service), None) => service.clone(),
            (None, _) if self.kind.is_empty() => "Alert".to_owned(),
            (None, _) => self.kind.replace('_', " "),
        };
        let by = self.team.as_ref().map(|team| format!(", team {team}")).unwrap_or_default();
        let over = if self.is_resolved { "Over: " } else { "" };
        format!("{over}{what}{by}")
    }

    /// What a person needs at once besides the message, as labels and values, the most important first; only what is known.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let text = |key: &str| self.all[key].as_str().filter(|t| !t.is_empty()).map(str::to_owned);
        let who = [self.client.clone(), text("host"), text("user"), text("site")].into_iter().flatten().collect::<Vec<_>>().join(", ");
        let service = match (&self.service_name, &self.service) {
            (Some(name), Some(id)) => Some(format!("{name} ({id})")),
            (name, id) => name.clone().or_else(|| id.clone()),
        };
        let sent = self.bytes_up.map(|up| match self.all["bytes_down"].as_u64() {
            Some(down) => format!("{up} bytes up, {down} bytes down"),
            None => format!("{up} bytes up"),
        });
        let times = match (text("first_seen").or_else(|| text("since")), text("last_seen")) {
            (Some(first), Some(last)) => Some(format!("{first} to {last}")),
            (first, last) => first.or(last),
        };
        let facts = [
            ("Who", Some(who).filter(|w| !w.is_empty())),
            ("What", text("subject")),
            ("Team", self.team.clone()),
            ("Service", service),
            ("Policy status", self.status.clone()),
            ("Evidence", self.evidence.clone()),
            ("How much", sent),
            ("When", times),
            ("Rule", text("rule")),
            ("Reason", text("reason")),
            ("Use instead", text("alternative")),
            ("Tell the user", text("tell_user")),
            ("What to do", text("remedy")),
            ("To decide", text("decide")),
            ("More like it", self.repeats()),
            ("Services", self.lines("services", service_line)),
            ("Alerts", self.lines("alerts", alert_line)),
            ("Not listed", self.all["more"].as_u64().filter(|more| *more > 0).map(|more| format!("{more} more entries"))),
            ("Runbook", self.runbook.clone()),
        ];
        facts.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
    }

    /// How many more like it there were, in words.
    fn repeats(&self) -> Option<String> {
        let count = self.all["repeats"].as_u64().filter(|count| *count > 0)?;
        Some(match self.all["repeats_why"].as_str() {
            Some(why) if !why.is_empty() => format!("and {count} more like it ({why})"),
            _ => format!("and {count} more like it"),
        })
    }

    /// Entries of a list in the payload, each in a line of words.
    fn lines(&self, list: &str, line: impl Fn(&Value) -> Option<String>) -> Option<String> {
        let lines: Vec<_> = self.all[list].as_array()?.iter().filter_map(line).collect();
        Some(lines.join("\n")).filter(|lines| !lines.is_empty())
    }
}

/// What a digest says of one service.
fn service_line(entry: &Value) -> Option<String> {
    let teams: Vec<_> = entry["teams"].as_array()?.iter().filter_map(Value::as_str).collect();
    let (name, clients, up) = (entry["name"].as_str()?, entry["clients"].as_u64()?, entry["bytes_up"].as_u64()?);
    Some(format!("{name}: {}; clients {clients}, {up} bytes up", teams.join(", ")))
}

/// What a digest says of alerts of one kind, team and service.
fn alert_line(entry: &Value) -> Option<String> {
    let text = |key: &str| entry[key].as_str().filter(|t| !t.is_empty());
    let about: Vec<_> = [text("kind"), text("service"), text("team")].into_iter().flatten().collect();
    let why = text("why").map(|why| format!(" ({why})")).unwrap_or_default();
    Some(format!("{} {}: {}{why}", entry["count"].as_u64()?, text("fate")?, about.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::alert::payload::{Words, render};
    use crate::daemon::alert::sensor_payload;
    use crate::daemon::fixture::{SEVEN, sighting};
    use crate::daemon::notice::{Notice, NoticeKind, SensorNotice};

    #[test]
    fn reads_an_alert_of_a_sighting_and_says_what_a_person_needs() {
        let notice =
            Notice { id: "0".repeat(32), kind: NoticeKind::FirstUse, created: SEVEN, sighting: &sighting(), repeats: Default::default() };
        let words = Words { service_name: "ChatGPT", reason: Some("no contract"), ..Words::default() };
        let form = Form::read(&render(&notice, &words));
        assert_eq!((form.schema.as_str(), form.kind.as_str(), form.severity), ("shadowtap.alert/1", "first_use", Severity::Low));
        assert_eq!(form.title(), "ChatGPT (unreviewed), team design");
        let facts = form.facts();
        for fact in [("Who", "10.0.0.5, ws-14"), ("How much", "12000 bytes up, 340000 bytes down"), ("Reason", "no contract")] {
            assert!(facts.contains(&(fact.0, fact.1.to_owned())), "{fact:?} not in {facts:?}");
        }
    }

    #[test]
    fn reads_an_alert_about_the_sensor() {
        let notice = SensorNotice::new(NoticeKind::CaptureLost, "1", SEVEN, "eth0 is gone.".into(), "Look at the cable.");
        let form = Form::read(&sensor_payload::render(&notice, "runbook.md"));
        assert_eq!((form.title().as_str(), form.severity, form.message.as_str()), ("capture lost", Severity::High, "eth0 is gone."));
        assert!(form.facts().contains(&("What to do", "Look at the cable.".to_owned())));
    }

    #[test]
    fn says_what_a_digest_sums_up() {
        let payload = r#"{"id":"a","kind":"digest","since":"2026-11-22T07:00:00Z","more":12,
            "services":[{"id":"x.y","name":"Xy","vendor":"X","category":"chat","teams":["lab","hr"],"clients":3,"sightings":7,"bytes_up":90}],
            "alerts":[{"fate":"held","kind":"first_use","team":"lab","service":"x.y","severity":"low","why":"quiet hours","count":4}]}"#;
        let form = Form::read(payload);
        let facts: Vec<_> = form.facts().into_iter().map(|(label, value)| format!("{label}: {value}")).collect();
        assert_eq!(
            facts,
            [
                "When: 2026-11-22T07:00:00Z",
                "Services: Xy: lab, hr; clients 3, 90 bytes up",
                "Alerts: 4 held: first_use, x.y, lab (quiet hours)",
                "Not listed: 12 more entries"
            ]
        );
    }

    #[test]
    fn whatever_is_stored_is_read() {
        for payload in ["", "[]", "null", "{\"id\":7,\"service\":\"x\",\"severity\":null,\"repeats\":[]}", "no json"] {
            let form = Form::read(payload);
            assert_eq!((form.id.as_str(), form.severity, form.is_resolved, form.facts().len()), ("", Severity::Low, false, 0), "{payload}");
        }
        let form = Form::read(r#"{"id":"a","incident":"i","state":"resolved","kind":"capture_lost","repeats":41,"repeats_why":"rate"}"#);
        assert_eq!((form.incident.as_str(), form.title().as_str()), ("i", "Over: capture lost"));
        assert_eq!(form.facts(), [("More like it", "and 41 more like it (rate)".to_owned())]);
    }
}
