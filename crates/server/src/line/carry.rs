//! The called side: takes the peer's parcels, and acknowledges what is durable.

use std::pin::Pin;
use std::sync::Arc;

use ledger::Steps;
use office::Refusal;
use office::line::{Acknowledgement, Hello, LineFault, Resume};
use protocol::pb::line::{
    CarryRequest, CarryResponse, LineEventKind, carry_request, carry_response,
    line_service_server::LineService,
};
use tokio::sync::{Notify, mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};

use super::events::LineEvents;
use super::ready::ready_batch;
use super::warned::Warned;
use crate::boundary::in_own_words;
use crate::handle::{Arrived, OwnerHandle, Progress, Verdicts};
use crate::phase::reached;
use crate::status::{status_of, too_large_for_line};
use crate::tasks::Tasks;
use callers::{Caller, Carried, Told};

const BATCH_ITEMS_MAX: usize = 256;
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Messages made and not yet sent. Acknowledgements are cumulative, so few are needed.
const RESPONSES_MAX: usize = 4;

type Responses = Pin<Box<dyn Stream<Item = Result<CarryResponse, Status>> + Send>>;

/// The line's service.
pub(crate) struct Carry {
    pub(crate) owner: OwnerHandle,
    pub(crate) events: LineEvents,
    pub(crate) tasks: Tasks,
    pub(crate) hello_timeout: std::time::Duration,
    pub(crate) message_bytes_max: u64,
    /// Rises with every Hello taken: a newer one ends the older stream.
    pub(crate) generation: watch::Sender<u64>,
    /// Told when the peer has spoken, so that this office dials back at once.
    pub(crate) peer_spoke: Arc<Notify>,
    /// What callers were warned of last.
    pub(crate) warned: Warned,
    /// What is told of those that were taken.
    pub(crate) told: Told,
    /// True once this office closes its connections.
    pub(crate) closing: watch::Receiver<bool>,
}

#[tonic::async_trait]
impl LineService for Carry {
    type CarryStream = Responses;

    async fn carry(
        &self,
        request: Request<Streaming<CarryRequest>>,
    ) -> Result<Response<Responses>, Status> {
        let caller = request.extensions().get::<Arc<Caller>>().cloned();
        let from = caller
            .as_ref()
            .map_or_else(String::new, |caller| caller.words());
        let mut inbound = request.into_inner();
        let hello = self.first(&mut inbound).await?;
        let taken = self.owner.hello(hello, None).await;
        let (own, resume) = match taken {
            Ok(taken) => taken,
            Err(refusal) => {
                self.events
                    .tell(LineEventKind::Fault, 0, || refusal.to_string());
                self.warned.tell(&from, &refusal);
                self.ask_back(&refusal);
                return self.answer_all_the_same(&refusal).await;
            }
        };
        let mut generation = 0;
        self.generation.send_modify(|current| {
            *current += 1;
            generation = *current;
        });
        let shown = caller
            .as_ref()
            .and_then(|caller| caller.known().certified());
        if let Some(shown) = shown {
            let noted = self.owner.certified(shown.sha256).await;
            noted.map_err(|refusal| status_of(&refusal))?;
        }
        let carried = caller.map(|caller| caller.passes_for_peer());
        self.warned.forget(&from);
        self.told.tell(|left_out| {
            tracing::info!(
                from,
                epoch = hello.epoch,
                appended = hello.appended.sequence,
                received = hello.received.sequence,
                left_out,
                "a Hello was taken"
            );
        });
        self.peer_spoke.notify_one();
        let (responses, stream) = mpsc::channel(RESPONSES_MAX);
        let message = carry_response::Message::Hello(protocol::hello_to_pb(&own));
        // The channel is new: there is room.
        let _ = responses.try_send(Ok(response(message)));
        let (verdicts, again, faults) = Verdicts::new();
        let session = Session {
            owner: self.owner.clone(),
            events: self.events.clone(),
            progress: self.owner.progress(),
            newest: self.generation.subscribe(),
            generation,
            closing: self.closing.clone(),
            inbound,
            message_bytes_max: self.message_bytes_max,
            responses,
            verdicts,
            again,
            faults,
            // One acknowledgement always follows Hello, since an earlier one may have been lost.
            acknowledged: None,
            given_back: self.given_back(&resume),
            _carried: carried,
        };
        self.tasks.spawn(session.run());
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

fn response(message: carry_response::Message) -> CarryResponse {
    CarryResponse {
        message: Some(message),
    }
}

fn order(what: &str) -> Status {
    let what = what.to_owned();
    status_of(&Refusal::Line(LineFault::Order { what }))
}

/// What the transport says of a message that cannot be read, in the office's words.
fn unread(status: Status, message_bytes_max: u64) -> Status {
    match status.code() {
        Code::OutOfRange => too_large_for_line(message_bytes_max),
        _ => in_own_words(status, message_bytes_max),
    }
}

impl Carry {
    /// A claim that is not confirmed yet is no reason not to answer: the caller needs the answer to confirm this
    /// office's own claims, and both may have been restored.
    async fn answer_all_the_same(&self, refusal: &Refusal) -> Result<Response<Responses>, Status> {
        let status = status_of(refusal);
        if !matches!(refusal, Refusal::Line(LineFault::Unconfirmed { .. })) {
            return Err(status);
        }
        let own = self.owner.read(|office| office.line().hello()).await;
        let own = own.map_err(|refusal| status_of(&refusal))?;
        let message = carry_response::Message::Hello(protocol::hello_to_pb(&own));
        let said = [Ok(response(message)), Err(status)];
        Ok(Response::new(Box::pin(tokio_stream::iter(said))))
    }

    async fn first(&self, inbound: &mut Streaming<CarryRequest>) -> Result<Hello, Status> {
        let first = tokio::time::timeout(self.hello_timeout, inbound.message())
            .await
            .map_err(|_| order("no Hello came in time; say Hello first"))?
            .map_err(|status| unread(status, self.message_bytes_max))?;
        let Some(carry_request::Message::Hello(hello)) = first.and_then(|first| first.message)
        else {
            return Err(order("the stream did not begin with Hello"));
        };
        let hello = protocol::hello_from_pb(&hello).ok_or_else(|| {
            order("Hello is incomplete: place, epoch, versions and both marks are required")
        })?;
        self.events
            .tell(LineEventKind::HelloTaken, hello.appended.sequence, || {
                format!(
                    "the {} office called: epoch {}, it has {} of its own steps and {} of ours",
                    hello.place, hello.epoch, hello.appended.sequence, hello.received.sequence
                )
            });
        Ok(hello)
    }

    /// A caller's Hello alone proves nothing: this office's own call decides, and goes out at once. When
    /// it has decided, the two do not call each other on and on.
    fn ask_back(&self, refusal: &Refusal) {
        let asks = match refusal {
            Refusal::Line(LineFault::Diverged { .. }) => {
                self.owner.progress().borrow().fault.is_none()
            }
            // The peer may have been restored since, and that ends the disagreement.
            Refusal::Line(LineFault::Unconfirmed { .. }) => true,
            _ => false,
        };
        if asks {
            self.peer_spoke.notify_one();
        }
    }

    fn given_back(&self, resume: &Resume) -> Option<Steps> {
        let after = resume.return_after?;
        Some(self.owner.reader.steps_of(self.owner.place.peer(), after))
    }
}

/// What a session wakes for.
enum Event {
    /// A newer Hello was taken.
    Superseded,
    /// The owner says that the stream must break.
    Fault(Refusal),
    /// An equal repeat came.
    Again,
    /// There is room for a response, and one is due.
    Room(mpsc::OwnedPermit<Result<CarryResponse, Status>>),
    /// The office has come further.
    Progress,
    /// The peer sent something.
    Batch(Result<Vec<CarryRequest>, Status>),
    /// The peer has sent all it will, or this office closes.
    End,
    /// The peer listens no more.
    Gone,
}

async fn newer(newest: &mut watch::Receiver<u64>, generation: u64) {
    let _ = newest.wait_for(|newest| *newest != generation).await;
}

struct Session {
    owner: OwnerHandle,
    events: LineEvents,
    progress: watch::Receiver<Progress>,
    newest: watch::Receiver<u64>,
    generation: u64,
    closing: watch::Receiver<bool>,
    inbound: Streaming<CarryRequest>,
    message_bytes_max: u64,
    responses: mpsc::Sender<Result<CarryResponse, Status>>,
    verdicts: Verdicts,
    again: Arc<Notify>,
    faults: mpsc::Receiver<Refusal>,
    /// The mark last told; `None` asks for one more acknowledgement.
    acknowledged: Option<u64>,
    given_back: Option<Steps>,
    /// While it is there, the connection gives its place to nobody.
    _carried: Option<Carried>,
}

impl Session {
    async fn run(mut self) {
        if let Err(status) = self.carry().await {
            self.events
                .tell(LineEventKind::Reset, 0, || status.message().to_owned());
            // The peer may have gone.
            let _ = self.responses.send(Err(status)).await;
        }
    }

    async fn carry(&mut self) -> Result<(), Status> {
        let mut held = None;
        loop {
            match self.next(&mut held).await {
                Event::Superseded => {
                    return Err(status_of(&Refusal::Line(LineFault::Superseded)));
                }
                Event::Fault(refusal) => return Err(status_of(&refusal)),
                Event::Again => self.acknowledged = None,
                Event::Room(permit) => {
                    if let Some(message) = self.next_response()? {
                        permit.send(Ok(response(message)));
                    }
                }
                Event::Progress => {}
                Event::Batch(batch) => {
                    let batch = batch.map_err(|status| unread(status, self.message_bytes_max))?;
                    self.take(batch).await?;
                }
                Event::End => return self.finish().await,
                Event::Gone => return Ok(()),
            }
        }
    }

    async fn next(&mut self, held: &mut Option<Status>) -> Event {
        let due = self.is_acknowledgement_due() || self.given_back.is_some();
        let generation = self.generation;
        tokio::select! {
            biased;
            () = newer(&mut self.newest, generation) => Event::Superseded,
            () = reached(&mut self.closing) => Event::End,
            Some(refusal) = self.faults.recv() => Event::Fault(refusal),
            () = self.again.notified() => Event::Again,
            permit = self.responses.clone().reserve_owned(), if due => {
                permit.map_or(Event::Gone, Event::Room)
            }
            changed = self.progress.changed() => match changed {
                Ok(()) if !self.progress.borrow().stopped => Event::Progress,
                _ => Event::Fault(crate::status::stopped()),
            },
            batch = ready_batch(&mut self.inbound, held, BATCH_ITEMS_MAX, BATCH_BYTES_MAX, weight) => {
                batch.map_or(Event::End, Event::Batch)
            }
        }
    }

    fn is_acknowledgement_due(&self) -> bool {
        let received = self.progress.borrow().received.sequence;
        self.acknowledged.is_none_or(|told| told < received)
    }

    /// What is given back goes first: an acknowledgement of steps that the restored peer does not hold yet would
    /// be a false one to it.
    fn next_response(&mut self) -> Result<Option<carry_response::Message>, Status> {
        if let Some(steps) = &mut self.given_back {
            let next = steps
                .next_step()
                .map_err(|error| status_of(&crate::status::damaged(&error)))?;
            let parcel = next.and_then(|(sequence, entry)| super::dial::parcel(sequence, entry));
            if let Some(parcel) = parcel {
                return Ok(Some(carry_response::Message::Returned(parcel)));
            }
            self.given_back = None;
        }
        if self.is_acknowledgement_due() {
            return Ok(Some(self.acknowledgement()));
        }
        Ok(None)
    }

    fn acknowledgement(&mut self) -> carry_response::Message {
        // Both marks are of one durable batch: the own mark is read no earlier than what it settles.
        let acknowledgement = {
            let progress = self.progress.borrow();
            Acknowledgement {
                through: progress.received,
                appended: progress.appended,
            }
        };
        let through = acknowledgement.through.sequence;
        self.acknowledged = Some(through);
        self.events
            .tell(LineEventKind::AcknowledgementSent, through, || {
                format!("own steps so far: {}", acknowledgement.appended)
            });
        carry_response::Message::Acknowledgement(protocol::acknowledgement_to_pb(&acknowledgement))
    }

    async fn take(&mut self, batch: Vec<CarryRequest>) -> Result<(), Status> {
        let mut parcels = Vec::with_capacity(batch.len());
        for request in batch {
            let Some(carry_request::Message::Parcel(parcel)) = request.message else {
                return Err(order("only parcels follow Hello"));
            };
            let sequence = parcel.sequence;
            let hash = protocol::hash_from_bytes(&parcel.hash)
                .ok_or_else(|| status_of(&Refusal::Line(LineFault::Conflict { sequence })))?;
            self.events.tell(LineEventKind::ParcelTaken, sequence, || {
                let bytes = parcel.envelope.len() + parcel.payload.len();
                format!("{bytes} bytes, line hash {hash}")
            });
            parcels.push(Arrived {
                sequence,
                envelope: parcel.envelope,
                payload: parcel.payload,
                hash,
            });
        }
        self.owner
            .parcels(parcels, self.verdicts.clone())
            .await
            .map_err(|refusal| status_of(&refusal))
    }

    /// The peer has sent all it will: what it sent is recorded and acknowledged before the stream ends.
    async fn finish(&mut self) -> Result<(), Status> {
        self.owner
            .read(|_| ())
            .await
            .map_err(|refusal| status_of(&refusal))?;
        if let Ok(refusal) = self.faults.try_recv() {
            return Err(status_of(&refusal));
        }
        let message = self.acknowledgement();
        // The peer may have gone.
        let _ = self.responses.send(Ok(response(message))).await;
        Ok(())
    }
}

fn weight(request: &CarryRequest) -> usize {
    match &request.message {
        Some(carry_request::Message::Parcel(parcel)) => {
            parcel.envelope.len() + parcel.payload.len()
        }
        _ => 0,
    }
}
