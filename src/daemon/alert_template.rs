//! Bodies of alerts by a template of the site's own (the language is minijinja's, that of Jinja2): one compiler for the configuration, which
//! refuses a bad one, and for the delivery.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::json;

use super::alert::form::Form;
use super::sample;

/// Steps of a template that are run, so that no loop in it holds a courier.
const FUEL: u64 = 200_000;
/// Name of the one template of an environment.
const BODY: &str = "body";

/// A template that can be compiled.
#[derive(Clone)]
pub struct AlertTemplate {
    source: String,
    environment: Environment<'static>,
    is_json: bool,
}

/// What is wrong with a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// Line of the template, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// Every field that some alert has, so that a template can ask for one that this alert has not: it is none.
static FIELDS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let forms = sample::payloads();
    let fields = forms.iter().filter_map(|payload| serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(payload).ok());
    fields.flat_map(|form| form.into_iter().map(|(name, _)| (name, Value::from(())))).collect()
});

impl AlertTemplate {
    /// Compiles it. Values are escaped as the content type wants: for JSON each stands as a JSON value, quotes included; for HTML and XML as text
    /// in them; for anything else as they are.
    ///
    /// # Errors
    /// What is wrong with the text, and where.
    pub fn new(source: &str, content_type: &str) -> Result<Self, Mistake> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_json = essence == "application/json" || essence.ends_with("+json");
        let escape = match () {
            () if is_json => AutoEscape::Json,
            () if essence.ends_with("html") || essence.ends_with("xml") => AutoEscape::Html,
            () => AutoEscape::None,
        };
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(move |_| escape.clone());
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_fuel(Some(FUEL));
        environment.add_template_owned(BODY, source.to_owned()).map_err(|e| mistake(&e))?;
        Ok(AlertTemplate { source: source.to_owned(), environment, is_json })
    }

    /// The body for a stored payload.
    ///
    /// # Errors
    /// What cannot be said of this alert, or that what comes out is no JSON where it should be.
    pub fn render(&self, payload: &str) -> Result<String, Mistake> {
        let body = self.environment.get_template(BODY).and_then(|t| t.render(context(payload))).map_err(|e| mistake(&e))?;
        match serde_json::from_str::<serde::de::IgnoredAny>(&body) {
            Err(error) if self.is_json => Err(Mistake {
                line: 1,
                message: format!("the body that comes out is no JSON: {error}, of the body: {}", around(&body, error.line())),
            }),
            _ => Ok(body),
        }
    }
}

/// Two are the same where their texts and what they are escaped for are.
impl PartialEq for AlertTemplate {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, self.is_json) == (&other.source, other.is_json)
    }
}

impl Eq for AlertTemplate {}

impl fmt::Debug for AlertTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlertTemplate({:?})", self.source)
    }
}

/// What a template can ask for: every field of the payload, and what is made of them.
fn context(payload: &str) -> Value {
    let form = Form::read(payload);
    let facts: Vec<_> = form.facts().into_iter().map(|(label, value)| json!({ "label": label, "value": value })).collect();
    let mut fields = FIELDS.clone();
    if let Some(all) = form.all.as_object() {
        fields.extend(all.iter().map(|(name, value)| (name.clone(), Value::from(Serde(value)))));
    }
    let made = [
        ("title", Value::from(form.title())),
        ("facts", Value::from(Serde(&facts))),
        ("is_resolved", Value::from(form.is_resolved)),
        ("incident", Value::from(form.incident)),
    ];
    fields.extend(made.map(|(name, value)| (name.to_owned(), value)));
    Value::from_pairs(fields)
}

fn mistake(error: &minijinja::Error) -> Mistake {
    let what = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    Mistake { line: error.line().unwrap_or(1), message: format!("the template cannot be used: {what}") }
}

/// One line of a text, its beginning.
fn around(text: &str, line: usize) -> String {
    text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim().chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALERT: &str =
        r#"{"id":"a","severity":"high","message":"ws \"14\" <b>","service":{"name":"ChatGPT"},"names":["a.example","b.example"]}"#;

    fn rendered(source: &str, content_type: &str) -> Result<String, Mistake> {
        AlertTemplate::new(source, content_type)?.render(ALERT)
    }

    #[test]
    fn values_are_escaped_for_what_they_stand_in() {
        let json =
            rendered(r#"{"text": {{ message }}, "of": {{ service.name }}, "names": {{ names }}, "no": {{ client }}}"#, "application/json");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&json.unwrap()).unwrap(),
            json!({ "text": "ws \"14\" <b>", "of": "ChatGPT", "names": ["a.example", "b.example"], "no": null })
        );
        assert_eq!(rendered("<p>{{ message }}</p>", "text/html; charset=utf-8").unwrap(), "<p>ws &quot;14&quot; &lt;b&gt;</p>");
        assert_eq!(rendered("{{ message }} {{ names|join(' ') }}", "text/plain").unwrap(), "ws \"14\" <b> a.example b.example");
        assert_eq!(rendered("m={{ message|urlencode }}", "application/x-www-form-urlencoded").unwrap(), "m=ws%20%2214%22%20%3Cb%3E");
    }

    #[test]
    fn mistakes_have_their_line() {
        for (source, line, what) in [
            ("{\n{{ mesage }}}", 2, "undefined"),
            ("{\n\n{{ message", 3, "syntax"),
            ("{{ message|shout }}", 1, "unknown filter"),
            ("{\"a\": \"{{ message }}\"}", 1, "no JSON"),
            ("[{% for a in range(9000) %}{% for b in range(9000) %}1,{% endfor %}{% endfor %}1]", 1, "fuel"),
        ] {
            let mistake = rendered(source, "application/json").unwrap_err();
            assert!(mistake.line == line && mistake.message.contains(what), "{source}: {mistake:?}");
        }
    }

    #[test]
    fn one_template_serves_every_form_of_alert() {
        let source =
            "{\"t\": {{ title }}, \"who\": {{ client }}, \"do\": {{ remedy }}, \"facts\": {{ facts }}, \"over\": {{ is_resolved }}}";
        let template = AlertTemplate::new(source, "application/json").unwrap();
        let bodies: Vec<_> = sample::payloads().iter().map(|payload| template.render(payload).unwrap()).collect();
        assert!(bodies.iter().any(|b| b.contains("\"over\": true")) && bodies.iter().any(|b| b.contains("\"who\": null")), "{bodies:?}");
    }
}
