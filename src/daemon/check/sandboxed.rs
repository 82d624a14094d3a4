//! What this machine grants of the steps in which a daemon gives up what it does not need: each is taken, and then tried.

use std::io::ErrorKind;
use std::path::Path;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::daemon::config::{Config, DEFAULT_FILE};
use crate::daemon::failure::Failure;
use crate::daemon::output::print;
use crate::daemon::sandbox::{self, Kind, Outcome, Places, Report, Step, What, Wish};
use crate::daemon::{rights, table};

/// Whether a capture could be opened; ask before rights are given up.
pub(super) fn packet_socket() -> Outcome {
    match socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None) {
        Ok(_) => Outcome::Granted("a packet socket can be opened".into()),
        Err(error) => Outcome::Refused {
            why: format!("no packet socket ({error})"),
            remedy: "start as root, or with CAP_NET_RAW: setcap cap_net_raw+ep on the program, AmbientCapabilities= in a unit".into(),
        },
    }
}

/// Takes each step for good and prints what came of it.
///
/// # Errors
/// Something is refused, and the configuration requires it.
pub(super) fn show(config: &Config, file: Option<&Path>, captures: Outcome) -> Result<(), Failure> {
    let mut report = Report::new(config.sandbox);
    report.add(What::Captures, captures);
    match rights::stand_in(config.user.as_deref())? {
        Some(who) => {
            rights::forbid_dumps()?;
            report.add_rights(&who);
        }
        None => report.add(
            What::User,
            Outcome::Partly { why: "not tried: this process is another user's".into(), remedy: "check as root, or as that user".into() },
        ),
    }
    sandbox::confine_process(&Places::of(config, file), &mut report);
    for kind in [Kind::Ledger, Kind::Capture] {
        report.add(What::Calls(kind), tried(kind, config.sandbox, file.unwrap_or(Path::new(DEFAULT_FILE))));
    }
    print(&table::layout(&["step", "what", "result"], report.steps().iter().enumerate().map(row)))?;
    report.enforce().map_err(|failure| Failure::Setting(failure.to_string()))
}

/// The lists that threads put on.
pub(super) fn calls() -> String {
    let of_kind = |kind: Kind| kind.purposes().flat_map(move |purpose| purpose.calls.iter().map(move |call| (kind, purpose, call)));
    let rows = Kind::ALL.into_iter().flat_map(of_kind).map(|(kind, purpose, call)| {
        let often = if purpose.is_rare { "rare" } else { "always" };
        vec![kind.word().into(), call.name().into(), often.into(), purpose.why.into()]
    });
    table::layout(&["thread", "call", "made", "why"], rows)
}

fn row((number, Step { what, outcome }): (usize, &Step)) -> Vec<String> {
    let elsewhere = std::fs::read_dir("/").err().map(|e| e.kind());
    let proof = match (what, outcome, elsewhere) {
        (What::Landlock, Outcome::Granted(_), Some(ErrorKind::PermissionDenied)) => "; / cannot be listed",
        (What::Landlock, Outcome::Granted(_), _) => "; but / can be listed: report this",
        _ => "",
    };
    vec![number.saturating_add(1).to_string(), what.word().into(), format!("{outcome}{proof}")]
}

fn tried(kind: Kind, wish: Wish, file: &Path) -> Outcome {
    if wish == Wish::Off {
        return Outcome::Off;
    }
    match sandbox::try_out(kind, file) {
        Ok(tried) if tried.is_refused() => Outcome::Granted("such a thread could neither open a file nor connect".into()),
        Ok(tried) => Outcome::of_calls(Err(format!("such a thread was not refused everything: {tried:?}"))),
        Err(why) => Outcome::of_calls(Err(why)),
    }
}
