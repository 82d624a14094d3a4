//! A connection to a syslog receiver, over TCP or TLS.
//!
//! Syslog acknowledges nothing. What can be done is done: a connection the other side has closed is seen before anything is sent on it; after
//! sending, the connection must stay open for a moment, for a receiver that is gone answers with a reset; and a connection that failed is made
//! anew. What a receiver had taken and lost in its own end nobody here can know.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::tls::TlsFiles;
use crate::daemon::failure::cause;
use crate::daemon::siem::rfc5424::{Message, Severity};

/// How long a connection must stay open after the last byte for what was sent to count as taken.
const STAYS: Duration = Duration::from_millis(100);
/// How long a kept connection is looked at before it is used.
const LOOK: Duration = Duration::from_millis(2);
/// What is read and thrown away of a receiver that talks, at a time.
const CHATTER: usize = 4096;

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A syslog receiver, and the connection to it while there is one.
pub struct Receiver {
    host: String,
    port: u16,
    tls: Option<TlsFiles>,
    timeout: Duration,
    facility: u8,
    app: String,
    sensor: String,
    connection: Mutex<Option<Box<dyn Duplex>>>,
}

/// One line for a receiver.
#[derive(Clone, Copy, Debug)]
pub struct SyslogLine<'a> {
    /// How grave.
    pub severity: Severity,
    /// RFC 3339.
    pub time: &'a str,
    /// Kind of message.
    pub kind: &'a str,
    /// Structured data.
    pub data: &'a [(&'a str, &'a str)],
    /// What is said.
    pub text: &'a str,
}

impl Receiver {
    /// A receiver at a host and port; with `tls` over TLS. Nothing is connected yet.
    ///
    /// # Errors
    /// Which file of `tls` cannot be used, or a host that no certificate can be of.
    pub fn new((host, port): (&str, u16), tls: Option<TlsFiles>, timeout: Duration) -> Result<Self, String> {
        if let Some(files) = &tls {
            files.config()?;
            server_name(host)?;
        }
        let (app, sensor) = ("shadowtap".to_owned(), String::new());
        Ok(Receiver { host: host.to_owned(), port, tls, timeout, facility: 16, app, sensor, connection: Mutex::default() })
    }

    /// Says in each line that it is of this facility, application and sensor.
    #[must_use]
    pub fn as_of(self, facility: u8, app: &str, sensor: &str) -> Self {
        Receiver { facility, app: app.to_owned(), sensor: sensor.to_owned(), ..self }
    }

    /// Sends lines, all or none as far as can be known; a failed connection is dropped. Ends within the time-out.
    ///
    /// # Errors
    /// What happened. Some of the lines may have arrived all the same.
    pub async fn send(&self, lines: &[SyslogLine<'_>]) -> Result<(), String> {
        let mut text = String::new();
        for line in lines {
            let SyslogLine { severity, time, kind, data, text: said } = *line;
            let message = Message { facility: self.facility, severity, time, host: &self.sensor, app: &self.app, kind, data, text: said };
            text.push_str(&message.framed());
        }
        let mut held = self.connection.lock().await;
        // Taken out while it is used: whatever happens, also that nobody waits any more, a connection in doubt is not used again.
        let kept = held.take();
        match timeout(self.timeout, self.give(kept, text.as_bytes())).await {
            Ok(Ok(connection)) => {
                *held = Some(connection);
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(format!("{} did not take it within {} s", self.place(), self.timeout.as_secs())),
        }
    }

    async fn give(&self, kept: Option<Box<dyn Duplex>>, bytes: &[u8]) -> Result<Box<dyn Duplex>, String> {
        let mut connection = match kept {
            Some(mut kept) => match is_open(&mut kept).await {
                true => kept,
                false => self.connect().await?,
            },
            None => self.connect().await?,
        };
        let failed = |e: std::io::Error| format!("{}: {}", self.place(), cause(&e));
        connection.write_all(bytes).await.map_err(failed)?;
        connection.flush().await.map_err(failed)?;
        match timeout(STAYS, closed(&mut connection)).await {
            Ok(why) => Err(format!("{} {why} when it was sent to", self.place())),
            Err(_) => Ok(connection),
        }
    }

    async fn connect(&self) -> Result<Box<dyn Duplex>, String> {
        let failed = |e: std::io::Error| format!("{}: {}", self.place(), cause(&e));
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(failed)?;
        let _ = stream.set_nodelay(true);
        let Some(files) = &self.tls else { return Ok(Box::new(stream)) };
        // Read each time: a renewed certificate counts from the next connection on.
        let connector = TlsConnector::from(Arc::new(files.config()?));
        Ok(Box::new(connector.connect(server_name(&self.host)?, stream).await.map_err(failed)?))
    }

    fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host.to_owned()).map_err(|_| format!("{host:?} is neither a host name nor an address"))
}

/// Whether the other side has not closed.
async fn is_open(connection: &mut Box<dyn Duplex>) -> bool {
    // That long, for the runtime to hear of it from the kernel.
    timeout(LOOK, closed(connection)).await.is_err()
}

/// Done when the other side closes or fails. What it says meanwhile is read, for a close with unread bytes would be a reset that takes along
/// what was sent, and thrown away.
async fn closed(connection: &mut Box<dyn Duplex>) -> String {
    let mut bytes = [0; CHATTER];
    loop {
        let mut chatter = ReadBuf::new(&mut bytes);
        match poll_fn(|context| Pin::new(&mut **connection).poll_read(context, &mut chatter)).await {
            Ok(()) if chatter.filled().is_empty() => return "closed the connection".into(),
            Ok(()) => {}
            Err(error) => return format!("broke the connection ({})", cause(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    const LINE: SyslogLine<'static> = SyslogLine { severity: Severity::Notice, time: "", kind: "test", data: &[], text: "hello" };

    async fn receiver() -> (TcpListener, Receiver) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver = Receiver::new(("127.0.0.1", port), None, Duration::from_secs(5)).unwrap().as_of(16, "app", "host");
        (listener, receiver)
    }

    /// What a connection says until it ends.
    async fn read(listener: &TcpListener) -> (String, TcpStream) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 256];
        let count = stream.read(&mut bytes).await.unwrap();
        (String::from_utf8_lossy(&bytes[..count]).into_owned(), stream)
    }

    #[tokio::test]
    async fn a_connection_is_kept_and_one_that_was_closed_is_made_anew() {
        let (listener, receiver) = receiver().await;
        let (sent, (said, mut stream)) = tokio::join!(receiver.send(&[LINE, LINE]), read(&listener));
        sent.unwrap();
        let one = Message {
            facility: 16,
            severity: Severity::Notice,
            time: "",
            host: "host",
            app: "app",
            kind: "test",
            data: &[],
            text: "hello",
        };
        assert_eq!(said, one.framed() + &one.framed());
        receiver.send(&[LINE]).await.unwrap();
        let mut more = vec![0; one.framed().len()];
        stream.read_exact(&mut more).await.unwrap();
        drop(stream);
        let (sent, (said, _stream)) = tokio::join!(receiver.send(&[LINE]), read(&listener));
        sent.unwrap();
        assert_eq!(said, one.framed());
    }

    #[tokio::test]
    async fn a_receiver_that_closes_when_sent_to_has_not_taken_it() {
        let (listener, receiver) = receiver().await;
        let (sent, _) = tokio::join!(receiver.send(&[LINE]), async { drop(listener.accept().await.unwrap()) });
        assert!(sent.unwrap_err().contains("the connection"));
        drop(listener);
        assert!(receiver.send(&[LINE]).await.unwrap_err().contains("refused"));
    }

    #[tokio::test]
    async fn a_receiver_that_talks_and_takes_nothing_is_left_in_time() {
        let (listener, receiver) = receiver().await;
        let receiver = Receiver { timeout: Duration::from_millis(300), ..receiver };
        let text = "x".repeat(16 << 20);
        let large = [SyslogLine { text: &text, ..LINE }];
        let hold = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"220 hello").await.unwrap();
            stream
        };
        let (sent, _stream) = tokio::join!(receiver.send(&large), hold);
        assert!(sent.unwrap_err().contains("did not take it within"));
        assert!(receiver.connection.lock().await.is_none());
    }
}
