//! What the site's own records lie on: the bundle in force, else the catalogue in the program.

use std::path::Path;

use super::signature_file::{Entry, Origin, parse};
use super::{gather, shipped};
use crate::daemon::bundle::{Bundle, Folder};
use crate::daemon::clock;
use crate::daemon::config::SignatureSource;
use crate::daemon::diagnostic::{Diagnostic, Severity};

/// The records a site's folder is added to. A bundle counts only where a key is pinned that signed it.
pub(super) fn in_force(source: &SignatureSource) -> (Vec<Entry>, Vec<Diagnostic>) {
    if source.keys.is_empty() {
        return shipped();
    }
    let updates = Folder::new(&source.update_folder);
    let file = updates.current_file();
    let say = |severity, message: String, hint: &str| Diagnostic { severity, file: file.clone(), line: 0, message, hint: hint.into() };
    match updates.current(&source.keys) {
        Ok(None) => shipped(),
        Ok(Some(bundle)) => {
            let (entries, mut problems) = of_bundle(&bundle, &file);
            if bundle.expires <= clock::today() {
                let message = format!("version {} of the catalogue ended on {}", bundle.version, bundle.expires);
                problems.push(say(Severity::Warning, message, "fetch a newer one: shadowtap signatures update"));
            }
            (entries, problems)
        }
        Err(why) => {
            let hint = "go back with shadowtap signatures rollback, or take its folder away: then the catalogue in the program counts";
            let (entries, mut problems) = shipped();
            problems.push(say(Severity::Error, why.to_string(), hint));
            (entries, problems)
        }
    }
}

/// The records of a bundle; `at` is what messages call it.
pub(super) fn of_bundle(bundle: &Bundle, at: &Path) -> (Vec<Entry>, Vec<Diagnostic>) {
    gather(bundle.files.iter().map(|f| parse(&at.join(&f.name), &f.text, Origin::Update)))
}
