//! Sinks against the real thing: Debian's Alertmanager, and nginx that asks for a client certificate of a private authority. What is sent is what
//! `shadowtap alerts test` sends, the daemon's own way to a sink.
#![cfg(all(target_os = "linux", feature = "daemon"))]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::Value;

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with a configuration in it.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        Site(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect(name);
    }

    /// `shadowtap alerts test` with this configuration.
    fn send(&self, arguments: &[&str], configuration: &str) -> Output {
        self.sending(arguments, configuration).output().expect("shadowtap runs")
    }

    fn sending(&self, arguments: &[&str], configuration: &str) -> Command {
        self.write("c.toml", configuration);
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
        // A proxy of the environment must not count.
        command.env("HTTP_PROXY", "http://127.0.0.1:9").env("HTTPS_PROXY", "http://127.0.0.1:9");
        command.args(["alerts", "test"]).args(arguments).arg("--config").arg(self.path("c.toml"));
        command
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Starts a program that listens on that port of loopback; `None` where it is not installed.
fn start(command: &mut Command, port: u16) -> Option<Running> {
    let child = match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
        Ok(child) => Running(child),
        Err(error) => {
            println!("skipped: {} cannot be run ({error}); scripts/setup test installs it", command.get_program().display());
            return None;
        }
    };
    eventually("it listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    Some(child)
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

/// An Alertmanager of this site that tells nobody; `None` where there is none.
fn alertmanager(site: &Site, port: u16) -> Option<Running> {
    site.write("am.yml", "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n");
    let mut command = Command::new("prometheus-alertmanager");
    command.arg(format!("--config.file={}", site.path("am.yml").display()));
    command.arg(format!("--storage.path={}", site.path("am").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--cluster.listen-address=");
    start(&mut command, port)
}

/// What an Alertmanager shows.
fn alerts(port: u16) -> Vec<Value> {
    let output = Command::new("curl").args(["-sS", &format!("http://127.0.0.1:{port}/api/v2/alerts")]).output().expect("curl runs");
    let all: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&output)));
    all.as_array().expect("a list").clone()
}

#[test]
fn an_alertmanager_takes_an_alert_and_forgets_it_when_it_is_over() {
    let (site, port) = (Site::new(), free_port());
    let Some(_alertmanager) = alertmanager(&site, port) else { return };
    let sink =
        format!("[[alert.alertmanager]]\nname = \"am\"\nurl = \"http://127.0.0.1:{port}/api/v2/alerts\"\nlabels = [\"sensor=gw1\"]\n");
    eventually("it is ready", || site.send(&["am"], &sink).status.success());
    assert!(said(&site.send(&["am"], &sink)).contains("200 OK"));

    let open = alerts(port);
    assert_eq!(open.len(), 1, "one incident at one severity: {open:?}");
    let labels = &open[0]["labels"];
    assert_eq!(
        (&labels["alertname"], &labels["sensor"], &labels["service"]),
        (&"ShadowtapUse".into(), &"gw1".into(), &"sample.service".into())
    );
    assert!(open[0]["annotations"]["description"].as_str().is_some_and(|d| d.starts_with("Sample")), "{open:?}");

    let over = site.send(&["am", "--resolve"], &sink);
    assert!(over.status.success(), "{}", said(&over));
    eventually("it is over", || alerts(port).is_empty());
}

#[test]
fn an_alertmanager_refuses_what_it_cannot_read() {
    let (site, port) = (Site::new(), free_port());
    let Some(_alertmanager) = alertmanager(&site, port) else { return };
    let sink = format!(
        "[[alert.template]]\nname = \"am\"\nurl = \"http://127.0.0.1:{port}/api/v2/alerts\"\nbody = '{{\"text\": {{{{ message }}}}}}'\n"
    );
    eventually("it answers", || said(&site.send(&["am"], &sink)).contains("400 Bad Request"));
    assert_eq!(site.send(&["am"], &sink).status.code(), Some(1));
}

/// A private authority, and certificates of it and of a stranger, as PEM files in the site's folder.
fn certificates(site: &Site) {
    let authority = |name: &str| {
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, name);
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let pem = ca.self_signed(&key).expect("a certificate").pem();
        (Issuer::new(ca, key), pem)
    };
    let leaf = |issuer: &Issuer<'_, KeyPair>, name: &str, usage| {
        let mut leaf = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        leaf.extended_key_usages = vec![usage];
        let key = KeyPair::generate().expect("a key");
        site.write(&format!("{name}.pem"), &leaf.signed_by(&key, issuer).expect("a certificate").pem());
        site.write(&format!("{name}.key"), &key.serialize_pem());
    };
    let ((ours, ca), (theirs, _)) = (authority("ours"), authority("a stranger"));
    site.write("ca.pem", &ca);
    leaf(&ours, "server", ExtendedKeyUsagePurpose::ServerAuth);
    leaf(&ours, "client", ExtendedKeyUsagePurpose::ClientAuth);
    leaf(&theirs, "stranger", ExtendedKeyUsagePurpose::ClientAuth);
}

fn nginx(site: &Site, port: u16) -> Option<Running> {
    let folder = site.0.path().display();
    let configuration = format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
         events {{}}
         http {{
           access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
           uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
           server {{
             listen 127.0.0.1:{port} ssl;
             ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
             ssl_client_certificate {folder}/ca.pem; ssl_verify_client on;
             location /hook {{ if ($http_x_api_key != \"k3y\") {{ return 401 \"no key\"; }} return 200 \"ok\"; }}
             location /away {{ return 307 https://localhost:{port}/hook; }}
             location /busy {{ add_header Retry-After 120 always; return 503; }}
           }}
         }}"
    );
    site.write("nginx.conf", &configuration);
    start(Command::new("nginx").arg("-p").arg(site.0.path()).arg("-c").arg(site.path("nginx.conf")).arg("-e").arg(site.path("log")), port)
}

#[test]
fn a_receiver_may_ask_for_a_client_certificate_of_its_own_authority() {
    let (site, port) = (Site::new(), free_port());
    certificates(&site);
    let Some(_nginx) = nginx(&site, port) else { return };
    site.write("url", &format!("https://localhost:{port}/hook\n"));
    site.write("api.key", "k3y\n");
    let sink = |path: &str, more: &str| format!("[[alert.webhook]]\nname = \"soc\"\nurl = \"https://localhost:{port}/{path}\"\n{more}");
    let known = "ca_file = \"ca.pem\"\nclient_cert_file = \"client.pem\"\nclient_key_file = \"client.key\"\n";
    let key = "[[alert.webhook.headers]]\nname = \"X-Api-Key\"\nvalue_file = \"api.key\"\n";
    let with = |from: &str, to: &str| known.replace(from, to);

    let taken = site.send(&["soc"], &format!("[[alert.webhook]]\nname = \"soc\"\nurl_file = \"url\"\n{known}{key}"));
    assert!(taken.status.success() && said(&taken).contains("200 OK: ok"), "{}", said(&taken));
    let mut bare = site.sending(&["soc"], &sink("hook", &format!("{known}{key}")));
    let bare = bare.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent").output().expect("shadowtap runs");
    assert!(bare.status.success(), "on a machine without authorities of its own: {}", said(&bare));
    for (configuration, words) in [
        (sink("hook", known), "401"),                                       // no key
        (sink("hook", "ca_file = \"ca.pem\"\n"), "400"),                    // no certificate
        (sink("hook", &with("client.", "stranger.")), "400"),               // one of another authority
        (sink("hook", &with("ca_file = \"ca.pem\"\n", "")), "certificate"), // the server's is a stranger's
        (sink("away", &format!("{known}{key}")), "307"),                    // a redirect is not followed
        (sink("busy", known), "503 Service Unavailable"),
    ] {
        let output = site.send(&["soc"], &configuration);
        let text = said(&output);
        assert!(output.status.code() == Some(1) && text.contains(words), "{words} in {text}");
        assert!(!text.contains("k3y") && !text.contains("/hook") && !text.contains("/away"), "{text}");
    }
    assert!(said(&site.send(&["soc"], &sink("busy", known))).contains("left alone for 120 s"));
}

#[test]
fn a_name_no_sink_has_is_said_with_the_nearest() {
    let site = Site::new();
    let sink = "[[alert.slack]]\nname = \"security\"\nurl = \"http://127.0.0.1:9/T0K3N\"\n";
    let output = site.send(&["securty"], sink);
    assert!(output.status.code() == Some(78) && said(&output).contains("did you mean \"security\"?"), "{}", said(&output));
    let down = site.send(&["security"], sink);
    assert!(down.status.code() == Some(1) && said(&down).contains("refused") && !said(&down).contains("T0K3N"), "{}", said(&down));
}

#[test]
fn mistakes_of_a_template_are_said_with_file_and_line() {
    let site = Site::new();
    site.write("body.json", "{\n  \"text\": {{ mesage }}\n}\n");
    let inline = "[[alert.template]]\nname = \"a\"\nurl = \"http://127.0.0.1:9/\"\nbody = \"\"\"\n{\n\"text\": {{ mesage }}}\"\"\"\n";
    let from_file = "[[alert.template]]\nname = \"a\"\nurl = \"http://127.0.0.1:9/\"\nbody_file = \"body.json\"\n";
    for (configuration, place) in [(inline, "c.toml:6: error:"), (from_file, "body.json:2: error:")] {
        site.write("c.toml", configuration);
        let checked =
            Command::new(env!("CARGO_BIN_EXE_shadowtap")).args(["check", "--elsewhere", "--config"]).arg(site.path("c.toml")).output();
        let checked = checked.expect("shadowtap runs");
        assert!(checked.status.code() == Some(78) && said(&checked).contains(place), "{place} in {}", said(&checked));
    }
}
