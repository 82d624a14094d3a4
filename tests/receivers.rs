//! Alerts to the real receivers of Debian: rsyslog with TLS, and an SMTP server with STARTTLS and a password (aiosmtpd). What goes out is the
//! sample of `shadowtap alerts test`, through the very sink of a configuration. Skipped where a program is not installed.
#![cfg(all(target_os = "linux", feature = "daemon"))]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::Value;

/// How long a thing that is due may take on a busy machine.
const DUE: Duration = Duration::from_secs(20);
/// Where Debian puts rsyslog.
const RSYSLOG: &str = "/usr/sbin/rsyslogd";
/// The interpreter that Debian's packages are for.
const PYTHON: &str = "/usr/bin/python3";

/// A folder with an authority, a certificate of `localhost` and one of a client.
struct Bench(tempfile::TempDir);

/// A running receiver; dropping it ends it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Bench {
    fn new() -> Self {
        let bench = Bench(tempfile::tempdir().expect("a folder"));
        for authority in ["ca", "stranger"] {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::new(Vec::<String>::new()).expect("params");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, authority);
            bench.write(&format!("{authority}.pem"), &params.self_signed(&key).expect("signs").pem());
            if authority == "ca" {
                bench.leaf("server", ExtendedKeyUsagePurpose::ServerAuth, &Issuer::from_params(&params, &key));
                bench.leaf("client", ExtendedKeyUsagePurpose::ClientAuth, &Issuer::from_params(&params, &key));
            }
        }
        bench
    }

    fn leaf(&self, name: &str, purpose: ExtendedKeyUsagePurpose, issuer: &Issuer<'_, &KeyPair>) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("params");
        params.extended_key_usages = vec![purpose];
        params.distinguished_name.push(DnType::CommonName, name);
        self.write(&format!("{name}.pem"), &params.signed_by(&key, issuer).expect("signs").pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Sends a sample through a sink of the configuration.
    fn test(&self, sink: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
        command.args(["alerts", "test", sink, "--config"]).arg(self.path("config.toml")).output().expect("runs")
    }

    /// Sends one that is taken.
    fn taken(&self, sink: &str) {
        let output = self.test(sink);
        assert!(output.status.success(), "{sink}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Sends one that is not; what is said of it.
    fn not_taken(&self, sink: &str) -> String {
        let output = self.test(sink);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Waits until a file has so many lines.
    fn lines(&self, name: &str, count: usize) -> Vec<String> {
        eventually(&format!("{count} lines in {name}"), || {
            let text = self.read(name);
            let lines: Vec<_> = text.split_inclusive('\n').filter(|l| l.ends_with('\n')).map(|l| l.trim_end().to_owned()).collect();
            (lines.len() >= count).then_some(lines)
        })
    }
}

fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DUE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "waited {} s in vain: {what}", DUE.as_secs());
        sleep(Duration::from_millis(50));
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("an address").port()
}

/// rsyslog, which writes what it gets as `PRI TAB HOSTNAME TAB APP-NAME TAB MSGID TAB STRUCTURED-DATA TAB MSG`.
fn rsyslog(bench: &Bench, port: u16) -> Running {
    let at = |name: &str| bench.path(name).display().to_string();
    bench.write(
        "rsyslog.conf",
        &format!(
            r#"
global(workDirectory="{folder}" maxMessageSize="64k" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{ca}"
       defaultNetstreamDriverCertFile="{cert}" defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
template(name="told" type="string" string="%pri%\t%hostname%\t%app-name%\t%msgid%\t%structured-data%\t%msg%\n")
input(type="imtcp" address="127.0.0.1" port="{port}")
action(type="omfile" file="{out}" template="told")
"#,
            folder = bench.0.path().display(),
            ca = at("ca.pem"),
            cert = at("server.pem"),
            key = at("server.key"),
            out = at("got"),
        ),
    );
    let log = fs::File::create(bench.path("rsyslog.log")).expect("a log");
    let mut command = Command::new(RSYSLOG);
    command.args(["-n", "-f"]).arg(bench.path("rsyslog.conf")).arg("-i").arg(bench.path("rsyslog.pid"));
    let running = Running(command.stdout(log.try_clone().expect("a log")).stderr(log).spawn().expect("starts"));
    eventually("rsyslog listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    running
}

#[test]
fn rsyslog_takes_cef_and_ocsf_over_tls_and_asks_for_a_certificate() {
    if !Path::new(RSYSLOG).exists() {
        println!("skipped: {RSYSLOG} is not installed (scripts/setup test)");
        return;
    }
    let (bench, port) = (Bench::new(), free_port());
    let sink = |name: &str, format: &str, ca: &str, client: bool| {
        let client = if client { "client_cert_file = \"client.pem\"\nclient_key_file = \"client.key\"\n" } else { "" };
        format!(
            "[[alert.syslog]]\nname = \"{name}\"\naddress = \"localhost:{port}\"\nformat = \"{format}\"\nca_file = \"{ca}.pem\"\nfacility = \"local3\"\n{client}"
        )
    };
    bench.write(
        "config.toml",
        &[
            "sensor = \"gw1\"\n".to_owned(),
            sink("cef", "cef", "ca", true),
            sink("ocsf", "ocsf", "ca", true),
            sink("json", "json", "ca", true),
        ]
        .into_iter()
        .chain([sink("unknown", "cef", "stranger", true), sink("nobody", "cef", "ca", false)])
        .collect::<String>(),
    );
    assert!(bench.not_taken("cef").contains("refused"), "nobody listens yet");
    let _rsyslog = rsyslog(&bench, port);
    for name in ["cef", "ocsf", "json"] {
        bench.taken(name);
    }
    let lines = bench.lines("got", 3);
    let fields: Vec<Vec<&str>> = lines.iter().map(|line| line.splitn(6, '\t').collect()).collect();
    for field in &fields {
        // local3 is facility 19, a sample is of the least severity: notice, 5.
        assert_eq!(field[..4], ["157", "gw1", "shadowtap", "first_use"], "{lines:#?}");
        let incident = field[4].split_once("incident=").map(|(_, rest)| rest);
        assert!(field[4].starts_with("[shadowtap@32473 id=\"") && incident.is_some(), "{lines:#?}");
        assert_eq!(incident, fields[0][4].split_once("incident=").map(|(_, rest)| rest), "one matter");
    }
    let cef = fields[0][5].trim_start();
    let header: Vec<&str> = cef.splitn(8, '|').collect();
    assert_eq!((header[0], header[1], header[4], header[6]), ("CEF:0", "shadowtap", "first_use", "3"), "{cef}");
    assert!(header[7].contains(" suid=sample ") && header[7].contains("cs1=Sample service (sample.service) cs1Label=service"), "{cef}");
    let ocsf: Value = serde_json::from_str(fields[1][5].trim_start()).expect("OCSF is JSON");
    assert_eq!((&ocsf["class_uid"], &ocsf["type_uid"], &ocsf["metadata"]["version"]), (&2004.into(), &200_401.into(), &"1.3.0".into()));
    let matter = ocsf["finding_info"]["uid"].as_str().expect("a text");
    assert!(fields[0][4].contains(&format!("incident=\"{matter}\"")) && header[7].contains(&format!("cs4={matter} ")), "{lines:#?}");
    let json: Value = serde_json::from_str(fields[2][5].trim_start()).expect("an alert is JSON");
    assert_eq!(json["schema"], "shadowtap.alert/1");

    let unknown = bench.not_taken("unknown");
    assert!(unknown.contains("certificate"), "a server of an unknown authority is not spoken to: {unknown}");
    bench.not_taken("nobody");
    assert_eq!(bench.lines("got", 3).len(), 3, "{}", bench.read("got"));
}

/// An SMTP server that asks for STARTTLS, then for a password, and writes down what it gets.
const SMTP: &str = r#"
import json, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
folder, port = sys.argv[1], int(sys.argv[2])
class Handler:
    async def handle_DATA(self, server, session, envelope):
        with open(folder + "/mails", "a") as out:
            out.write(json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None,
                                  "user": session.auth_data.login.decode(), "text": envelope.content.decode()}) + "\n")
        return "250 taken"
def check(server, session, envelope, mechanism, auth):
    good = isinstance(auth, LoginPassword) and auth.password == b"pass word"
    return AuthResult(success=good, handled=False, auth_data=auth)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(folder + "/server.pem", folder + "/server.key")
controller = Controller(Handler(), hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True,
                        authenticator=check, auth_required=True, auth_require_tls=True)
controller.start()
print("ready", flush=True)
sys.stdin.read()
"#;

#[test]
fn a_mail_server_takes_an_alert_after_starttls_and_a_password() {
    let has_it = Command::new(PYTHON).args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    if !has_it {
        println!("skipped: python3-aiosmtpd is not installed (scripts/setup test)");
        return;
    }
    let (bench, port) = (Bench::new(), free_port());
    bench.write("password", "pass word\n");
    bench.write("wrong", "hunter2\n");
    let sink = |name: &str, ca: &str, password: &str| {
        format!(
            "[[alert.mail]]\nname = \"{name}\"\nserver = \"localhost:{port}\"\nfrom = \"Sensor <shadowtap@example.org>\"\n\
             to = [\"soc@example.org\", \"ciso@example.org\"]\nuser = \"sensor\"\npassword_file = \"{password}\"\nca_file = \"{ca}.pem\"\n"
        )
    };
    bench.write(
        "config.toml",
        &[
            "sensor = \"gw1.example.org\"\n".to_owned(),
            sink("mail", "ca", "password"),
            sink("wrong", "ca", "wrong"),
            sink("unknown", "stranger", "password"),
        ]
        .concat(),
    );
    bench.write("smtp.py", SMTP);
    let mut server = Command::new(PYTHON);
    server.arg(bench.path("smtp.py")).arg(bench.0.path()).arg(port.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = Running(server.spawn().expect("starts"));
    let mut said = String::new();
    BufReader::new(server.0.stdout.take().expect("piped")).read_line(&mut said).expect("reads");
    assert_eq!(said, "ready\n");

    bench.taken("mail");
    let mail: Value = serde_json::from_str(&bench.lines("mails", 1)[0]).expect("JSON");
    assert_eq!((&mail["from"], &mail["user"], &mail["tls"]), (&"shadowtap@example.org".into(), &"sensor".into(), &true.into()));
    assert_eq!(mail["to"], serde_json::json!(["soc@example.org", "ciso@example.org"]));
    let text = mail["text"].as_str().expect("a text");
    for line in
        ["Subject: [shadowtap] low: Sample service (unreviewed), team sample\r\n", "Auto-Submitted: auto-generated\r\n", "Team: sample\r\n"]
    {
        assert!(text.contains(line), "{line} not in {text}");
    }
    let said = |label: &str| text.split_once(label).and_then(|(_, rest)| rest.split(['@', ',', '\r']).next()).expect("is said");
    assert_eq!((said("Message-ID: <"), said("References: <")), (said("\r\nAlert: "), said("\r\nIncident: ")), "{text}");

    let refused = bench.not_taken("wrong");
    assert!(refused.contains("535") && !refused.contains("hunter2"), "{refused}");
    let unknown = bench.not_taken("unknown");
    assert!(unknown.contains("certificate"), "{unknown}");
    assert_eq!(bench.lines("mails", 1).len(), 1);
}

#[test]
fn standard_output_and_a_file_take_a_line_each_time() {
    let bench = Bench::new();
    bench.write(
        "config.toml",
        "[[alert.stdout]]\nname = \"out\"\nformat = \"cef\"\n[[alert.file]]\nname = \"file\"\nfile = \"alerts/alerts.jsonl\"\nmax_size = 1024\nkeep = 1\n",
    );
    let said = bench.test("out").stdout;
    assert!(String::from_utf8_lossy(&said).starts_with("CEF:0|shadowtap|"), "{}", String::from_utf8_lossy(&said));
    assert!(bench.not_taken("file").contains("No such file"), "the folder is not there");
    fs::create_dir(bench.path("alerts")).expect("a folder");
    (0..3).for_each(|_| bench.taken("file"));
    for name in ["alerts/alerts.jsonl", "alerts/alerts.jsonl.1"] {
        let alert: Value = serde_json::from_str(&bench.lines(name, 1)[0]).expect("JSON");
        assert_eq!(alert["schema"], "shadowtap.alert/1");
    }
    assert_eq!(fs::read_dir(bench.path("alerts")).expect("a folder").count(), 2);
}

#[test]
fn mistakes_are_told_with_their_line_and_remedy() {
    let bench = Bench::new();
    bench.write(
        "config.toml",
        "[[alert.syslog]]\nname = \"a\"\naddress = \"logs.example.org\"\n\
         [[alert.syslog]]\nname = \"b\"\naddress = \"logs.example.org:514\"\ntransport = \"tcp\"\n\
         [[alert.mail]]\nname = \"c\"\nserver = \"mail.example.org\"\nfrom = \"nobody\"\nto = [\"soc@example.org\"]\ntls = \"none\"\n\
         [[alert.file]]\nname = \"d\"\nfile = \"/tmp\"\n\
         [[stream]]\nname = \"e\"\nkind = \"webhook\"\nformat = \"cef\"\nurl = \"http://localhost:9/\"\n\
         [[stream]]\nname = \"e\"\nkind = \"sylog\"\n",
    );
    let mut check = Command::new(env!("CARGO_BIN_EXE_shadowtap"));
    let output = check.args(["check", "--config"]).arg(bench.path("config.toml")).output().expect("runs");
    assert_eq!(output.status.code(), Some(78));
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    for (line, words) in [
        (3, "is no host and port"),
        (7, "in the clear"),
        (11, "is no address"),
        (13, "in the clear"),
        (16, "is a folder"),
        (19, "is JSON, not cef"),
        (23, "two streams are named"),
        (24, "stream.kind has no value \"sylog\""),
    ] {
        assert!(said.lines().any(|l| l.contains(&format!("config.toml:{line}: ")) && l.contains(words)), "{line} {words}:\n{said}");
    }
}
