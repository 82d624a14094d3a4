//! Microsoft Teams: a workflow with the trigger "When a Teams webhook request is received", which posts an Adaptive Card. As the documentation had
//! it on 2026-11-23:
//! - <https://learn.microsoft.com/en-us/connectors/teams/>: the trigger takes a message with attachments; a message has 28 KB at most
//! - <https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>: the envelope, its content type;
//!   four requests a second, then 429
//! - <https://adaptivecards.io/explorer/RichTextBlock.html>: since 1.2; a `TextRun` knows no Markdown, which a `TextBlock` and a `Fact` do
//! - <https://learn.microsoft.com/en-us/azure/connectors/connectors-native-reqres>: a workflow without a response action answers 202

use serde_json::{Value, json};

use super::short::{link, short};
use crate::daemon::alert::form::{Form, Severity};

/// Version of Adaptive Cards that Teams shows everywhere.
const VERSION: &str = "1.4";
/// Bytes of a message, with room below the documented 28 KB.
const BYTES: usize = 24_000;
const TITLE: usize = 200;
const TEXT: usize = 2000;
const FACT: usize = 1500;

/// The message for an alert. Facts that find no room are left out, the last first.
pub(super) fn message(form: &Form) -> Value {
    let facts = form.facts();
    let fitting = (0..=facts.len()).rev().map(|count| envelope(form, facts.get(..count).unwrap_or_default()));
    let mut small = envelope(form, &[]);
    for message in fitting {
        if message.to_string().len() <= BYTES {
            small = message;
            break;
        }
    }
    small
}

fn envelope(form: &Form, facts: &[(&'static str, String)]) -> Value {
    let colour = match (form.is_resolved, form.severity) {
        (true, _) => "Good",
        (_, Severity::High) => "Attention",
        (_, Severity::Medium) => "Warning",
        (_, Severity::Low) => "Accent",
    };
    let title = short(&form.title(), TITLE);
    let mut body = vec![
        text(json!([{ "type": "TextRun", "text": title, "weight": "Bolder", "size": "Large", "color": colour }])),
        text(json!([{ "type": "TextRun", "text": short(&form.message, TEXT) }])),
    ];
    body.extend(facts.iter().map(|(label, value)| {
        let label = json!({ "type": "TextRun", "text": format!("{label}: "), "weight": "Bolder" });
        text(json!([label, { "type": "TextRun", "text": short(value, FACT) }]))
    }));
    let foot = format!("shadowtap · {} · {}", form.id, form.created);
    body.push(text(json!([{ "type": "TextRun", "text": short(&foot, TITLE), "isSubtle": true, "size": "Small" }])));
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": VERSION,
        "fallbackText": title,
        "msteams": { "width": "Full" },
        "body": body,
    });
    if let (Some(url), Some(card)) = (form.runbook.as_deref().and_then(link), card.as_object_mut()) {
        card.insert("actions".into(), json!([{ "type": "Action.OpenUrl", "title": "Runbook", "url": url }]));
    }
    let attachment = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card });
    json!({ "type": "message", "attachments": [attachment] })
}

fn text(inlines: Value) -> Value {
    json!({ "type": "RichTextBlock", "inlines": inlines })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_room_whatever_is_said() {
        let long = "ä\u{1F600}".repeat(20_000);
        let payload = json!({ "id": "a", "message": long, "client": long, "reason": long, "rule": long, "tell_user": long, "alternative": long,
            "team": long, "service": { "id": long, "name": long }, "remedy": long, "decide": long, "repeats": long, "first_seen": long });
        let message = message(&Form::read(&payload.to_string()));
        let bytes = message.to_string().len();
        assert!(bytes <= BYTES && bytes > BYTES / 2, "{bytes}");
    }

    #[test]
    fn markdown_is_text() {
        let form = Form::read(r#"{"id":"a","message":"[click](https://evil.example)","runbook":"javascript:alert(1)"}"#);
        let text = message(&form).to_string();
        assert!(!text.contains("TextBlock\",\"text") && !text.contains("FactSet") && !text.contains("actions"), "{text}");
    }
}
