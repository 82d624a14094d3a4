//! A server that lies, one request at a time.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// What it answers.
#[derive(Clone)]
pub(super) enum Answer {
    /// These bytes, with their length.
    Body(Vec<u8>),
    /// A length, fewer bytes than that, and the end.
    Promise(usize, Vec<u8>),
    /// A byte at a time, this long apart, for ever.
    Drip(Vec<u8>, Duration),
    /// No length, and bytes for ever.
    Flood,
    /// Elsewhere.
    Redirect(String),
    /// Something is wrong.
    Status(u16),
    /// Nothing at all.
    Hang,
}

/// Serves plain HTTP; its address.
pub(super) fn plain(answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/bundle", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            read_request(&mut stream);
            let _ = give(&mut stream, &answer);
        }
    });
    url
}

/// Serves HTTPS; its address and its certificate, which is its own authority.
pub(super) fn over_tls(answer: Answer) -> (String, String) {
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
    let url = format!("https://localhost:{}/bundle", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream.unwrap());
            // A client that does not trust us goes away here.
            if tls.read(&mut [0; 4096]).is_ok() && give(&mut tls, &answer).is_ok() {
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        }
    });
    (url, cert.pem())
}

fn read_request(stream: &mut TcpStream) {
    let _ = stream.read(&mut [0; 4096]);
}

fn give(out: &mut impl Write, answer: &Answer) -> std::io::Result<()> {
    let head = |status: &str, more: &str| format!("HTTP/1.1 {status}\r\nconnection: close\r\n{more}\r\n");
    match answer {
        Answer::Body(bytes) => {
            out.write_all(head("200 OK", &format!("content-length: {}\r\n", bytes.len())).as_bytes())?;
            out.write_all(bytes)
        }
        Answer::Promise(length, bytes) => {
            out.write_all(head("200 OK", &format!("content-length: {length}\r\n")).as_bytes())?;
            out.write_all(bytes)
        }
        Answer::Drip(bytes, pause) => {
            out.write_all(head("200 OK", &format!("content-length: {}\r\n", bytes.len())).as_bytes())?;
            for byte in bytes {
                out.write_all(&[*byte])?;
                out.flush()?;
                std::thread::sleep(*pause);
            }
            Ok(())
        }
        Answer::Flood => {
            out.write_all(head("200 OK", "").as_bytes())?;
            loop {
                out.write_all(&[b'x'; 1 << 16])?;
            }
        }
        Answer::Redirect(to) => out.write_all(head("302 Found", &format!("location: {to}\r\ncontent-length: 0\r\n")).as_bytes()),
        Answer::Status(status) => out.write_all(head(&format!("{status} Sorry"), "content-length: 0\r\n").as_bytes()),
        Answer::Hang => {
            std::thread::sleep(Duration::from_secs(30));
            Ok(())
        }
    }
}
