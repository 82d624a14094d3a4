//! Whether a bundle may be put into force: every doubt, before anything is written.

use jiff::civil::Date;

use crate::daemon::bundle::Bundle;
use crate::daemon::config::Config;
use crate::daemon::diagnostic::{Diagnostic, Severity, any_error};
use crate::daemon::failure::Failure;
use crate::daemon::rules::lint::{lint, totals};
use crate::daemon::rules::{Catalogue, Rules};
use crate::engine::signature::Signatures;

/// A bundle about which there is no doubt.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) bytes: Vec<u8>,
    pub(super) bundle: Bundle,
    /// With the site's own records on top.
    pub(super) signatures: Signatures,
    pub(super) totals: String,
}

/// Looks at everything: key, signature, form, version, day, lint, and whether the site's own records and policy fit to it.
pub(super) fn examine(bytes: Vec<u8>, config: &Config, highest: u64, today: Date) -> Result<Candidate, Failure> {
    let refuse = |why: String| Failure::Setting(format!("bundle refused: {why}"));
    let bundle = Bundle::open(&bytes, &config.signatures.keys).map_err(|why| refuse(why.to_string()))?;
    let version = bundle.version;
    if version <= highest {
        return Err(refuse(format!("its version is {version}, and version {highest} was in force here already")));
    }
    if bundle.expires <= today {
        return Err(refuse(format!("it ended on {}", bundle.expires)));
    }
    let alone = Catalogue::of_bundle(&bundle);
    if alone.entries.is_empty() && !any_error(&alone.problems) {
        return Err(refuse("no service is in it".into()));
    }
    let mut problems = lint(&alone.entries, today);
    problems.extend(alone.problems);
    let catalogue = Catalogue::with_bundle(config, &bundle);
    let signatures = catalogue.signatures();
    let (_, with_site) = Rules::compiled(config, catalogue);
    problems.extend(with_site);
    if any_error(&problems) {
        return Err(Failure::Configuration(errors(problems)));
    }
    Ok(Candidate { totals: totals(&alone.entries), bytes, bundle, signatures })
}

/// The errors, each once.
fn errors(mut problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
    problems.retain(|p| p.severity == Severity::Error);
    problems.sort_by(|a, b| (&a.file, a.line, &a.message).cmp(&(&b.file, b.line, &b.message)));
    problems.dedup();
    problems
}
