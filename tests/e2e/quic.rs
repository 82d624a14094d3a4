//! The HTTP/3 server: as much of it as a browser needs to show one page.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{HandshakeData, QuicServerConfig};
use quinn::rustls::pki_types::pem::PemObject;
use quinn::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use quinn::rustls::{ServerConfig, crypto::ring};

use crate::server::{BRIEF, QUIC_PAGE};

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
    quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).expect("a QUIC cipher")))
}

/// RFC 9114: a control stream with empty SETTINGS, then the page on every request stream.
async fn converse(connection: quinn::Connection) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut control = connection.open_uni().await?;
    control.write_all(&[0x00, 0x04, 0x00]).await?;
    let is_brief = server_name(&connection).is_some_and(|name| name == BRIEF);
    loop {
        let (mut answer, mut request) = connection.accept_bi().await?;
        if is_brief {
            // One answer, and time for it to arrive: who comes again has a session to resume.
            let _ = request.read_to_end(1 << 20).await;
            answer.write_all(&page()).await?;
            answer.finish()?;
            tokio::time::sleep(Duration::from_millis(100)).await;
            connection.close(0x100u32.into(), b"");
            return Ok(());
        }
        tokio::spawn(async move {
            let _ = request.read_to_end(1 << 20).await;
            let _ = answer.write_all(&page()).await;
            let _ = answer.finish();
        });
    }
}

fn server_name(connection: &quinn::Connection) -> Option<String> {
    connection.handshake_data()?.downcast::<HandshakeData>().ok()?.server_name
}

/// A HEADERS frame (QPACK static entries 25, `:status 200`, and 52, `content-type text/html`), then DATA.
fn page() -> Vec<u8> {
    let mut frames = vec![0x01, 0x04, 0x00, 0x00, 0xd9, 0xf4, 0x00];
    let length = u16::try_from(QUIC_PAGE.len()).expect("a short page");
    frames.extend((length | 0x4000).to_be_bytes());
    frames.extend(QUIC_PAGE.as_bytes());
    frames
}
