//! A policy file that is not in force, looked at as if it were.

use std::path::Path;

use crate::daemon::config::{Config, read_policy_file};
use crate::daemon::diagnostic::Diagnostic;

/// Puts the policy of a file in the place of a configuration's whole policy, and says what is wrong with the file.
pub(super) fn replace(config: &mut Config, file: &Path) -> Vec<Diagnostic> {
    let (policy, problems) = read_policy_file(file);
    config.policy = policy;
    problems
}
