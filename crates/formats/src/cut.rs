//! A part of a ledger, by time, as a pair of ledgers of its own.
//!
//! What is kept are exchanges that began within the window, each as far as it had come by its end. A step of an
//! exchange that began before could stand on nothing there, so it is left out, and counted. Steps get the names that
//! follow from their new places; payloads stay the bytes that came in, but for the name of a document that is answered.

use bytes::Bytes;
use jiff::Timestamp;
use ledger::{Entry, LedgerError, Names, Parcel, Reader, Record};
use office::{PerPlace, Place, Step, StepId, Tally};
use protocol::Written;

use crate::pair::{PairError, PairWriter};

/// Author's times; what is `None` has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// The first time that is wanted.
    pub from: Option<Timestamp>,
    /// The first time that is not wanted any more.
    pub until: Option<Timestamp>,
}

/// Why a part cannot be cut out.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// A ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The part cannot be written.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// A step's envelope cannot be read.
    #[error(
        "entry {entry} of the {place} office's ledger cannot be read as a step: {what}; run `liaison ledger verify` on it"
    )]
    Envelope {
        /// Whose ledger.
        place: Place,
        /// The entry's sequence.
        entry: u64,
        /// What is wrong.
        what: String,
    },
    /// No exchange began within the window.
    #[error("nothing began {window}; the ledger's steps are from {first} to {last}", window = words(.window))]
    Nothing {
        /// The window.
        window: Window,
        /// The time of the ledger's earliest step.
        first: Timestamp,
        /// The time of its latest.
        last: Timestamp,
    },
    /// The ledger holds no step at all.
    #[error("the {place} office's ledger holds no step; name one that does")]
    Empty {
        /// Whose ledger.
        place: Place,
    },
}

/// What was cut out, and what was not, in steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cut {
    /// Steps kept, of each office.
    pub steps: PerPlace<u64>,
    /// Steps before the window.
    pub before: u64,
    /// Steps behind the window.
    pub after: u64,
    /// Steps within the window of exchanges that began before it.
    pub begun_before: u64,
    /// Documents kept that answer one that was not: they no longer say which.
    pub unanchored: u64,
    /// Steps of the other office that this ledger had not received.
    pub not_received: u64,
    /// What the part counts.
    pub tally: Tally,
}

/// A part of a ledger that can be cut out.
#[derive(Debug)]
pub struct Cutting<'a> {
    reader: &'a Reader,
    peers: Option<&'a Reader>,
    window: Window,
}

impl<'a> Cutting<'a> {
    /// The part of `reader`'s ledger that `window` holds: something must have begun there. One ledger holds the steps
    /// of both offices; of `peers`, its peer's, only what it had not received is counted.
    pub fn of(
        reader: &'a Reader,
        peers: Option<&'a Reader>,
        window: Window,
    ) -> Result<Self, CutError> {
        let mut range: Option<(Timestamp, Timestamp)> = None;
        let mut cursor = reader.after(0);
        while let Some(entry) = cursor.next_entry()? {
            let Some((_, Written { step, .. })) = step_of(reader.place(), entry)? else {
                continue;
            };
            if step.parent.is_none() && window.holds(step.authored_at) {
                return Ok(Self {
                    reader,
                    peers,
                    window,
                });
            }
            let (first, last) = range.unwrap_or((step.authored_at, step.authored_at));
            range = Some((first.min(step.authored_at), last.max(step.authored_at)));
        }
        let Some((first, last)) = range else {
            return Err(CutError::Empty {
                place: reader.place(),
            });
        };
        Err(CutError::Nothing {
            window,
            first,
            last,
        })
    }

    /// When the part's ledgers begin: with the window, or where the original did.
    pub fn opened_at(&self) -> Result<Timestamp, CutError> {
        let opening = self.reader.get(1)?.map(|entry| entry.recorded_at);
        Ok(opening.max(self.window.from).unwrap_or_default())
    }

    /// Writes the part into `pair`, which holds nothing yet.
    pub fn write(&self, mut pair: PairWriter) -> Result<Cut, CutError> {
        let mut cut = Cut::default();
        let mut names = Names::default();
        let mut received = 0;
        let place = self.reader.place();
        let mut cursor = self.reader.after(0);
        while let Some(entry) = cursor.next_entry()? {
            let recorded_at = entry.recorded_at;
            let Some((parcel, written)) = step_of(place, entry)? else {
                continue;
            };
            let step = written.step;
            received += u64::from(step.id.place != place);
            let parent = step.parent.map(|parent| names.get(parent));
            if !self.keeps(&step, parent, &mut cut) {
                continue;
            }
            let author = step.id.place;
            let id = StepId::new(author, pair.next_sequence(author));
            names.give(step.id, id);
            let payload = answering(&step, parcel.payload, &names, &mut cut.unanchored);
            let step = Step {
                id,
                parent: parent.flatten(),
                ..step
            };
            let written = Written { step, ..written };
            pair.record(recorded_at, &written, payload)?;
            cut.steps[author] += 1;
        }
        if let Some(peers) = self.peers {
            let mut rest = peers.steps_of(place.peer(), received);
            while rest.next_step()?.is_some() {
                cut.not_received += 1;
            }
        }
        cut.tally = pair.finish()?;
        Ok(cut)
    }

    /// Whether a step is kept; what is not is counted. `parent` is what it follows, by its new name if it has one.
    fn keeps(&self, step: &Step, parent: Option<Option<StepId>>, cut: &mut Cut) -> bool {
        let time = step.authored_at;
        let Window { from, until } = self.window;
        if until.is_some_and(|until| time >= until) {
            cut.after += 1;
            return false;
        }
        match parent {
            // Two clocks may disagree: what follows a step that is kept is kept.
            Some(Some(_)) => true,
            None if self.window.holds(time) => true,
            _ if from.is_some_and(|from| time < from) => {
                cut.before += 1;
                false
            }
            _ => {
                cut.begun_before += 1;
                false
            }
        }
    }
}

impl Window {
    fn holds(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| time >= from) && self.until.is_none_or(|until| time < until)
    }
}

/// The payload with the document that it answers named anew, or not named if it was not kept.
fn answering(step: &Step, payload: Bytes, names: &Names, unanchored: &mut u64) -> Bytes {
    match protocol::reply_of(step.kind, &payload) {
        None => payload,
        Some(reply) => match names.get(reply) {
            Some(given) if given == reply => payload,
            Some(given) => protocol::with_reply(&payload, given),
            None => {
                *unanchored += 1;
                protocol::without_reply(&payload)
            }
        },
    }
}

type Read = (Parcel, Written);

/// The step of an entry of `place`'s ledger; `None` for a local one.
fn step_of(place: Place, entry: Entry) -> Result<Option<Read>, CutError> {
    let (Record::Outbound(parcel) | Record::Inbound(parcel)) = entry.record else {
        return Ok(None);
    };
    match protocol::read_envelope(&parcel.envelope, &parcel.payload) {
        Ok(written) => Ok(Some((parcel, written))),
        Err(error) => Err(CutError::Envelope {
            place,
            entry: entry.sequence,
            what: error.what,
        }),
    }
}

fn words(window: &Window) -> String {
    match (window.from, window.until) {
        (Some(from), Some(until)) => format!("from {from} until {until}"),
        (Some(from), None) => format!("from {from} on"),
        (None, Some(until)) => format!("before {until}"),
        (None, None) => "at any time".to_owned(),
    }
}

#[cfg(test)]
mod tests;
