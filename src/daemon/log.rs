//! Logs: for people on a terminal, JSON otherwise; always on standard error, so that standard output stays the command's own.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// Variable that overrides the configured level, as `debug` or `info,shadowtap::daemon::alert=debug`.
pub const VARIABLE: &str = "SHADOWTAP_LOG";
/// What is logged when nobody says otherwise.
pub const DEFAULT_LEVEL: &str = "info";

/// Starts logging for this process; `level` is the configured one. A second call changes nothing.
///
/// # Errors
/// What cannot be understood in the level, and where it stands.
pub fn start(level: Option<&str>) -> Result<(), String> {
    let from_variable = std::env::var(VARIABLE).ok();
    let filter = filter(from_variable.as_deref(), level)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let terminal = std::io::stderr().is_terminal();
    // Refused where a subscriber is set already, as in tests that share a process.
    let _ = if terminal { builder.with_target(false).finish().try_init() } else { builder.json().flatten_event(true).finish().try_init() };
    Ok(())
}

/// The variable wins over the configuration; libraries speak from `warn` on, unless named.
fn filter(variable: Option<&str>, configured: Option<&str>) -> Result<EnvFilter, String> {
    let (place, level) = match (variable, configured) {
        (Some(level), _) => (VARIABLE, level),
        (None, Some(level)) => ("log level", level),
        (None, None) => ("log level", DEFAULT_LEVEL),
    };
    let ours = !level.contains(['=', ',']);
    let text = if ours { format!("warn,shadowtap={level}") } else { level.to_owned() };
    EnvFilter::builder().parse(text).map_err(|e| format!("{place} `{level}`: {e}; write error, warn, info, debug or trace"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_wins_and_libraries_stay_quiet() {
        assert_eq!(filter(None, None).unwrap().to_string(), "shadowtap=info,warn");
        assert_eq!(filter(Some("debug"), Some("error")).unwrap().to_string(), "shadowtap=debug,warn");
        assert_eq!(filter(None, Some("sqlx=trace")).unwrap().to_string(), "sqlx=trace");
    }

    #[test]
    fn nonsense_is_refused_with_its_place() {
        assert!(filter(Some("loud"), None).unwrap_err().starts_with("SHADOWTAP_LOG `loud`"));
    }
}
