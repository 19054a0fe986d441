//! A pair of ledgers written from records that are there already: no line, no clock, no runtime.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use ledger::{DiskStorage, Ledger, LedgerError, LedgerOptions, Parcel, Record, Storage};
use office::line::Acknowledgement;
use office::{Applied, Limits, Mutation, Office, Order, PerPlace, Place, Refusal, StepId, Tally};
use protocol::Written;

/// A ledger's batch is committed when it holds as many bytes.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why a pair cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The author's office refuses the step; nothing was written of it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A ledger takes no more.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A step that is not the next one of its author.
    #[error("{found} does not follow: the next step of {place} is {expected}", place = .found.place)]
    Order {
        /// The step given.
        found: StepId,
        /// The line sequence wanted.
        expected: u64,
    },
    /// No room for the ledgers.
    #[error("failed to create {}: {source}; name another directory", .directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// Writes South's and North's ledger side by side, as two offices on a quiet line would have: each step is appended
/// at its author and at the peer, and acknowledged before the next batch.
///
/// Author time and recording time are what the caller says, so the same steps give the same bytes.
///
/// ```
/// use formats::PairWriter;
/// use office::call::{Call, CallKind};
/// use office::{Order, Place};
///
/// let opened_at = "2018-09-14T00:00:00Z".parse()?;
/// let mut pair = PairWriter::in_memory(opened_at)?;
/// let call = Call { kind: CallKind::Opening, day: "2018-09-14".parse()?, answered: true };
/// let payload = protocol_call(&call);
/// pair.author(Place::South, opened_at, &Order::RecordCall(call), payload)?;
/// assert_eq!(pair.finish()?.calls(), 1);
/// # fn protocol_call(call: &Call) -> bytes::Bytes {
/// #     prost::Message::encode_to_vec(&protocol::call_to_pb(call)).into()
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PairWriter {
    sides: PerPlace<Side>,
    latest: Timestamp,
}

#[derive(Debug)]
struct Side {
    office: Office,
    ledger: Ledger,
}

impl PairWriter {
    /// Begins `directory/south` and `directory/north`. Both say that they were opened at `opened_at`.
    pub fn create(directory: &Path, opened_at: Timestamp) -> Result<Self, PairError> {
        let storage = |place: Place| -> Result<Arc<dyn Storage>, PairError> {
            let directory = directory.join(place.word());
            match DiskStorage::create(&directory) {
                Ok(storage) => Ok(Arc::new(storage)),
                Err(source) => Err(PairError::Directory { directory, source }),
            }
        };
        let (south, north) = (storage(Place::South)?, storage(Place::North)?);
        Self::begin(south, north, opened_at)
    }

    /// A pair that is written nowhere: to try out what would become of steps.
    pub fn in_memory(opened_at: Timestamp) -> Result<Self, PairError> {
        let storage = || Arc::new(ledger::MemoryStorage::default());
        Self::begin(storage(), storage(), opened_at)
    }

    /// Begins a ledger in each storage.
    pub fn begin(
        south: Arc<dyn Storage>,
        north: Arc<dyn Storage>,
        opened_at: Timestamp,
    ) -> Result<Self, PairError> {
        let south = Side::open(south, Place::South, opened_at)?;
        let north = Side::open(north, Place::North, opened_at)?;
        let sides = PerPlace::new(south, north);
        Ok(Self {
            sides,
            latest: opened_at,
        })
    }

    /// The office of `place`, as far as the steps have come.
    pub fn office(&self, place: Place) -> &Office {
        &self.sides[place].office
    }

    /// Has the office of `place` judge `order` and author it; both ledgers take the step.
    pub fn author(
        &mut self,
        place: Place,
        now: Timestamp,
        order: &Order,
        payload: Bytes,
    ) -> Result<StepId, PairError> {
        let mut planned = self.sides[place].office.plan(now, order);
        if matches!(planned, Err(Refusal::NotSettled { .. })) {
            // What is acknowledged is final, since nothing can cross here.
            self.flush()?;
            planned = self.sides[place].office.plan(now, order);
        }
        let step = planned?;
        let id = step.id;
        let written = Written {
            step,
            request_id: None,
            author: String::new(),
        };
        self.append(now, &written, payload)?;
        Ok(id)
    }

    /// Takes a step as it was, legal or not: an illegal one is inert here as it was there. It must be the next one of
    /// its author.
    pub fn record(
        &mut self,
        recorded_at: Timestamp,
        written: &Written,
        payload: Bytes,
    ) -> Result<Applied, PairError> {
        let step = &written.step;
        let expected = self.next_sequence(step.id.place);
        if step.id.sequence != expected {
            return Err(PairError::Order {
                found: step.id,
                expected,
            });
        }
        self.append(recorded_at, written, payload)
    }

    /// The line sequence of the next step of `place`.
    pub fn next_sequence(&self, place: Place) -> u64 {
        self.sides[place].office.line().appended().sequence + 1
    }

    fn append(
        &mut self,
        recorded_at: Timestamp,
        written: &Written,
        payload: Bytes,
    ) -> Result<Applied, PairError> {
        let step = &written.step;
        let author = step.id.place;
        let envelope = protocol::encode_envelope_by(step, written.request_id, &written.author);
        let before = self.sides[author].office.line().appended().hash;
        let parcel = Parcel {
            kind: step.kind,
            hash: before.next(step.id.sequence, &envelope, &payload),
            envelope,
            payload: payload.clone(),
        };
        let hash = parcel.hash;
        let mutation = Mutation {
            request_id: written.request_id,
            payload: &payload,
            author: &written.author,
        };
        let own = &mut self.sides[author];
        own.ledger
            .append(recorded_at, &Record::Outbound(parcel.clone()));
        let applied = own.office.record(step, hash, mutation);
        let peer = &mut self.sides[author.peer()];
        peer.ledger.append(recorded_at, &Record::Inbound(parcel));
        peer.office.record(step, hash, mutation);
        self.latest = self.latest.max(recorded_at);
        let full = |place: Place| self.sides[place].ledger.batch_bytes() >= BATCH_BYTES_MAX;
        if full(Place::South) || full(Place::North) {
            self.flush()?;
        }
        Ok(applied)
    }

    /// Commits what both ledgers hold, and lets each office take the other's acknowledgement.
    fn flush(&mut self) -> Result<(), PairError> {
        for place in Place::BOTH {
            self.sides[place].commit()?;
        }
        for place in Place::BOTH {
            let peer = self.sides[place.peer()].office.line();
            let acknowledgement = Acknowledgement {
                through: peer.received(),
                appended: peer.appended().sequence,
            };
            let own = &mut self.sides[place];
            if acknowledgement.through.sequence > own.office.line().acknowledged() {
                own.note(self.latest, &Record::AcknowledgementTaken(acknowledgement));
            }
        }
        Ok(())
    }

    /// Commits all, with nothing left in either outbox, and gives the counts.
    pub fn finish(mut self) -> Result<Tally, PairError> {
        self.flush()?;
        for place in Place::BOTH {
            self.sides[place].commit()?;
        }
        Ok(self.sides[Place::South].office.exchanges().tally.clone())
    }
}

impl Side {
    fn open(
        storage: Arc<dyn Storage>,
        place: Place,
        opened_at: Timestamp,
    ) -> Result<Self, LedgerError> {
        let mut office = Office::new(place, Limits::default());
        let options = LedgerOptions::default();
        let (ledger, _) = Ledger::open(storage, place, options, opened_at, |entry| {
            ledger::fold_entry(&mut office, &entry.record);
        })?;
        let mut side = Self { office, ledger };
        // What the first Hello of the peer would say.
        side.note(
            opened_at,
            &Record::EpochRaised {
                place: place.peer(),
                epoch: 1,
                restoring: false,
            },
        );
        Ok(side)
    }

    fn note(&mut self, recorded_at: Timestamp, record: &Record) {
        self.ledger.append(recorded_at, record);
        ledger::fold_entry(&mut self.office, record);
    }

    fn commit(&mut self) -> Result<(), LedgerError> {
        self.ledger
            .take_batch()
            .map_or(Ok(()), |batch| batch.commit().map(drop))
    }
}

#[cfg(test)]
mod tests {
    use ledger::MemoryStorage;
    use office::contact::ContactKind;
    use office::meeting::MeetingTerms;
    use prost::Message as _;

    use super::*;
    use office::{Step, StepKind};

    fn terms() -> MeetingTerms {
        MeetingTerms {
            kind: ContactKind::Chiefs,
            level: None,
            participants: Vec::new(),
            place: String::new(),
            begins_at: None,
            duration: None,
            topics: Vec::new(),
            formality: None,
            answer_by: None,
        }
    }

    #[test]
    fn both_ledgers_hold_the_same_and_owe_nothing() {
        let now = "2018-09-14T00:00:00Z".parse().expect("a time");
        let storages = [(); 2].map(|()| MemoryStorage::default());
        let [south, north] = storages.clone().map(Arc::new);
        let mut pair = PairWriter::begin(south, north, now).expect("they begin");
        let payload: Bytes = protocol::terms_to_pb(&terms()).encode_to_vec().into();
        let propose = Order::ProposeMeeting(terms());
        let meeting = pair.author(Place::South, now, &propose, payload);
        let meeting = meeting.expect("a chief may propose");
        for (place, kind) in [
            (Place::North, StepKind::MeetingAccepted),
            (Place::South, StepKind::MeetingConvened),
            (Place::South, StepKind::MeetingClosed),
        ] {
            let order = Order::MoveMeeting {
                meeting,
                parent: None,
                kind,
                terms: None,
            };
            pair.author(place, now, &order, Bytes::new())
                .expect("it follows");
        }
        assert_eq!(pair.finish().map(|tally| tally.meetings()).ok(), Some(1));
        let [south, north] = storages.map(|storage| ledger::read(&storage).expect("it reads"));
        let found = ledger::reconcile(&south, &north).expect("they read");
        assert!(found.agreed, "{:?}", found.differences);
        for reader in [south, north] {
            let office = ledger::fold(&reader, Limits::default()).expect("it folds");
            let line = office.line();
            assert_eq!(line.acknowledged(), line.appended().sequence);
            assert_eq!(line.peer_epoch(), 1);
        }
    }

    #[test]
    fn a_step_that_does_not_follow_is_refused() {
        let now = Timestamp::UNIX_EPOCH;
        let mut pair = PairWriter::in_memory(now).expect("it begins");
        let step = Step {
            id: StepId::new(Place::South, 2),
            parent: None,
            kind: StepKind::DocumentSent,
            authored_at: now,
            content: office::Content::Document { deadline: None },
        };
        let written = Written {
            step,
            request_id: None,
            author: String::new(),
        };
        let error = pair.record(now, &written, Bytes::new());
        let error = error.expect_err("1 comes first").to_string();
        assert!(error.contains("the next step of south is 1"), "{error}");
    }
}
