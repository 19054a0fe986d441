//! What a ledger holds, read cold; and what the line's protocol says of a message to an office that holds it.

use bytes::Bytes;
use ledger::{Reader, Record, Storage};
use office::line::{EPOCH_MAX, LineHash, VERSION_MAX, VERSION_MIN};
use office::{Limits, Office, Place, Tally};
use protocol::pb::line as pb;
use tonic::Code;

/// A refusal as crates/README.md documents it.
pub(super) type Reason = (Code, &'static str);

pub(super) const OUT_OF_ORDER: Reason = (Code::InvalidArgument, "OUT_OF_ORDER");
pub(super) const CONFLICT: Reason = (Code::AlreadyExists, "IDEMPOTENCY_CONFLICT");
pub(super) const FAULTY_ENVELOPE: Reason = (Code::InvalidArgument, "FAULTY_ENVELOPE");
pub(super) const MALFORMED: Reason = (Code::InvalidArgument, "MALFORMED_MESSAGE");
pub(super) const TOO_LARGE: Reason = (Code::InvalidArgument, "MESSAGE_TOO_LARGE");
pub(super) const DISAGREE: Reason = (Code::DataLoss, "LEDGERS_DISAGREE");
const WRONG_PLACE: Reason = (Code::InvalidArgument, "WRONG_PLACE");
const VERSION: Reason = (Code::FailedPrecondition, "UNSUPPORTED_VERSION");
pub(super) const NEWER_HELLO: Reason = (Code::Unavailable, "NEWER_HELLO");
const UNCONFIRMED: Reason = (Code::Unavailable, "HELLO_UNCONFIRMED");
const EPOCH: Reason = (Code::InvalidArgument, "EPOCH_OUT_OF_RANGE");
const STALE: Reason = (Code::FailedPrecondition, "STALE_EPOCH");
const GAP: Reason = (Code::Aborted, "SEQUENCE_GAP");

/// What South's ledger holds.
#[derive(Debug)]
pub(super) struct Truth {
    pub(super) own: Vec<pb::Parcel>,
    pub(super) received: Vec<pb::Parcel>,
    pub(super) entries: u64,
    pub(super) office: Office,
    pub(super) tally: Tally,
}

impl Truth {
    /// Reads a ledger that must be sound.
    pub(super) fn read(storage: &dyn Storage) -> Self {
        let verified = ledger::verify(storage).expect("it is a ledger");
        assert_eq!(verified.faults, [], "the ledger is sound");
        let reader = ledger::read(storage).expect("it can be read");
        let truth = Self {
            own: parcels(&reader, Place::South),
            received: parcels(&reader, Place::North),
            entries: reader.sequence(),
            office: ledger::fold(&reader, Limits::default()).expect("it can be folded"),
            tally: ledger::tally(&reader).expect("it can be counted"),
        };
        assert_eq!(verified.entries, truth.entries, "no entry is missing");
        assert_eq!(verified.outbound, truth.own.len() as u64);
        assert_eq!(verified.inbound, truth.received.len() as u64);
        truth
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.office.line().acknowledged()
    }

    pub(super) fn peer_epoch(&self) -> u64 {
        self.office.line().peer_epoch()
    }

    /// What becomes of a Hello of a caller.
    pub(super) fn judge_hello(&self, hello: &pb::Hello) -> Result<(), Reason> {
        let place = protocol::place_from_pb(hello.place).ok_or(OUT_OF_ORDER)?;
        let (Some(appended), Some(received)) = (&hello.appended, &hello.received) else {
            return Err(OUT_OF_ORDER);
        };
        if appended.hash.len() != 32 || received.hash.len() != 32 {
            return Err(OUT_OF_ORDER);
        }
        if place != Place::North {
            return Err(WRONG_PLACE);
        }
        let (min, max) = (hello.version_min, hello.version_max);
        if min > max || min > VERSION_MAX || max < VERSION_MIN {
            return Err(VERSION);
        }
        if hello.epoch > EPOCH_MAX {
            return Err(EPOCH);
        }
        if hello.epoch < self.peer_epoch() {
            return Err(STALE);
        }
        let has_all = appended.sequence >= self.received.len() as u64 || hello.restoring;
        let is_known = mark_at(&self.received, appended.sequence)
            .is_none_or(|known| known.hash == appended.hash);
        if mark_at(&self.own, received.sequence).as_ref() != Some(received) || !has_all || !is_known
        {
            return Err(DISAGREE);
        }
        // Nobody who answers this office's own Hello says so.
        let claims_loss = hello.restoring && appended.sequence < self.received.len() as u64;
        if hello.epoch > self.peer_epoch().max(1) || claims_loss {
            return Err(UNCONFIRMED);
        }
        Ok(())
    }
}

/// What becomes of a parcel at an office that has received these.
pub(super) fn judge_parcel(received: &[pb::Parcel], parcel: &pb::Parcel) -> Result<bool, Reason> {
    let next = received.len() as u64 + 1;
    if parcel.hash.len() != 32 {
        return Err(CONFLICT);
    }
    if parcel.sequence == 0 || parcel.sequence > next {
        return Err(GAP);
    }
    if parcel.sequence < next {
        let known = &received[parcel.sequence as usize - 1];
        return if known == parcel {
            Ok(false)
        } else {
            Err(CONFLICT)
        };
    }
    if sealed(received, &parcel.envelope, &parcel.payload).hash != parcel.hash {
        return Err(CONFLICT);
    }
    let step = protocol::decode_envelope(&parcel.envelope, &parcel.payload);
    let id = office::StepId::new(Place::North, next);
    if step.is_ok_and(|(step, _)| step.id == id) {
        Ok(true)
    } else {
        Err(FAULTY_ENVELOPE)
    }
}

/// The parcel that follows `before`, rightly numbered and hashed.
pub(super) fn sealed(before: &[pb::Parcel], envelope: &Bytes, payload: &Bytes) -> pb::Parcel {
    let sequence = before.len() as u64 + 1;
    let last = mark_at(before, sequence - 1).expect("it is the last");
    let last = protocol::hash_from_bytes(&last.hash).expect("it has 32 bytes");
    let hash = last.next(sequence, envelope, payload);
    pb::Parcel {
        sequence,
        envelope: envelope.clone(),
        payload: payload.clone(),
        hash: Bytes::copy_from_slice(&hash.0),
    }
}

/// The mark at `sequence` of these parcels, if they come so far.
pub(super) fn mark_at(parcels: &[pb::Parcel], sequence: u64) -> Option<pb::Mark> {
    let hash = match sequence {
        0 => Bytes::copy_from_slice(&LineHash::ZERO.0),
        _ => parcels.get(sequence as usize - 1)?.hash.clone(),
    };
    Some(pb::Mark { sequence, hash })
}

pub(super) fn last_mark(parcels: &[pb::Parcel]) -> pb::Mark {
    mark_at(parcels, parcels.len() as u64).expect("it is the last")
}

fn parcels(reader: &Reader, author: Place) -> Vec<pb::Parcel> {
    let mut parcels = Vec::new();
    let mut steps = reader.steps_of(author, 0);
    while let Some((sequence, entry)) = steps.next_step().expect("it can be read") {
        let (Record::Outbound(parcel) | Record::Inbound(parcel)) = entry.record else {
            panic!("entry {} is no step", entry.sequence);
        };
        assert_eq!(sequence, parcels.len() as u64 + 1, "sequences are gapless");
        parcels.push(pb::Parcel {
            sequence,
            envelope: parcel.envelope,
            payload: parcel.payload,
            hash: Bytes::copy_from_slice(&parcel.hash.0),
        });
    }
    parcels
}
