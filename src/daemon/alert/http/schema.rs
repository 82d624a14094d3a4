//! As much of JSON Schema as the vendors' formats under `tests/fixtures/vendors` are written in; a word it does not know is a failure, so that
//! none of them is passed over.

use serde_json::{Map, Value};

/// What of a value does not fit, each with its place.
pub(super) fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    for (word, says) in schema.as_object().unwrap() {
        let mut refuse = |what: String| found.push(format!("{at}: {what}"));
        match (word.as_str(), value) {
            ("$comment" | "$defs" | "additionalProperties", _) => {}
            ("$ref", _) => check(root, &root["$defs"][says.as_str().unwrap()], value, at, found),
            ("anyOf", _) => {
                let all: Vec<_> = says.as_array().unwrap().iter().map(|one| inner(root, one, value, at)).collect();
                if all.iter().all(|problems| !problems.is_empty()) {
                    refuse(format!("none of {all:?}"));
                }
            }
            ("const", _) if value != says => refuse(format!("{value} is not {says}")),
            ("enum", _) if !says.as_array().unwrap().contains(value) => refuse(format!("{value} is not among {says}")),
            ("type", _) if says != kind(value) => refuse(format!("{value} is no {says}")),
            ("required", Value::Object(fields)) => {
                let missing = says.as_array().unwrap().iter().filter(|name| !fields.contains_key(name.as_str().unwrap()));
                missing.for_each(|name| refuse(format!("{name} is missing")));
            }
            ("properties", Value::Object(fields)) => properties(root, schema, fields, at, found),
            ("items", Value::Array(items)) => {
                items.iter().enumerate().for_each(|(n, item)| check(root, says, item, &format!("{at}/{n}"), found));
            }
            ("minItems", Value::Array(items)) if items.len() < size(says) => refuse(format!("{} items", items.len())),
            ("maxItems", Value::Array(items)) if items.len() > size(says) => refuse(format!("{} items", items.len())),
            ("minLength", Value::String(text)) if text.chars().count() < size(says) => refuse(format!("{text:?} is too short")),
            ("maxLength", Value::String(text)) if text.chars().count() > size(says) => refuse(format!("{text:?} is too long")),
            ("const" | "enum" | "type" | "required" | "properties" | "items" | "minItems" | "maxItems" | "minLength" | "maxLength", _) => {}
            (other, _) => panic!("{other} is not known here"),
        }
    }
}

fn inner(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    check(root, schema, value, at, &mut found);
    found
}

fn properties(root: &Value, schema: &Value, fields: &Map<String, Value>, at: &str, found: &mut Vec<String>) {
    for (name, value) in fields {
        match schema["properties"].get(name) {
            Some(schema) => check(root, schema, value, &format!("{at}/{name}"), found),
            None if schema["additionalProperties"] == false => found.push(format!("{at}: {name} is not known")),
            None => {}
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn size(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}
