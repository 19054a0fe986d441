//! Who calls: for now a connection, since nobody has an identity yet.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use tower::Service;

/// Who a call comes from. Every request carries it among its extensions, as an `Arc`.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Counts connections from 1; none is given twice.
    pub(crate) number: u64,
    /// Where from; `None` if it came over no network.
    pub(crate) address: Option<SocketAddr>,
}

impl Caller {
    pub(crate) fn new(number: u64, address: Option<SocketAddr>) -> Self {
        Self { number, address }
    }
}

/// The services of an office, as one caller calls them.
#[derive(Debug, Clone)]
pub(crate) struct Called<S> {
    inner: S,
    caller: Arc<Caller>,
}

impl<S> Called<S> {
    pub(crate) fn new(inner: S, caller: Caller) -> Self {
        let caller = Arc::new(caller);
        Self { inner, caller }
    }
}

impl<S, B> Service<Request<B>> for Called<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(Arc::clone(&self.caller));
        self.inner.call(request)
    }
}
