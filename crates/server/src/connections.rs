//! Connections: accepted, counted, timed, and closed gently.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use office::Limits;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::caller::{Called, Caller};
use crate::line::Io;
use crate::phase::reached;
use crate::tasks::Tasks;

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const NOT_HTTP2: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n\
    This is a gRPC office: it speaks HTTP/2 only. Try grpcurl -plaintext, or the liaison command.\n";
/// Streams that a client may reset before it is sent away.
const RESETS_MAX: usize = 256;
const HEADERS_BYTES_MAX: u32 = 16 * 1024;
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// Where connections come from.
pub trait Accept: Send + 'static {
    /// The next connection; an error ends the office.
    fn accept(&mut self) -> impl Future<Output = io::Result<Accepted>> + Send;
}

/// A connection that somebody opened to this office.
pub struct Accepted {
    /// Its bytes.
    pub io: Box<dyn Io>,
    /// Where from; `None` if it came over no network.
    pub address: Option<SocketAddr>,
}

impl Accept for TcpListener {
    async fn accept(&mut self) -> io::Result<Accepted> {
        loop {
            match TcpListener::accept(self).await {
                Ok((stream, address)) => {
                    // Small answers must not wait for more bytes.
                    let _ = stream.set_nodelay(true);
                    return Ok(Accepted {
                        io: Box::new(stream),
                        address: Some(address),
                    });
                }
                // Out of file handles, or a client that is gone already: neither is the office's end.
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }
}

/// Connections handed over by somebody else, such as a simulated network.
#[derive(Debug)]
pub struct HandedOver(mpsc::Receiver<Box<dyn Io>>);

impl HandedOver {
    /// Takes what comes out of `connections`.
    pub fn new(connections: mpsc::Receiver<Box<dyn Io>>) -> Self {
        Self(connections)
    }
}

impl Accept for HandedOver {
    async fn accept(&mut self) -> io::Result<Accepted> {
        match self.0.recv().await {
            Some(io) => Ok(Accepted { io, address: None }),
            None => std::future::pending().await,
        }
    }
}

/// Serves connections until `closing` says so.
pub(crate) struct Connections<S> {
    pub(crate) service: S,
    pub(crate) limits: Limits,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) tasks: Tasks,
    pub(crate) closing: watch::Receiver<bool>,
}

impl<S> Connections<S>
where
    S: tower::Service<
            http::Request<hyper::body::Incoming>,
            Response = http::Response<tonic::body::Body>,
            Error = std::convert::Infallible,
        > + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    pub(crate) async fn serve(mut self, mut incoming: impl Accept) -> io::Result<()> {
        let room = usize::try_from(self.limits.connections_max).unwrap_or(Semaphore::MAX_PERMITS);
        let room = Arc::new(Semaphore::new(room));
        let mut callers = 0;
        loop {
            let accepted = tokio::select! {
                biased;
                () = reached(&mut self.closing) => return Ok(()),
                accepted = incoming.accept() => accepted?,
            };
            let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                tracing::warn!(
                    limit = self.limits.connections_max,
                    "too many connections: one is turned away"
                );
                continue;
            };
            callers += 1;
            let caller = Caller::new(callers, accepted.address);
            let connection = self.connection(accepted.io, caller);
            self.tasks.spawn(async move {
                connection.await;
                drop(place);
            });
        }
    }

    fn connection(
        &self,
        io: Box<dyn Io>,
        caller: Caller,
    ) -> impl Future<Output = ()> + Send + use<S> {
        let mut builder = http2::Builder::new(self.tasks.clone());
        builder
            .timer(TokioTimer::new())
            .auto_date_header(false)
            .max_concurrent_streams(self.limits.streams_per_connection_max)
            .max_local_error_reset_streams(RESETS_MAX)
            .max_header_list_size(HEADERS_BYTES_MAX)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        if let Some(interval) = self.keep_alive {
            builder
                .keep_alive_interval(interval)
                .keep_alive_timeout(interval);
        }
        let service = TowerToHyperService::new(Called::new(self.service.clone(), caller));
        let handshake = tokio::time::timeout(self.limits.handshake_timeout, greet(io));
        let mut closing = self.closing.clone();
        async move {
            let Ok(Ok(io)) = handshake.await else { return };
            let mut connection =
                std::pin::pin!(builder.serve_connection(TokioIo::new(io), service));
            let served = tokio::select! {
                biased;
                served = connection.as_mut() => served,
                () = reached(&mut closing) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = served {
                tracing::debug!(%error, "a connection broke");
            }
        }
    }
}

/// Reads the preface that every HTTP/2 client begins with.
async fn greet(mut io: Box<dyn Io>) -> io::Result<Greeted> {
    let mut preface = [0; PREFACE.len()];
    let mut read = 0;
    while read < preface.len() {
        let count = io.read(&mut preface[read..]).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read += count;
        if preface[..read] != PREFACE[..read] {
            io.write_all(NOT_HTTP2).await?;
            io.shutdown().await?;
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(Greeted {
        preface: Bytes::from_static(PREFACE),
        io,
    })
}

/// A connection whose preface has been read, and is given again.
struct Greeted {
    preface: Bytes,
    io: Box<dyn Io>,
}

impl AsyncRead for Greeted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.preface.is_empty() {
            return Pin::new(&mut self.io).poll_read(context, buffer);
        }
        let count = self.preface.len().min(buffer.remaining());
        buffer.put_slice(&self.preface[..count]);
        self.preface.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Greeted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
