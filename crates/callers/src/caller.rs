//! Who calls: a connection, and who stands behind it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use office::authority::{Authority, Speaker};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::known::Known;
use crate::places::WeakPlaces;

/// Who a call comes from. Every request carries it among its extensions, as an `Arc`.
#[derive(Debug)]
pub struct Caller {
    /// Counts connections from 1; none is given twice.
    pub number: u64,
    /// Where from; `None` if it came over no network.
    pub address: Option<SocketAddr>,
    /// Ends the connection at once.
    pub cut: CancellationToken,
    /// Asks the connection to end: it is told so, and has a moment.
    pub leave: CancellationToken,
    /// Reads at length: one at a time.
    pub reads: Arc<Semaphore>,
    /// Who stands behind it, once it has been greeted.
    known: OnceLock<Known>,
    began: Instant,
    /// When something was carried last, in microseconds since it began.
    busy: AtomicU64,
    /// Calls under way.
    open: AtomicU64,
    /// Streams of the line under way whose Hello has passed.
    carried: AtomicU64,
    /// All places were taken when it came: it may do little.
    is_provisional: AtomicBool,
    /// Where it has its place, once it has one.
    places: OnceLock<WeakPlaces>,
}

impl Caller {
    /// Connection `number`, from `address`.
    pub fn new(number: u64, address: Option<SocketAddr>) -> Self {
        Self {
            number,
            address,
            cut: CancellationToken::new(),
            leave: CancellationToken::new(),
            reads: Arc::new(Semaphore::new(1)),
            known: OnceLock::new(),
            began: Instant::now(),
            busy: AtomicU64::new(0),
            open: AtomicU64::new(0),
            carried: AtomicU64::new(0),
            is_provisional: AtomicBool::new(false),
            places: OnceLock::new(),
        }
    }

    /// Where from, for people.
    pub fn words(&self) -> String {
        let address = self
            .address
            .map_or_else(|| "no network".to_owned(), |address| address.to_string());
        match self.known.get().map(Known::speaker) {
            Some(Speaker::Named(name)) => format!("{address} ({name})"),
            _ => address,
        }
    }

    /// It has been greeted.
    pub fn is(&self, known: Known) {
        // It is greeted once.
        let _ = self.known.set(known);
    }

    /// Who stands behind it.
    pub fn known(&self) -> &Known {
        self.known.get_or_init(|| {
            let nobodys = Authority::new(office::Place::South, false);
            Known::as_said(Speaker::Unnamed, nobodys)
        })
    }

    /// When the connection began.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Something was carried, so long after the connection began.
    pub fn was_busy(&self, since: Duration) {
        self.busy.store(since.as_micros() as u64, Ordering::Relaxed);
    }

    /// How long nothing has been carried.
    pub fn silence(&self) -> Duration {
        let busy = Duration::from_micros(self.busy.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(busy)
    }

    /// Whether a call is under way.
    pub fn has_open_calls(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// A call is under way until what is returned is dropped.
    pub fn begin_call(self: &Arc<Self>) -> OpenCall {
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenCall(Arc::clone(self))
    }

    /// Whether the line is carried over it.
    pub fn is_peer(&self) -> bool {
        self.carried.load(Ordering::Relaxed) > 0 || self.known.get().is_some_and(Known::is_peer)
    }

    /// Its Hello has passed: it is the peer until what is returned is dropped.
    pub fn passes_for_peer(self: &Arc<Self>) -> Carried {
        self.carried.fetch_add(1, Ordering::Relaxed);
        Carried(Arc::clone(self))
    }

    /// Whether it came when all places were taken, and waits for one.
    pub fn is_provisional(&self) -> bool {
        self.is_provisional.load(Ordering::Relaxed)
    }

    /// Whether it may do all that others may. One that came when all places were taken has one once another makes room.
    pub fn finds_place(&self) -> bool {
        if !self.is_provisional() {
            return true;
        }
        if let Some(places) = self.places.get() {
            places.settle();
        }
        !self.is_provisional()
    }

    /// It has a place, or a provisional one, for as long as it lasts.
    pub fn enters(&self, places: WeakPlaces) {
        // It enters once.
        let _ = self.places.set(places);
    }

    /// It waits for a place, or has one.
    pub fn set_provisional(&self, provisional: bool) {
        self.is_provisional.store(provisional, Ordering::Relaxed);
    }
}

/// A call under way.
#[derive(Debug)]
pub struct OpenCall(Arc<Caller>);

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream of the line under way.
#[derive(Debug)]
pub struct Carried(Arc<Caller>);

impl Drop for Carried {
    fn drop(&mut self) {
        self.0.carried.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The services of an office, as one caller calls them.
#[derive(Debug, Clone)]
pub struct Called<S> {
    inner: S,
    caller: Arc<Caller>,
}

impl<S> Called<S> {
    /// The services, as `caller` calls them.
    pub fn new(inner: S, caller: Arc<Caller>) -> Self {
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
