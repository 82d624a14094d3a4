//! Why a command ended badly, and the exit code that says so (BSD sysexits).

use std::fmt;

use super::diagnostic::Diagnostic;

/// Why a command ended badly.
#[derive(Debug)]
pub enum Failure {
    /// Somebody asked did not take it: exit 1.
    NotTaken(String),
    /// A file that is no capture: exit 65.
    NotACapture(String),
    /// Data that somebody changed who must not: exit 65.
    Tampered(String),
    /// The machine failed, or we did: exit 70.
    Internal(String),
    /// A right is missing: exit 77.
    Permission(String),
    /// Configuration, signatures or policy are refused: exit 78.
    Configuration(Vec<Diagnostic>),
    /// A setting that stands on the command line is refused: exit 78.
    Setting(String),
}

impl Failure {
    /// The exit code.
    pub const fn code(&self) -> u8 {
        match self {
            Failure::NotTaken(_) => 1,
            Failure::NotACapture(_) | Failure::Tampered(_) => 65,
            Failure::Internal(_) => 70,
            Failure::Permission(_) => 77,
            Failure::Configuration(_) | Failure::Setting(_) => 78,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NotTaken(text)
            | Failure::NotACapture(text)
            | Failure::Tampered(text)
            | Failure::Internal(text)
            | Failure::Permission(text)
            | Failure::Setting(text) => f.write_str(text),
            Failure::Configuration(diagnostics) => {
                for d in diagnostics {
                    writeln!(f, "{d}")?;
                }
                Ok(())
            }
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => Failure::Permission(error.to_string()),
            _ => Failure::Internal(error.to_string()),
        }
    }
}

/// An error and what caused it, in one line.
pub fn cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(inner) = next {
        text = format!("{text}: {inner}");
        next = inner.source();
    }
    text
}
