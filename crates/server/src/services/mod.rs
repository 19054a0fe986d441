//! The services of an office, and the way from a path to one of them.
//!
//! A handler checks its request, hands the owner an order, and answers from the entry that came of it. Rules are
//! [`office`]'s.

mod contacts;
mod documents;
mod entries;
mod measured;
mod meetings;
mod offices;
mod read;
mod stream;
mod upload;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use office::{Limits, Refusal, RequestId, Violation};
use protocol::{Checked, Fields};
use tokio::sync::watch;
use tokio::time::Instant;
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

use crate::handle::{Authored, Authoring, OwnerHandle};
use crate::line::{LineEvents, PeerWatch};
use crate::slots::Slots;
use crate::status::status_of;
use crate::tasks::Tasks;
use crate::timing;

/// What all services of an office work with.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) owner: OwnerHandle,
    pub(crate) limits: Arc<Limits>,
    pub(crate) peer: PeerWatch,
    pub(crate) events: LineEvents,
    pub(crate) tasks: Tasks,
    /// True once the office takes no new work.
    pub(crate) draining: watch::Receiver<bool>,
    /// Room for uploads and downloads of large documents.
    pub(crate) transfers: Slots,
    /// Room for watchers.
    pub(crate) watchers: Slots,
}

impl Desk {
    /// Has the owner author a step, and waits until it is durable here.
    async fn author(&self, authoring: Authoring) -> Result<Authored, Status> {
        record_request_id(authoring.request_id);
        let asked = Instant::now();
        let authored = self.owner.author(authoring).await;
        let authored = authored.map_err(|refusal| status_of(&refusal))?;
        timing::recorded(asked, &authored);
        Ok(authored)
    }

    /// When a step was authored; a repeat's time stands in the ledger.
    fn authored_at(&self, authored: Authored) -> Result<prost_types::Timestamp, Refusal> {
        let at = match authored.at {
            Some(at) => at,
            None => {
                read::step(&self.owner.reader, authored.id)?
                    .step
                    .authored_at
            }
        };
        Ok(protocol::timestamp_to_pb(at))
    }

    /// As [`Self::author`], until it is durable at the peer.
    async fn deliver(&self, authoring: Authoring) -> Result<Authored, Status> {
        record_request_id(authoring.request_id);
        let asked = Instant::now();
        let authored = tokio::select! {
            biased;
            authored = self.owner.deliver(authoring) => authored,
            refusal = self.peer.unreachable(self.limits.peer_timeout) => Err(refusal),
            () = tokio::time::sleep(self.limits.wait_timeout) => Err(waited(self.limits.wait_timeout, "delivery")),
        };
        let authored = authored.map_err(|refusal| status_of(&refusal))?;
        timing::delivered(asked, &authored);
        Ok(authored)
    }
}

fn waited(timeout: Duration, what: &str) -> Refusal {
    let during = format!(
        "waiting {} s for {what}; the step is recorded: send the same request_id again to wait on",
        timeout.as_secs()
    );
    Refusal::DeadlineExceeded { during }
}

fn record_request_id(request_id: RequestId) {
    let span = tracing::Span::current();
    if !span.is_disabled() {
        span.record("request_id", tracing::field::display(request_id));
    }
}

/// Gathers the violations of a request, so that all are told at once.
#[derive(Debug, Default)]
struct Gathered {
    violations: Vec<Violation>,
}

impl Gathered {
    fn request_id(&mut self, text: &str) -> Option<RequestId> {
        let read = protocol::parse_request_id(text);
        read.map_err(|violation| self.violations.push(violation))
            .ok()
    }

    /// A part of the request that must be there.
    fn required<T, M>(&mut self, field: &str, message: Option<M>, fields: &Fields) -> Option<T>
    where
        T: Checked<M>,
    {
        let Some(message) = message else {
            self.add(field, "is required");
            return None;
        };
        self.checked(message, fields)
    }

    /// A part of the request that may be left out.
    fn optional<M>(&mut self, message: Option<M>, fields: &Fields)
    where
        (): Checked<M>,
    {
        if let Some(message) = message {
            let _: Option<()> = self.checked(message, fields);
        }
    }

    fn checked<T: Checked<M>, M>(&mut self, message: M, fields: &Fields) -> Option<T> {
        T::checked(message, fields)
            .map_err(|violations| self.violations.extend(violations))
            .ok()
    }

    fn add(&mut self, field: &str, description: impl Into<String>) {
        self.violations.push(Violation {
            field: field.to_owned(),
            description: description.into(),
        });
    }

    /// The parts, if nothing is wrong with any.
    fn done<T>(self, parts: Option<T>) -> Result<T, Refusal> {
        match parts {
            Some(parts) if self.violations.is_empty() => Ok(parts),
            _ => Err(Refusal::Invalid {
                violations: self.violations,
            }),
        }
    }
}

/// How many items a page has: 50 unless asked otherwise, at most 1,000.
fn page_size(asked: i32) -> Result<usize, Refusal> {
    match usize::try_from(asked) {
        Ok(0) => Ok(50),
        Ok(size) => Ok(size.min(1_000)),
        Err(_) => Err(crate::status::invalid(
            "page_size",
            "is negative; write 0 for 50, or 1 to 1,000",
        )),
    }
}

fn wrong_page_token() -> Refusal {
    crate::status::invalid(
        "page_token",
        "is not a token that this method gave; leave it empty for the first page",
    )
}

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
