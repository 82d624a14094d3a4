//! What the daemon takes from itself once its rights are gone, so that whoever breaks a decoder has little left: files (Landlock) and
//! system calls (seccomp). Nothing of it takes a right; what a kernel cannot do is said, and refused only where that is asked for.

pub mod calls;
mod files;
mod filter;
mod places;
mod proof;
mod report;

pub use calls::Kind;
pub use files::confine;
pub use filter::Filters;
pub use places::Places;
pub use proof::{Tried, try_out};
pub use report::{Outcome, Report, Step, What};

/// Whether to do it (`sandbox` in the configuration).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wish {
    /// As far as the kernel can.
    #[default]
    Auto,
    /// Or do not start.
    Required,
    /// Not at all: for debugging.
    Off,
}

impl Wish {
    /// The words of the configuration.
    pub const WORDS: &'static [&'static str] = &["auto", "required", "off"];

    /// Reads one of them.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Wish::Auto),
            "required" => Some(Wish::Required),
            "off" => Some(Wish::Off),
            _ => None,
        }
    }
}

/// Confines this process: its files, then its calls; it must have one thread. Adds to `report` what came of it.
pub fn confine_process(places: &Places, report: &mut Report) {
    let files = match report.wish() {
        Wish::Off => Outcome::Off,
        _ => confine(places),
    };
    report.add(What::Landlock, files);
    let calls = report.filters(Kind::Process).map(|filters| filters.and_then(|f| f.put_on()));
    report.add(What::Calls(Kind::Process), calls.map_or(Outcome::Off, Outcome::of_calls));
}

/// For commands that read files of strangers, before their first thread: from now on no connection is made and no program started. A
/// machine that cannot do that reads them all the same: these commands run without any right.
pub fn go_offline() {
    let _ = Filters::offline().and_then(|filters| filters.put_on());
}
