//! Several services behind one listener.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;
use tower::util::BoxCloneSyncService;

type Boxed = BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>;

/// Finds the service by the first part of the path.
#[derive(Clone, Default)]
pub(super) struct Routes(HashMap<&'static str, Boxed>);

impl Routes {
    pub(super) fn add<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.0.insert(S::NAME, BoxCloneSyncService::new(service));
        self
    }
}

impl Service<Request<Incoming>> for Routes {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A service of tonic's always is.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let name = request.uri().path().split('/').nth(1);
        match name.and_then(|name| self.0.get_mut(name)) {
            Some(service) => Box::pin(service.call(request)),
            None => Box::pin(async { Ok(Status::unimplemented("no such service").into_http()) }),
        }
    }
}
