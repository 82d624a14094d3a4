//! What the daemon takes from itself: threads that read packets can open nothing, files outside of its places are out of reach, an
//! interface that is made again is heard all the same. The filters and rules are the daemon's own, put on threads and processes for real.
#![cfg(all(target_os = "linux", feature = "daemon"))]

#[path = "sandbox/daemon.rs"]
mod daemon;
#[path = "sandbox/suite.rs"]
mod suite;

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use nix::libc;
use shadowtap::daemon::config::Config;
use shadowtap::daemon::sandbox::{self, Filters, Kind, Outcome, Places, confine, try_out};

use daemon::{Daemon, is_root, own_namespace};
use suite::{Ran, Test};

/// Set for the process that tries to start a program.
const TRIES_EXEC: &str = "SHADOWTAP_TRIES_EXEC";

const TESTS: &[Test] = &[
    ("threads_that_read_packets_can_neither_open_a_file_nor_connect", threads_that_read_packets_can_neither_open_a_file_nor_connect),
    ("no_thread_starts_a_program_and_who_tries_is_ended", no_thread_starts_a_program_and_who_tries_is_ended),
    ("no_packet_socket_is_opened_even_by_root", no_packet_socket_is_opened_even_by_root),
    ("files_outside_are_out_of_reach_and_those_inside_may_be_exchanged", files_outside_are_out_of_reach_and_those_inside_may_be_exchanged),
    ("names_and_certificates_are_found_by_a_confined_process", names_and_certificates_are_found_by_a_confined_process),
    ("every_thread_of_the_daemon_is_held_and_metrics_and_log_say_so", every_thread_of_the_daemon_is_held_and_metrics_and_log_say_so),
    (
        "an_interface_deleted_and_made_again_is_heard_by_a_daemon_without_rights",
        an_interface_deleted_and_made_again_is_heard_by_a_daemon_without_rights,
    ),
    ("files_are_exchanged_by_renaming_and_new_folders_take_a_restart", files_are_exchanged_by_renaming_and_new_folders_take_a_restart),
    (
        "what_the_machine_does_not_grant_is_said_and_refused_where_it_is_required",
        what_the_machine_does_not_grant_is_said_and_refused_where_it_is_required,
    ),
    ("a_check_takes_each_step_and_shows_what_came_of_it", a_check_takes_each_step_and_shows_what_came_of_it),
    (
        "root_of_a_user_namespace_becomes_an_ordinary_user_or_says_why_not",
        root_of_a_user_namespace_becomes_an_ordinary_user_or_says_why_not,
    ),
    ("started_with_the_one_capability_it_is_confined_all_the_same", started_with_the_one_capability_it_is_confined_all_the_same),
    ("a_command_that_reads_captures_connects_nowhere", a_command_that_reads_captures_connects_nowhere),
];

fn main() -> ExitCode {
    if std::env::var_os(TRIES_EXEC).is_some() {
        try_exec();
    }
    suite::run(TESTS)
}

fn try_exec() {
    Filters::of(Kind::Process).and_then(|f| f.put_on()).expect("put on");
    let by_fork = Command::new("true").status();
    println!("refused={}", by_fork.is_err_and(|e| e.kind() == ErrorKind::PermissionDenied));
    let _ = nix::unistd::execv(c"/bin/true", &[c"true"]);
    panic!("it came back");
}

/// Runs on a thread of its own: what it takes from itself is taken from nobody else.
fn aside<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(run).join().expect("no panic")
}

/// Confines this thread, where this kernel can.
fn confined(places: &Places) -> Ran {
    match confine(places) {
        Outcome::Granted(_) | Outcome::Partly { .. } => Ok(()),
        refused => Err(format!("landlock {refused}")),
    }
}

fn threads_that_read_packets_can_neither_open_a_file_nor_connect() -> Ran {
    let file = Path::new("/etc/passwd");
    fs::File::open(file).expect("anybody else can open it");
    for kind in [Kind::Capture, Kind::Ledger] {
        let tried = try_out(kind, file).expect("filters can be put on");
        assert!(tried.is_refused(), "{kind:?}: {tried:?}");
    }
    let other = try_out(Kind::Process, file).expect("filters can be put on");
    assert_eq!((other.open, other.connect), (None, Some(ErrorKind::ConnectionRefused)), "the others can");
    Ok(())
}

fn no_thread_starts_a_program_and_who_tries_is_ended() -> Ran {
    let own = std::env::current_exe().expect("known");
    let output = Command::new(own).env(TRIES_EXEC, "1").output().expect("starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.signal(), Some(libc::SIGSYS), "{said}");
    assert!(said.contains("refused=true"), "no process is made either: {said}");
    Ok(())
}

fn no_packet_socket_is_opened_even_by_root() -> Ran {
    is_root()?;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    let open = || socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), None).map(drop);
    open().expect("root may");
    let refused = aside(move || Filters::of(Kind::Process).and_then(|f| f.put_on()).map(|()| open()));
    assert_eq!(refused, Ok(Err(nix::errno::Errno::EPERM)));
    Ok(())
}

fn files_outside_are_out_of_reach_and_those_inside_may_be_exchanged() -> Ran {
    let scratch = tempfile::tempdir().expect("a folder");
    let root = scratch.path().to_owned();
    for folder in ["site", "store", "outside"] {
        fs::create_dir(root.join(folder)).expect("made");
        fs::write(root.join(folder).join("file"), "one").expect("written");
    }
    aside(move || {
        let places = Places { read: vec![root.join("site")], write: vec![root.join("store")] };
        confined(&places)?;
        let refused = |error: std::io::Error| error.kind() == ErrorKind::PermissionDenied;
        assert!(fs::read(root.join("outside/file")).is_err_and(refused));
        assert!(fs::write(root.join("outside/new"), "").is_err_and(refused));
        assert!(fs::write(root.join("site/file"), "two").is_err_and(refused), "what is read cannot be written");
        assert!(fs::read("/etc/passwd").is_err_and(refused));
        fs::write(root.join("store/new"), "two").expect("the store is writable");
        fs::rename(root.join("store/new"), root.join("store/file")).expect("and tidied up");
        fs::remove_file(root.join("store/file")).expect("and emptied");
        assert_eq!(fs::read_to_string(root.join("site/file")).expect("readable"), "one");
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).is_err_and(refused), "nothing more is listened on");
        assert!(Command::new("/bin/true").status().is_err_and(refused), "nor is there a program to start");
        Ok(())
    })
}

fn names_and_certificates_are_found_by_a_confined_process() -> Ran {
    let (config, problems) =
        Config::parse(Path::new("/nowhere/config.toml"), "[[alert.webhook]]\nname = \"soc\"\nurl = \"https://localhost:9/\"\n");
    assert!(problems.is_empty(), "{problems:?}");
    aside(move || {
        confined(&Places::of(&config, None))?;
        Filters::of(Kind::Process).and_then(|f| f.put_on()).expect("put on");
        let found: Vec<_> = ("localhost", 9).to_socket_addrs().expect("the resolver works").collect();
        assert!(found.iter().any(|a| a.ip().is_loopback()), "{found:?}");
        shadowtap::daemon::delivery::sinks(&config.sinks).map(drop).expect("the machine's authorities are read");
        Ok(())
    })
}

fn every_thread_of_the_daemon_is_held_and_metrics_and_log_say_so() -> Ran {
    own_namespace()?;
    let daemon = Daemon::start(&["lo"], "sandbox = \"required\"\n");
    let threads = daemon.threads();
    let of = |name: &str| threads.iter().filter(|t| t.name.starts_with(name)).collect::<Vec<_>>();
    assert!(threads.len() > 5 && of("capture-").len() == 1 && of("ledger").len() == 1 && of("interfaces").len() == 1, "{threads:#?}");
    for thread in &threads {
        let is_reader = ["capture-", "ledger"].iter().any(|name| thread.name.starts_with(name));
        let filters = if is_reader { "4" } else { "3" };
        // SIGHUP, SIGINT, SIGTERM: who takes note of them writes to a socket.
        assert_eq!(thread.field("SigBlk").ends_with("4003"), is_reader, "{}", thread.name);
        for (field, wanted) in
            [("Seccomp", "2"), ("Seccomp_filters", filters), ("NoNewPrivs", "1"), ("CapPrm", NONE), ("CapEff", NONE), ("CapBnd", NONE)]
        {
            assert_eq!(thread.field(field), wanted, "{field} of {}", thread.name);
        }
    }
    let metrics = daemon.metrics();
    for what in [
        "captures",
        "listener",
        "store",
        "user",
        "capabilities",
        "no_new_privileges",
        "core_dumps",
        "seccomp_process",
        "seccomp_ledger",
        "seccomp_capture",
    ] {
        let line = format!("shadowtap_sandbox{{result=\"granted\",what=\"{what}\"}} 1");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    assert!(daemon.log().contains("start order: 1. captures granted; 2. listener granted; 3. store granted; 4. user granted"));
    Ok(())
}

const NONE: &str = "0000000000000000";

fn an_interface_deleted_and_made_again_is_heard_by_a_daemon_without_rights() -> Ran {
    own_namespace()?;
    daemon::make_pair();
    let daemon = Daemon::start(&["va"], "");
    daemon::ask("chatgpt");
    daemon.says("openai.chatgpt");
    for (round, name) in ["claude", "deepseek"].into_iter().enumerate() {
        daemon::ip("link del va");
        daemon.says_times("va is gone", round + 1);
        daemon::make_pair();
        daemon.says_times("interface is back", round + 1);
        daemon::ask(name);
        daemon.says(&format!("{name}."));
        assert!(daemon::is_promiscuous("va"), "frames for others are taken again");
    }
    let capture = daemon.threads().into_iter().find(|t| t.name == "capture-0").expect("the same thread goes on");
    assert_eq!((capture.field("CapEff"), capture.field("Seccomp_filters")), (NONE, "4"));
    Ok(())
}

fn files_are_exchanged_by_renaming_and_new_folders_take_a_restart() -> Ran {
    own_namespace()?;
    let daemon = Daemon::start(&["lo"], "");
    daemon.exchange("config.toml", &(daemon.configuration() + "[log]\nlevel = \"debug\"\n"));
    daemon.says_times("\"reloaded\"", 1);
    let elsewhere = tempfile::tempdir().expect("a folder");
    daemon::open_to_all(elsewhere.path());
    let policy = elsewhere.path().join("policy.toml");
    fs::write(&policy, "").expect("written");
    daemon.exchange("config.toml", &format!("{}[policy]\nfile = {policy:?}\n", daemon.configuration()));
    if daemon.metrics().contains("result=\"granted\",what=\"landlock\"") {
        daemon.says("is in a folder that no file was in at the start");
        daemon.says("reload refused");
        return Ok(());
    }
    Err("landlock is not granted here".into())
}

fn what_the_machine_does_not_grant_is_said_and_refused_where_it_is_required() -> Ran {
    own_namespace()?;
    let calls = ["landlock_create_ruleset", "seccomp"];
    let (daemon, code) = aside(move || {
        daemon::take_away(&calls);
        (Daemon::start(&["lo"], ""), Daemon::fails(&["lo"], "sandbox = \"required\"\n"))
    });
    let metrics = daemon.metrics();
    for what in ["landlock", "seccomp_process", "seccomp_ledger", "seccomp_capture"] {
        assert!(metrics.contains(&format!("shadowtap_sandbox{{result=\"refused\",what=\"{what}\"}} 1")), "{metrics}");
        assert_eq!(daemon.log().matches(&format!("sandbox: {what} refused: ")).count(), 1, "{}", daemon.log());
    }
    assert_eq!(code.0, Some(77), "{}", code.1);
    for words in ["this kernel has no Landlock", "remedy: Linux 5.13 or newer", "seccomp_process refused: ", "check --sandbox"] {
        assert!(code.1.contains(words), "{words} in {}", code.1);
    }
    Ok(())
}

fn a_check_takes_each_step_and_shows_what_came_of_it() -> Ran {
    own_namespace()?;
    let (code, said) = daemon::check("");
    assert_eq!(code, Some(0), "{said}");
    let rows = said.lines().skip_while(|l| !l.contains("STEP")).skip(1).take(9);
    let words: Vec<_> = rows.filter_map(|row| row.split_whitespace().nth(1)).collect();
    assert_eq!(words[..5], ["captures", "user", "capabilities", "no_new_privileges", "core_dumps"], "{said}");
    assert_eq!(words[5..], ["landlock", "seccomp_process", "seccomp_ledger", "seccomp_capture"], "{said}");
    assert_eq!(said.matches("could neither open a file nor connect").count(), 2, "{said}");
    let (code, said) = daemon::check("sandbox = \"off\"\n");
    assert!(code == Some(0) && said.matches("off: sandbox = \"off\"").count() == 4, "{said}");
    let (code, said) = aside(|| {
        daemon::take_away(&["landlock_create_ruleset"]);
        daemon::check("sandbox = \"required\"\n")
    });
    assert!(code == Some(78) && said.contains("landlock refused: this kernel has no Landlock"), "{said}");
    Ok(())
}

fn root_of_a_user_namespace_becomes_an_ordinary_user_or_says_why_not() -> Ran {
    is_root()?;
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "--user", "--map-root-user", "--net"];
    let alone = [&nobody[..], &["sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]].concat();
    let many = daemon::UserNamespace::new().filter(|_| daemon::can(&alone)).ok_or("this machine makes no user namespaces")?;
    let (code, said) = Daemon::fails_through(&alone, &["lo"], "user = \"daemon\"\n");
    assert!(code == Some(77) && said.contains("this user namespace has no user 1: map more"), "{code:?} {said}");
    let daemon = Daemon::start_through(&many.enter(), &["lo"], "");
    assert!(daemon.threads().iter().all(|t| t.field("CapEff") == NONE && t.field("Seccomp") == "2"), "as anywhere else");
    Ok(())
}

fn started_with_the_one_capability_it_is_confined_all_the_same() -> Ran {
    own_namespace()?;
    let through = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+net_raw", "--ambient-caps=+net_raw"];
    let daemon = Daemon::start_through(&through, &["lo"], "sandbox = \"required\"\n");
    for thread in daemon.threads() {
        assert_eq!((thread.field("CapEff"), thread.field("CapPrm"), thread.field("Seccomp")), (NONE, NONE, "2"), "{}", thread.name);
    }
    Ok(())
}

fn a_command_that_reads_captures_connects_nowhere() -> Ran {
    let (connected, opened) = aside(|| {
        sandbox::go_offline();
        (TcpStream::connect((Ipv4Addr::LOCALHOST, 9)), fs::read("/etc/passwd"))
    });
    assert_eq!(connected.expect_err("refused").kind(), ErrorKind::PermissionDenied);
    opened.expect("files are what it reads");
    for command in ["names", "replay"] {
        let status = daemon::status_of(&[command, "-"]);
        assert_eq!((status.field("Seccomp"), status.field("NoNewPrivs")), ("2", "1"), "{command}");
    }
    Ok(())
}
