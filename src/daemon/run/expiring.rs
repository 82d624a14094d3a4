//! Exceptions that end: counted always, announced in log and alert once they begin to end, once they have, and in the log every day.

use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use crate::daemon::clock;
use crate::daemon::notice::{NoticeKind, SensorNotice};
use crate::daemon::rule_text::conditions;
use crate::daemon::rules::Rules;
use crate::daemon::rules::expiring::{Ending, RuleCounts, endings};
use crate::engine::frame::Time;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);
/// Seconds after an end in which it is still news.
const NEWS: u64 = 86_400;

/// Looks until the daemon stops.
pub(super) async fn watch(shared: Arc<Shared>) {
    let mut said: Option<(Arc<Rules>, RuleCounts, u64)> = None;
    while !shared.is_stopping() {
        let (rules, now) = (shared.rules(), clock::now());
        let (counts, day) = (RuleCounts::of(&rules.written, now), now.seconds() / 86_400);
        shared.metrics.policy_rules(counts);
        let is_said = said.as_ref().is_some_and(|(r, c, d)| {
            Arc::ptr_eq(&r.policy, &rules.policy) && Arc::ptr_eq(&r.signatures, &rules.signatures) && (c, d) == (&counts, &day)
        });
        if !is_said {
            let (shared, rules) = (Arc::clone(&shared), Arc::clone(&rules));
            let _ = tokio::task::spawn_blocking(move || say(&shared, &rules, now)).await;
        }
        said = Some((rules, counts, day));
        tokio::time::sleep(LOOK).await;
    }
}

fn say(shared: &Shared, rules: &Rules, now: Time) {
    let mut all = Vec::new();
    for ending in endings(&rules.written, &rules.policy, &rules.signatures, now) {
        tracing::warn!("{}", ending.diagnostic());
        all.extend(notice(&ending, now));
    }
    shared.report_all(NoticeKind::PolicyExpiring, all);
}

/// The alert of an end: one before it and one after, whatever else changes in the file meanwhile; none of what ended long ago.
fn notice(ending: &Ending<'_>, now: Time) -> Option<SensorNotice> {
    if ending.end.plus_seconds(NEWS) <= now {
        return None;
    }
    let (rule, written) = (&ending.written.rule, ending.written);
    let when = if ending.is_over() { "over" } else { "soon" };
    let event = format!("{} {} {} {when}", rule.status.word(), conditions(rule), ending.end.seconds());
    let owner = rule.owner.as_deref().map_or(String::new(), |owner| format!(" Its owner is {owner}."));
    let message = format!("In the policy {}.{owner} It stands in {}:{}.", ending.sentence(), written.file.display(), written.line);
    let remedy = "renew it with 'shadowtap policy set', or let it end; 'shadowtap policy lint' lists all that end";
    let subject = format!("{} ({}) until {}", rule.status.word(), conditions(rule), clock::day_of(ending.end));
    Some(SensorNotice::new(NoticeKind::PolicyExpiring, &event, now, message, remedy).of(&subject))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::daemon::clock::parse_rfc3339;
    use crate::daemon::config::Config;

    #[test]
    fn an_end_is_told_once_before_and_once_after() {
        let text = |more: &str| {
            format!("{more}[[policy.rule]]\nstatus = \"approved\"\nservice = \"openai.chatgpt\"\nowner = \"it\"\nexpires = 2026-12-07\n")
        };
        let told = |text: &str, at: &str| {
            let rules = Rules::survey(&Config::parse(Path::new("p.toml"), text).0).0;
            let now = parse_rfc3339(at).unwrap();
            let endings = endings(&rules.written, &rules.policy, &rules.signatures, now);
            endings.iter().find_map(|e| notice(e, now)).map(|n| (n.id, n.message))
        };
        let (first, message) = told(&text(""), "2026-11-30T00:00:00Z").unwrap();
        let wanted = "In the policy the rule that says approved (service openai.chatgpt) runs out in 8 days, on 2026-12-08 00:00 UTC; then it is \
                      unreviewed. Its owner is it. It stands in p.toml:1.";
        assert_eq!(message, wanted);
        assert_eq!(told(&text("# moved\n"), "2026-12-01T00:00:00Z").unwrap().0, first);
        let (after, _) = told(&text(""), "2026-12-08T00:00:00Z").unwrap();
        assert_ne!(after, first);
        assert_eq!(told(&text(""), "2026-12-09T00:00:00Z"), None);
        assert_eq!(told(&text(""), "2026-11-01T00:00:00Z"), None);
    }
}
