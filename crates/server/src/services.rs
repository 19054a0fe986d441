//! The services of an office, and the way from a path to one of them.
//!
//! A handler checks its request, hands the owner an order, and answers from the entry that came of it. Rules are
//! [`office`]'s.

mod contacts;
mod documents;
mod entries;
mod gathered;
mod measured;
mod meetings;
mod offices;
mod stream;
mod upload;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Status, codegen::BoxFuture};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};

pub(crate) use contacts::Contacts;
pub(crate) use documents::Documents;
pub(crate) use entries::Entries;
pub(crate) use meetings::Meetings;
pub(crate) use offices::Offices;

type Answering = BoxFuture<Response<Body>, Infallible>;
type Boxed<B> = BoxCloneSyncService<Request<B>, Response<Body>, Infallible>;

/// The services by name, behind one listener.
pub struct Services<B> {
    by_name: BTreeMap<&'static str, Boxed<B>>,
}

// Not derived: what the bodies are like does not matter.
impl<B> Clone for Services<B> {
    fn clone(&self) -> Self {
        let by_name = self.by_name.clone();
        Self { by_name }
    }
}

impl<B> Default for Services<B> {
    fn default() -> Self {
        let by_name = BTreeMap::new();
        Self { by_name }
    }
}

impl<B: Send + 'static> Services<B> {
    /// With one more.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: Service<Request<B>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.by_name
            .insert(S::NAME, BoxCloneSyncService::new(service));
        self
    }
}

impl<B: Send + 'static> Service<Request<B>> for Services<B> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        let name = request.uri().path().split('/').nth(1).unwrap_or_default();
        if let Some(service) = self.by_name.get(name) {
            return Box::pin(service.clone().oneshot(request));
        }
        let status = Status::unimplemented("no such service");
        Box::pin(std::future::ready(Ok(status.into_http())))
    }
}
