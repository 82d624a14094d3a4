//! Fetches URLs one after another with one stack: `rustls-fetch STACK URL...`; `rustls-fetch STACK --version` says what of it is here.

use std::env;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

const LOCK: &str = include_str!("../Cargo.lock");

fn main() {
    let mut arguments = env::args().skip(1);
    let stack = arguments.next().expect("a stack");
    let urls: Vec<String> = arguments.collect();
    if urls.first().is_some_and(|url| url == "--version") {
        let package = stack.split('-').next().unwrap_or(&stack);
        return println!("{}, rustls {}", locked(package), locked("rustls"));
    }
    let ca = fs::read(env::var("CA").expect("CA")).expect("the CA");
    match stack.as_str() {
        "ureq" => ureq_fetch(&ca, &urls),
        _ => reqwest_fetch(&stack, &ca, &urls),
    }
}

/// The version of a package this was built with.
fn locked(package: &str) -> &'static str {
    let (_, rest) = LOCK.split_once(&format!("name = \"{package}\"\nversion = \"")).expect("in Cargo.lock");
    rest.split('"').next().expect("a version")
}

fn reqwest_fetch(stack: &str, ca: &[u8], urls: &[String]) {
    if stack.ends_with("ring") {
        rustls::crypto::ring::default_provider().install_default().expect("the first provider");
    }
    let ca = reqwest::Certificate::from_pem(ca).expect("PEM");
    let builder = reqwest::blocking::Client::builder().tls_certs_only([ca]).timeout(Duration::from_secs(8)).pool_max_idle_per_host(0);
    let builder = if stack.ends_with("h1") { builder.http1_only() } else { builder };
    let client = builder.build().expect("a client");
    for url in urls {
        if let Err(error) = client.get(url).send().and_then(|answer| answer.bytes()) {
            eprintln!("{url}: {error}");
        }
    }
}

fn ureq_fetch(ca: &[u8], urls: &[String]) {
    use ureq::tls::{Certificate, RootCerts, TlsConfig};
    let ca = Certificate::from_pem(ca).expect("PEM");
    let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(vec![ca]))).build();
    let agent: ureq::Agent = ureq::Agent::config_builder().tls_config(tls).timeout_global(Some(Duration::from_secs(8))).build().into();
    for url in urls {
        if let Err(error) = agent.get(url).call().map(|mut answer| answer.body_mut().read_to_vec().map(drop)) {
            eprintln!("{url}: {error}");
        }
    }
}
