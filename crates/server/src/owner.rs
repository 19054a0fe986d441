//! The one task that owns office and ledger.
//!
//! Handlers send it work over a bounded channel. A batch is whatever queued during the last sync: the owner
//! judges it, appends, commits, and only then lets any answer leave, reads and refusals too; but that the peer has a step
//! it tells at once. It waits for storage only, never for a peer or a slow client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use ledger::{AUTHORS_SINCE, Ledger, LedgerError, Parcel, Reader, Record};
use office::document::DocumentState;
use office::line::{Acknowledgement, Hello, LineFault, LineHash, Mark, Resume, Taken};
use office::{Office, Order, Place, Refusal, RequestId, StepId, hold};
use protocol::Written;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::handle::{
    Answer, Arrived, Author, Authored, Authoring, Outcome, OwnerHandle, Progress, Verdicts, Work,
};
use crate::metrics::OwnerMetrics;
use crate::recovery::Snapshotter;
use crate::status::draining;
use office::Outbox;
use office::Proposals;

const BATCH_WORK_MAX: usize = 1_024;
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the owner is to own.
pub(crate) struct Folded {
    pub(crate) office: Office,
    pub(crate) ledger: Ledger,
    pub(crate) outbox: Outbox,
    pub(crate) snapshots: Option<Snapshotter>,
}

pub(crate) struct Owner {
    office: Office,
    ledger: Ledger,
    reader: Reader,
    outbox: Outbox,
    snapshots: Option<Snapshotter>,
    clock: Arc<dyn Clock>,
    work: mpsc::Receiver<Work>,
    progress: watch::Sender<Progress>,
    answers: Vec<Answer>,
    acknowledgement: Option<Acknowledgement>,
    /// How far the peer says that it has this office's steps. The note of it may not be durable yet.
    delivered: u64,
    /// Who waits for the peer to have a step, by its sequence.
    delivering: BTreeMap<u64, Vec<(Authored, oneshot::Sender<Outcome>)>>,
    /// When the batch at hand was begun.
    judged: Instant,
    /// Who waits for an officer's answer to a document.
    awaiting: BTreeMap<StepId, Vec<oneshot::Sender<()>>>,
    /// What the peer said last while this office is being restored.
    heard: Option<Hello>,
    proposals: Proposals,
    metrics: OwnerMetrics,
    /// Why nothing is recorded now.
    held: Option<Refusal>,
    draining: bool,
    stopping: bool,
}

impl Owner {
    pub(crate) fn new(
        folded: Folded,
        clock: Arc<dyn Clock>,
        metrics: OwnerMetrics,
    ) -> (Self, OwnerHandle) {
        let Folded {
            office,
            ledger,
            outbox,
            snapshots,
        } = folded;
        let queue_max = office.limits().queue_max;
        let (sender, work) = mpsc::channel(usize::try_from(queue_max).unwrap_or(4096).max(1));
        let reader = ledger.reader();
        let (progress, watched) = watch::channel(durable(&office, &reader, &outbox));
        let handle = OwnerHandle::new(
            sender,
            watched,
            reader.clone(),
            office.place(),
            office.limits(),
        );
        let owner = Self {
            office,
            ledger,
            reader,
            outbox,
            snapshots,
            clock,
            work,
            progress,
            answers: Vec::new(),
            acknowledgement: None,
            delivered: 0,
            delivering: BTreeMap::new(),
            judged: Instant::now(),
            awaiting: BTreeMap::new(),
            heard: None,
            proposals: Proposals::default(),
            metrics,
            held: None,
            draining: false,
            stopping: false,
        };
        (owner, handle)
    }

    /// Runs until it is told to stop or every handle is gone. An error is a failed commit: the office has
    /// stopped.
    pub(crate) async fn run(mut self) -> Result<(), LedgerError> {
        let mut batch = Vec::new();
        while !self.stopping {
            let due = self.until_due();
            let got = tokio::select! {
                biased;
                got = self.work.recv_many(&mut batch, BATCH_WORK_MAX) => Some(got),
                () = due => None,
            };
            if got == Some(0) {
                return Ok(());
            }
            if let Err(error) = self.batch(&mut batch) {
                tracing::error!(%error, "the office stops: what could not be made durable is not acknowledged");
                self.progress
                    .send_modify(|progress| progress.stopped = true);
                return Err(error);
            }
        }
        if let Some(snapshots) = self.snapshots.as_ref().filter(|_| self.held.is_none()) {
            snapshots.end(self.reader.sequence(), &self.office, &self.outbox);
        }
        self.ledger.seal()
    }

    fn until_due(&self) -> impl Future<Output = ()> + use<> {
        let look_again = self.held.as_ref().map(|_| hold::RETRY_AFTER);
        let wait = self
            .office
            .next_deadline()
            .filter(|_| !self.draining && self.held.is_none())
            .map(|at| {
                let left = at.duration_since(self.clock.now());
                // A clock may be set back: look again within the hour.
                let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
                left.min(Duration::from_secs(3600)) + Duration::from_millis(1)
            })
            .or(look_again);
        async move {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        }
    }

    fn batch(&mut self, batch: &mut Vec<Work>) -> Result<(), LedgerError> {
        let now = self.clock.now();
        self.judged = Instant::now();
        self.look_whether_held(now);
        if !self.draining && self.held.is_none() {
            for order in self.office.due(now) {
                if let Ok(step) = self.office.plan(now, &order) {
                    self.append_own(now, step, Bytes::new(), None);
                }
            }
        }
        for work in batch.drain(..) {
            self.handle(now, work);
            if self.ledger.batch_bytes() >= BATCH_BYTES_MAX {
                self.flush(now)?;
                self.look_whether_held(now);
            }
        }
        self.flush(now)?;
        self.snapshot();
        Ok(())
    }

    /// Asks the disk and the clock. That costs a system call: once a batch is enough, since a batch is far smaller than
    /// the reserve.
    fn look_whether_held(&mut self, now: Timestamp) {
        let held = hold::why_held(now, self.ledger.free_bytes(), self.office.limits());
        if held == self.held {
            return;
        }
        if let Some(why) = &held {
            tracing::warn!(%why, "nothing is recorded, neither requests nor what the peer sends; reads go on");
        } else {
            tracing::info!("what is asked and what the peer sends is recorded again");
        }
        self.held = held;
        let told = self.held.as_ref().map(ToString::to_string);
        self.progress.send_modify(|progress| progress.held = told);
    }

    fn snapshot(&mut self) {
        let sequence = self.reader.sequence();
        if let Some(snapshots) = self
            .snapshots
            .as_mut()
            .filter(|snapshots| self.held.is_none() && snapshots.is_due(sequence))
        {
            snapshots.begin(sequence, &self.office, &self.outbox);
        }
    }

    fn flush(&mut self, now: Timestamp) -> Result<(), LedgerError> {
        self.tell_delivered(|authored| authored.synced.is_some());
        // The note is small: the reserve has room for it. By a broken clock it cannot be written.
        if office::time::is_recordable(now)
            && let Some(acknowledgement) = self.acknowledgement.take()
        {
            let record = Record::AcknowledgementTaken(acknowledgement);
            self.append_local(now, &record);
            self.outbox.acknowledged(self.office.line().acknowledged());
        }
        if let Some(batch) = self.ledger.take_batch() {
            let (started, before) = (Instant::now(), self.reader.sequence());
            batch.commit()?;
            let took = started.elapsed();
            let entries = self.reader.sequence() - before;
            self.metrics.synced(entries, took);
            self.tell_synced();
            self.outbox.close_batch();
            let mut progress = durable(&self.office, &self.reader, &self.outbox);
            (progress.last_sync, progress.last_sync_entries) = (took, entries);
            progress.held = self.held.as_ref().map(ToString::to_string);
            self.progress.send_replace(progress);
        }
        for answer in self.answers.drain(..) {
            answer();
        }
        self.tell_delivered(|_| true);
        Ok(())
    }

    /// Who waits for the peer is told, with the rest, when it was durable here.
    fn tell_synced(&mut self) {
        let now = Instant::now();
        for waiting in self.delivering.values_mut().rev() {
            if waiting
                .iter()
                .all(|(authored, _)| authored.synced.is_some())
            {
                break;
            }
            for (authored, _) in waiting {
                authored.synced.get_or_insert(now);
            }
        }
    }

    /// What the peer has is durable at both offices, since no parcel goes out before it is synced here. So nobody need wait
    /// for the note of it, which only keeps what the peer knows. Only of those whose step is durable here: what a peer says
    /// is no proof of that.
    fn tell_delivered(&mut self, is_durable: impl Fn(&Authored) -> bool) {
        let delivered = self.delivered.max(self.office.line().acknowledged());
        while let Some(first) = self.delivering.first_entry()
            && *first.key() <= delivered
            && first.get().iter().all(|(authored, _)| is_durable(authored))
        {
            for (authored, reply) in first.remove() {
                // The asker may have gone.
                let _ = reply.send(Ok(authored));
            }
        }
    }

    fn handle(&mut self, now: Timestamp, work: Work) {
        match work {
            Work::Author {
                authoring,
                caller,
                by,
                room: _room,
                reply,
            } => {
                let outcome = self.author_for(caller, now, authoring, &by);
                self.answer(move || {
                    let _ = reply.send(outcome);
                });
            }
            Work::Deliver {
                authoring,
                by,
                room: _room,
                reply,
            } => self.deliver(now, authoring, &by, reply),
            Work::AuthorMany {
                authorings,
                by,
                room: _room,
                reply,
            } => {
                let outcomes: Vec<_> = authorings
                    .into_iter()
                    .map(|authoring| self.author(now, authoring, &by))
                    .collect();
                self.answer(move || {
                    let _ = reply.send(outcomes);
                });
            }
            Work::Read(look) => {
                let answer = look(&self.office);
                self.answers.push(answer);
            }
            Work::AwaitAnswer { document, reply } => self.await_answer(document, reply),
            Work::Hello { hello, said, reply } => {
                let outcome = self.hello(now, &hello, said.as_ref());
                self.answer(move || {
                    let _ = reply.send(outcome);
                });
            }
            Work::Parcels {
                parcels,
                room: _room,
                verdicts,
            } => self.parcels(now, parcels, verdicts),
            Work::Refused { said } => {
                self.office.line_mut().take_refusal(said);
                self.tell_fault();
            }
            Work::Certified { sha256 } => self.note_certificate(now, sha256),
            Work::Returned { parcel, verdicts } => self.returned(now, parcel, verdicts),
            Work::Acknowledged {
                acknowledgement,
                verdicts,
            } => self.take_acknowledgement(acknowledgement, verdicts),
            Work::Drain { reply } => {
                self.draining = true;
                self.answer(move || {
                    let _ = reply.send(());
                });
            }
            Work::Stop => self.stopping = true,
        }
    }

    /// Holds an answer back until what it depends on is durable.
    fn answer(&mut self, answer: impl FnOnce() + Send + 'static) {
        self.answers.push(Box::new(answer));
    }

    fn fault(&mut self, verdicts: Verdicts, fault: LineFault) {
        self.answer(move || verdicts.fault(fault.into()));
    }

    /// As [`Self::author`], within the caller's share.
    fn author_for(
        &mut self,
        caller: u64,
        now: Timestamp,
        authoring: Authoring,
        by: &Author,
    ) -> Result<Authored, Refusal> {
        let proposes = matches!(authoring.order, Order::ProposeMeeting(_));
        if !proposes || caller == 0 {
            return self.author(now, authoring, by);
        }
        let before = self.office.line().appended().sequence;
        if let Some(repeated) = self.repeated(&authoring, by) {
            return repeated;
        }
        self.proposals
            .check(caller, &authoring.order, &self.office)?;
        let authored = self.author(now, authoring, by)?;
        if authored.id.sequence > before {
            self.proposals.add(caller, authored.id, &self.office);
        }
        Ok(authored)
    }

    /// The first answer again. A repeat is answered even while draining: its step stands in the ledger already.
    fn repeated(&self, authoring: &Authoring, by: &Author) -> Option<Result<Authored, Refusal>> {
        let Authoring {
            order,
            payload,
            request_id,
        } = authoring;
        let repeated = self
            .office
            .repeated(*request_id, order, payload, self.named(by))?;
        Some(repeated.map(|id| Authored {
            id,
            at: None,
            judged: self.judged,
            synced: None,
        }))
    }

    fn author(
        &mut self,
        now: Timestamp,
        authoring: Authoring,
        by: &Author,
    ) -> Result<Authored, Refusal> {
        if let Some(repeated) = self.repeated(&authoring, by) {
            return repeated;
        }
        let Authoring {
            order,
            payload,
            request_id,
        } = authoring;
        if self.draining {
            return Err(draining());
        }
        self.check_room()?;
        let step = self.office.plan(now, &order)?;
        let authored = Authored {
            id: step.id,
            at: Some(step.authored_at),
            judged: self.judged,
            synced: None,
        };
        self.append_own(now, step, payload, Some((request_id, by)));
        Ok(authored)
    }

    fn deliver(
        &mut self,
        now: Timestamp,
        authoring: Authoring,
        by: &Author,
        reply: oneshot::Sender<Outcome>,
    ) {
        match self.author(now, authoring, by) {
            Ok(authored) => {
                let waiting = self.delivering.entry(authored.id.sequence).or_default();
                waiting.push((authored, reply));
            }
            refused => self.answer(move || {
                let _ = reply.send(refused);
            }),
        }
    }

    fn check_room(&self) -> Result<(), Refusal> {
        let limits = self.office.limits();
        let exhausted = |what, limit| Refusal::Exhausted {
            what,
            limit,
            retry_after: Duration::from_secs(1),
        };
        if self.outbox.bytes() >= limits.outbox_bytes_max {
            let what = "the outbox (bytes that the peer has not acknowledged)";
            return Err(exhausted(what, limits.outbox_bytes_max));
        }
        self.check_held()
    }

    fn check_held(&self) -> Result<(), Refusal> {
        self.held.clone().map_or(Ok(()), Err)
    }

    fn append_own(
        &mut self,
        now: Timestamp,
        step: office::Step,
        payload: Bytes,
        asked: Option<(RequestId, &Author)>,
    ) {
        let request_id = asked.map(|(request_id, _)| request_id);
        let author = asked.map_or("", |(_, by)| self.named(by));
        let envelope = protocol::encode_envelope_by(&step, request_id, author);
        let before = self.office.line().appended().hash;
        let hash = before.next(step.id.sequence, &envelope, &payload);
        let parcel = Parcel {
            kind: step.kind,
            envelope,
            payload,
            hash,
        };
        let author = author.to_owned();
        self.append_outbound(now, &step, parcel, request_id, &author);
    }

    fn append_outbound(
        &mut self,
        now: Timestamp,
        step: &office::Step,
        parcel: Parcel,
        request_id: Option<RequestId>,
        author: &str,
    ) {
        let bytes = (parcel.envelope.len() + parcel.payload.len()) as u64;
        let (hash, payload) = (parcel.hash, parcel.payload.clone());
        self.ledger.append(now, &Record::Outbound(parcel));
        let mutation = office::Mutation {
            request_id,
            payload: &payload,
            author,
        };
        self.office.record(step, hash, mutation);
        self.outbox.add(step.id.sequence, bytes);
        self.tell_answered(step);
    }

    /// Who makes a step, in ledgers whose format says so; otherwise nobody who has a name.
    fn named<'a>(&self, by: &'a Author) -> &'a str {
        let says = self.ledger.format_version() >= AUTHORS_SINCE;
        by.as_deref().filter(|_| says).unwrap_or_default()
    }

    /// A note of the peer's certificate, if it is another than the one noted last and the ledger's format has such notes.
    fn note_certificate(&mut self, now: Timestamp, sha256: [u8; 32]) {
        let record = Record::PeerCertified { sha256 };
        let known = self.office.line().peer_certificate() == Some(sha256);
        let is_kept = self.ledger.format_version() >= record.since_format();
        if !known && is_kept && self.held.is_none() {
            self.append_local(now, &record);
        }
    }

    fn await_answer(&mut self, document: StepId, reply: oneshot::Sender<()>) {
        let open = self.office.exchanges().documents.state(document) == Some(DocumentState::Sent);
        if open {
            let waiting = self.awaiting.entry(document).or_default();
            waiting.retain(|gone| !gone.is_closed());
            waiting.push(reply);
        } else {
            self.answer(move || {
                let _ = reply.send(());
            });
        }
    }

    fn tell_answered(&mut self, step: &office::Step) {
        if self.awaiting.is_empty() {
            return;
        }
        if let Some(document) = step.parent
            && self.office.exchanges().documents.state(document) != Some(DocumentState::Sent)
        {
            for reply in self.awaiting.remove(&document).unwrap_or_default() {
                self.answer(move || {
                    let _ = reply.send(());
                });
            }
        }
    }

    fn hello(
        &mut self,
        now: Timestamp,
        hello: &Hello,
        said: Option<&Hello>,
    ) -> Result<(Hello, Resume), Refusal> {
        // What is ready to go out still goes, and its acknowledgements are noted; by a broken clock not even that.
        if said.is_none() || !office::time::is_recordable(now) {
            self.check_held()?;
        }
        let place = self.office.place();
        let (appended, received) = (self.office.line().appended(), self.office.line().received());
        let known = self.office.line().peer_epoch();
        let reader = self.reader.clone();
        let taken = self.office.line_mut().take_hello(
            hello,
            said,
            |sequence| hash_at(&reader, place, appended, sequence),
            |sequence| hash_at(&reader, place.peer(), received, sequence),
        );
        self.tell_fault();
        let resume = taken?;
        if let Some(epoch) = resume.new_peer_epoch {
            let record = Record::EpochRaised {
                place: place.peer(),
                epoch,
                restoring: false,
            };
            self.append_local(now, &record);
            if known == 0 {
                tracing::info!(place = %place.peer(), epoch, "the peer is heard for the first time");
            } else {
                tracing::warn!(place = %place.peer(), epoch, known, "the peer has been restored: its steps are of a new epoch");
            }
        }
        // Only the peer's own answer says what it has: a caller that claims little would end the restore too soon.
        if said.is_some() && self.office.line().is_restoring() {
            self.heard = Some(*hello);
            self.finish_restore(now);
        }
        Ok((self.office.line().hello(), resume))
    }

    fn tell_fault(&self) {
        let fault = self.office.line().fault().map(ToString::to_string);
        self.progress.send_if_modified(|progress| {
            let news = progress.fault != fault;
            match &fault {
                Some(why) if news => {
                    tracing::error!(why, "the line stays down: the ledgers disagree");
                }
                None if news => tracing::info!("the ledgers agree again"),
                _ => {}
            }
            progress.fault = fault;
            news
        });
    }

    fn finish_restore(&mut self, now: Timestamp) {
        let line = self.office.line();
        if self.heard.is_some_and(|hello| line.is_restored_by(&hello)) {
            let record = Record::EpochRaised {
                place: self.office.place(),
                epoch: line.epoch(),
                restoring: false,
            };
            self.append_local(now, &record);
            tracing::info!(place = %self.office.place(), epoch = self.office.line().epoch(), "restored: nothing of it is missing any more");
            self.heard = None;
        }
    }

    fn append_local(&mut self, now: Timestamp, record: &Record) {
        self.ledger.append(now, record);
        ledger::fold_entry(&mut self.office, record);
    }

    fn parcels(&mut self, now: Timestamp, parcels: Vec<Arrived>, verdicts: Verdicts) {
        // Not recorded, so not acknowledged: the peer keeps them, and sends them again.
        if let Some(held) = self.held.clone() {
            return self.answer(move || verdicts.fault(held));
        }
        let mut again = false;
        for parcel in parcels {
            match self.parcel(now, parcel) {
                Ok(Taken::New) => {}
                Ok(_) => again = true,
                Err(fault) => {
                    self.fault(verdicts, fault);
                    return;
                }
            }
        }
        self.finish_restore(now);
        if again {
            self.answer(move || verdicts.acknowledge_again());
        }
    }

    fn parcel(&mut self, now: Timestamp, arrived: Arrived) -> Result<Taken, LineFault> {
        let Arrived {
            sequence,
            envelope,
            payload,
            hash,
        } = arrived;
        let peer = self.office.place().peer();
        let line = self.office.line();
        let taken = line.take_parcel(sequence, &envelope, &payload, hash)?;
        match taken {
            Taken::New => {
                let Written {
                    step,
                    request_id,
                    author,
                } = read_step(peer, sequence, &envelope, &payload)?;
                let parcel = Parcel {
                    kind: step.kind,
                    envelope,
                    payload: payload.clone(),
                    hash,
                };
                self.ledger.append(now, &Record::Inbound(parcel));
                let mutation = office::Mutation {
                    request_id,
                    payload: &payload,
                    author: &author,
                };
                self.office.record(&step, hash, mutation);
                self.tell_answered(&step);
            }
            // A hash that is only repeated proves nothing of the bytes beside it.
            Taken::Repeat | Taken::CompareWithLedger => {
                let id = StepId::new(peer, sequence);
                let known = self.reader.step(id).ok().flatten();
                let same = match known.map(|entry| entry.record) {
                    Some(Record::Inbound(known)) => {
                        known.hash == hash && known.envelope == envelope && known.payload == payload
                    }
                    Some(_) => false,
                    // It waits for its sync in this very batch. Nothing is recorded of a repeat anyway.
                    None => true,
                };
                if !same {
                    return Err(LineFault::Conflict { sequence });
                }
            }
        }
        Ok(taken)
    }

    fn returned(&mut self, now: Timestamp, arrived: Arrived, verdicts: Verdicts) {
        let Arrived {
            sequence,
            envelope,
            payload,
            hash,
        } = arrived;
        if let Some(held) = self.held.clone() {
            return self.answer(move || verdicts.fault(held));
        }
        let place = self.office.place();
        // The last one given back ends the restore; what was under way comes as a repeat.
        if !self.office.line().is_restoring() && sequence <= self.office.line().appended().sequence
        {
            return;
        }
        let line = self.office.line();
        let taken = line
            .take_returned(sequence, &envelope, &payload, hash)
            .and_then(|taken| match taken {
                Taken::New => read_step(place, sequence, &envelope, &payload).map(Some),
                _ => Ok(None),
            });
        match taken {
            Ok(Some(written)) => {
                let Written {
                    step,
                    request_id,
                    author,
                } = written;
                let parcel = Parcel {
                    kind: step.kind,
                    envelope,
                    payload,
                    hash,
                };
                self.append_outbound(now, &step, parcel, request_id, &author);
                self.finish_restore(now);
            }
            Ok(None) => {}
            Err(fault) => self.fault(verdicts, fault),
        }
    }

    fn take_acknowledgement(&mut self, acknowledgement: Acknowledgement, verdicts: Verdicts) {
        let line = self.office.line();
        let (place, appended) = (self.office.place(), line.appended());
        let judged = line.judge_acknowledgement(&acknowledgement, |sequence| {
            hash_at(&self.reader, place, appended, sequence)
        });
        match judged {
            Ok(true) => {
                self.delivered = self.delivered.max(acknowledgement.through.sequence);
                let order = |held: Acknowledgement| (held.through.sequence, held.appended);
                let held = self.acknowledgement.map(order);
                if held.is_none_or(|held| held <= order(acknowledgement)) {
                    self.acknowledgement = Some(acknowledgement);
                }
            }
            Ok(false) => {}
            Err(fault) => self.fault(verdicts, fault),
        }
    }
}

/// What may be told of an office of which everything is durable.
fn durable(office: &Office, reader: &Reader, outbox: &Outbox) -> Progress {
    let line = office.line();
    Progress {
        ledger_sequence: reader.sequence(),
        appended: line.appended().sequence,
        received: line.received(),
        acknowledged: line.acknowledged(),
        restoring: line.is_restoring(),
        fault: line.fault().map(ToString::to_string),
        outbox_bytes: outbox.bytes(),
        last_sync: Duration::ZERO,
        last_sync_entries: 0,
        held: None,
        stopped: false,
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
) -> Result<Written, LineFault> {
    let faulty = |what: String| LineFault::FaultyEnvelope { sequence, what };
    let written =
        protocol::read_envelope(envelope, payload).map_err(|error| faulty(error.to_string()))?;
    let step = written.step;
    if step.id != StepId::new(author, sequence) {
        return Err(faulty(format!("it says it is {}", step.id)));
    }
    Ok(written)
}
