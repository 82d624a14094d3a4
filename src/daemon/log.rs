//! Logs: for people on a terminal, JSON otherwise, unless the configuration says which; always on standard error, so that standard output stays the command's own.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use super::config::LogFormat;

/// Variable that overrides the configured level, as `debug` or `info,shadowtap::daemon::alert=debug`.
pub const VARIABLE: &str = "SHADOWTAP_LOG";
/// What is logged when nobody says otherwise.
pub const DEFAULT_LEVEL: &str = "info";

/// Starts logging for this process; `level` and `format` are the configured ones. A second call changes nothing.
///
/// # Errors
/// What cannot be understood in the level, and where it stands.
pub fn start(level: Option<&str>, format: LogFormat) -> Result<(), String> {
    let from_variable = std::env::var(VARIABLE).ok();
    let filter = filter(from_variable.as_deref(), level)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let human = is_human(format, std::io::stderr().is_terminal());
    // Refused where a subscriber is set already, as in tests that share a process.
    let _ = if human {
        builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).finish().try_init()
    } else {
        builder.json().flatten_event(true).finish().try_init()
    };
    Ok(())
}

fn is_human(format: LogFormat, is_terminal: bool) -> bool {
    match format {
        LogFormat::Auto => is_terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    }
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
    fn the_configured_form_wins_over_the_terminal() {
        let said = |format| [true, false].map(|is_terminal| is_human(format, is_terminal));
        assert_eq!([LogFormat::Auto, LogFormat::Human, LogFormat::Json].map(said), [[true, false], [true, true], [false, false]]);
    }

    #[test]
    fn nonsense_is_refused_with_its_place() {
        assert!(filter(Some("loud"), None).unwrap_err().starts_with("SHADOWTAP_LOG `loud`"));
    }
}
