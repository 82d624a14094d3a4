//! The web server, asked over real connections.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::*;
use crate::daemon::metrics::MOST_SERIES;

/// Runs a server for the length of a closure.
fn with_server(limits: Limits, ready: Ready, test: impl FnOnce(SocketAddr)) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = App { metrics: Arc::new(Metrics::new(MOST_SERIES).unwrap()), ready };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.spawn(serve_within(limits, listener, app, std::future::pending()));
    test(address);
    server.abort();
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
