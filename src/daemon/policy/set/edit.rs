//! A decision written into the text of a policy; whatever else stands there stays as it is, comments included.

use jiff::civil::Date;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value};

use crate::engine::policy::Status;

/// What was decided about a service.
pub(in super::super) struct Decided<'a> {
    /// Service, as a rule names it.
    pub service: &'a str,
    /// For whom; `None`: for all.
    pub team: Option<&'a str>,
    /// What.
    pub status: Status,
    /// Why.
    pub reason: Option<&'a str>,
    /// Who answers for it.
    pub owner: Option<&'a str>,
    /// Until the end of which day.
    pub expires: Option<Date>,
    /// What to use instead.
    pub alternative: Option<&'a str>,
}

/// Where the rules stand in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Form {
    /// A policy file: `[[rule]]`.
    PolicyFile,
    /// A configuration: `[[policy.rule]]`.
    Configuration,
}

/// What became of a key: what it said before and says now.
pub(in super::super) type Field = (&'static str, Option<String>, Option<String>);

/// A text with the decision in it.
pub(in super::super) struct Edited {
    /// The whole text.
    pub text: String,
    /// Whether a rule was added, rather than changed.
    pub is_new: bool,
    /// Keys that say something else now.
    pub fields: Vec<Field>,
}

/// Keys a rule about one service for all or for one team may have.
const KEYS: [&str; 7] = ["status", "service", "team", "reason", "owner", "expires", "alternative"];

/// Changes the rule about exactly this service and team, or adds one: before the first that names the service, so that none as specific
/// stands before it, else at the end. Under another status a rule keeps nothing of what was said for the old one.
///
/// # Errors
/// A text that is no TOML, or whose rules are not written as tables.
pub(in super::super) fn edit(text: &str, form: Form, decided: &Decided<'_>) -> Result<Edited, String> {
    let mut document: DocumentMut = text.parse().map_err(|e: toml_edit::TomlError| e.to_string())?;
    let rules = rules_of(&mut document, form)?;
    let own = rules.iter().position(|rule| is_about(rule, decided));
    let is_new = own.is_none();
    let at = match own {
        Some(at) => at,
        None => insert(rules, decided, text.is_empty()),
    };
    let fields = rules.get_mut(at).map(|rule| fill(rule, decided)).unwrap_or_default();
    Ok(Edited { text: document.to_string(), is_new, fields })
}

fn rules_of(document: &mut DocumentMut, form: Form) -> Result<&mut ArrayOfTables, String> {
    let top = document.as_table_mut();
    let parent = match form {
        Form::PolicyFile => top,
        Form::Configuration => {
            let mut table = Table::new();
            table.set_implicit(true);
            let policy = top.entry("policy").or_insert(Item::Table(table));
            policy.as_table_mut().ok_or("policy is no table of its own; write it as [policy]")?
        }
    };
    let rules = parent.entry("rule").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    rules.as_array_of_tables_mut().ok_or_else(|| "rules are written as a list; write each as a table of its own".into())
}

/// Whether a rule is about this service and team and nothing else.
fn is_about(rule: &Table, decided: &Decided<'_>) -> bool {
    let is_only = |key: &str, wanted: Option<&str>| texts(rule.get(key)) == wanted.into_iter().collect::<Vec<_>>();
    rule.iter().all(|(key, _)| KEYS.contains(&key)) && is_only("service", Some(decided.service)) && is_only("team", decided.team)
}

/// One text or a list of them.
fn texts(item: Option<&Item>) -> Vec<&str> {
    match item.and_then(Item::as_value) {
        Some(Value::String(text)) => vec![text.value()],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Makes an empty rule and says where.
fn insert(rules: &mut ArrayOfTables, decided: &Decided<'_>, is_first_of_file: bool) -> usize {
    let at = rules.iter().position(|rule| texts(rule.get("service")).contains(&decided.service)).unwrap_or(rules.len());
    let mut all: Vec<Table> = rules.iter().cloned().collect();
    let mut new = Table::new();
    new.decor_mut().set_prefix(if is_first_of_file { "" } else { "\n" });
    if let (0, Some(next)) = (at, all.first_mut()) {
        keep_head(&mut new, next);
    }
    all.insert(at, new);
    rules.clear();
    all.into_iter().for_each(|rule| rules.push(rule));
    at
}

/// What stands above the first rule and is set off from it by an empty line is about the file: it stays at its head.
fn keep_head(new: &mut Table, next: &mut Table) {
    let prefix = next.decor().prefix().and_then(|p| p.as_str()).unwrap_or_default().to_owned();
    let (head, rest) = prefix.rfind("\n\n").map_or(("", prefix.as_str()), |end| prefix.split_at(end + 1));
    new.decor_mut().set_prefix(if head.is_empty() { String::new() } else { format!("{head}\n") });
    next.decor_mut().set_prefix(if rest.starts_with('\n') { rest.to_owned() } else { format!("\n{rest}") });
}

/// Writes the decision into its rule.
fn fill(rule: &mut Table, decided: &Decided<'_>) -> Vec<Field> {
    let status = decided.status.word();
    let is_same = rule.get("status").and_then(Item::as_str) == Some(status);
    let mut fields = vec![set(rule, "status", Some(status.into())), set_where_new(rule, "service", decided.service)];
    fields.extend(decided.team.map(|team| set_where_new(rule, "team", team)));
    let date = decided.expires.and_then(|day| day.to_string().parse::<toml_edit::Datetime>().ok());
    let said: [(&'static str, Option<Value>); 4] = [
        ("reason", decided.reason.map(Value::from)),
        ("owner", decided.owner.map(Value::from)),
        ("expires", date.map(Value::from)),
        ("alternative", decided.alternative.map(Value::from)),
    ];
    fields.extend(said.into_iter().filter(|(_, value)| value.is_some() || !is_same).map(|(key, value)| set(rule, key, value)));
    fields.into_iter().filter(|(_, before, now)| before != now).collect()
}

/// Leaves what a rule is about as it is written.
fn set_where_new(rule: &mut Table, key: &'static str, text: &str) -> Field {
    if rule.contains_key(key) { (key, None, None) } else { set(rule, key, Some(text.into())) }
}

/// Sets a key, or deletes it; what stands behind its value stays.
fn set(rule: &mut Table, key: &'static str, value: Option<Value>) -> Field {
    let told = |value: &Value| match value {
        Value::String(text) => text.value().clone(),
        other => other.clone().decorated("", "").to_string(),
    };
    let before = rule.get(key).and_then(Item::as_value).map(told);
    let now = value.as_ref().map(told);
    match (value, rule.get_mut(key).and_then(Item::as_value_mut)) {
        (Some(value), Some(old)) if before != now => {
            let decor = old.decor().clone();
            *old = value;
            *old.decor_mut() = decor;
        }
        (Some(_), Some(_)) => {}
        (Some(value), None) => {
            rule.insert(key, Item::Value(value));
        }
        (None, _) => {
            rule.remove(key);
        }
    }
    (key, before, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(service: &'static str, status: Status) -> Decided<'static> {
        Decided { service, team: None, status, reason: None, owner: None, expires: None, alternative: None }
    }

    fn edited(text: &str, decided: &Decided<'_>) -> String {
        edit(text, Form::PolicyFile, decided).unwrap_or_else(|e| panic!("{e}")).text
    }

    const FILE: &str = "# The policy of the site.\n# Ask security before a change.\n\n# Coders\n[[rule]]\nstatus   = \"approved\" # since May\nservice  = \
                        [\"github.copilot\"]\nteam     = \"lab\"\nreason   = \"contract\"   # no. 4711\nexpires  = 2026-12-31\n\n[[rule]] # \
                        everybody\nstatus = \"unapproved\"\nservice = [\"openai.chatgpt\", \"github.copilot\"]\n";

    #[test]
    fn the_rule_about_exactly_this_is_changed_and_nothing_else() {
        let lab = Decided { team: Some("lab"), expires: Some(Date::constant(2027, 6, 30)), ..decided("github.copilot", Status::Approved) };
        assert_eq!(edited(FILE, &lab), FILE.replace("2026-12-31", "2027-06-30"));
        let refused = Decided { team: Some("lab"), reason: Some("leak \"x\""), ..decided("github.copilot", Status::Unapproved) };
        let found = edit(FILE, Form::PolicyFile, &refused).unwrap_or_else(|e| panic!("{e}"));
        let wanted =
            FILE.replace("\"approved\"", "\"unapproved\"").replace("\"contract\"", "'leak \"x\"'").replace("expires  = 2026-12-31\n", "");
        assert_eq!((found.text, found.is_new), (wanted, false));
        let text = |t: &str| Some(t.to_owned());
        assert_eq!(
            found.fields,
            [
                ("status", text("approved"), text("unapproved")),
                ("reason", text("contract"), text("leak \"x\"")),
                ("expires", text("2026-12-31"), None),
            ]
        );
    }

    #[test]
    fn a_new_rule_stands_before_those_that_name_the_service() {
        let all = edited(FILE, &Decided { owner: Some("it"), ..decided("openai.chatgpt", Status::Tolerated) });
        let rule = "\n[[rule]]\nstatus = \"tolerated\"\nservice = \"openai.chatgpt\"\nowner = \"it\"\n";
        assert_eq!(all, FILE.replace("\n[[rule]] # everybody", &format!("{rule}\n[[rule]] # everybody")));
        let first = edited(FILE, &decided("github.copilot", Status::Tolerated));
        let rule = "[[rule]]\nstatus = \"tolerated\"\nservice = \"github.copilot\"\n\n";
        assert_eq!(first, FILE.replace("# Coders\n", &format!("{rule}# Coders\n")));
        let last = edited(FILE, &decided("anthropic.claude", Status::InReview));
        assert_eq!(last, format!("{FILE}\n[[rule]]\nstatus = \"in_review\"\nservice = \"anthropic.claude\"\n"));
        assert_eq!(edited(&last, &decided("anthropic.claude", Status::InReview)), last, "twice is once");
    }

    #[test]
    fn empty_files_and_configurations_take_a_rule_too() {
        let rule = "status = \"approved\"\nservice = \"openai.api\"\n";
        assert_eq!(edited("", &decided("openai.api", Status::Approved)), format!("[[rule]]\n{rule}"));
        assert_eq!(
            edited("default = \"unapproved\"\n", &decided("openai.api", Status::Approved)),
            format!("default = \"unapproved\"\n\n[[rule]]\n{rule}")
        );
        let configuration = "[policy]\ndefault = \"tolerated\"\n\n# limits\n[bounds]\nflows = 5\n";
        let found = edit(configuration, Form::Configuration, &decided("openai.api", Status::Approved)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(found.text, configuration.replace("\n\n# limits", &format!("\n\n[[policy.rule]]\n{rule}\n# limits")));
        let found =
            edit("[bounds]\nflows = 5\n", Form::Configuration, &decided("openai.api", Status::Approved)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(found.text, format!("[bounds]\nflows = 5\n\n[[policy.rule]]\n{rule}"));
    }

    #[test]
    fn rules_that_cannot_be_edited_are_left_alone() {
        for (text, form) in [
            ("rule = [{ status = \"approved\" }]\n", Form::PolicyFile),
            ("policy = { }\n", Form::Configuration),
            ("[[rule\n", Form::PolicyFile),
        ] {
            assert!(edit(text, form, &decided("openai.api", Status::Approved)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rule_with_more_conditions_is_another() {
        let text = "[[rule]]\nstatus = \"unapproved\"\nservice = \"openai.api\"\nevidence = \"uploaded\"\n";
        let found = edited(text, &decided("openai.api", Status::Approved));
        assert_eq!(found, format!("[[rule]]\nstatus = \"approved\"\nservice = \"openai.api\"\n\n{text}"));
    }
}
