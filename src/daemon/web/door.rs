//! Who may ask what: the certificate that is shown, the tokens that are taken.

use axum::http::{HeaderMap, header};
use rustls::ServerConfig;

use super::renewed::Renewed;
use crate::daemon::config::{Http, is_remote};
use crate::daemon::diagnostic::Severity;
use crate::daemon::metrics::Refused;
use crate::daemon::token::{Role, Tokens, Verdict};
use crate::daemon::{certificates, clock};

/// Connections of one address at a time where other machines reach the server: a quarter of all.
const OF_ONE_ADDRESS: usize = 8;

/// Who may ask what. Files are read again when they change.
pub struct Door {
    pub(super) of_one_address: Option<usize>,
    pub(super) certificate: Option<Renewed<std::sync::Arc<ServerConfig>>>,
    tokens: Option<Renewed<Tokens>>,
}

impl Door {
    /// As the configuration says.
    ///
    /// # Errors
    /// A certificate or key that cannot be used.
    pub fn new(http: &Http) -> Result<Self, String> {
        let certificate = http.tls.clone().map(|tls| {
            let files = vec![tls.cert_file.clone(), tls.key_file.clone()];
            let read = move || match certificates::server(&tls.cert_file, &tls.key_file) {
                Ok(config) => Ok(std::sync::Arc::new(config)),
                Err((what, remedy)) => Err(format!("{what}; {remedy}")),
            };
            Renewed::new(files, Box::new(read))
        });
        let tokens = http.token_file.clone().map(|file| {
            // A line that cannot be read lets nobody in, and neither does a file: a token that was taken out must not live on.
            let read = move || {
                let (tokens, problems) = Tokens::survey(&file, clock::now());
                let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
                errors.for_each(|problem| tracing::error!("{problem}"));
                Ok(tokens)
            };
            Renewed::new(http.token_file.iter().cloned().collect(), Box::new(read))
        });
        Ok(Door {
            of_one_address: is_remote(http.listen).then_some(OF_ONE_ADDRESS),
            certificate: certificate.transpose()?,
            tokens: tokens.transpose()?,
        })
    }

    /// Whether whoever gets here may know all.
    pub(super) fn is_open(&self) -> bool {
        self.tokens.is_none()
    }

    /// Whether a request may do what takes a role.
    pub(super) fn admit(&self, headers: &HeaderMap, role: Role) -> Result<(), Refused> {
        let Some(tokens) = &self.tokens else { return Ok(()) };
        let written = headers.get(header::AUTHORIZATION).ok_or(Refused::NoToken)?.as_bytes();
        let (scheme, shown) = written.split_at_checked(7).ok_or(Refused::WrongToken)?;
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return Err(Refused::WrongToken);
        }
        match tokens.current().judge(shown.trim_ascii(), role, clock::now()) {
            Verdict::Good => Ok(()),
            Verdict::Expired => Err(Refused::ExpiredToken),
            Verdict::Unknown => Err(Refused::WrongToken),
        }
    }
}
