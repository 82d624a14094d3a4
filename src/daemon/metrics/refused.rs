//! Why the web server turned a visitor away.

/// Why a visitor of the web server was turned away or cut off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// No token where one is needed.
    NoToken,
    /// A token nobody gave out, or one of another role.
    WrongToken,
    /// A token whose time is over.
    ExpiredToken,
    /// Too many connections of one address.
    Connections,
    /// No TLS was agreed on.
    Tls,
    /// Not done in time.
    Time,
}

impl Refused {
    /// Each of them.
    pub const ALL: [Refused; 6] =
        [Refused::NoToken, Refused::WrongToken, Refused::ExpiredToken, Refused::Connections, Refused::Tls, Refused::Time];

    /// As a label.
    pub const fn word(self) -> &'static str {
        match self {
            Refused::NoToken => "no_token",
            Refused::WrongToken => "wrong_token",
            Refused::ExpiredToken => "expired_token",
            Refused::Connections => "connections",
            Refused::Tls => "tls",
            Refused::Time => "time",
        }
    }
}
