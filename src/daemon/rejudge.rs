//! What a policy says of a sighting as it was stored: by its names, its team, its evidence, its volume and its time.

use crate::engine::frame::Time;
use crate::engine::identity::Client;
use crate::engine::policy::{Decision, Policy, Question, Status};
use crate::engine::sighting::{Evidence, Sighting};
use crate::engine::signature::{ServiceRecord, Signatures};

/// What a policy says of a sighting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rejudged<'p> {
    /// The status it begins with.
    pub first: Status,
    /// What holds once it has come as far as it did.
    pub decision: Decision<'p>,
}

/// What a policy says of a sighting by each of its names that still belongs to its service, as of a moment; where none does, by its
/// service alone. Nothing where the catalogue does not know the service any more. A client whose address is not kept is in no subnet.
pub fn rejudge<'p>(signatures: &Signatures, policy: &'p Policy, sighting: &Sighting, at: Time) -> Vec<Rejudged<'p>> {
    let rejudged = |question: &Question<'_>| {
        let first = policy.decide(&question.after(Evidence::Resolved, 0), at).status;
        Rejudged { first, decision: policy.judge(question, at) }
    };
    questions(signatures, sighting).iter().map(rejudged).collect()
}

/// What is asked of a policy about a sighting, by each name.
fn questions<'a>(signatures: &'a Signatures, s: &'a Sighting) -> Vec<Question<'a>> {
    let client = s.client.parse::<Client>().ok().map(Client::address);
    let by_name = |name: &'a str| {
        let matched = signatures.match_name(name).filter(|m| m.service.id == s.service)?;
        Some(Question::new(&matched, name, &s.team, client).after(s.evidence, s.bytes_up))
    };
    let questions: Vec<_> = s.names.iter().filter_map(|name| by_name(name)).collect();
    let by_service = |service: &'a ServiceRecord| {
        let question = Question::of_service(service, &s.team);
        Question { client, ..question }.after(s.evidence, s.bytes_up)
    };
    if questions.is_empty() { signatures.service(&s.service).map(by_service).into_iter().collect() } else { questions }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::{SEVEN, sighting};
    use crate::daemon::rules::Catalogue;
    use crate::engine::pattern::HostPattern;
    use crate::engine::policy::{Rule, ServicePattern};

    #[test]
    fn a_sighting_is_judged_by_all_that_was_stored_of_it() {
        let signatures = Catalogue::shipped().signatures();
        let services = vec![ServicePattern::parse("openai.*")];
        let host = HostPattern::parse("=ab.chatgpt.com").unwrap();
        let rules = vec![
            Rule { status: Status::Tolerated, services: services.clone(), teams: vec!["design".into()], ..Rule::default() },
            Rule { status: Status::Unapproved, services, evidence: Some(Evidence::Uploaded), ..Rule::default() },
            Rule { status: Status::InReview, hosts: vec![host], ..Rule::default() },
        ];
        let policy = Policy::new(Status::Unreviewed, rules);
        let says = |s: &Sighting| rejudge(&signatures, &policy, s, SEVEN).iter().map(|r| (r.first, r.decision.status)).collect::<Vec<_>>();
        assert_eq!(says(&sighting()), [(Status::Tolerated, Status::Tolerated), (Status::InReview, Status::InReview)]);
        let uploaded = Sighting { evidence: Evidence::Uploaded, team: "other".into(), names: vec!["gone.example".into()], ..sighting() };
        assert_eq!(says(&uploaded), [(Status::Unreviewed, Status::Unapproved)]);
        assert_eq!(says(&Sighting { service: "gone.gone".into(), ..sighting() }), []);
    }
}
