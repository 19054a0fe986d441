//! A connection that leaves the deadline in `grpc-timeout` to the office: tonic's own channel also keeps it, and
//! tells of it first.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response, Uri};
use tower::Service;

/// A connection to one office.
#[derive(Debug, Clone)]
pub(crate) struct Plain(SendRequest<Body>);

impl Plain {
    /// Connects, and names the origin that generated clients want with it.
    pub(crate) async fn connect(address: SocketAddr) -> (Self, Uri) {
        let stream = TcpStream::connect(address)
            .await
            .expect("the office listens");
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("the office speaks HTTP/2");
        tokio::spawn(async move {
            // Whoever uses it sees its end.
            let _ = connection.await;
        });
        let origin = format!("http://{address}").parse().expect("an origin");
        (Self(sender), origin)
    }
}

impl Service<Request<Body>> for Plain {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
