//! The calling side: carries this office's parcels to the peer, and takes its acknowledgements.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use callers::Io;
use identity::Certified;
use ledger::{Entry, Record, Steps};
use office::Refusal;
use office::line::{Hello, LineFault, Resume};
use protocol::pb::line::line_service_client::LineServiceClient;
use protocol::pb::line::{
    CarryRequest, CarryResponse, LineEventKind, Parcel, carry_request, carry_response,
};
use rand_chacha::ChaCha8Rng;
use rand_core::RngCore as _;
use tokio::sync::{Notify, oneshot, watch};
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};
use tonic_types::StatusExt as _;

use super::events::LineEvents;
use super::peer::PeerWatch;
use crate::handle::{Arrived, OwnerHandle, Progress, Verdicts};
use crate::phase::reached;
use crate::status::{says_disagreement, says_unconfirmed};
use crate::tasks::Tasks;

/// A connection to the peer.
pub struct Dialled {
    /// Its bytes.
    pub io: Box<dyn Io>,
    /// The certificate that the peer showed; `None` where it need not show one.
    pub shown: Option<Certified>,
}

/// Waits for a connection to the peer.
pub type Dialling = Pin<Box<dyn Future<Output = std::io::Result<Dialled>> + Send>>;

/// Opens connections to the peer.
pub trait Dial: Send + Sync + 'static {
    /// One connection.
    fn dial(&self) -> Dialling;
    /// Where to, for people.
    fn address(&self) -> String;
    /// Ends when a certificate that the peer showed no longer holds: why.
    fn no_longer_holds(&self, _shown: Certified) -> Pin<Box<dyn Future<Output = String> + Send>> {
        Box::pin(std::future::pending())
    }
}

/// How long the dialling side waits.
#[derive(Debug, Clone)]
pub(crate) struct DialTimeouts {
    pub(crate) connect: Duration,
    pub(crate) hello: Duration,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) backoff_min: Duration,
    pub(crate) backoff_max: Duration,
}

/// Keeps the line to the peer up.
pub(crate) struct Dialler {
    pub(crate) owner: OwnerHandle,
    pub(crate) peer: PeerWatch,
    pub(crate) events: LineEvents,
    pub(crate) tasks: Tasks,
    pub(crate) dial: Arc<dyn Dial>,
    pub(crate) timeouts: DialTimeouts,
    pub(crate) message_bytes_max: usize,
    pub(crate) jitter: ChaCha8Rng,
    /// Told when the peer has called: then it can be reached too.
    pub(crate) peer_spoke: Arc<Notify>,
    /// True from the moment at which nothing more will be authored.
    pub(crate) closing: watch::Receiver<bool>,
}

/// How a session ended.
enum Ended {
    /// Everything was carried and acknowledged, and this office closes.
    Closed,
    /// The stream broke, or could not be opened.
    Broken(Refused),
}

struct Refused {
    why: String,
    /// The peer asks this office itself first: it calls when it has.
    unconfirmed: bool,
    /// When the peer asks to be dialled again.
    retry_after: Option<Duration>,
    /// The ledgers disagree, or the peer will not speak with this office: dialling again soon is no use.
    lasting: bool,
}

impl Refused {
    fn passing(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            unconfirmed: false,
            retry_after: None,
            lasting: false,
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            lasting: matches!(refusal, Refusal::Line(_)),
            unconfirmed: false,
            retry_after: None,
            why: refusal.to_string(),
        }
    }
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        let lasting = matches!(
            status.code(),
            tonic::Code::DataLoss
                | tonic::Code::FailedPrecondition
                | tonic::Code::InvalidArgument
                | tonic::Code::Unauthenticated
                | tonic::Code::PermissionDenied
        );
        let retry = status.get_details_retry_info();
        Self {
            why: format!("{:?}: {}", status.code(), status.message()),
            unconfirmed: says_unconfirmed(&status),
            retry_after: retry.and_then(|retry| retry.retry_delay),
            lasting,
        }
    }
}

impl Dialler {
    /// Dials until the office closes.
    pub(crate) async fn run(mut self) {
        let mut tries = 0;
        let mut told = None;
        loop {
            let mut met = false;
            let dialled = tokio::time::Instant::now();
            let ended = self.session(&mut met).await;
            let Ended::Broken(refused) = ended else {
                return;
            };
            // A Hello that is answered and not taken is no meeting: if it is never confirmed, the waits grow.
            if met && !refused.unconfirmed {
                tries = 0;
            }
            let (address, why) = (self.dial.address(), &refused.why);
            if refused.lasting && told.as_ref() != Some(why) {
                tracing::warn!(address, why, "the line stays down");
            } else if met {
                tracing::info!(address, why, "the line is down");
            } else {
                tracing::debug!(address, why, "the line is down");
            }
            told = refused.lasting.then(|| why.clone());
            self.events
                .tell(LineEventKind::Reset, 0, || refused.why.clone());
            self.peer.down(refused.why);
            let wait = match refused.retry_after {
                Some(wait) if !refused.unconfirmed => {
                    tries = 0;
                    self.soon(wait)
                }
                _ if refused.lasting => {
                    tries = 31;
                    self.backoff(tries)
                }
                _ => self.backoff(tries),
            };
            self.events.tell(LineEventKind::Backoff, 0, || {
                format!("dialling again in {} ms", wait.as_millis())
            });
            tries += 1;
            let spoke = Arc::clone(&self.peer_spoke);
            let mut closing = self.closing.clone();
            tokio::select! {
                biased;
                // Nobody waits for a peer that is away when this office closes.
                () = reached(&mut closing) => return,
                // A Hello of the peer has passed here since, or is to be confirmed. Whoever calls does not make this
                // office dial more often than it would.
                () = spoke.notified() => {
                    let since = dialled.elapsed();
                    tokio::time::sleep(self.timeouts.backoff_min.saturating_sub(since)).await;
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// What the peer asks for, and a little jitter: whoever was sent away with others does not come back with them.
    fn soon(&mut self, wait: Duration) -> Duration {
        let spread = (self.timeouts.backoff_min.as_micros() as u64).max(1);
        let jitter = Duration::from_micros(self.jitter.next_u64() % spread);
        wait.min(self.timeouts.backoff_max) + jitter
    }

    /// Full jitter: anything from the shortest wait to a bound that doubles with each try.
    fn backoff(&mut self, tries: u32) -> Duration {
        let DialTimeouts {
            backoff_min,
            backoff_max,
            ..
        } = self.timeouts;
        let min = backoff_min.as_micros() as u64;
        let bound = min
            .saturating_mul(1 << (tries + 1).min(32))
            .min(backoff_max.as_micros() as u64)
            .max(min + 1);
        Duration::from_micros(min + self.jitter.next_u64() % (bound - min))
    }

    async fn session(&self, met: &mut bool) -> Ended {
        match self.carry(met).await {
            Ok(()) => Ended::Closed,
            Err(refused) => Ended::Broken(refused),
        }
    }

    async fn carry(&self, met: &mut bool) -> Result<(), Refused> {
        self.events
            .tell(LineEventKind::Dialling, 0, || self.dial.address());
        let (channel, shown) = self.connect().await?;
        // Declared after the session before has ended: all that it sent, this Hello says.
        let over = CancellationToken::new();
        let _over_on_return = over.clone().drop_guard();
        let hello = self.owner.read(|office| office.line().hello()).await?;
        self.events
            .tell(LineEventKind::HelloSent, hello.appended.sequence, || {
                format!(
                    "epoch {}, {} steps appended, {} received",
                    hello.epoch, hello.appended.sequence, hello.received.sequence
                )
            });
        let (resume, resumed) = oneshot::channel();
        let parcels = parcels(
            carry_request::Message::Hello(protocol::hello_to_pb(&hello)),
            resumed,
            self.owner.clone(),
            self.events.clone(),
            self.closing.clone(),
            over,
        );
        let mut client =
            LineServiceClient::new(channel).max_decoding_message_size(self.message_bytes_max);
        let opened = async {
            let mut inbound = client.carry(parcels).await?.into_inner();
            let first = inbound.message().await?;
            Ok::<_, Status>((inbound, first))
        };
        let opened = tokio::time::timeout(self.timeouts.hello, opened)
            .await
            .map_err(|_| Refused::passing("the peer did not say Hello in time"))?;
        if let Err(status) = &opened
            && says_disagreement(status)
        {
            self.events
                .tell(LineEventKind::Fault, 0, || status.message().to_owned());
            self.owner.refused(status.message().to_owned()).await?;
        }
        let (inbound, first) = opened?;
        let resumption = self.hello_taken(first, hello).await?;
        if let Some(shown) = &shown {
            self.owner.certified(shown.sha256).await?;
        }
        // The stream may be gone: then reading it tells why.
        let _ = resume.send(resumption);
        *met = true;
        let peer = shown.as_ref().map(|shown| shown.name.to_string());
        tracing::info!(address = self.dial.address(), peer, "the line is up");
        self.peer.up();
        let ended = match shown {
            Some(shown) => self.dial.no_longer_holds(shown),
            None => Box::pin(std::future::pending()),
        };
        tokio::select! {
            biased;
            why = ended => Err(Refused::passing(why)),
            taken = self.take_responses(inbound) => taken,
        }
    }

    /// A connection, and the certificate that the peer showed.
    async fn connect(&self) -> Result<(Channel, Option<Certified>), Refused> {
        let dial = Arc::clone(&self.dial);
        let shown = Arc::new(OnceLock::new());
        let showing = Arc::clone(&shown);
        let mut endpoint = Endpoint::from_static("http://peer")
            .executor(self.tasks.clone())
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES);
        if let Some(interval) = self.timeouts.keep_alive {
            endpoint = endpoint
                .http2_keep_alive_interval(interval)
                .keep_alive_timeout(interval);
        }
        let connector = tower::service_fn(move |_: http::Uri| {
            let (dialling, showing) = (dial.dial(), Arc::clone(&showing));
            async move {
                let dialled = dialling.await?;
                if let Some(certified) = dialled.shown {
                    // One connection is opened.
                    let _ = showing.set(certified);
                }
                Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(dialled.io))
            }
        });
        let channel = tokio::time::timeout(
            self.timeouts.connect,
            endpoint.connect_with_connector(connector),
        )
        .await
        .map_err(|_| Refused::passing(format!("no connection to {} in time", self.dial.address())))?
        .map_err(|error| {
            Refused::passing(format!(
                "no connection to {}: {}",
                self.dial.address(),
                root_cause(&error)
            ))
        })?;
        Ok((channel, shown.get().cloned()))
    }

    async fn hello_taken(
        &self,
        first: Option<CarryResponse>,
        said: Hello,
    ) -> Result<Resume, Refused> {
        let order = |what: &str| {
            let what = what.to_owned();
            Refused::from(Refusal::Line(LineFault::Order { what }))
        };
        let Some(carry_response::Message::Hello(hello)) = first.and_then(|first| first.message)
        else {
            return Err(order("the peer did not begin with Hello"));
        };
        let hello = protocol::hello_from_pb(&hello)
            .ok_or_else(|| order("the peer's Hello is incomplete"))?;
        self.events
            .tell(LineEventKind::HelloTaken, hello.appended.sequence, || {
                format!(
                    "the {} office answered: epoch {}, it has {} of its own steps and {} of ours",
                    hello.place, hello.epoch, hello.appended.sequence, hello.received.sequence
                )
            });
        let (_, resume) = self
            .owner
            .hello(hello, Some(said))
            .await
            .inspect_err(|refusal| {
                self.events
                    .tell(LineEventKind::Fault, 0, || refusal.to_string());
            })?;
        Ok(resume)
    }

    async fn take_responses(&self, mut inbound: Streaming<CarryResponse>) -> Result<(), Refused> {
        let (verdicts, _, mut faults) = Verdicts::new();
        let mut progress = self.owner.progress();
        loop {
            let response = tokio::select! {
                biased;
                Some(refusal) = faults.recv() => return Err(refusal.into()),
                () = gone(&mut progress) => return Err(crate::status::stopped().into()),
                response = inbound.message() => response?,
            };
            match response.and_then(|response| response.message) {
                Some(carry_response::Message::Acknowledgement(acknowledgement)) => {
                    let acknowledgement = protocol::acknowledgement_from_pb(&acknowledgement)
                        .ok_or_else(|| Refused::passing("an acknowledgement is incomplete"))?;
                    let through = acknowledgement.through.sequence;
                    self.events
                        .tell(LineEventKind::AcknowledgementTaken, through, || {
                            format!("the peer's own steps so far: {}", acknowledgement.appended)
                        });
                    self.owner
                        .acknowledged(acknowledgement, verdicts.clone())
                        .await?;
                }
                Some(carry_response::Message::Returned(parcel)) => {
                    self.take_returned(parcel, verdicts.clone()).await?;
                }
                Some(carry_response::Message::Hello(_)) => {
                    return Err(Refused::passing("the peer said Hello twice"));
                }
                None if *self.closing.borrow() => return Ok(()),
                None => return Err(Refused::passing("the peer ended the stream")),
            }
        }
    }

    async fn take_returned(&self, parcel: Parcel, verdicts: Verdicts) -> Result<(), Refused> {
        let hash = protocol::hash_from_bytes(&parcel.hash)
            .ok_or_else(|| Refused::passing("a parcel given back has no line hash"))?;
        let parcel = Arrived {
            sequence: parcel.sequence,
            envelope: parcel.envelope,
            payload: parcel.payload,
            hash,
        };
        self.owner.returned(parcel, verdicts).await?;
        Ok(())
    }
}

async fn gone(progress: &mut watch::Receiver<Progress>) {
    let _ = progress.wait_for(|progress| progress.stopped).await;
}

/// Flow-control window of a line: enough for a parcel of the greatest size.
const WINDOW_BYTES: u32 = 4 * 1024 * 1024;

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// An entry as the line carries it; `None` for a note.
pub(crate) fn parcel(sequence: u64, entry: Entry) -> Option<Parcel> {
    match entry.record {
        Record::Outbound(parcel) | Record::Inbound(parcel) => Some(Parcel {
            sequence,
            envelope: parcel.envelope,
            payload: parcel.payload,
            hash: bytes::Bytes::copy_from_slice(&parcel.hash.0),
        }),
        _ => None,
    }
}

/// Where a stream of parcels is.
enum Sending {
    Hello(carry_request::Message, oneshot::Receiver<Resume>),
    Waiting(oneshot::Receiver<Resume>),
    Steps(Box<Steps>),
}

struct Outbound {
    owner: OwnerHandle,
    events: LineEvents,
    progress: watch::Receiver<Progress>,
    closing: watch::Receiver<bool>,
    /// The session has ended. The transport may go on asking for a while, and a parcel that left now might
    /// overtake the next session's Hello, which does not know of it.
    over: CancellationToken,
}

/// Hello, then the parcels that the peer lacks, read from the ledger as the transport asks for them: no copy of
/// the outbox is held in memory. It ends when the office closes and everything has been read.
fn parcels(
    hello: carry_request::Message,
    resumed: oneshot::Receiver<Resume>,
    owner: OwnerHandle,
    events: LineEvents,
    closing: watch::Receiver<bool>,
    over: CancellationToken,
) -> impl Stream<Item = CarryRequest> + Send + 'static {
    let outbound = Outbound {
        progress: owner.progress(),
        owner,
        events,
        closing,
        over,
    };
    futures_util::stream::unfold(
        (Sending::Hello(hello, resumed), outbound),
        |(sending, mut outbound)| async move {
            let (message, sending) = outbound.next(sending).await?;
            let request = CarryRequest {
                message: Some(message),
            };
            Some((request, (sending, outbound)))
        },
    )
}

impl Outbound {
    async fn next(&mut self, sending: Sending) -> Option<(carry_request::Message, Sending)> {
        let mut steps = match sending {
            Sending::Hello(hello, resumed) => return Some((hello, Sending::Waiting(resumed))),
            Sending::Waiting(resumed) => {
                let resume = resumed.await.ok()?;
                let place = self.owner.place;
                Box::new(self.owner.reader.steps_of(place, resume.send_after))
            }
            Sending::Steps(steps) => steps,
        };
        loop {
            // Seen before reading: what is recorded afterwards is news.
            self.progress.borrow_and_update();
            let closing = *self.closing.borrow_and_update();
            let step = steps.next_step();
            // Looked at after reading: what was read before the end is in the Hello that follows it.
            if self.over.is_cancelled() {
                return None;
            }
            match step {
                Ok(Some((sequence, entry))) => {
                    let parcel = parcel(sequence, entry)?;
                    self.events.tell(LineEventKind::ParcelSent, sequence, || {
                        let bytes = parcel.envelope.len() + parcel.payload.len();
                        format!("{bytes} bytes")
                    });
                    return Some((
                        carry_request::Message::Parcel(parcel),
                        Sending::Steps(steps),
                    ));
                }
                Ok(None) if closing => return None,
                Ok(None) => {
                    tokio::select! {
                        biased;
                        // Or the connection would stay until there is news, and one more after every session.
                        () = self.over.cancelled() => return None,
                        changed = self.progress.changed() => changed.ok()?,
                        changed = self.closing.changed() => changed.ok()?,
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the line stops: a step cannot be read back");
                    return None;
                }
            }
        }
    }
}
