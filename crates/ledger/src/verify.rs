//! Checks a ledger from the first byte to the last.

use bytes::Bytes;
use journal::{Fault, Seen, Storage};
use office::Place;
use office::authority::Name;
use office::line::LineHash;
use protocol::Written;
use serde::Serialize;

use crate::entry::{Entry, Parcel, Record};
use crate::error::LedgerError;
use crate::form::LedgerForm;
use crate::opening::refuse_newer_format;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Files.
    pub segments: u64,
    /// Entries whose frame, checksum, sequence, chain and line hash hold.
    pub entries: u64,
    /// Of them, this office's steps.
    pub outbound: u64,
    /// Of them, the peer's steps.
    pub inbound: u64,
    /// Entries whose frame, checksum, sequence and chain hold, of which this version does not know what they say: a newer
    /// one wrote them.
    pub newer: u64,
    /// Entries that were once durable, by the head mark or the snapshot, and are missing at the end.
    pub missing: u64,
    /// Everything that does not hold: file, offset, what. Empty if the ledger is sound.
    pub faults: Vec<Fault>,
}

/// Reads every byte of a ledger and checks everything that can be checked. After a fault it goes on with the next
/// whole entry. Beside a writer, a batch that is being written may show as a torn tail. A ledger of a newer format is
/// refused.
pub fn verify(storage: &dyn Storage) -> Result<Verification, LedgerError> {
    refuse_newer_format(storage)?;
    let mut checked = Checked::default();
    // One thread computes the chain, the other the line hashes.
    let found = journal::verify::<LedgerForm>(storage, |seen| match seen {
        Seen::Entry(entry) => checked.entry(entry),
        Seen::Gap => {
            checked.lose_count();
            Ok(())
        }
    })?;
    let [outbound, inbound] = checked.steps;
    Ok(Verification {
        segments: found.segments,
        entries: found.entries,
        outbound,
        inbound,
        newer: found.newer,
        missing: found.missing,
        faults: found.faults,
    })
}

/// Why a step cannot be of whom its envelope says made it.
pub(crate) fn could_not_be(written: &Written) -> Option<String> {
    let Written { step, author, .. } = written;
    if author.is_empty() {
        return None;
    }
    let name: Result<Name, _> = author.parse();
    match name {
        Ok(name) if name.could_author(step.id.place, step.kind) => None,
        Ok(name) => Some(format!(
            "{} ({}) could not have been made by {name}, as its envelope says",
            step.id, step.kind
        )),
        Err(error) => Some(format!("of who made {}: {error}", step.id)),
    }
}

/// How far the steps of one author have come; `None` behind a gap.
#[derive(Debug, Clone, Copy)]
struct Direction {
    hash: Option<LineHash>,
    sequence: Option<u64>,
}

impl Default for Direction {
    fn default() -> Self {
        Self {
            hash: Some(LineHash::ZERO),
            sequence: Some(0),
        }
    }
}

/// Checks what the entries say.
#[derive(Default)]
struct Checked {
    place: Option<Place>,
    directions: [Direction; 2],
    /// Own steps that hold, and the peer's.
    steps: [u64; 2],
}

impl Checked {
    /// From here on steps are taken as they come: one that is not there may have been of either office.
    fn lose_count(&mut self) {
        self.directions = [Direction {
            hash: None,
            sequence: None,
        }; 2];
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), String> {
        match &entry.record {
            Record::Outbound(parcel) => self.step(0, parcel),
            Record::Inbound(parcel) => self.step(1, parcel),
            Record::Opening { place, .. } => {
                self.place = Some(*place);
                match entry.sequence {
                    1 => Ok(()),
                    _ => Err("only the first entry begins a ledger".to_owned()),
                }
            }
            _ if entry.sequence == 1 => Err("it does not say whose ledger this is".to_owned()),
            _ => Ok(()),
        }
    }

    fn step(&mut self, direction: usize, parcel: &Parcel) -> Result<(), String> {
        // What a payload says is the rules' business; here only the envelope counts.
        let written = protocol::read_envelope(&parcel.envelope, &Bytes::new())
            .map_err(|error| error.to_string())?;
        let step = written.step;
        // Behind a lost opening the first step says whose ledger this is.
        let place = *self.place.get_or_insert(if direction == 0 {
            step.id.place
        } else {
            step.id.place.peer()
        });
        let author = if direction == 0 { place } else { place.peer() };
        let known = &mut self.directions[direction];
        let sequence = known.sequence.map_or(step.id.sequence, |before| before + 1);
        let hash = known.hash.map_or(parcel.hash, |before| {
            before.next(sequence, &parcel.envelope, &parcel.payload)
        });
        *known = Direction {
            hash: Some(parcel.hash),
            sequence: Some(sequence),
        };
        if (step.id.place, step.id.sequence) != (author, sequence) {
            return Err(format!(
                "it holds {}, where step {sequence} of {author} belongs",
                step.id
            ));
        }
        if hash != parcel.hash {
            return Err("the line hash does not hold".to_owned());
        }
        if let Some(why) = could_not_be(&written) {
            return Err(why);
        }
        self.steps[direction] += 1;
        Ok(())
    }
}
