//! The TLS libraries whose fingerprints are known: the library as the runtime or program that brings it sets it.

/// A TLS library, with the settings of what carries it. A library is no tool: many programs carry the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum Library {
    /// BoringSSL as Chromium sets it: Chrome, Edge, Brave, and whatever is built upon it (Electron, WebView2, Qt WebEngine).
    BoringsslChromium,
    /// NSS as Firefox sets it.
    NssFirefox,
    /// BoringSSL as Bun sets it.
    BoringsslBun,
    /// GnuTLS with its own settings.
    Gnutls,
    /// Go's crypto/tls.
    Go,
    /// Java's JSSE.
    Jsse,
    /// OpenSSL with its own settings, or those of whom it serves without naming itself: curl, Python, and most of what C programs speak.
    Openssl,
    /// OpenSSL as Node sets it.
    OpensslNode,
    /// rustls.
    Rustls,
}

/// What kind of program brings a library.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// An engine that shows pages: a browser, or an application built upon one.
    Pages,
    /// A runtime or library that programs are written with.
    Programs,
}

impl Library {
    /// Every one, in the order of their numbers.
    pub const ALL: [Library; 9] = [
        Library::BoringsslChromium,
        Library::NssFirefox,
        Library::BoringsslBun,
        Library::Gnutls,
        Library::Go,
        Library::Jsse,
        Library::Openssl,
        Library::OpensslNode,
        Library::Rustls,
    ];

    /// The word used in the table and in output.
    pub const fn word(self) -> &'static str {
        match self {
            Library::BoringsslChromium => "boringssl_chromium",
            Library::NssFirefox => "nss_firefox",
            Library::BoringsslBun => "boringssl_bun",
            Library::Gnutls => "gnutls",
            Library::Go => "go",
            Library::Jsse => "jsse",
            Library::Openssl => "openssl",
            Library::OpensslNode => "openssl_node",
            Library::Rustls => "rustls",
        }
    }

    /// What kind of program brings it.
    pub const fn family(self) -> Family {
        match self {
            Library::BoringsslChromium | Library::NssFirefox => Family::Pages,
            _ => Family::Programs,
        }
    }

    /// Whether command-line tools are written with it: what coding agents are made of is compiled to one file, or run by Node or Bun.
    pub const fn carries_tools(self) -> bool {
        matches!(self, Library::Go | Library::Rustls | Library::OpensslNode | Library::BoringsslBun)
    }
}
