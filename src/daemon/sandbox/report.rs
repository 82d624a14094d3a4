//! The steps of a start, each with what the machine granted: for the log, metrics, and `shadowtap check --sandbox`.

use std::fmt;

use super::Wish;
use super::calls::Kind;
use super::filter::Filters;
use crate::daemon::failure::Failure;
use crate::daemon::rights;

/// A step of the start, in its order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Handles of the interfaces are open.
    Captures,
    /// The socket of metrics listens.
    Listener,
    /// The store's folder is there, the daemon's own.
    Store,
    /// An ordinary user.
    User,
    /// No capability, in any set.
    Capabilities,
    /// No program gives anything back.
    NoNewPrivileges,
    /// No core is written.
    CoreDumps,
    /// Files beside its own are out of reach.
    Landlock,
    /// Only calls on a list.
    Calls(Kind),
}

impl What {
    /// In a word, as metrics have it.
    pub const fn word(self) -> &'static str {
        match self {
            What::Captures => "captures",
            What::Listener => "listener",
            What::Store => "store",
            What::User => "user",
            What::Capabilities => "capabilities",
            What::NoNewPrivileges => "no_new_privileges",
            What::CoreDumps => "core_dumps",
            What::Landlock => "landlock",
            What::Calls(Kind::Process) => "seccomp_process",
            What::Calls(Kind::Capture) => "seccomp_capture",
            What::Calls(Kind::Ledger) => "seccomp_ledger",
        }
    }
}

/// What came of a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Done; with what is worth knowing of it.
    Granted(String),
    /// Done as far as this kernel can.
    Partly {
        /// What is missing.
        why: String,
        /// What helps.
        remedy: String,
    },
    /// Not done.
    Refused {
        /// The kernel's reason.
        why: String,
        /// What helps.
        remedy: String,
    },
    /// Switched off in the configuration.
    Off,
}

impl Outcome {
    /// In a word, as metrics have it.
    pub const fn word(&self) -> &'static str {
        match self {
            Outcome::Granted(_) => "granted",
            Outcome::Partly { .. } => "partly",
            Outcome::Refused { .. } => "refused",
            Outcome::Off => "off",
        }
    }

    /// Whether it was refused.
    pub const fn is_refused(&self) -> bool {
        matches!(self, Outcome::Refused { .. })
    }

    /// Of filters that were put on, or not.
    pub fn of_calls(put_on: Result<(), String>) -> Self {
        match put_on {
            Ok(()) => Outcome::Granted(String::new()),
            Err(why) => Outcome::Refused {
                why,
                remedy: "a kernel with CONFIG_SECCOMP_FILTER, and a container whose profile allows seccomp(2)".into(),
            },
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Outcome::Granted(detail) if detail.is_empty() => Ok(()),
            Outcome::Granted(detail) => write!(f, ": {detail}"),
            Outcome::Partly { why, remedy } | Outcome::Refused { why, remedy } => write!(f, ": {why}; remedy: {remedy}"),
            Outcome::Off => f.write_str(": sandbox = \"off\" in the configuration"),
        }
    }
}

/// One step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Which.
    pub what: What,
    /// What came of it.
    pub outcome: Outcome,
}

/// The steps so far, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    wish: Wish,
    steps: Vec<Step>,
}

impl Report {
    /// No step yet.
    pub fn new(wish: Wish) -> Self {
        Report { wish, steps: Vec::new() }
    }

    /// What the configuration wishes.
    pub fn wish(&self) -> Wish {
        self.wish
    }

    /// The steps so far.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Adds the next step.
    pub fn add(&mut self, what: What, outcome: Outcome) {
        self.steps.push(Step { what, outcome });
    }

    /// Adds the steps that [`rights::drop_to`] and [`rights::forbid_dumps`] have taken; they fail or are granted.
    pub fn add_rights(&mut self, rights: &rights::Report) {
        self.add(What::User, Outcome::Granted(format!("{} (uid {}, gid {})", rights.user, rights.uid, rights.gid)));
        let bounding = if rights.is_bounding_set_empty { "" } else { "the bounding set is as it was, which no-new-privs makes harmless" };
        self.add(What::Capabilities, Outcome::Granted(bounding.into()));
        self.add(What::NoNewPrivileges, Outcome::Granted(String::new()));
        self.add(What::CoreDumps, Outcome::Granted(String::new()));
    }

    /// Whether files outside of some places are out of reach.
    pub fn confines_files(&self) -> bool {
        self.steps.iter().any(|s| s.what == What::Landlock && matches!(s.outcome, Outcome::Granted(_) | Outcome::Partly { .. }))
    }

    /// The filters for threads of a kind, as they are wished for.
    pub fn filters(&self, kind: Kind) -> Option<Result<Filters, String>> {
        (self.wish != Wish::Off).then(|| Filters::of(kind))
    }

    /// Refuses what is missing where everything is required.
    ///
    /// # Errors
    /// [`Failure::Permission`] with every step that was refused.
    pub fn enforce(&self) -> Result<(), Failure> {
        let refused: Vec<String> = self.steps.iter().filter(|s| s.outcome.is_refused()).map(ToString::to_string).collect();
        if self.wish != Wish::Required || refused.is_empty() {
            return Ok(());
        }
        let what = "sandbox = \"required\" in the configuration, and this machine does not grant all of it";
        Err(Failure::Permission(format!("{what}:\n  {}\nshadowtap check --sandbox shows each step", refused.join("\n  "))))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what.word(), self.outcome)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps.iter().enumerate() {
            let stop = if number == 0 { "" } else { "; " };
            write!(f, "{stop}{}. {} {}", number.saturating_add(1), step.what.word(), step.outcome.word())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Outcome {
        Outcome::of_calls(Err("Function not implemented".into()))
    }

    #[test]
    fn what_is_missing_is_fatal_only_where_it_is_required() {
        for (wish, is_fatal) in [(Wish::Auto, false), (Wish::Required, true), (Wish::Off, false)] {
            let mut report = Report::new(wish);
            report.add(What::Landlock, Outcome::Partly { why: "an old kernel".into(), remedy: "a newer one".into() });
            assert!(report.enforce().is_ok(), "{wish:?}: as far as the kernel can");
            report.add(What::Calls(Kind::Capture), refused());
            let failure = report.enforce().err();
            assert_eq!(failure.is_some(), is_fatal, "{wish:?}");
            if let Some(failure) = failure {
                let said = failure.to_string();
                assert!(failure.code() == 77 && said.contains("seccomp_capture refused: Function not implemented; remedy: "), "{said}");
            }
            assert_eq!(report.to_string(), "1. landlock partly; 2. seccomp_capture refused");
        }
    }

    #[test]
    fn off_makes_no_filters_and_says_so() {
        assert!(Report::new(Wish::Off).filters(Kind::Capture).is_none());
        assert!(Outcome::Off.to_string().contains("sandbox = \"off\""));
    }
}
