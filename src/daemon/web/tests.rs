//! The web server, asked over real connections.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::*;
use crate::daemon::clock;
use crate::daemon::config::Http;
use crate::daemon::metrics::MOST_SERIES;
use crate::daemon::token::make;
use crate::engine::frame::Time;

/// Runs a server for the length of a closure.
fn with_server(limits: Limits, ready: Ready, test: impl FnOnce(SocketAddr)) {
    with_door(limits, ready, Door::new(&Http::default()).unwrap(), |address, _| test(address));
}

/// The same behind a door; the test gets at the metrics without asking.
fn with_door(limits: Limits, ready: Ready, door: Door, test: impl FnOnce(SocketAddr, &Metrics)) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let metrics = Arc::new(Metrics::new(MOST_SERIES).unwrap());
    let app = App { metrics: Arc::clone(&metrics), ready, door: Arc::new(door) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.spawn(serve_within(limits, listener, app, std::future::pending()));
    test(address, &metrics);
    server.abort();
}

fn refused(metrics: &Metrics, why: &str) -> u64 {
    let text = metrics.text().unwrap();
    let start = format!("shadowtap_http_refused_total{{reason=\"{why}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)).unwrap().parse().unwrap()
}

/// A file with one token, and the token.
fn token_file(life: u64) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let expiry = Time::new(clock::now().seconds() + life, 0);
    let (token, line) = make(Role::Metrics, expiry, None);
    std::fs::write(file.path(), line).unwrap();
    (file, token.to_string())
}

fn ask_with(address: SocketAddr, path: &str, authorization: &str) -> String {
    say(address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\n\r\n"))
}

fn say(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    // A connection that is cut off may end with a reset; what came before counts.
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn ask(address: SocketAddr, path: &str) -> String {
    say(address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
}

fn always_ready() -> Ready {
    Arc::new(Vec::new)
}

#[test]
fn answers_its_three_questions_and_no_other() {
    with_server(LIMITS, always_ready(), |address| {
        let metrics = ask(address, "/metrics");
        assert!(metrics.starts_with("HTTP/1.1 200 OK") && metrics.contains("shadowtap_build_info{version="), "{metrics}");
        assert!(metrics.contains("content-type: text/plain; version=0.0.4"));
        assert!(ask(address, "/healthz").ends_with("\r\n\r\nok\n"));
        for path in ["/", "/etc/passwd", "/../Cargo.toml", "/metrics/", "/api"] {
            assert!(ask(address, path).starts_with("HTTP/1.1 404"), "{path}");
        }
        assert!(say(address, "DELETE /metrics HTTP/1.1\r\nhost: x\r\n\r\n").starts_with("HTTP/1.1 405"));
    });
}

#[test]
fn ready_only_while_there_is_no_reason_against_it() {
    let open = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&open);
    let ready: Ready = Arc::new(move || if seen.load(Ordering::Relaxed) { vec![] } else { vec!["eth0 is down".into()] });
    with_server(LIMITS, ready, |address| {
        let answer = ask(address, "/readyz");
        assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with("{\"ready\":false,\"reasons\":[\"eth0 is down\"]}"), "{answer}");
        open.store(true, Ordering::Relaxed);
        assert!(ask(address, "/readyz").starts_with("HTTP/1.1 200"));
    });
}

#[test]
fn slow_visitors_are_cut_off_and_the_next_is_served() {
    let limits = Limits { connections: 2, life: Duration::from_millis(300) };
    with_server(limits, always_ready(), |address| {
        let slow: Vec<_> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
        for mut stream in &slow {
            stream.write_all(b"GET /metrics HT").unwrap();
        }
        let started = Instant::now();
        assert!(ask(address, "/healthz").starts_with("HTTP/1.1 200"));
        assert!(started.elapsed() < Duration::from_secs(5), "three rounds of slow ones, then its turn");
    });
}

#[test]
fn bodies_and_endless_headers_are_not_taken_in() {
    let limits = Limits { connections: 2, life: Duration::from_millis(500) };
    with_server(limits, always_ready(), |address| {
        let endless = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(1 << 20));
        let mut stream = TcpStream::connect(address).unwrap();
        let _ = stream.write_all(endless.as_bytes());
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(!answer.contains("200 OK"), "{answer}");
        let answer = say(address, "GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\nabc");
        assert!(answer.starts_with("HTTP/1.1 200"), "answered without waiting for the body: {answer}");
    });
}

#[test]
fn metrics_and_reasons_are_for_who_shows_a_good_token() {
    let (file, token) = token_file(3600);
    let door = Door::new(&Http { token_file: Some(file.path().into()), ..Http::default() }).unwrap();
    with_door(LIMITS, Arc::new(|| vec!["eth0 is down".into()]), door, |address, metrics| {
        assert!(ask_with(address, "/metrics", &format!("bearer {token}")).contains("shadowtap_build_info"));
        assert!(ask_with(address, "/readyz", &format!("Bearer {token}")).contains("eth0 is down"));
        let begun = Instant::now();
        for wrong in ["Bearer x", "Bearer ", "Basic eDp4", &token, &format!("Bearer {token}0")] {
            let answer = ask_with(address, "/metrics", wrong);
            assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("www-authenticate: Bearer"), "{answer}");
            assert!(!answer.contains("shadowtap_") && !answer.contains(&token), "{answer}");
        }
        assert!(begun.elapsed() >= REFUSAL * 5, "guesses take their time");
        assert!(ask_with(address, "/readyz", "Bearer x").starts_with("HTTP/1.1 401"), "no faster way to guess");
        assert!(ask(address, "/metrics").starts_with("HTTP/1.1 401"));
        let answer = ask(address, "/readyz");
        assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with("{\"ready\":false}"), "{answer}");
        assert!(ask(address, "/healthz").starts_with("HTTP/1.1 200"));
        assert_eq!((refused(metrics, "no_token"), refused(metrics, "wrong_token")), (1, 6));
    });
}

#[test]
fn a_token_ends_with_its_time_or_its_line() {
    let (file, token) = token_file(0);
    let http = Http { token_file: Some(file.path().into()), ..Http::default() };
    with_door(LIMITS, always_ready(), Door::new(&http).unwrap(), |address, metrics| {
        assert!(ask_with(address, "/metrics", &format!("Bearer {token}")).starts_with("HTTP/1.1 401"));
        assert_eq!(refused(metrics, "expired_token"), 1);
        let (new, token) = token_file(3600);
        let becomes = |status: &str| {
            let due = Instant::now() + Duration::from_secs(20);
            while !ask_with(address, "/metrics", &format!("Bearer {token}")).starts_with(status) {
                assert!(Instant::now() < due, "never {status}");
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        std::fs::rename(new.path(), file.path()).unwrap();
        becomes("HTTP/1.1 200");
        std::fs::remove_file(file.path()).unwrap();
        becomes("HTTP/1.1 401");
        // So that the guards find what they remove.
        std::fs::write(new.path(), "").unwrap();
        std::fs::write(file.path(), "").unwrap();
    });
}

/// Connects from another address of loopback.
fn idle_from(address: SocketAddr) -> std::net::TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        socket.connect(address).await.unwrap().into_std().unwrap()
    })
}

#[test]
fn one_address_cannot_take_all_places() {
    let mut door = Door::new(&Http::default()).unwrap();
    door.of_one_address = Some(2);
    let limits = Limits { connections: 4, life: Duration::from_secs(60) };
    with_door(limits, always_ready(), door, |address, metrics| {
        let idle: Vec<_> = (0..12).map(|_| idle_from(address)).collect();
        // Its turn comes after them, within their life.
        assert!(ask(address, "/healthz").starts_with("HTTP/1.1 200"));
        assert_eq!(refused(metrics, "connections"), idle.len() as u64 - 2);
    });
}
