//! What the site has decided, for the parts of a report that tell of it.

use std::path::Path;

use crate::daemon::config::Config;
use crate::daemon::failure::Failure;
use crate::daemon::rules::Rules;

/// A configuration and the rules it names.
pub(super) struct Decided {
    pub config: Config,
    pub rules: Rules,
}

impl Decided {
    /// Those of a configuration. Without one named the standard file is taken; there is nothing where it is refused, or this user may not
    /// read it: whoever reads a report need not be able to.
    ///
    /// # Errors
    /// The configuration that was named is refused.
    pub fn load(file: Option<&Path>) -> Result<Option<Self>, Failure> {
        let load = || {
            let config = Config::load(file)?.value;
            Rules::load(&config).map(|rules| Decided { rules: rules.value, config })
        };
        match load() {
            Ok(decided) => Ok(Some(decided)),
            Err(problems) if file.is_some() => Err(Failure::Configuration(problems)),
            Err(_) => Ok(None),
        }
    }
}
