//! What came back: status, the beginning of the body, and how long to stay away.

use std::fmt;
use std::time::Duration;

use reqwest::{Response, StatusCode, header};

use super::hidden::Hidden;
use super::retry_after;
use crate::daemon::alert::outbox::Outcome;
use crate::daemon::clock;

/// What is read of a body.
const READ: usize = 4096;
/// What of it goes into a message, characters.
const QUOTE: usize = 160;

/// An answer, bounded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// The beginning of its body, in one line and printable.
    pub text: String,
    /// What `Retry-After` asks for.
    pub leave_alone: Option<Duration>,
}

impl Answer {
    /// Reads as much of it as is kept, without what is hidden.
    pub(super) async fn read(mut response: Response, hidden: &Hidden) -> Self {
        let after = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok());
        let leave_alone = after.and_then(|v| retry_after::parse(v, clock::now()));
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend(chunk.iter().take(READ.saturating_sub(bytes.len())));
            if bytes.len() >= READ {
                break;
            }
        }
        let text = hidden.from(String::from_utf8_lossy(&bytes).into_owned());
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTE).collect();
        Answer { status: response.status(), text: text.trim().to_owned(), leave_alone }
    }

    /// What it means by HTTP alone (RFC 9110 §15): 2xx is taken; 408, 425, 429 and 5xx pass; anything else is meant for this letter.
    pub(super) fn by_status(self) -> Outcome {
        let said = self.to_string();
        match self.status {
            status if status.is_success() => Outcome::Taken(said),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => self.down(),
            status if status.is_server_error() => self.down(),
            _ => Outcome::Refused(said),
        }
    }

    fn down(self) -> Outcome {
        Outcome::Down { error: self.to_string(), leave_alone: self.leave_alone }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.text {
            "" => self.status.fmt(f),
            text => write!(f, "{}: {text}", self.status),
        }
    }
}
