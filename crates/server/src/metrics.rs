//! What an office counts of itself, and every name that it is told by.
//!
//! **The decision.** Handles are held by whoever counts: a call finds its method's by a number, and the owner counts a batch at a
//! time. What can be read is read when somebody asks, and not counted.
//!
//! **The invariant.** No label holds what a caller has said: series are as many as methods, codes and reasons.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use callers::{Caller, Told};
use http::{HeaderMap, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::methods::{Method, Methods};

/// Where a scrape is told that it is read.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How long a call may take, in seconds: from a quarter of a millisecond on.
const CALL_SECONDS: [f64; 16] = [
    0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.5,
    10.0, 60.0,
];
const SYNC_SECONDS: [f64; 13] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.064, 0.25, 1.0, 5.0,
];
const BATCH_ENTRIES: [f64; 11] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0,
];
/// What of a refusal's details is told, which no caller has said: the bound, or the role that would do.
const TOLD_OF: [&str; 2] = ["what", "would_do"];
/// Of a message in gRPC: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfMethod {
    grpc_type: &'static str,
    grpc_service: String,
    grpc_method: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEnd {
    grpc_type: &'static str,
    grpc_service: String,
    grpc_method: String,
    grpc_code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfReason {
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCount {
    what: &'static str,
}

/// What is read when somebody asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Read {
    pub(crate) line_up: bool,
    pub(crate) outbox_bytes: u64,
    pub(crate) unacknowledged: u64,
    /// How old the oldest step is that the peer has not acknowledged.
    pub(crate) oldest_unacknowledged: Duration,
    pub(crate) queue_depth: u64,
    pub(crate) ledger_entries: u64,
    pub(crate) ledger_bytes: u64,
    pub(crate) held: bool,
    pub(crate) draining: bool,
    /// When the certificate in force ends, in seconds since 1970.
    pub(crate) certificate_until: Option<i64>,
    /// What the office counts, by kind.
    pub(crate) counted: Vec<(&'static str, u64)>,
}

#[derive(Debug, Default)]
struct Gauges {
    line_up: Gauge,
    outbox_bytes: Gauge,
    unacknowledged: Gauge,
    oldest_unacknowledged: Gauge<f64, std::sync::atomic::AtomicU64>,
    queue_depth: Gauge,
    ledger_entries: Gauge,
    ledger_bytes: Gauge,
    held: Gauge,
    draining: Gauge,
    certificate_until: Gauge,
    counted: Family<OfCount, Gauge>,
}

/// Counts, and tells.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    registry: Mutex<Registry>,
    methods: Vec<Arc<OfCalls>>,
    unknown: Arc<OfCalls>,
    refused: Refused,
    gauges: Gauges,
}

/// What the owner counts: a batch at a time.
#[derive(Debug, Clone)]
pub(crate) struct OwnerMetrics {
    sync: Histogram,
    entries: Histogram,
}

impl OwnerMetrics {
    /// A batch of so many entries was synced in `took`.
    pub(crate) fn synced(&self, entries: u64, took: Duration) {
        self.sync.observe(took.as_secs_f64());
        self.entries.observe(entries as f64);
    }

    fn register(&self, house: &mut Registry) {
        house.register_with_unit(
            "sync",
            "How long a batch took to be on disk",
            Unit::Seconds,
            self.sync.clone(),
        );
        house.register(
            "batch_entries",
            "Entries synced at once",
            self.entries.clone(),
        );
    }
}

impl Default for OwnerMetrics {
    fn default() -> Self {
        Self {
            sync: Histogram::new(SYNC_SECONDS),
            entries: Histogram::new(BATCH_ENTRIES),
        }
    }
}

/// By reason, and by bound or role.
type ToldOf = BTreeMap<(String, Option<String>), Told>;

/// Refusals. Their reasons are ours alone, and so they are few.
#[derive(Debug, Clone, Default)]
struct Refused {
    by_reason: Family<OfReason, Counter>,
    /// The same, to be looked through.
    counted: Arc<Mutex<BTreeMap<String, Counter>>>,
    /// What is told of a reason, and of a bound or a role.
    told: Arc<Mutex<ToldOf>>,
}

impl Refused {
    /// Counts one, and tells whoever runs the office of a limit that is met and of what nobody may do.
    fn count(&self, call: &UnderWay, headers: &HeaderMap) {
        let Some(status) = Status::from_header_map(headers) else {
            return;
        };
        let info = status.get_details_error_info();
        let ours = info.filter(|info| info.domain == protocol::reasons::DOMAIN);
        let (reason, what) = ours.map_or_else(
            || ("NONE".to_owned(), None),
            |mut info| {
                let what = TOLD_OF.iter().find_map(|key| info.metadata.remove(*key));
                (info.reason, what)
            },
        );
        if matches!(
            status.code(),
            Code::ResourceExhausted | Code::PermissionDenied | Code::Unauthenticated
        ) {
            let told = self.told_of(&reason, what.as_ref());
            told.tell(|left_out| {
                tracing::warn!(
                    from = call.from.words(),
                    method = call.of.labels.grpc_method,
                    reason,
                    what,
                    left_out,
                    "a call was refused"
                );
            });
        }
        let mut counted = self.locked();
        let counter = counted.entry(reason).or_insert_with_key(|reason| {
            let reason = reason.clone();
            self.by_reason.get_or_create_owned(&OfReason { reason })
        });
        counter.inc();
    }

    /// A crowd that is refused alike is one line in a while.
    fn told_of(&self, reason: &str, what: Option<&String>) -> Told {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let of = (reason.to_owned(), what.cloned());
        told.entry(of).or_insert_with(Told::once).clone()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Counter>> {
        // Each change is one step.
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Families {
    started: Family<OfMethod, Counter>,
    handled: Family<OfEnd, Counter>,
    received: Family<OfMethod, Counter>,
    sent: Family<OfMethod, Counter>,
    took: Family<OfMethod, Histogram, fn() -> Histogram>,
}

/// What is counted of one method's calls.
#[derive(Debug)]
pub(crate) struct OfCalls {
    labels: OfMethod,
    started: Counter,
    /// Made when it is first counted, so that what never happened is not told.
    handled: [OnceLock<Counter>; CODES.len()],
    all_handled: Family<OfEnd, Counter>,
    received: Counter,
    sent: Counter,
    took: Histogram,
    refused: Refused,
}

/// The codes as gRPC's other libraries name them in metrics, by number.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

impl OfCalls {
    fn new(families: &Families, refused: &Refused, method: Method, path: &str) -> Self {
        let (service, name) = path
            .trim_start_matches('/')
            .rsplit_once('/')
            .unwrap_or(("unknown", "unknown"));
        let labels = OfMethod {
            grpc_type: match (method.takes_many, method.gives_many) {
                (false, false) => "unary",
                (true, false) => "client_stream",
                (false, true) => "server_stream",
                (true, true) => "bidi_stream",
            },
            grpc_service: service.to_owned(),
            grpc_method: name.to_owned(),
        };
        Self {
            started: families.started.get_or_create_owned(&labels),
            handled: Default::default(),
            all_handled: families.handled.clone(),
            received: families.received.get_or_create_owned(&labels),
            sent: families.sent.get_or_create_owned(&labels),
            took: families.took.get_or_create_owned(&labels),
            refused: refused.clone(),
            labels,
        }
    }

    fn handled(&self, code: usize) -> &Counter {
        let code = code.min(CODES.len() - 1);
        self.handled[code].get_or_init(|| {
            let labels = self.labels.clone();
            self.all_handled.get_or_create_owned(&OfEnd {
                grpc_type: labels.grpc_type,
                grpc_service: labels.grpc_service,
                grpc_method: labels.grpc_method,
                grpc_code: CODES[code],
            })
        })
    }
}

impl Families {
    fn register(&self, registry: &mut Registry) {
        let calls = [
            (
                "grpc_server_started",
                "Calls that have begun",
                &self.started,
            ),
            (
                "grpc_server_msg_received",
                "Messages that came in",
                &self.received,
            ),
            ("grpc_server_msg_sent", "Messages that went out", &self.sent),
        ];
        for (name, help, family) in calls {
            registry.register(name, help, family.clone());
        }
        registry.register(
            "grpc_server_handled",
            "Calls that have ended, by code",
            self.handled.clone(),
        );
        registry.register_with_unit(
            "rpc_server_call_duration",
            "How long calls took, streams until they ended",
            Unit::Seconds,
            self.took.clone(),
        );
    }
}

impl Metrics {
    /// Of an office that serves these methods.
    pub(crate) fn new(methods: &Methods, owner: &OwnerMetrics) -> Self {
        let mut registry = Registry::default();
        let families = Families {
            started: Family::default(),
            handled: Family::default(),
            received: Family::default(),
            sent: Family::default(),
            took: Family::new_with_constructor(|| Histogram::new(CALL_SECONDS)),
        };
        let refused = Refused::default();
        let gauges = Gauges::default();
        families.register(&mut registry);
        let house = registry.sub_registry_with_prefix("liaison");
        house.register("refusals", "Refusals, by reason", refused.by_reason.clone());
        owner.register(house);
        gauges.register(house);
        let of_calls = methods
            .in_order()
            .into_iter()
            .map(|(path, method)| Arc::new(OfCalls::new(&families, &refused, method, path)))
            .collect();
        let unknown = OfCalls::new(&families, &refused, Method::UNKNOWN, "unknown/unknown");
        Self {
            inner: Arc::new(Inner {
                registry: Mutex::new(registry),
                methods: of_calls,
                unknown: Arc::new(unknown),
                refused,
                gauges,
            }),
        }
    }

    /// How many calls were refused, by reason, since the office began.
    pub(crate) fn refusals(&self) -> BTreeMap<String, u64> {
        let counted = self.inner.refused.locked();
        let refusals = counted
            .iter()
            .map(|(reason, it)| (reason.clone(), it.get()));
        refusals.collect()
    }

    /// A call of `method` has begun.
    pub(crate) fn begin(&self, method: Method, from: Arc<Caller>) -> UnderWay {
        let of = self.inner.methods.get(method.number);
        let of = Arc::clone(of.unwrap_or(&self.inner.unknown));
        of.started.inc();
        UnderWay {
            of,
            from,
            began: Instant::now(),
            ended: false,
        }
    }

    /// Everything, as OpenMetrics has it.
    pub(crate) fn told(&self, read: &Read) -> String {
        let registry = self.inner.registry.lock();
        // One scrape at a time sets and tells.
        let registry = registry.unwrap_or_else(PoisonError::into_inner);
        self.inner.gauges.set(read);
        let mut text = String::new();
        // A text takes whatever is written to it.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}

impl Gauges {
    fn register(&self, house: &mut Registry) {
        self.register_line(house);
        self.register_office(house);
    }

    fn register_line(&self, house: &mut Registry) {
        house.register(
            "line_up",
            "Whether the line to the peer is up",
            self.line_up.clone(),
        );
        house.register_with_unit(
            "outbox",
            "What the peer has not acknowledged",
            Unit::Bytes,
            self.outbox_bytes.clone(),
        );
        house.register(
            "unacknowledged_steps",
            "Steps that the peer has not acknowledged",
            self.unacknowledged.clone(),
        );
        house.register_with_unit(
            "oldest_unacknowledged",
            "How old the oldest step is that the peer has not acknowledged",
            Unit::Seconds,
            self.oldest_unacknowledged.clone(),
        );
    }

    fn register_office(&self, house: &mut Registry) {
        house.register(
            "queue_depth",
            "Work that waits for the owner",
            self.queue_depth.clone(),
        );
        house.register(
            "ledger_entries",
            "Entries of the ledger",
            self.ledger_entries.clone(),
        );
        house.register_with_unit(
            "ledger",
            "The ledger on disk",
            Unit::Bytes,
            self.ledger_bytes.clone(),
        );
        house.register(
            "held",
            "Whether nothing is recorded now, for want of disk or of a clock",
            self.held.clone(),
        );
        house.register(
            "draining",
            "Whether the office is about to go",
            self.draining.clone(),
        );
        house.register(
            "certificate_expiry_timestamp_seconds",
            "When the certificate in force ends, in seconds since 1970; 0 if there is none",
            self.certificate_until.clone(),
        );
        house.register(
            "tally",
            "What the office counts, by kind",
            self.counted.clone(),
        );
    }

    fn set(&self, read: &Read) {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.line_up.set(read.line_up.into());
        self.outbox_bytes.set(number(read.outbox_bytes));
        self.unacknowledged.set(number(read.unacknowledged));
        self.oldest_unacknowledged
            .set(read.oldest_unacknowledged.as_secs_f64());
        self.queue_depth.set(number(read.queue_depth));
        self.ledger_entries.set(number(read.ledger_entries));
        self.ledger_bytes.set(number(read.ledger_bytes));
        self.held.set(read.held.into());
        self.draining.set(read.draining.into());
        self.certificate_until
            .set(read.certificate_until.unwrap_or(0));
        for (what, count) in &read.counted {
            let labels = OfCount { what };
            self.counted.get_or_create(&labels).set(number(*count));
        }
    }
}

/// A call that has begun. Dropped before it has ended it was cancelled.
#[derive(Debug)]
pub(crate) struct UnderWay {
    of: Arc<OfCalls>,
    from: Arc<Caller>,
    began: Instant,
    ended: bool,
}

impl UnderWay {
    /// Counts what comes in.
    pub(crate) fn received(&self) -> Counter {
        self.of.received.clone()
    }

    /// Counts what is answered, to its end.
    pub(crate) fn answered(mut self, response: Response<Body>) -> Response<Body> {
        if response.headers().contains_key(Status::GRPC_STATUS) {
            self.end(response.headers());
            return response;
        }
        response.map(|inner| {
            Body::new(Counted {
                inner,
                call: self,
                left: 0,
                prefix: [0; PREFIX_BYTES],
                begun: 0,
            })
        })
    }

    fn end(&mut self, headers: &HeaderMap) {
        let code = headers
            .get(Status::GRPC_STATUS)
            .map_or(Code::Unknown, |code| Code::from_bytes(code.as_bytes()));
        if code != Code::Ok {
            self.of.refused.count(self, headers);
        }
        self.end_with(code);
    }

    fn end_with(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.of.handled(code as usize).inc();
        self.of.took.observe(self.began.elapsed().as_secs_f64());
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.end_with(Code::Cancelled);
    }
}

/// An answer that is counted as it goes out.
struct Counted {
    inner: Body,
    call: UnderWay,
    /// Of a message, still to come.
    left: usize,
    /// A prefix, of which so many bytes have come.
    prefix: [u8; PREFIX_BYTES],
    begun: usize,
}

impl Counted {
    fn count(&mut self, mut data: &[u8]) {
        let mut messages = 0;
        loop {
            let here = self.left.min(data.len());
            self.left -= here;
            data = &data[here..];
            if data.is_empty() {
                break;
            }
            let here = (PREFIX_BYTES - self.begun).min(data.len());
            self.prefix[self.begun..self.begun + here].copy_from_slice(&data[..here]);
            self.begun += here;
            data = &data[here..];
            if self.begun < PREFIX_BYTES {
                break;
            }
            let [_, length @ ..] = self.prefix;
            self.left = u32::from_be_bytes(length) as usize;
            self.begun = 0;
            messages += 1;
        }
        self.call.of.sent.inc_by(messages);
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.count(data);
                } else if let Some(trailers) = frame.trailers_ref() {
                    self.call.end(trailers);
                }
            }
            Poll::Ready(Some(Err(status))) => self.call.end_with(status.code()),
            Poll::Ready(None) => self.call.end_with(Code::Unknown),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
