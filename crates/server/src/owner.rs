//! The one task that owns office and ledger.
//!
//! Handlers send it work over a bounded channel. A batch is whatever queued during the last sync: the owner
//! judges it, appends, commits, and only then lets any answer leave, reads and refusals too. It waits for
//! storage only, never for a peer or a slow client.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use ledger::{Batch, Committer, Ledger, LedgerError, Parcel, Reader, Record};
use office::line::{Acknowledgement, Hello, LineFault, LineHash, Mark, Resume, Taken};
use office::{Office, Order, Place, Refusal, RequestId, StepId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::status::{draining, stopped};

const BATCH_WORK_MAX: usize = 1_024;
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A step that stands in the ledger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Authored {
    pub(crate) id: StepId,
}

/// What a carry stream is told by the owner.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// An equal repeat came: acknowledge it again.
    AcknowledgeAgain,
    /// The stream must break.
    Fault(Refusal),
}

/// A parcel from the line.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) sequence: u64,
    pub(crate) envelope: Bytes,
    pub(crate) payload: Bytes,
    pub(crate) hash: LineHash,
    pub(crate) verdicts: mpsc::Sender<Verdict>,
}

type Answer = Box<dyn FnOnce() + Send>;
type Look = Box<dyn FnOnce(&Office) -> Answer + Send>;

pub(crate) enum Work {
    Author { order: Order, payload: Bytes, request_id: RequestId, reply: oneshot::Sender<Result<Authored, Refusal>> },
    Read(Look),
    Hello { hello: Hello, reply: oneshot::Sender<Result<(Hello, Resume), Refusal>> },
    Parcel(Arrived),
    Returned(Arrived),
    Acknowledged { acknowledgement: Acknowledgement, verdicts: mpsc::Sender<Verdict> },
    Drain { reply: oneshot::Sender<()> },
}

/// How far the office has come, all of it durable.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    pub(crate) ledger_sequence: u64,
    pub(crate) appended: u64,
    pub(crate) received: Mark,
    pub(crate) acknowledged: u64,
    pub(crate) restoring: bool,
    pub(crate) faulty: bool,
    pub(crate) outbox_bytes: u64,
    pub(crate) last_sync: Duration,
    pub(crate) stopped: bool,
}

/// How batches reach the disk.
#[derive(Debug)]
pub enum Commit {
    /// On a thread of their own.
    Thread(Committer),
    /// In line: a thread would let a paused clock run away.
    Inline,
}

/// The way to the owner.
#[derive(Debug, Clone)]
pub(crate) struct OwnerHandle {
    work: mpsc::Sender<Work>,
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) reader: Reader,
    pub(crate) place: Place,
    queue_max: u64,
}

impl OwnerHandle {
    /// Hands over a client's work, or refuses when too much is waiting.
    fn offer(&self, work: Work) -> Result<(), Refusal> {
        self.work.try_send(work).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Exhausted {
                what: "the number of waiting requests",
                limit: self.queue_max,
                retry_after: Duration::from_millis(100),
            },
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })
    }

    /// Hands over work of a stream, which waits its turn.
    async fn queue(&self, work: Work) -> Result<(), Refusal> {
        self.work.send(work).await.map_err(|_| stopped())
    }

    pub(crate) async fn author(&self, order: Order, payload: Bytes, request_id: RequestId) -> Result<Authored, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.offer(Work::Author { order, payload, request_id, reply })?;
        answer.await.map_err(|_| stopped())?
    }

    /// As [`Self::author`], for a stream: the work waits for room, and the answer is awaited later.
    pub(crate) async fn author_in_stream(
        &self,
        order: Order,
        payload: Bytes,
        request_id: RequestId,
    ) -> Result<oneshot::Receiver<Result<Authored, Refusal>>, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.queue(Work::Author { order, payload, request_id, reply }).await?;
        Ok(answer)
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Office) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        let look: Look = Box::new(move |office| {
            let seen = look(office);
            Box::new(move || {
                // The asker may have gone.
                let _ = reply.send(seen);
            })
        });
        self.offer(Work::Read(look))?;
        answer.await.map_err(|_| stopped())
    }

    pub(crate) async fn hello(&self, hello: Hello) -> Result<(Hello, Resume), Refusal> {
        let (reply, answer) = oneshot::channel();
        self.queue(Work::Hello { hello, reply }).await?;
        answer.await.map_err(|_| stopped())?
    }

    pub(crate) async fn parcel(&self, arrived: Arrived) -> Result<(), Refusal> {
        self.queue(Work::Parcel(arrived)).await
    }

    pub(crate) async fn returned(&self, arrived: Arrived) -> Result<(), Refusal> {
        self.queue(Work::Returned(arrived)).await
    }

    pub(crate) async fn acknowledged(
        &self,
        acknowledgement: Acknowledgement,
        verdicts: mpsc::Sender<Verdict>,
    ) -> Result<(), Refusal> {
        self.queue(Work::Acknowledged { acknowledgement, verdicts }).await
    }

    pub(crate) async fn drain(&self) {
        let (reply, answer) = oneshot::channel();
        if self.queue(Work::Drain { reply }).await.is_ok() {
            let _ = answer.await;
        }
    }

    pub(crate) fn queue_depth(&self) -> u64 {
        (self.work.max_capacity() - self.work.capacity()) as u64
    }
}

/// The bytes of steps that the peer has not acknowledged, by batch.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// (last sequence, bytes) of each batch.
    batches: VecDeque<(u64, u64)>,
    bytes: u64,
}

impl Outbox {
    /// Adds a step; steps of one batch are kept as one number.
    pub(crate) fn add(&mut self, sequence: u64, bytes: u64, same_batch: bool) {
        self.bytes += bytes;
        match self.batches.back_mut().filter(|_| same_batch) {
            Some(last) => *last = (sequence, last.1 + bytes),
            None => self.batches.push_back((sequence, bytes)),
        }
    }

    pub(crate) fn acknowledged(&mut self, through: u64) {
        while let Some((_, bytes)) = self.batches.front().copied().filter(|(last, _)| *last <= through) {
            self.bytes -= bytes;
            self.batches.pop_front();
        }
    }
}

pub(crate) struct Owner {
    office: Office,
    ledger: Ledger,
    reader: Reader,
    outbox: Outbox,
    outbox_batch_open: bool,
    clock: Arc<dyn Clock>,
    commit: Commit,
    work: mpsc::Receiver<Work>,
    progress: watch::Sender<Progress>,
    answers: Vec<Answer>,
    acknowledgement: Option<Acknowledgement>,
    draining: bool,
    last_sync: Duration,
}

impl Owner {
    pub(crate) fn new(
        office: Office,
        ledger: Ledger,
        outbox: Outbox,
        clock: Arc<dyn Clock>,
        commit: Commit,
    ) -> (Self, OwnerHandle) {
        let queue_max = office.limits().queue_max;
        let (sender, work) = mpsc::channel(usize::try_from(queue_max).unwrap_or(4096).max(1));
        let (progress, watched) = watch::channel(Progress::default());
        let reader = ledger.reader();
        let place = office.place();
        let owner = Self {
            office,
            ledger,
            reader: reader.clone(),
            outbox,
            outbox_batch_open: false,
            clock,
            commit,
            work,
            progress,
            answers: Vec::new(),
            acknowledgement: None,
            draining: false,
            last_sync: Duration::ZERO,
        };
        owner.publish(false);
        (owner, OwnerHandle { work: sender, progress: watched, reader, place, queue_max })
    }

    /// Runs until every handle is gone. An error is a failed commit: the office has stopped.
    pub(crate) async fn run(mut self) -> Result<(), LedgerError> {
        let mut batch = Vec::new();
        loop {
            let due = self.until_due();
            let got = tokio::select! {
                biased;
                got = self.work.recv_many(&mut batch, BATCH_WORK_MAX) => Some(got),
                () = due => None,
            };
            if got == Some(0) {
                return Ok(());
            }
            if let Err(error) = self.batch(&mut batch).await {
                tracing::error!(%error, "the office stops: what could not be made durable is not acknowledged");
                self.publish(true);
                return Err(error);
            }
        }
    }

    fn until_due(&self) -> impl Future<Output = ()> + use<> {
        let wait = self.office.next_deadline().map(|at| {
            let left = at.duration_since(self.clock.now());
            // A clock may be set back: look again within the hour.
            Duration::try_from(left).unwrap_or(Duration::ZERO).min(Duration::from_secs(3600)) + Duration::from_millis(1)
        });
        async move {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        }
    }

    async fn batch(&mut self, batch: &mut Vec<Work>) -> Result<(), LedgerError> {
        let now = self.clock.now();
        if !self.draining {
            for order in self.office.due(now) {
                if let Ok(step) = self.office.plan(now, &order) {
                    self.append_own(now, step, &Bytes::new(), None);
                }
            }
        }
        for work in batch.drain(..) {
            self.handle(now, work);
            if self.ledger.batch_bytes() >= BATCH_BYTES_MAX {
                self.flush(now).await?;
            }
        }
        self.flush(now).await
    }

    async fn flush(&mut self, now: Timestamp) -> Result<(), LedgerError> {
        if let Some(acknowledgement) = self.acknowledgement.take() {
            let record = Record::AcknowledgementTaken(acknowledgement);
            self.ledger.append(now, &record);
            ledger::fold_entry(&mut self.office, &record);
            self.outbox.acknowledged(self.office.line().acknowledged());
        }
        if let Some(batch) = self.ledger.take_batch() {
            let started = tokio::time::Instant::now();
            self.commit(batch).await?;
            self.last_sync = started.elapsed();
            self.outbox_batch_open = false;
            self.publish(false);
        }
        for answer in self.answers.drain(..) {
            answer();
        }
        Ok(())
    }

    async fn commit(&self, batch: Batch) -> Result<(), LedgerError> {
        match &self.commit {
            Commit::Inline => batch.commit().map(drop),
            Commit::Thread(committer) => {
                let (done, committed) = oneshot::channel();
                committer.submit(
                    batch,
                    Box::new(move |outcome| {
                        let _ = done.send(outcome);
                    }),
                );
                let gone = || LedgerError::Stopped { reason: "the writer thread is gone".to_owned() };
                committed.await.unwrap_or_else(|_| Err(gone())).map(drop)
            }
        }
    }

    fn publish(&self, stopped: bool) {
        let line = self.office.line();
        self.progress.send_replace(Progress {
            ledger_sequence: self.reader.sequence(),
            appended: line.appended().sequence,
            received: line.received(),
            acknowledged: line.acknowledged(),
            restoring: line.is_restoring(),
            faulty: line.fault().is_some(),
            outbox_bytes: self.outbox.bytes,
            last_sync: self.last_sync,
            stopped,
        });
    }

    fn handle(&mut self, now: Timestamp, work: Work) {
        match work {
            Work::Author { order, payload, request_id, reply } => {
                let outcome = self.author(now, &order, &payload, request_id);
                self.answers.push(Box::new(move || {
                    let _ = reply.send(outcome);
                }));
            }
            Work::Read(look) => self.answers.push(look(&self.office)),
            Work::Hello { hello, reply } => {
                let outcome = self.hello(now, &hello);
                self.answers.push(Box::new(move || {
                    let _ = reply.send(outcome);
                }));
            }
            Work::Parcel(arrived) => self.parcel(now, arrived),
            Work::Returned(arrived) => self.returned(now, arrived),
            Work::Acknowledged { acknowledgement, verdicts } => self.take_acknowledgement(acknowledgement, verdicts),
            Work::Drain { reply } => {
                self.draining = true;
                self.answers.push(Box::new(move || {
                    let _ = reply.send(());
                }));
            }
        }
    }

    fn author(&mut self, now: Timestamp, order: &Order, payload: &Bytes, request_id: RequestId) -> Result<Authored, Refusal> {
        // A repeat is answered even while draining: its step stands in the ledger already.
        if let Some(repeated) = self.office.repeated(request_id, order, payload) {
            return repeated.map(|id| Authored { id });
        }
        if self.draining {
            return Err(draining());
        }
        self.check_room()?;
        let step = self.office.plan(now, order)?;
        self.append_own(now, step, payload, Some(request_id));
        Ok(Authored { id: step.id })
    }

    fn check_room(&self) -> Result<(), Refusal> {
        let limits = self.office.limits();
        let exhausted = |what, limit| Refusal::Exhausted { what, limit, retry_after: Duration::from_secs(1) };
        if self.outbox.bytes >= limits.outbox_bytes_max {
            return Err(exhausted("the outbox (bytes that the peer has not acknowledged)", limits.outbox_bytes_max));
        }
        if self.ledger.batch_bytes() == 0 && self.ledger.free_bytes().is_some_and(|free| free < limits.disk_reserve_bytes) {
            return Err(exhausted("the ledger's disk (free bytes kept in reserve)", limits.disk_reserve_bytes));
        }
        Ok(())
    }

    fn append_own(&mut self, now: Timestamp, step: office::Step, payload: &Bytes, request_id: Option<RequestId>) {
        let envelope = protocol::encode_envelope(&step, request_id);
        let hash = self.office.line().appended().hash.next(step.id.sequence, &envelope, payload);
        let parcel = Parcel { kind: step.kind, envelope, payload: payload.clone(), hash };
        self.append_outbound(now, step, parcel, request_id);
    }

    fn append_outbound(&mut self, now: Timestamp, step: office::Step, parcel: Parcel, request_id: Option<RequestId>) {
        let bytes = (parcel.envelope.len() + parcel.payload.len()) as u64;
        let (hash, payload) = (parcel.hash, parcel.payload.clone());
        self.ledger.append(now, &Record::Outbound(parcel));
        self.office.record(&step, hash, office::Mutation { request_id, payload: &payload });
        self.outbox.add(step.id.sequence, bytes, self.outbox_batch_open);
        self.outbox_batch_open = true;
    }

    fn hello(&mut self, now: Timestamp, hello: &Hello) -> Result<(Hello, Resume), Refusal> {
        let place = self.office.place();
        let (appended, received) = (self.office.line().appended(), self.office.line().received());
        let reader = self.reader.clone();
        let hash_at = |author: Place, mark: Mark, sequence: u64| hash_at(&reader, author, mark, sequence);
        let resume = self
            .office
            .line_mut()
            .take_hello(
                hello,
                |sequence| hash_at(place, appended, sequence),
                |sequence| hash_at(place.peer(), received, sequence),
            )
            .inspect_err(|_| self.publish(false))?;
        if let Some(epoch) = resume.new_peer_epoch {
            let record = Record::EpochRaised { place: place.peer(), epoch, restoring: false };
            self.append_local(now, &record);
        }
        self.finish_restore(now, hello.received.sequence);
        self.publish(false);
        Ok((self.office.line().hello(), resume))
    }

    fn finish_restore(&mut self, now: Timestamp, peer_received: u64) {
        let line = self.office.line();
        if line.is_restoring() && peer_received <= line.appended().sequence {
            let record = Record::EpochRaised { place: self.office.place(), epoch: line.epoch(), restoring: false };
            self.append_local(now, &record);
        }
    }

    fn append_local(&mut self, now: Timestamp, record: &Record) {
        self.ledger.append(now, record);
        ledger::fold_entry(&mut self.office, record);
    }

    fn parcel(&mut self, now: Timestamp, arrived: Arrived) {
        let Arrived { sequence, envelope, payload, hash, verdicts } = arrived;
        let verdict = match self.office.line().take_parcel(sequence, &envelope, &payload, hash) {
            Ok(Taken::New) => match read_step(self.office.place().peer(), sequence, &envelope, &payload) {
                Ok((step, request_id)) => {
                    let record = Record::Inbound(Parcel { kind: step.kind, envelope, payload: payload.clone(), hash });
                    self.ledger.append(now, &record);
                    self.office.record(&step, hash, office::Mutation { request_id, payload: &payload });
                    return;
                }
                Err(fault) => Verdict::Fault(fault.into()),
            },
            Ok(Taken::Repeat) => Verdict::AcknowledgeAgain,
            Ok(Taken::CompareWithLedger) => {
                let id = StepId::new(self.office.place().peer(), sequence);
                match self.reader.step(id).ok().flatten().map(|entry| entry.record) {
                    Some(Record::Inbound(known)) if known.hash == hash => Verdict::AcknowledgeAgain,
                    _ => Verdict::Fault(LineFault::Conflict { sequence }.into()),
                }
            }
            Err(fault) => Verdict::Fault(fault.into()),
        };
        self.answers.push(Box::new(move || {
            let _ = verdicts.try_send(verdict);
        }));
    }

    fn returned(&mut self, now: Timestamp, arrived: Arrived) {
        let Arrived { sequence, envelope, payload, hash, verdicts } = arrived;
        let taken = self.office.line().take_returned(sequence, &envelope, &payload, hash);
        let fault = match taken {
            Ok(Taken::New) => match read_step(self.office.place(), sequence, &envelope, &payload) {
                Ok((step, request_id)) => {
                    let parcel = Parcel { kind: step.kind, envelope, payload, hash };
                    self.append_outbound(now, step, parcel, request_id);
                    return;
                }
                Err(fault) => fault,
            },
            Ok(_) => return,
            Err(fault) => fault,
        };
        self.answers.push(Box::new(move || {
            let _ = verdicts.try_send(Verdict::Fault(fault.into()));
        }));
    }

    fn take_acknowledgement(&mut self, acknowledgement: Acknowledgement, verdicts: mpsc::Sender<Verdict>) {
        let line = self.office.line();
        let (place, appended) = (self.office.place(), line.appended());
        let judged = line.judge_acknowledgement(&acknowledgement, |sequence| {
            hash_at(&self.reader, place, appended, sequence)
        });
        match judged {
            Ok(true) => {
                let later = self.acknowledgement.is_none_or(|held| {
                    (held.through.sequence, held.appended) <= (acknowledgement.through.sequence, acknowledgement.appended)
                });
                if later {
                    self.acknowledgement = Some(acknowledgement);
                }
            }
            Ok(false) => {}
            Err(fault) => self.answers.push(Box::new(move || {
                let _ = verdicts.try_send(Verdict::Fault(fault.into()));
            })),
        }
    }
}

fn hash_at(reader: &Reader, author: Place, mark: Mark, sequence: u64) -> Option<LineHash> {
    if sequence == 0 {
        return Some(LineHash::ZERO);
    }
    if sequence == mark.sequence {
        return Some(mark.hash);
    }
    match reader.step(StepId::new(author, sequence)).ok()??.record {
        Record::Outbound(parcel) | Record::Inbound(parcel) => Some(parcel.hash),
        _ => None,
    }
}

fn read_step(
    author: Place,
    sequence: u64,
    envelope: &Bytes,
    payload: &Bytes,
) -> Result<(office::Step, Option<RequestId>), LineFault> {
    let faulty = |what: String| LineFault::FaultyEnvelope { sequence, what };
    let (step, request_id) = protocol::decode_envelope(envelope, payload).map_err(|error| faulty(error.to_string()))?;
    if step.id != StepId::new(author, sequence) {
        return Err(faulty(format!("it says it is {}", step.id)));
    }
    Ok((step, request_id))
}
