//! The HTTP/3 server: as much of it as a browser needs to show one page, or to hold a conversation (see `peers/chat_server.py`).

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig};
use quinn::rustls::pki_types::pem::PemObject;
use quinn::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use quinn::rustls::{ServerConfig, crypto::ring};

use crate::h3::{self, Request};
use crate::server::{BRIEF, QUIC_PAGE};

const CHAT_PAGE: &str = include_str!("../peers/chat_page.html");

/// Serves at the address until it is killed. `folder` holds `server.pem` and `server.key`.
pub fn serve(address: &str, folder: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let address: SocketAddr = address.parse().expect("address and port");
        let endpoint = quinn::Endpoint::server(configuration(folder), address).expect("binds");
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(async move {
                if let Ok(connection) = incoming.await {
                    let _ = converse(connection).await;
                }
            });
        }
    });
}

fn configuration(folder: &str) -> quinn::ServerConfig {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(format!("{folder}/server.pem")).expect("server.pem").collect();
    let key = PrivateKeyDer::from_pem_file(format!("{folder}/server.key")).expect("server.key");
    let mut tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&quinn::rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(chain.expect("certificates"), key)
        .expect("key fits certificate");
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let mut configuration = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).expect("a QUIC cipher")));
    // No more under way than the socket's buffer holds: else a busy machine drops datagrams, and the client sends them again.
    let mut transport = quinn::TransportConfig::default();
    transport.receive_window(65_536u32.into());
    configuration.transport_config(Arc::new(transport));
    configuration
}

/// RFC 9114: a control stream with empty SETTINGS, then the page on every request stream.
async fn converse(connection: quinn::Connection) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let name: Arc<str> = server_name(&connection).unwrap_or_default().into();
    let mut control = connection.open_uni().await?;
    control.write_all(&[0x00, 0x04, 0x00]).await?;
    let is_brief = *name == *BRIEF;
    loop {
        let (mut answer, mut request) = connection.accept_bi().await?;
        if is_brief {
            // One answer, and time for it to arrive: who comes again has a session to resume.
            let _ = request.read_to_end(1 << 20).await;
            answer.write_all(&[h3::headers(), h3::data(QUIC_PAGE.as_bytes())].concat()).await?;
            answer.finish()?;
            tokio::time::sleep(Duration::from_millis(100)).await;
            connection.close(0x100u32.into(), b"");
            return Ok(());
        }
        let name = Arc::clone(&name);
        tokio::spawn(async move {
            let request = request.read_to_end(1 << 26).await.unwrap_or_default();
            respond(Request::read(&request), answer, &name).await
        });
    }
}

fn server_name(connection: &quinn::Connection) -> Option<String> {
    connection.handshake_data()?.downcast::<HandshakeData>().ok()?.server_name
}

/// Sends a request with a body of so many bytes, and waits for its answer; prints the bytes of all datagrams.
pub fn upload(address: &str, name: &str, ca: &str, bytes: usize) {
    let mut roots = quinn::rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).expect("the CA")).expect("a root");
    let mut tls = quinn::rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&quinn::rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let configuration = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).expect("a QUIC cipher")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let endpoint = quinn::Endpoint::client("0.0.0.0:0".parse().expect("an address")).expect("binds");
        let address = address.parse().expect("address and port");
        let connection = endpoint.connect_with(configuration, address, name).expect("a name").await.expect("connects");
        let (mut request, mut answer) = connection.open_bi().await.expect("a stream");
        // Literal field line with the name of static entry 1, `:path`, then DATA.
        request.write_all(&[0x01, 0x08, 0x00, 0x00, 0x51, 0x04, b'/', b'p', b'u', b't']).await.expect("writes");
        request.write_all(&h3::data(&vec![b'u'; bytes])).await.expect("writes");
        request.finish().expect("is open");
        assert!(!answer.read_to_end(1 << 20).await.expect("an answer").is_empty());
        println!("{}", connection.stats().udp_tx.bytes);
        connection.close(0u32.into(), b"");
        endpoint.wait_idle().await;
    });
}

/// What `peers/chat_server.py` answers to the same request.
async fn respond(request: Request, mut answer: quinn::SendStream, name: &str) -> Result<(), quinn::WriteError> {
    let number = |key, otherwise| request.number(key).unwrap_or(otherwise);
    match request.path() {
        "/chat" => {
            note("turn", name);
            tokio::time::sleep(Duration::from_secs_f64(number("wait", 0.4))).await;
            answer.write_all(&h3::headers()).await?;
            let gap = number("gap", 0.05);
            for _ in 0..(number("seconds", 3.0) / gap) as u32 {
                tokio::time::sleep(Duration::from_secs_f64(gap)).await;
                let event = format!("data: {}\n\n", "x".repeat(number("size", 100.0) as usize));
                answer.write_all(&h3::data(event.as_bytes())).await?;
            }
        }
        "/live" => {
            answer.write_all(&h3::headers()).await?;
            loop {
                tokio::time::sleep(Duration::from_secs_f64(number("every", 15.0))).await;
                answer.write_all(&h3::data(b"data: something happened\n\n")).await?;
            }
        }
        path => {
            if path == "/done" {
                note("done", name);
            }
            let body = match path {
                "/page" => CHAT_PAGE.as_bytes().to_vec(),
                "/asset" => vec![0x5a; number("size", 1000.0) as usize],
                "/telemetry" | "/done" => Vec::new(),
                _ => QUIC_PAGE.as_bytes().to_vec(),
            };
            answer.write_all(&[h3::headers(), h3::data(&body)].concat()).await?;
        }
    }
    let _ = answer.finish();
    Ok(())
}

/// Writes into the file that the environment names, as the other server does.
fn note(word: &str, name: &str) {
    let file = std::env::var_os("CHAT_LOG").and_then(|file| File::options().append(true).open(file).ok());
    if let Some(mut file) = file {
        let _ = file.write_all(format!("{word} {name}\n").as_bytes());
    }
}
