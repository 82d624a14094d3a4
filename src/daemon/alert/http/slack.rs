//! Slack: an incoming webhook, the message in Block Kit. As the documentation had it on 2026-11-23:
//! - <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>: POST of JSON with `text` and `blocks`
//! - <https://docs.slack.dev/reference/block-kit/blocks/header-block>: plain text, 150 characters
//! - <https://docs.slack.dev/reference/block-kit/blocks/section-block>: text of 3,000 characters, 10 fields of 2,000; a message has 50 blocks
//! - <https://docs.slack.dev/messaging/formatting-message-text>: `&`, `<` and `>` are escaped, and those alone
//! - <https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks>: 200 is taken; 400, 403, 404 and 410 say what is wrong
//!   with the message or the channel; 500 passes
//! - <https://docs.slack.dev/apis/web-api/rate-limits>: 429 with `Retry-After`, at more than about one message a second

use serde_json::{Value, json};

use super::short::{link, short};
use crate::daemon::alert::form::{Form, Severity};

const HEADER: usize = 150;
const TEXT: usize = 3000;
const FIELD: usize = 2000;
const FIELDS: usize = 10;

/// The message for an alert.
pub(super) fn message(form: &Form) -> Value {
    let mut blocks =
        vec![json!({ "type": "header", "text": { "type": "plain_text", "text": short(&title(form), HEADER), "emoji": false } })];
    if !form.message.is_empty() {
        blocks.push(json!({ "type": "section", "text": said(&escaped(&form.message), TEXT) }));
    }
    let facts = form.facts();
    for some in facts.chunks(FIELDS) {
        let fields: Vec<_> = some.iter().map(|(label, value)| said(&format!("*{label}*\n{}", escaped(value)), FIELD)).collect();
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    if let Some(url) = form.runbook.as_deref().and_then(link) {
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": format!("<{}|Runbook>", escaped(&url)) } }));
    }
    let foot = format!("shadowtap · {} · {}", escaped(&form.id), escaped(&form.created));
    blocks.push(json!({ "type": "context", "elements": [said(&foot, TEXT)] }));
    json!({ "text": short(&escaped(&format!("{}: {}", title(form), form.message)), TEXT), "blocks": blocks })
}

fn title(form: &Form) -> String {
    let sign = match (form.is_resolved, form.severity) {
        (true, _) => "✅",
        (_, Severity::High) => "🔴",
        (_, Severity::Medium) => "🟠",
        (_, Severity::Low) => "🔵",
    };
    format!("{sign} {}", form.title())
}

/// Text in which nothing becomes a link, a mention or a channel.
fn said(text: &str, most: usize) -> Value {
    json!({ "type": "mrkdwn", "text": whole(short(text, most)), "verbatim": true })
}

/// A text that was cut, without the half of an entity at its end.
fn whole(text: String) -> String {
    match text.strip_suffix('…').and_then(|cut| cut.rfind('&').filter(|at| !cut.get(*at..).unwrap_or_default().contains(';'))) {
        Some(at) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_becomes_a_mention_or_a_link() {
        let form = Form::read(r#"{"id":"a","message":"<!channel> & <https://evil.example|here>","client":"<@U1>","severity":"high"}"#);
        let text = message(&form).to_string();
        assert!(text.contains("&lt;!channel&gt; &amp; &lt;https://evil.example|here&gt;") && text.contains("&lt;@U1&gt;"), "{text}");
        assert!(!text.contains("<!") && !text.contains("<@") && !text.contains("<http"), "{text}");
    }

    #[test]
    fn a_text_is_not_cut_within_an_entity() {
        assert_eq!(whole(short("abc&amp;def", 7)), "abc…");
        assert_eq!(whole(short("abc&amp;def", 10)), "abc&amp;d…");
        assert_eq!(whole("a & b".into()), "a & b");
    }
}
