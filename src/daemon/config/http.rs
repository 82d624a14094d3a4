//! `[http]`: where metrics and health are served, and who may ask. Beyond this machine only with TLS and tokens.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::sink::{named_file, warn_if_open};
use crate::daemon::certificates;
use crate::daemon::clock;
use crate::daemon::token::Tokens;
use crate::daemon::toml_fields::Fields;

/// `[http]`: where metrics and health are served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Http {
    /// Default `127.0.0.1:9615`.
    pub listen: SocketAddr,
    /// Whether an address that other machines reach is accepted; default no.
    pub allow_remote: bool,
    /// `tls_cert_file` and `tls_key_file`; default none, then it speaks in the clear.
    pub tls: Option<ServerCertificate>,
    /// `token_file`: who may read metrics; default none, then whoever gets there may.
    pub token_file: Option<PathBuf>,
}

/// The certificate a server shows, and its key, each in PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerCertificate {
    /// The certificate, and those between it and its authority.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

impl Default for Http {
    fn default() -> Self {
        Http { listen: (Ipv4Addr::LOCALHOST, 9615).into(), allow_remote: false, tls: None, token_file: None }
    }
}

/// Whether other machines can reach an address.
pub fn is_remote(listen: SocketAddr) -> bool {
    !listen.ip().to_canonical().is_loopback()
}

impl Http {
    pub(super) fn read(fields: &Fields<'_>, config: &Path) -> Self {
        let allow_remote = fields.flag("allow_remote", false);
        let http = Http { allow_remote, tls: tls(fields, config), token_file: token_file(fields, config), ..Http::default() };
        let Some(written) = fields.text("listen") else { return http };
        let Ok(listen) = written.value.parse::<SocketAddr>() else {
            let message = format!("http.listen {:?} is no address and port", written.value);
            fields.reading().error(written.line, message, "write 127.0.0.1:9615");
            return http;
        };
        if let Some((message, remedy)) = http.refuses(listen) {
            fields.reading().error(written.line, format!("http.listen {listen} {message}"), remedy);
        }
        Http { listen, ..http }
    }

    /// Why an address must not be listened on, and the remedy; `None` where it may.
    pub fn refuses(&self, listen: SocketAddr) -> Option<(String, String)> {
        let tls = self.tls.is_none().then_some(["tls_cert_file", "tls_key_file"]);
        let mut missing: Vec<&str> = (!self.allow_remote).then_some("allow_remote = true").into_iter().collect();
        missing.extend(tls.into_iter().flatten());
        missing.extend(self.token_file.is_none().then_some("token_file"));
        if missing.is_empty() || !is_remote(listen) {
            return None;
        }
        let are = if missing.len() == 1 { "is" } else { "are" };
        let message = format!("can be reached from other machines, and {} {are} not set", missing.join(", "));
        Some((message, "listen on 127.0.0.1, or set what is missing (docs/guides/dashboards.md)".into()))
    }

    /// Files it reads while the daemon runs.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let tls = self.tls.iter().flat_map(|tls| [tls.cert_file.clone(), tls.key_file.clone()]);
        tls.chain(self.token_file.clone()).collect()
    }
}

/// A certificate and its key that fit: both or none.
fn tls(fields: &Fields<'_>, config: &Path) -> Option<ServerCertificate> {
    let (cert, key) = (named_file(fields, "tls_cert_file", config), named_file(fields, "tls_key_file", config));
    let alone = |line, missing: &str| fields.reading().error(line, format!("{} is missing", fields.named(missing)), "name both files");
    match (cert, key) {
        (Some(cert), Some(key)) => {
            if let Err((what, remedy)) = certificates::server(&cert.value, &key.value) {
                fields.reading().error(cert.line, what, remedy);
            }
            warn_if_open(fields, "tls_key_file", &key);
            return Some(ServerCertificate { cert_file: cert.value, key_file: key.value });
        }
        (Some(cert), None) => alone(cert.line, "tls_key_file"),
        (None, Some(key)) => alone(key.line, "tls_cert_file"),
        (None, None) => {}
    }
    None
}

/// A file with tokens; one that has expired is no error, for a sensor must not stop because its scraper was forgotten.
fn token_file(fields: &Fields<'_>, config: &Path) -> Option<PathBuf> {
    let file = named_file(fields, "token_file", config)?;
    let (tokens, problems) = Tokens::survey(&file.value, clock::now());
    if problems.is_empty() && tokens.is_empty() {
        let message = format!("token_file {} holds no token", file.value.display());
        fields.reading().error(file.line, message, "make one with 'shadowtap token new --role metrics --expires 90d'");
    }
    problems.into_iter().for_each(|problem| fields.reading().elsewhere(problem));
    Some(file.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::config::Config;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn problems(folder: &Path, http: &str) -> Vec<String> {
        let (_, problems) = Config::parse(&folder.join("c.toml"), &format!("[http]\n{http}"));
        let place = format!("{}/", folder.display());
        problems.iter().map(|d| d.to_string().replace("\n  remedy: ", " | ").replace(&place, "")).collect()
    }

    fn folder() -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        for name in ["one", "other"] {
            let made = rcgen::generate_simple_self_signed(vec!["shadowtap".into()]).unwrap();
            std::fs::write(folder.path().join(format!("{name}.pem")), made.cert.pem()).unwrap();
            let key = folder.path().join(format!("{name}.key"));
            std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
            std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o640)).unwrap();
        }
        std::fs::write(folder.path().join("tokens"), format!("# scrapers\nmetrics {DIGEST} 2199-01-01T00:00:00Z prometheus\n")).unwrap();
        folder
    }

    const REMOTE: &str = "listen = \"[::]:9615\"\n";
    const TLS: &str = "tls_cert_file = \"one.pem\"\ntls_key_file = \"one.key\"\n";

    #[test]
    fn beyond_loopback_all_of_it_is_needed() {
        let folder = folder();
        let all = format!("{REMOTE}{TLS}allow_remote = true\ntoken_file = \"tokens\"\n");
        assert_eq!(problems(folder.path(), &all), [""; 0]);
        for (left_out, said) in [
            ("allow_remote = true\n", "allow_remote = true is not set"),
            (TLS, "tls_cert_file, tls_key_file are not set"),
            ("token_file = \"tokens\"\n", "token_file is not set"),
        ] {
            let wanted = format!(
                "c.toml:2: error: http.listen [::]:9615 can be reached from other machines, and {said} | listen on 127.0.0.1, or set what is \
                 missing (docs/guides/dashboards.md)"
            );
            assert_eq!(problems(folder.path(), &all.replace(left_out, "")), [wanted]);
        }
        for own in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(problems(folder.path(), &format!("listen = \"{own}\"\n")), [""; 0], "{own}");
        }
    }

    #[test]
    fn files_that_cannot_be_used_are_told_with_line_and_remedy() {
        let folder = folder();
        let first = |http: &str| problems(folder.path(), http).remove(0);
        assert!(first("tls_cert_file = \"one.pem\"\n").starts_with("c.toml:2: error: http.tls_key_file is missing | name both"));
        let strange = first("tls_cert_file = \"one.pem\"\ntls_key_file = \"other.key\"\n");
        assert!(strange.starts_with("c.toml:2: error: one.pem and other.key hold no certificate with its key"), "{strange}");
        assert!(first("token_file = \"none\"\n").starts_with("none: error: cannot be read"));
        std::fs::write(folder.path().join("tokens"), "# nobody yet\n").unwrap();
        assert!(first("token_file = \"tokens\"\n").starts_with("c.toml:2: error: token_file tokens holds no token | make one with"));
        std::fs::write(folder.path().join("tokens"), format!("\nmetrics {DIGEST} 2020-01-01T00:00:00Z\n")).unwrap();
        assert!(first("token_file = \"tokens\"\n").starts_with("tokens:2: warning: the token expired"));
    }
}
