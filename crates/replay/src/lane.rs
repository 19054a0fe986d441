//! The officers of one office, who make its recorded steps again, one after another.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use client::{About, Call, Office, REQUEST_BYTES_MAX, Raw, RequestIds, named};
use jiff::SignedDuration;
use office::{Collection, Place, StepId, StepKind};
use protocol::pb::office as pb;
use protocol::pb::office::send_documents_response::Outcome;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::pacer::Ahead;
use crate::plan::{Intended, Verdict};
use crate::play::{Manner, Played, Shared};
use crate::rekey;

/// Documents on the stream without a receipt.
const OPEN_MAX: usize = 4_096;

/// A step on the stream that is not dealt with yet.
struct Open {
    recorded: StepId,
    at: Duration,
    /// The document's call, to ask for it again; `None` for a step that nobody makes.
    call: Option<Call>,
}

/// A SendDocuments stream.
struct Stream {
    documents: mpsc::Sender<Raw>,
    receipts: Streaming<pb::SendDocumentsResponse>,
}

/// The officers of one office.
pub(crate) struct Officers {
    place: Place,
    office: Office,
    manner: Manner,
    shift: SignedDuration,
    ids: RequestIds,
    shared: Arc<Shared>,
    stream: Option<Stream>,
    open: VecDeque<Open>,
    next: Option<Ahead>,
    played: Played,
}

impl Officers {
    pub(crate) fn new(
        place: Place,
        channel: Channel,
        manner: Manner,
        shift: SignedDuration,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            place,
            office: Office::new(channel),
            manner,
            shift,
            ids: RequestIds::of_acting(manner.seed, place),
            shared,
            stream: None,
            open: VecDeque::new(),
            next: None,
            played: Played::default(),
        }
    }

    /// Makes every step that comes; returns what came of it.
    pub(crate) async fn act(mut self, mut steps: mpsc::Receiver<Ahead>, start: Instant) -> Played {
        while let Some(step) = self.next_step(&mut steps).await {
            self.look_ahead(&mut steps);
            self.deal(step, start).await;
        }
        self.receive_all().await;
        // Nothing more comes: who still waits for a step of this office waits in vain.
        self.shared.deal(StepId::new(self.place, u64::MAX), None);
        self.played
    }

    /// The next step; receipts are taken while there is none.
    async fn next_step(&mut self, steps: &mut mpsc::Receiver<Ahead>) -> Option<Ahead> {
        if self.next.is_some() {
            return self.next.take();
        }
        loop {
            let receipts = self.stream.as_mut().filter(|_| !self.open.is_empty());
            let Some(stream) = receipts else {
                return steps.recv().await;
            };
            tokio::select! {
                biased;
                receipt = stream.receipts.message() => self.received(receipt).await,
                step = steps.recv() => return step,
            }
        }
    }

    fn look_ahead(&mut self, steps: &mut mpsc::Receiver<Ahead>) {
        if self.manner.streams {
            self.next = steps.try_recv().ok();
        }
    }

    async fn deal(&mut self, step: Ahead, start: Instant) {
        let id = step.intended.recorded.step.id;
        match step.intended.verdict {
            Verdict::NotWanted => self.played.not_wanted += 1,
            Verdict::ByClock => self.played.by_clock += 1,
            Verdict::Make => return self.make(step.intended, start + step.due).await,
        }
        if self.open.is_empty() {
            self.shared.deal(id, None);
        } else {
            self.open.push_back(Open {
                recorded: id,
                at: step.intended.at,
                call: None,
            });
        }
    }

    async fn make(&mut self, intended: Intended, due: Instant) {
        let Intended { recorded, at, .. } = intended;
        let (id, kind) = (recorded.step.id, recorded.step.kind);
        let request_id = self.ids.draw();
        let reply = protocol::reply_of(kind, &recorded.payload);
        let streams = self.streams(kind, reply, recorded.payload.len());
        if !streams {
            self.receive_all().await;
        }
        let mut payload = recorded.payload;
        if let Some(moved) = rekey::with_deadline(kind, &payload, self.manner.now, self.shift) {
            payload = moved;
            self.played.deadlines_moved += 1;
        }
        let Some(about) = self.about(id, kind, recorded.step.parent).await else {
            return self.orphan(id, kind, at);
        };
        if let Some(reply) = reply {
            match self.shared.given(reply).await {
                Some(given) if given == reply => {}
                Some(given) => payload = protocol::with_reply(&payload, given),
                None => return self.orphan(id, kind, at),
            }
        }
        let Some(call) = Call::of(kind, &request_id, about, &payload) else {
            return self.orphan(id, kind, at);
        };
        self.played
            .lag
            .record(Instant::now().saturating_duration_since(due));
        if streams {
            return self.push(id, at, call).await;
        }
        let mut made = self.call(&call, &request_id, &payload).await;
        if kind == StepKind::ContactRecorded
            && matches!(&made, Err(status) if status.code() == Code::FailedPrecondition)
            && let Some(other) = rekey::with_other_key(&payload, self.manner.seed, recorded.entry)
            && let Some(call) = Call::of(kind, &request_id, about, &other)
        {
            made = self.call(&call, &request_id, &other).await;
            self.played.contacts_rekeyed += u64::from(made.is_ok());
        }
        self.made(id, kind, at, made);
    }

    /// Whether a document goes by the stream: when others are on it or follow at once.
    fn streams(&self, kind: StepKind, reply: Option<StepId>, len: usize) -> bool {
        let follows = self.next.as_ref().is_some_and(|next| {
            let recorded = &next.intended.recorded;
            recorded.step.kind == StepKind::DocumentSent && next.intended.verdict == Verdict::Make
        });
        kind == StepKind::DocumentSent
            && self.manner.streams
            && reply.is_none()
            && len <= REQUEST_BYTES_MAX
            && (follows || !self.open.is_empty())
    }

    /// What a step is about, by the names given; `None` if that was not replayed.
    async fn about(&self, id: StepId, kind: StepKind, parent: Option<StepId>) -> Option<About> {
        let meeting = match kind {
            StepKind::MeetingProposed => self.shared.meeting(id, None),
            _ => None,
        };
        let Some(parent) = parent.filter(|_| meeting.is_none()) else {
            return Some(About::default());
        };
        let given = self.shared.given(parent).await?;
        let of_meeting = !matches!(
            kind,
            StepKind::DocumentAcknowledged
                | StepKind::DocumentReceiptRefused
                | StepKind::ContactConfirmed
        );
        if !of_meeting {
            return Some(About {
                subject: Some(given),
                parent: None,
            });
        }
        let meeting = self.shared.meeting(id, Some(parent))?;
        Some(About {
            subject: Some(self.shared.given(meeting).await?),
            parent: Some(given),
        })
    }

    fn orphan(&mut self, id: StepId, kind: StepKind, at: Duration) {
        self.played.orphaned += 1;
        let why = "what it answers was not replayed";
        self.played.refuse(id, kind, Code::FailedPrecondition, why);
        self.shared.tell(at, false);
        self.shared.deal(id, None);
    }

    fn made(&mut self, id: StepId, kind: StepKind, at: Duration, made: Result<Raw, Status>) {
        let given = match &made {
            Ok(answer) => named(self.place, kind, answer),
            Err(_) => None,
        };
        self.dealt(id, kind, at, made.map(|_| given));
    }

    fn dealt(
        &mut self,
        id: StepId,
        kind: StepKind,
        at: Duration,
        made: Result<Option<StepId>, Status>,
    ) {
        self.shared.tell(at, made.is_ok());
        match made {
            Ok(given) => {
                self.played.made += 1;
                self.shared.deal(id, given);
            }
            Err(status) => {
                self.played.refused += 1;
                self.played
                    .refuse(id, kind, status.code(), status.message());
                self.shared.deal(id, None);
            }
        }
    }

    /// Calls until there is an answer that another try would not change.
    async fn call(&mut self, call: &Call, id: &str, payload: &Bytes) -> Result<Raw, Status> {
        let limit = self.manner.timeout;
        let end = Instant::now() + limit;
        let mut tries = self.manner.patience.tries();
        loop {
            let once = timeout(limit, self.call_once(call, id, payload)).await;
            let refused = match once {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("the office did not answer in time"),
            };
            match tries.wait_after(&refused) {
                Some(wait) if Instant::now() + wait <= end => sleep(wait).await,
                _ => return Err(refused),
            }
        }
    }

    async fn call_once(&mut self, call: &Call, id: &str, payload: &Bytes) -> Result<Raw, Status> {
        if call.path.ends_with("/SendDocument") && payload.len() > REQUEST_BYTES_MAX {
            return self.office.upload(id, payload).await;
        }
        self.office.call(call).await
    }

    /// Puts a document on the stream.
    async fn push(&mut self, recorded: StepId, at: Duration, call: Call) {
        while self.open.len() >= OPEN_MAX {
            self.receive().await;
        }
        if self.stream.is_none() {
            self.stream = self.open_stream().await.ok();
        }
        let document = call.request.clone();
        self.open.push_back(Open {
            recorded,
            at,
            call: Some(call),
        });
        match &self.stream {
            Some(stream) if stream.documents.try_send(document).is_ok() => {
                self.receive_ready().await;
            }
            // Every document on it is asked for again, each by a call of its own.
            _ => self.give_up_stream().await,
        }
    }

    async fn open_stream(&mut self) -> Result<Stream, Status> {
        let (documents, to_send) = mpsc::channel(OPEN_MAX + 1);
        let opening = self.office.stream(ReceiverStream::new(to_send));
        let opened = timeout(self.manner.timeout, opening).await;
        let receipts = opened.map_err(|_| Status::deadline_exceeded("no stream"))??;
        Ok(Stream {
            documents,
            receipts,
        })
    }

    /// Takes what receipts there are, without waiting.
    async fn receive_ready(&mut self) {
        while let Some(stream) = self.stream.as_mut().filter(|_| !self.open.is_empty()) {
            let receipt = {
                let mut message = std::pin::pin!(stream.receipts.message());
                let mut context = Context::from_waker(Waker::noop());
                match message.as_mut().poll(&mut context) {
                    Poll::Ready(receipt) => receipt,
                    Poll::Pending => return,
                }
            };
            self.received(receipt).await;
        }
    }

    async fn receive_all(&mut self) {
        while !self.open.is_empty() {
            self.receive().await;
        }
    }

    /// Waits for the next receipt.
    async fn receive(&mut self) {
        let Some(stream) = &mut self.stream else {
            return self.give_up_stream().await;
        };
        let receipt = timeout(self.manner.timeout, stream.receipts.message()).await;
        let late = |_| Err(Status::deadline_exceeded("no receipt came in time"));
        self.received(receipt.unwrap_or_else(late)).await;
    }

    async fn received(&mut self, receipt: Result<Option<pb::SendDocumentsResponse>, Status>) {
        let outcome = match receipt {
            Ok(Some(receipt)) => receipt.outcome,
            Ok(None) | Err(_) => return self.give_up_stream().await,
        };
        let Some(open) = self.open.pop_front() else {
            return;
        };
        match outcome {
            Some(Outcome::Receipt(receipt)) => {
                let given = Collection::Documents.parse(&receipt.name).ok();
                self.dealt(open.recorded, StepKind::DocumentSent, open.at, Ok(given));
            }
            // It may be recorded all the same: the same request gives the first answer again.
            Some(Outcome::Refusal(_)) | None => self.ask_again(open).await,
        }
        self.pass_over();
    }

    async fn give_up_stream(&mut self) {
        self.stream = None;
        while let Some(open) = self.open.pop_front() {
            self.ask_again(open).await;
        }
    }

    async fn ask_again(&mut self, open: Open) {
        let Some(call) = open.call else {
            return self.shared.deal(open.recorded, None);
        };
        let made = self.call(&call, "", &Bytes::new()).await;
        self.made(open.recorded, StepKind::DocumentSent, open.at, made);
    }

    /// Steps behind the last receipt that nobody makes are dealt with.
    fn pass_over(&mut self) {
        while let Some(open) = self.open.pop_front_if(|open| open.call.is_none()) {
            self.shared.deal(open.recorded, None);
        }
    }
}
