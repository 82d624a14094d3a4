//! A client and a server with true Encrypted ClientHello (RFC 9849), both BoringSSL, over a TCP connection of this machine, and every byte
//! between them. The server's log says what it saw: whether it could decrypt, and which name it served.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use boring::hpke::HpkeKey;
use boring::pkey::PKey;
use boring::ssl::{HandshakeError, NameType, SslAcceptor, SslConnector, SslEchKeys, SslMethod, SslVersion};
use boring::x509::X509;

/// The name everybody may read.
pub const PUBLIC: &str = "cover.example";
/// The name that is hidden.
pub const HIDDEN: &str = "chatgpt.com";

/// X25519 key pairs, private and public: for tests only.
const KEYS: [[&str; 2]; 2] = [
    [
        "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
        "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c",
    ],
    [
        "65666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f8081828384",
        "5714769d116bf76436ae74bc793d2c30ad1903c59ac5273805c7e2698b410c36",
    ],
];

/// What the server saw of one connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Served {
    /// It decrypted the inner hello.
    pub is_accepted: bool,
    /// The name it served.
    pub name: Option<String>,
}

/// How one handshake went.
pub struct Outcome {
    /// Bytes between the two in order, and whether the client sent them.
    pub wire: Vec<(bool, Vec<u8>)>,
    /// The server's log of it; `None` where the client broke off.
    pub served: Option<Served>,
    /// The client's view: its hidden hello was accepted.
    pub is_accepted: bool,
    /// Configurations the server gave a client whose own were out of date.
    pub retry_configs: Option<Vec<u8>>,
}

/// What the client offers.
pub enum Offer<'a> {
    /// True ECH by this ECHConfigList.
    True(&'a [u8]),
    /// GREASE: an extension of noise.
    Grease,
    /// No such extension.
    Plain,
}

/// The ECHConfig of one of the key pairs.
fn config(key: usize) -> Vec<u8> {
    let mut body = vec![key as u8 + 1, 0, 0x20, 0, 32];
    body.extend(bytes(KEYS[key][1]));
    // One cipher suite: HKDF-SHA256 with AES-128-GCM. Names up to 64 bytes, no extensions.
    body.extend([0, 4, 0, 1, 0, 1, 64, PUBLIC.len() as u8]);
    body.extend(PUBLIC.as_bytes());
    body.extend([0, 0]);
    [&[0xfe, 0x0d][..], &(body.len() as u16).to_be_bytes(), &body].concat()
}

/// The ECHConfigList that the server's HTTPS record carries.
pub fn config_list(key: usize) -> Vec<u8> {
    let config = config(key);
    [&(config.len() as u16).to_be_bytes()[..], &config].concat()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).filter_map(|i| u8::from_str_radix(&hex[i..i + 2], 16).ok()).collect()
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A client that wants [`HIDDEN`] shakes hands with a server that holds one of the key pairs.
///
/// # Errors
/// Where the machine or BoringSSL refuses; a handshake that fails as it should is an [`Outcome`].
pub fn handshake(offer: &Offer<'_>, server_key: usize) -> Result<Outcome, Failure> {
    let certified = rcgen::generate_simple_self_signed([HIDDEN.to_owned(), PUBLIC.to_owned()])?;
    let certificate = X509::from_pem(certified.cert.pem().as_bytes())?;
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
    acceptor.set_max_proto_version(Some(SslVersion::TLS1_3))?;
    acceptor.set_private_key(&*PKey::private_key_from_pem(certified.signing_key.serialize_pem().as_bytes())?)?;
    acceptor.set_certificate(&certificate)?;
    let mut keys = SslEchKeys::builder()?;
    keys.add_key(true, &config(server_key), HpkeKey::dhkem_p256_sha256(&bytes(KEYS[server_key][0]))?)?;
    acceptor.set_ech_keys(&keys.build())?;
    let acceptor = acceptor.build();

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = std::thread::spawn(move || -> Result<Option<Served>, Failure> {
        let (stream, _) = listener.accept()?;
        let Ok(mut stream) = acceptor.accept(stream) else { return Ok(None) };
        let name = stream.ssl().servername(NameType::HOST_NAME).map(str::to_owned);
        let served = Served { is_accepted: stream.ssl().ech_accepted(), name };
        let mut request = [0; 4];
        // A client that was told of other configurations leaves here, without a request.
        if stream.read_exact(&mut request).is_err() {
            return Ok(Some(served));
        }
        stream.write_all(b"pong")?;
        Ok(Some(served))
    });

    let mut connector = SslConnector::builder(SslMethod::tls())?;
    connector.cert_store_mut().add_cert(&certificate)?;
    let mut ssl = connector.build().configure()?.into_ssl(HIDDEN)?;
    match offer {
        Offer::True(list) => ssl.set_ech_config_list(list)?,
        Offer::Grease => ssl.set_enable_ech_grease(true),
        Offer::Plain => {}
    }
    let wire = Arc::new(Mutex::new(Vec::new()));
    let tapped = Tapped { stream: TcpStream::connect(address)?, wire: Arc::clone(&wire) };
    let (is_accepted, retry_configs) = match ssl.connect(tapped) {
        Ok(mut stream) => {
            stream.write_all(b"ping")?;
            stream.read_exact(&mut [0; 4])?;
            (stream.ssl().ech_accepted(), None)
        }
        Err(HandshakeError::Failure(failed)) => (false, failed.ssl().get_ech_retry_configs().map(<[u8]>::to_vec)),
        Err(other) => return Err(other.to_string().into()),
    };
    let served = server.join().map_err(|_| "the server panicked")??;
    let wire = std::mem::take(&mut *wire.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Outcome { wire, served, is_accepted, retry_configs })
}

/// The client's end of a connection, every byte of which is kept.
#[derive(Debug)]
struct Tapped {
    stream: TcpStream,
    wire: Arc<Mutex<Vec<(bool, Vec<u8>)>>>,
}

impl Tapped {
    fn note(&self, is_client: bool, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.wire.lock().unwrap_or_else(PoisonError::into_inner).push((is_client, bytes.to_vec()));
        }
    }
}

impl Read for Tapped {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(into)?;
        self.note(false, &into[..n]);
        Ok(n)
    }
}

impl Write for Tapped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.stream.write(bytes)?;
        self.note(true, &bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
