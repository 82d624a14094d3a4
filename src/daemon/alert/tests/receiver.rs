//! A receiver in the test's own process that answers as it is told.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, StatusCode};

/// What the receiver does with one request.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Status(u16),
    With(u16, &'static str, &'static str),
    Text(u16, String),
    Hang,
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub id: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub at: Instant,
    pub taken: bool,
}

/// Answers as its script says, then 200.
pub(super) struct Receiver {
    pub address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    pub async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let mut script: VecDeque<_> = script.into_iter().collect();
        Self::start_with(move |_| script.pop_front().unwrap_or(Answer::Status(200))).await
    }

    pub async fn start_with(answer: impl FnMut(&str) -> Answer + Send + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(Mutex::new(answer)), Arc::clone(&got));
        let app = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            let answer = answer.lock().unwrap()(std::str::from_utf8(&body).unwrap());
            let id = headers.get("x-shadowtap-alert-id").map(|id| id.to_str().unwrap().to_owned()).unwrap_or_default();
            let taken = matches!(answer, Answer::Status(200));
            log.lock().unwrap().push(Got { id, headers, body, at: Instant::now(), taken });
            respond(answer)
        });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Receiver { address, got }
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook/token", self.address)
    }
}

async fn respond(answer: Answer) -> Response<Body> {
    let (status, body) = match answer {
        Answer::Hang => return std::future::pending().await,
        Answer::Status(status) => (status, String::new()),
        Answer::Text(status, body) => (status, body),
        Answer::With(status, name, value) => {
            return Response::builder().status(status).header(name, value).body(Body::empty()).unwrap();
        }
    };
    Response::builder().status(StatusCode::from_u16(status).unwrap()).body(body.into()).unwrap()
}

/// A receiver that reads a little of each of the first requests and closes, at a different place each time; then it answers 200.
pub(super) fn closes_half_way(times: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for n in 0.. {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 65_536];
            if n < times {
                let cut = [0, 10, bytes.len()][n % 3];
                let _ = stream.read(&mut bytes[..cut]);
                if n % 3 == 2 {
                    let _ = stream.write_all(b"HTTP/1.1 20");
                }
                continue;
            }
            std::thread::sleep(Duration::from_millis(50));
            let _ = stream.read(&mut bytes);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
        }
    });
    address
}

/// A receiver over TLS that answers 204; its port on localhost and its certificate, which is its own authority.
pub(super) fn over_tls() -> (u16, String) {
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("localhost:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream.unwrap());
            // A client that does not trust us goes away here.
            if tls.read(&mut [0; 4096]).is_ok() {
                let _ = tls.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        }
    });
    (port, cert.pem())
}
