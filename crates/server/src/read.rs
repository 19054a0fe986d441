//! Steps read back from the ledger.

use bytes::Bytes;
use ledger::{Entry, Reader, Record};
use office::{Collection, Refusal, Step, StepId};
use prost::Message;

use crate::status::damaged;

/// A step as the ledger holds it.
pub(crate) struct Read {
    pub(crate) step: Step,
    pub(crate) payload: Bytes,
}

impl Read {
    /// The step of `entry`; `None` for a note.
    pub(crate) fn of(entry: Entry) -> Result<Option<Self>, Refusal> {
        let (Record::Outbound(parcel) | Record::Inbound(parcel)) = entry.record else {
            return Ok(None);
        };
        let (step, _) = ledger::step_of(&parcel).map_err(|error| Refusal::DataLoss {
            what: format!(
                "entry {} has a faulty envelope: {error}; run `liaison ledger verify`",
                entry.sequence
            ),
        })?;
        Ok(Some(Self {
            step,
            payload: parcel.payload,
        }))
    }

    /// The payload as a message. A step that stands has one that can be read; of an inert one the rest is empty.
    pub(crate) fn message<M: Message + Default>(&self) -> M {
        M::decode(self.payload.clone()).unwrap_or_default()
    }
}

/// Reads a step that the office knows.
pub(crate) fn step(reader: &Reader, id: StepId) -> Result<Read, Refusal> {
    let entry = reader.step(id).map_err(|error| damaged(&error))?;
    match entry.map(Read::of).transpose()?.flatten() {
        Some(read) => Ok(read),
        None => Err(Refusal::NotFound {
            kind: "step",
            name: id.name(Collection::Steps),
        }),
    }
}
