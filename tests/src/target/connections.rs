//! Connections, and how they end.

use std::convert::Infallible;
use std::future::{Pending, pending};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tonic::body::Body;
use tower::Service;

use super::faults::Reset;

/// How a connection ends before its client ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With GOAWAY: calls that are on their way are answered.
    GoAway,
    /// Without a word: calls that are on their way are lost.
    Cut,
}

/// What holds for every connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Connections {
    /// It ends so when so many calls have come on it.
    pub ends: Option<(Ending, u64)>,
    /// How many calls at a time the client may have open on it; `None` is any number.
    pub streams_max: Option<u32>,
}

impl Connections {
    /// Serves all that come, until the listener fails.
    pub(super) async fn serve<S>(self, listener: TcpListener, service: S) -> io::Result<Infallible>
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Reset>
            + Clone
            + Send
            + 'static,
        S::Future: Send,
    {
        loop {
            let (stream, _) = listener.accept().await?;
            // A client that has gone again is told of by its own calls.
            if stream.set_nodelay(true).is_ok() {
                tokio::spawn(self.serve_one(stream, service.clone()));
            }
        }
    }

    async fn serve_one<S>(self, stream: TcpStream, inner: S)
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Reset>
            + Clone
            + Send
            + 'static,
        S::Future: Send,
    {
        let last = Arc::new(Notify::new());
        let counted = Counted {
            inner,
            ends: self.ends,
            called: Arc::new(AtomicU64::new(0)),
            last: Arc::clone(&last),
        };
        let connection = http2::Builder::new(TokioExecutor::new())
            .max_concurrent_streams(self.streams_max)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(counted));
        let mut connection = std::pin::pin!(connection);
        let ending = tokio::select! {
            _ = connection.as_mut() => return,
            () = last.notified() => self.ends.map(|(ending, _)| ending),
        };
        if ending == Some(Ending::GoAway) {
            connection.as_mut().graceful_shutdown();
            // How it ends is the client's to tell.
            let _ = connection.await;
        }
    }
}

/// Tells when the last call has come that a connection takes.
#[derive(Debug, Clone)]
struct Counted<S> {
    inner: S,
    ends: Option<(Ending, u64)>,
    called: Arc<AtomicU64>,
    last: Arc<Notify>,
}

impl<S> Service<Request<Incoming>> for Counted<S>
where
    S: Service<Request<Incoming>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Pending<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let called = self.called.fetch_add(1, Ordering::Relaxed) + 1;
        match self.ends {
            Some((ending, calls)) if called >= calls => {
                self.last.notify_one();
                match ending {
                    Ending::GoAway => Either::Left(self.inner.call(request)),
                    // No answer gets ahead of the cut.
                    Ending::Cut => Either::Right(pending()),
                }
            }
            _ => Either::Left(self.inner.call(request)),
        }
    }
}
