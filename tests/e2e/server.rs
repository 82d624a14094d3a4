//! The server's programs: nginx over TLS with HTTP/2, a stand-in chat service behind it, an HTTP/3 server, and dnsmasq, all with one certificate of a CA made here.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::net::{Background, Host, Net, RESOLVER};

/// Every name served, with the last part of its address in 198.51.100.0/24 and 2001:db8:99::/64.
pub const NAMES: [(&str, u8); 15] = [
    ("chatgpt.com", 11),
    ("claude.ai", 12),
    ("api.openai.com", 13),
    ("gemini.google.com", 14),
    ("api.anthropic.com", 15),
    ("chat.deepseek.com", 16),
    ("www.perplexity.ai", 17),
    ("copilot.microsoft.com", 18),
    ("api2.cursor.sh", 19),
    ("www.example.org", 21),
    ("docs.example.net", 22),
    ("intranet.example.com", 23),
    (BRIEF, 24),
    ("cdn.oaistatic.com", 25),
    ("oaistatsig.com", 26),
];
/// The one name whose connections are closed after each answer: who comes again has a session to resume.
pub const BRIEF: &str = "brief.example.org";
/// A page that comes to [`BRIEF`] again and again, and opens WebSockets: where it is known, and where it was not before.
const AGAIN: &str = "<!doctype html><title>again</title><script>
const again = (n) => n && fetch('https://brief.example.org/' + n, { mode: 'no-cors' }).catch(() => 0).then(() => setTimeout(again, 300, n - 1));
again(4);
for (const host of [location.host, 'api.openai.com']) new WebSocket('wss://' + host + '/');
</script>";
/// What nginx serves; it names the transport, so that a test knows which one a browser took.
pub const TCP_PAGE: &str = "served over TCP";
/// What it answers to a body that was sent.
pub const ANSWER: &str = "your body was received";
/// What the HTTP/3 server serves.
pub const QUIC_PAGE: &str = "<!doctype html><title>page</title><p>served over QUIC";

/// The running servers.
pub struct Servers {
    folder: PathBuf,
    _running: Vec<Background>,
}

impl Servers {
    /// Starts them all and waits until they answer.
    pub fn start(net: &Net, folder: &Path) -> Self {
        make_certificates(folder);
        net.serve_at(RESOLVER, None);
        for (_, part) in NAMES {
            net.serve_at(&v4(part), Some(&v6(part)));
        }
        fs::write(folder.join("nginx.conf"), nginx_configuration(folder)).expect("nginx.conf");
        fs::write(folder.join("dnsmasq.conf"), dnsmasq_configuration()).expect("dnsmasq.conf");
        fs::write(folder.join("index.html"), page(TCP_PAGE, 10_000)).expect("index.html");
        fs::write(folder.join("again.html"), AGAIN).expect("again.html");
        fs::write(folder.join("answer.html"), page(ANSWER, 24_000)).expect("answer.html");
        let in_folder = |name: &str| folder.join(name).display().to_string();
        let this = std::env::current_exe().expect("own path").display().to_string();
        let peer = peer("chat_server.py");
        fs::write(folder.join("turns"), "").expect("turns");
        let running = vec![
            net.background(Host::Server, &["python3", &peer, "8082", &in_folder("turns")]),
            net.background(Host::Server, &["nginx", "-c", &in_folder("nginx.conf"), "-e", &in_folder("nginx.log")]),
            net.background(Host::Server, &["dnsmasq", "--keep-in-foreground", &format!("--conf-file={}", in_folder("dnsmasq.conf"))]),
            net.background(Host::Server, &[&this, "--serve-quic", "0.0.0.0:443", &folder.display().to_string()]),
        ];
        let servers = Servers { folder: folder.to_path_buf(), _running: running };
        servers.wait(net);
        servers
    }

    /// The CA's certificate, for clients to trust.
    pub fn ca(&self) -> String {
        self.folder.join("ca.pem").display().to_string()
    }

    /// Prompts that the chat service answered for that host so far.
    pub fn turns(&self, host: &str) -> usize {
        let log = fs::read_to_string(self.folder.join("turns")).expect("turns");
        log.lines().filter(|line| line.strip_prefix("turn ") == Some(host)).count()
    }

    /// Conversations with that host that its clients said are over.
    pub fn conversations_over(&self, host: &str) -> usize {
        let log = fs::read_to_string(self.folder.join("turns")).expect("turns");
        log.lines().filter(|line| line.strip_prefix("done ") == Some(host)).count()
    }

    fn wait(&self, net: &Net) {
        let end = Instant::now() + Duration::from_secs(10);
        let page = ["curl", "-sf", "--max-time", "1", "--cacert", &self.ca(), "https://www.example.org/"];
        while !net.run(Host::Client, Duration::from_secs(3), &page).status.success() {
            assert!(Instant::now() < end, "nginx or dnsmasq does not answer; see {}", self.folder.display());
            sleep(Duration::from_millis(100));
        }
    }
}

/// A program of `tests/peers`.
pub fn peer(name: &str) -> String {
    format!("{}/tests/peers/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A certificate authority, and one certificate of it for all names: `ca.pem`, `server.pem`, `server.key`.
fn make_certificates(folder: &Path) {
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "shadowtap test CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let ca_certificate = ca.self_signed(&ca_key).expect("a CA");

    let key = KeyPair::generate().expect("a key");
    let mut leaf = CertificateParams::new(NAMES.map(|(name, _)| name.to_owned())).expect("host names");
    leaf.not_before = rcgen::date_time_ymd(2026, 1, 1);
    leaf.not_after = rcgen::date_time_ymd(2027, 1, 1);
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).expect("a certificate");

    for (file, text) in [("ca.pem", ca_certificate.pem()), ("server.pem", leaf.pem()), ("server.key", key.serialize_pem())] {
        fs::write(folder.join(file), text).expect(file);
    }
}

fn nginx_configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
         events {{}}
         http {{
           access_log off; client_max_body_size 0; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxied;
           fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; types {{ text/html html; }}
           ssl_protocols TLSv1.2 TLSv1.3;
           server {{
             listen 443 ssl http2; listen [::]:443 ssl http2; listen 80; server_name _; root {folder};
             ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
             location / {{ try_files /index.html =404; }}
             location ~ ^/(chat|telemetry|done|page|asset)$ {{
               proxy_pass http://127.0.0.1:8082; proxy_http_version 1.1; proxy_buffering off; proxy_set_header Host $host;
             }}
             location = /again {{ try_files /again.html =404; }}
             location /upload {{ proxy_pass http://127.0.0.1:8081; }}   # a proxy reads the whole body first
           }}
           server {{
             listen 443 ssl http2; listen [::]:443 ssl http2; server_name {BRIEF}; root {folder}; keepalive_requests 1;
             ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
             location / {{ try_files /answer.html =404; }}
           }}
           server {{ listen 127.0.0.1:8081; root {folder}; error_page 405 =200 /answer.html; location / {{ }} }}
         }}"
    )
}

/// A, AAAA and HTTPS (type 65: `1 . alpn=h2`) for each name; nothing else exists.
fn dnsmasq_configuration() -> String {
    let mut text = format!("listen-address={RESOLVER}\nbind-interfaces\nno-resolv\nno-hosts\nlocal-ttl=60\nuser=root\npid-file\n");
    for (name, part) in NAMES {
        let (v4, v6) = (v4(part), v6(part));
        writeln!(text, "host-record={name},{v4},{v6}\ndns-rr={name},65,00010000010003026832\nlocal=/{name}/").expect("a String");
    }
    text
}

/// A page of about so many bytes: fetching it is real use, not only a handshake.
fn page(text: &str, bytes: usize) -> String {
    format!("<!doctype html><title>page</title><p>{text}<!-- {} -->", "filler ".repeat(bytes / 7))
}

fn v4(part: u8) -> String {
    format!("198.51.100.{part}")
}

fn v6(part: u8) -> String {
    format!("2001:db8:99::{part}")
}
