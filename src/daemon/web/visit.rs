//! A connection with an end, in the clear or over TLS. The handshake is a part of its time, and holds up nobody else.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::crowd::Seat;
use crate::daemon::metrics::{Metrics, Refused};

/// A connection with an end.
pub(super) struct Timed {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    is_over: bool,
    metrics: Arc<Metrics>,
    _place: (Option<OwnedSemaphorePermit>, Option<Seat>),
}

impl Timed {
    pub fn new(stream: TcpStream, life: Duration, metrics: Arc<Metrics>, place: (Option<OwnedSemaphorePermit>, Option<Seat>)) -> Self {
        Timed { stream, end: Box::pin(sleep(life)), is_over: false, metrics, _place: place }
    }

    /// An error once the time is up; otherwise makes sure that the task wakes when it is.
    fn in_time(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if !self.is_over {
            match self.end.as_mut().poll(context) {
                Poll::Pending => return Ok(()),
                Poll::Ready(()) => {
                    self.is_over = true;
                    self.metrics.http_refused(Refused::Time);
                }
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl AsyncRead for Timed {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.in_time(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Timed {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.in_time(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.in_time(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// What a visitor's bytes go through.
pub(super) enum Visit {
    /// Nothing.
    Clear(Timed),
    /// TLS that is being agreed on.
    Greeting(Box<Accept<Timed>>, Arc<Metrics>),
    /// TLS.
    Tls(Box<TlsStream<Timed>>),
    /// No TLS was agreed on.
    Failed,
}

impl Visit {
    pub fn new(timed: Timed, certificate: Option<Arc<rustls::ServerConfig>>) -> Self {
        match certificate {
            None => Visit::Clear(timed),
            Some(config) => {
                let metrics = Arc::clone(&timed.metrics);
                Visit::Greeting(Box::new(TlsAcceptor::from(config).accept(timed)), metrics)
            }
        }
    }

    /// Goes on with the handshake until it is done.
    fn poll_greeted(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Visit::Greeting(accept, metrics) = self else { return Poll::Ready(Ok(())) };
        match ready!(Pin::new(&mut **accept).poll(context)) {
            Ok(stream) => {
                *self = Visit::Tls(Box::new(stream));
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                // Who was too slow is counted as that.
                if error.kind() != io::ErrorKind::TimedOut {
                    metrics.http_refused(Refused::Tls);
                }
                *self = Visit::Failed;
                Poll::Ready(Err(error))
            }
        }
    }
}

/// What a visit does with its stream once TLS is agreed on.
macro_rules! greeted {
    ($self:ident, $context:ident, $call:ident($($argument:expr),*), $gone:expr) => {{
        let visit = $self.get_mut();
        ready!(visit.poll_greeted($context))?;
        match visit {
            Visit::Clear(stream) => Pin::new(stream).$call($context $(, $argument)*),
            Visit::Tls(stream) => Pin::new(&mut **stream).$call($context $(, $argument)*),
            Visit::Greeting(..) | Visit::Failed => Poll::Ready($gone),
        }
    }};
}

impl AsyncRead for Visit {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        greeted!(self, context, poll_read(buffer), Err(io::ErrorKind::NotConnected.into()))
    }
}

impl AsyncWrite for Visit {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        greeted!(self, context, poll_write(bytes), Err(io::ErrorKind::NotConnected.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        greeted!(self, context, poll_flush(), Err(io::ErrorKind::NotConnected.into()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        greeted!(self, context, poll_shutdown(), Ok(()))
    }
}
