//! A recorded pair as it is read: each office's own steps, in their order.

use bytes::Bytes;
use jiff::Timestamp;
use ledger::{LedgerError, Reader, Record, Steps};
use office::{PerPlace, Place, RequestId, Step, StepId};

/// Why a recording cannot be read or played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A step's envelope cannot be read.
    #[error(
        "entry {entry} of the {place} office's ledger is no step that can be replayed: {what}; \
         run `liaison ledger verify` on it"
    )]
    Envelope {
        /// Whose ledger.
        place: Place,
        /// The entry's sequence.
        entry: u64,
        /// What is wrong with it.
        what: String,
    },
    /// Both ledgers are of one office.
    #[error(
        "both ledgers belong to the {place} office; name one of each, or a directory with south/ and north/ inside"
    )]
    SamePlace {
        /// Whose they are.
        place: Place,
    },
    /// What a running office recorded cannot be fetched.
    #[error(
        "failed to read what the {place} office recorded: {}; check that it runs, and verify again with `liaison ledger diff`",
        status.message()
    )]
    Fetch {
        /// Which office.
        place: Place,
        /// Its answer.
        status: Box<tonic::Status>,
    },
}

/// A step as it was recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The step.
    pub step: Step,
    /// The request that caused it; `None` if a clock did.
    pub request_id: Option<RequestId>,
    /// The payload's bytes.
    pub payload: Bytes,
    /// The entry that it was read from.
    pub entry: u64,
}

impl Recorded {
    /// Reads a step from the entry of `place`'s ledger; `None` for a local entry.
    pub fn from_entry(place: Place, entry: ledger::Entry) -> Result<Option<Self>, ReplayError> {
        let (Record::Outbound(parcel) | Record::Inbound(parcel)) = entry.record else {
            return Ok(None);
        };
        let (step, request_id) =
            ledger::step_of(&parcel).map_err(|error| ReplayError::Envelope {
                place,
                entry: entry.sequence,
                what: error.what,
            })?;
        Ok(Some(Self {
            step,
            request_id,
            payload: parcel.payload,
            entry: entry.sequence,
        }))
    }

    /// The steps that must be recorded at the acting office before this one: what it answers.
    pub fn answers(&self) -> impl Iterator<Item = StepId> {
        self.step
            .parent
            .into_iter()
            .chain(protocol::reply_of(self.step.kind, &self.payload))
    }
}

/// Both offices' steps, from the two ledgers of a pair or from one, which holds both.
#[derive(Debug, Clone)]
pub struct Recording {
    readers: PerPlace<Reader>,
}

impl Recording {
    /// The recording that one ledger is.
    pub fn of_one(reader: Reader) -> Self {
        Self {
            readers: PerPlace::new(reader.clone(), reader),
        }
    }

    /// The recording that the two ledgers of a pair are, in whichever order.
    pub fn of_pair(one: Reader, other: Reader) -> Result<Self, ReplayError> {
        let readers = match (one.place(), other.place()) {
            (Place::South, Place::North) => PerPlace::new(one, other),
            (Place::North, Place::South) => PerPlace::new(other, one),
            (place, _) => return Err(ReplayError::SamePlace { place }),
        };
        Ok(Self { readers })
    }

    /// The ledger that `author`'s steps are read from.
    pub fn reader(&self, author: Place) -> &Reader {
        &self.readers[author]
    }

    /// The steps that `author` made, in order.
    pub fn lane(&self, author: Place) -> Lane {
        let reader = &self.readers[author];
        Lane {
            place: reader.place(),
            steps: reader.steps_of(author, 0),
        }
    }

    /// When the older ledger was begun.
    pub fn opened_at(&self) -> Result<Option<Timestamp>, ReplayError> {
        let mut opened = None;
        for place in Place::BOTH {
            let at = self.readers[place].get(1)?.map(|entry| entry.recorded_at);
            opened = match (opened, at) {
                (Some(one), Some(other)) => Some(std::cmp::min::<Timestamp>(one, other)),
                (one, other) => one.or(other),
            };
        }
        Ok(opened)
    }
}

/// One office's steps.
#[derive(Debug)]
pub struct Lane {
    place: Place,
    steps: Steps,
}

impl Lane {
    /// The next step.
    pub fn next_step(&mut self) -> Result<Option<Recorded>, ReplayError> {
        match self.steps.next_step()? {
            Some((_, entry)) => Recorded::from_entry(self.place, entry),
            None => Ok(None),
        }
    }
}

impl Iterator for Lane {
    type Item = Result<Recorded, ReplayError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_step().transpose()
    }
}
