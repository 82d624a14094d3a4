//! `[[alert.webhook]]`: the generic webhook.

use std::path::{Path, PathBuf};

use super::endpoint::{self, Endpoint};
use crate::daemon::secret::Secrets;
use crate::daemon::toml_fields::{Fields, Located};

/// A receiver of the payload as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Webhook {
    /// Where, and how to get there.
    pub endpoint: Endpoint,
    /// File with the keys of the signature in the header; default none, then nothing is signed.
    pub secret_file: Option<PathBuf>,
}

impl Webhook {
    pub(in crate::daemon::config) fn read(fields: &Fields<'_>, config: &Path) -> Option<Self> {
        let secret_file = endpoint::file(fields, "secret_file", config);
        let endpoint = Endpoint::read(fields, config, None);
        if let Some(file) = &secret_file {
            check_secret(fields, file);
        }
        Some(Webhook { endpoint: endpoint?, secret_file: secret_file.map(|f| f.value) })
    }

    pub(in crate::daemon::config) fn files(&self) -> Vec<PathBuf> {
        self.endpoint.files().into_iter().chain(self.secret_file.clone()).collect()
    }
}

/// Says what is wrong with a file of secrets. They are read again for each attempt, so nothing is kept of them.
fn check_secret(fields: &Fields<'_>, file: &Located<PathBuf>) {
    if let Err((what, remedy)) = Secrets::read(&file.value) {
        fields.reading().error(file.line, format!("secret_file {} {what}", file.value.display()), remedy);
    } else {
        endpoint::warn_if_open(fields, "secret_file", file);
    }
}
