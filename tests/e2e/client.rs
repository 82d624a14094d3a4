//! What a person at the client does, each with a real program.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use crate::net::{Host, Net};
use crate::server::{ANSWER, QUIC_PAGE, Servers, TCP_PAGE, peer};

const PATIENCE: Duration = Duration::from_secs(10);
const BROWSER_PATIENCE: Duration = Duration::from_secs(40);

/// The client host with its programs, speaking from one address at a time.
pub struct Client<'a> {
    pub net: &'a Net,
    pub servers: &'a Servers,
    pub scratch: &'a Path,
    pub host: Host,
}

impl Client<'_> {
    /// curl over HTTP/2 reads a page.
    pub fn curl(&self, name: &str) {
        let page = self.curl_with(name, "/", &["-4"]);
        assert!(page.contains(TCP_PAGE), "{name} answered {page:.80}");
    }

    /// The same from one of the host's addresses.
    pub fn curl_from(&self, name: &str, address: &str) {
        self.curl_with(name, "/", &["-4", "--interface", address]);
    }

    /// curl over IPv6.
    pub fn curl6(&self, name: &str) {
        self.curl_with(name, "/", &["-6"]);
    }

    /// curl sends that many bytes.
    pub fn upload(&self, name: &str, bytes: usize) {
        let body = self.scratch.join("upload");
        std::fs::write(&body, vec![b'x'; bytes]).expect("writes the body");
        let answer = self.curl_with(name, "/upload", &["-4", "--data-binary", &format!("@{}", body.display())]);
        assert!(answer.contains(ANSWER), "{name} took the body: {answer:.80}");
    }

    /// A Python program talks to the chat service at an address under a name; what it printed. See `peers/chat_client.py`.
    pub fn chat(&self, address: &str, name: &str, options: &[&str]) -> String {
        let (client, ca) = (peer("chat_client.py"), self.servers.ca());
        self.net.must(self.host, BROWSER_PATIENCE, &[&["python3", &client, address, name, &ca], options].concat())
    }

    /// A QUIC client sends that many bytes in one request; the bytes of all its datagrams.
    pub fn upload_quic(&self, address: &str, name: &str, bytes: usize) -> u64 {
        let this = std::env::current_exe().expect("own path").display().to_string();
        let line = [&this, "--upload-quic", &format!("{address}:443"), name, &self.servers.ca(), &bytes.to_string()];
        self.net.must(self.host, PATIENCE, &line).trim().parse().expect("a number")
    }

    /// `openssl s_client` shakes hands and leaves.
    pub fn openssl(&self, name: &str) {
        let (target, ca) = (format!("{name}:443"), self.servers.ca());
        let line = ["openssl", "s_client", "-4", "-connect", &target, "-servername", name, "-CAfile", &ca, "-verify_return_error"];
        self.net.must(self.host, PATIENCE, &line);
    }

    /// Python's own HTTP client reads a page, over IPv4.
    pub fn python(&self, name: &str) {
        let program = "import socket, ssl, sys, urllib.request\n\
            every = socket.getaddrinfo\n\
            socket.getaddrinfo = lambda host, port, *_: every(host, port, socket.AF_INET, socket.SOCK_STREAM)\n\
            trust = ssl.create_default_context(cafile=sys.argv[2])\n\
            print(urllib.request.urlopen(sys.argv[1], timeout=8, context=trust).read())";
        self.read(&["/usr/bin/python3", "-c", program, &format!("https://{name}/"), &self.servers.ca()]);
    }

    /// Node's `fetch` reads a page, over IPv4.
    pub fn node(&self, name: &str) {
        let trust = format!("NODE_EXTRA_CA_CERTS={}", self.servers.ca());
        let program = "fetch(process.argv[1]).then(answer => answer.text()).then(console.log)";
        self.read(&["env", &trust, "node", "--dns-result-order=ipv4first", "-e", program, &format!("https://{name}/")]);
    }

    /// A coding agent's pattern in Node: so many prompts one after the other, each with all that was said before, answers streamed.
    pub fn node_agent(&self, name: &str, turns: usize) {
        let trust = format!("NODE_EXTRA_CA_CERTS={}", self.servers.ca());
        let program = "const [url, turns] = process.argv.slice(1);
            let said = 'p'.repeat(4000);
            for (let turn = 0; turn < turns; turn++) {
                const answer = await fetch(url, { method: 'POST', headers: { authorization: 'Bearer ' + 'k'.repeat(48) }, body: said });
                for await (const _ of answer.body);
                said += 'q'.repeat(3000);
                await new Promise((then) => setTimeout(then, 1500));
            }";
        let (url, turns) = (format!("https://{name}/chat?wait=0.5&seconds=2&gap=0.05&size=120"), turns.to_string());
        let line = ["env", &trust, "node", "--dns-result-order=ipv4first", "--input-type=module", "-e", program, &url, &turns];
        self.net.must(self.host, BROWSER_PATIENCE, &line);
    }

    /// Headless Chromium holds a conversation over TCP, with assets and telemetry beside; `query` as `peers/chat_page.html` takes it.
    pub fn chromium_chat(&self, name: &str, query: &str) {
        let home = tempfile::tempdir_in(self.scratch).expect("a home");
        self.trust_ca(home.path());
        let done = self.servers.conversations_over(name);
        let (environment, data) = (format!("HOME={}", home.path().display()), format!("--user-data-dir={}", home.path().display()));
        let url = format!("https://{name}/page?{query}");
        let mut line = vec!["env", &environment, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", &data];
        line.extend(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"]);
        line.extend(["--disable-dev-shm-usage", "--disable-quic", "--remote-debugging-port=0", &url]);
        let _browser = self.net.background(self.host, &line);
        let end = std::time::Instant::now() + 2 * BROWSER_PATIENCE;
        while self.servers.conversations_over(name) == done {
            assert!(std::time::Instant::now() < end, "the conversation with {name} does not end");
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// wget reads a page, over IPv4.
    pub fn wget(&self, name: &str) {
        let (url, ca) = (format!("https://{name}/"), format!("--ca-certificate={}", self.servers.ca()));
        self.read(&["wget", "--quiet", "--output-document=-", "--tries=1", "--timeout=8", "--inet4-only", &ca, &url]);
    }

    /// Headless Chromium opens a page over TCP.
    pub fn chromium(&self, name: &str) {
        let page = self.chromium_with(name, &["--disable-quic"]);
        assert!(page.contains(TCP_PAGE), "{name} gave Chromium {page:.80}");
    }

    /// Headless Chromium opens a page over QUIC.
    pub fn chromium_quic(&self, name: &str) {
        let page = self.chromium_with(name, &["--enable-quic", &format!("--origin-to-force-quic-on={name}:443")]);
        assert!(page.contains(&QUIC_PAGE[QUIC_PAGE.len() - 16..]), "{name} gave Chromium {page:.80}");
    }

    /// dig asks; `over` is `+notcp` or `+tcp`. What it printed, short.
    pub fn dig(&self, name: &str, kind: &str, over: &str) -> String {
        let answer = self.net.must(self.host, PATIENCE, &["dig", "+short", "+tries=1", over, name, kind]);
        assert!(!answer.trim().is_empty(), "dig {name} {kind} {over} has an answer");
        answer
    }

    fn read(&self, line: &[&str]) {
        let page = self.net.must(self.host, PATIENCE, line);
        assert!(page.contains(TCP_PAGE), "{} read {page:.80}", line[0]);
    }

    fn curl_with(&self, name: &str, path: &str, more: &[&str]) -> String {
        let (url, ca) = (format!("https://{name}{path}"), self.servers.ca());
        let mut line = vec!["curl", "--http2", "--silent", "--show-error", "--fail", "--max-time", "8", "--cacert", &ca];
        line.extend(more);
        line.push(&url);
        self.net.must(self.host, PATIENCE, &line)
    }

    fn chromium_with(&self, name: &str, more: &[&str]) -> String {
        let home = tempfile::tempdir_in(self.scratch).expect("a home");
        self.trust_ca(home.path());
        let (environment, data) = (format!("HOME={}", home.path().display()), format!("--user-data-dir={}", home.path().display()));
        let url = format!("https://{name}/");
        let mut line = vec!["env", &environment, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", &data];
        line.extend(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"]);
        line.extend(["--disable-dev-shm-usage", "--dump-dom"]);
        line.extend(more);
        line.push(&url);
        String::from_utf8_lossy(&self.browser(&line).stdout).into_owned()
    }

    fn browser(&self, line: &[&str]) -> Output {
        self.net.run(self.host, BROWSER_PATIENCE, line)
    }

    /// Chromium trusts what the NSS database of its home trusts.
    fn trust_ca(&self, home: &Path) {
        let database = home.join(".pki/nssdb");
        std::fs::create_dir_all(&database).expect("makes the folder");
        let (database, ca) = (format!("sql:{}", database.display()), self.servers.ca());
        self.net.must(self.host, PATIENCE, &["certutil", "-d", &database, "-N", "--empty-password"]);
        self.net.must(self.host, PATIENCE, &["certutil", "-d", &database, "-A", "-t", "C,,", "-n", "test", "-i", &ca]);
    }
}
