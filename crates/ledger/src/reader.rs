//! Reading: by cursor, by sequence, by step, by time. Constant memory, and only what is durable.

use bytes::Bytes;
use jiff::Timestamp;
use office::{Place, StepId};

use crate::codec::{INBOUND, OUTBOUND, glance};
use crate::entry::{Entry, Record};
use crate::error::LedgerError;
use crate::form::{LedgerForm, Progress};

/// Reads entries one after another. At the end of what is durable it gives `None`, and goes on later.
pub type Cursor = journal::Cursor<LedgerForm>;

/// Reads a ledger. Cheap to clone; safe beside the writer.
#[derive(Debug, Clone)]
pub struct Reader {
    place: Place,
    journal: journal::Reader<LedgerForm>,
}

impl Reader {
    pub(crate) fn new(place: Place, journal: journal::Reader<LedgerForm>) -> Self {
        Self { place, journal }
    }

    /// Whose ledger it is.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The journal under it.
    pub(crate) fn journal(&self) -> &journal::Reader<LedgerForm> {
        &self.journal
    }

    /// The highest sequence that can be read.
    pub fn sequence(&self) -> u64 {
        self.journal.sequence()
    }

    /// Its length on disk, in bytes.
    pub fn bytes(&self) -> u64 {
        self.journal.bytes()
    }

    /// A cursor over the entries after `sequence`.
    pub fn after(&self, sequence: u64) -> Cursor {
        self.journal.after(sequence)
    }

    /// A cursor that begins with the first entry recorded at or after `time`.
    pub fn from_time(&self, time: Timestamp) -> Cursor {
        let (cursor, _) = self.journal.where_counted(|before| before.latest < time);
        cursor.skip_while(move |entry| entry.recorded_at < time)
    }

    /// The entry with this sequence.
    pub fn get(&self, sequence: u64) -> Result<Option<Entry>, LedgerError> {
        self.journal.get(sequence)
    }

    /// Gives every entry to `each`, in order; a long ledger is read ahead on a second thread.
    pub(crate) fn for_each(&self, each: impl FnMut(Entry)) -> Result<(), LedgerError> {
        self.journal.for_each(each)
    }

    /// The entry of a step.
    pub fn step(&self, id: StepId) -> Result<Option<Entry>, LedgerError> {
        self.steps_of(id.place, id.sequence.saturating_sub(1))
            .next_step()
            .map(|found| {
                found
                    .filter(|(sequence, _)| *sequence == id.sequence)
                    .map(|(_, entry)| entry)
            })
    }

    /// The steps of one author after one of its line sequences, in order.
    pub fn steps_of(&self, author: Place, after: u64) -> Steps {
        let direction = if author == self.place {
            Passed::Outbound
        } else {
            Passed::Inbound
        };
        let (cursor, before) = self
            .journal
            .where_counted(|before| direction.counted(before) <= after);
        Steps {
            cursor,
            direction,
            sequence: direction.counted(&before),
            after,
        }
    }
}

/// What an entry was, as far as whoever counts steps asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passed {
    Outbound,
    Inbound,
    Note,
}

impl Passed {
    fn of(entry: &Entry) -> Self {
        match &entry.record {
            Record::Outbound(_) => Self::Outbound,
            Record::Inbound(_) => Self::Inbound,
            _ => Self::Note,
        }
    }

    /// What a body holds, and its sequence; `None` if it does not begin as a step does.
    fn in_body(body: &Bytes) -> Option<(u64, Self)> {
        let (sequence, direction) = glance(body)?;
        let passed = match direction as u8 {
            OUTBOUND => Self::Outbound,
            INBOUND => Self::Inbound,
            _ => Self::Note,
        };
        Some((sequence, passed))
    }

    fn counted(self, progress: &Progress) -> u64 {
        match self {
            Self::Outbound => progress.outbound,
            Self::Inbound => progress.inbound,
            Self::Note => 0,
        }
    }
}

/// The steps of one author.
#[derive(Debug)]
pub struct Steps {
    cursor: Cursor,
    direction: Passed,
    sequence: u64,
    after: u64,
}

impl Steps {
    /// The next step's line sequence and entry; `None` when there is none yet.
    pub fn next_step(&mut self) -> Result<Option<(u64, Entry)>, LedgerError> {
        while self.sequence < self.after {
            let Some(passed) = self.cursor.pass(Passed::in_body, Passed::of)? else {
                return Ok(None);
            };
            self.sequence += u64::from(passed == self.direction);
        }
        let direction = self.direction;
        let others = move |body: &Bytes| {
            let (sequence, passed) = Passed::in_body(body)?;
            (passed != direction).then_some(sequence)
        };
        loop {
            match self.cursor.next_but(others)? {
                Some(entry) if Passed::of(&entry) != direction => {}
                Some(entry) => {
                    self.sequence += 1;
                    return Ok(Some((self.sequence, entry)));
                }
                None => return Ok(None),
            }
        }
    }
}
