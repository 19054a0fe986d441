//! The counts. Three counters are kept apart everywhere: contacts, documents, calls.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use crate::contact::ContactKind;
use crate::place::Place;

/// The offices keep Korea Standard Time, which knows no daylight saving; a day is a day there.
pub const OFFICE_TIME: Offset = Offset::constant(9);

/// The calendar day of `time` at the offices.
pub fn day_of(time: Timestamp) -> Date {
    OFFICE_TIME.to_datetime(time).date()
}

/// What one count counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Counted {
    /// A document, when SENT.
    Document,
    /// A closed meeting or a confirmed consultation.
    Contact(ContactKind),
    /// A call.
    Call,
}

/// One thing counted, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Count {
    /// The author's day.
    pub day: Date,
    /// The office that sent, proposed, recorded or called.
    pub office: Place,
    /// What.
    pub what: Counted,
}

/// The counts by day, office and kind: a pure fold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    cells: BTreeMap<Count, u64>,
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, count: Count) {
        *self.cells.entry(count).or_default() += 1;
    }

    /// Counts as many as `cells` says.
    pub fn add_cell(&mut self, count: Count, times: u64) {
        *self.cells.entry(count).or_default() += times;
    }

    /// All cells, in order.
    pub fn cells(&self) -> impl Iterator<Item = (Count, u64)> + '_ {
        self.cells.iter().map(|(count, times)| (*count, *times))
    }

    /// The sum of the cells that `wanted` takes.
    pub fn sum(&self, wanted: impl Fn(&Count) -> bool) -> u64 {
        self.cells
            .iter()
            .filter(|(count, _)| wanted(count))
            .map(|(_, times)| times)
            .sum()
    }

    /// Documents.
    pub fn documents(&self) -> u64 {
        self.sum(|count| count.what == Counted::Document)
    }

    /// Calls.
    pub fn calls(&self) -> u64 {
        self.sum(|count| count.what == Counted::Call)
    }

    /// Contacts of one kind.
    pub fn contacts_of(&self, kind: ContactKind) -> u64 {
        self.sum(|count| count.what == Counted::Contact(kind))
    }

    /// Contacts that were negotiated.
    pub fn meetings(&self) -> u64 {
        self.sum(|count| matches!(count.what, Counted::Contact(kind) if kind.is_meeting()))
    }

    /// All contacts.
    pub fn contacts(&self) -> u64 {
        self.sum(|count| matches!(count.what, Counted::Contact(_)))
    }

    /// Contacts and documents; calls stand beside, since the record counts none.
    pub fn exchanges(&self) -> u64 {
        self.contacts() + self.documents()
    }

    /// The tally broken down by a key.
    pub fn by<K: Ord>(&self, key: impl Fn(&Count) -> K) -> BTreeMap<K, Self> {
        let mut rows: BTreeMap<K, Self> = BTreeMap::new();
        for (count, times) in self.cells() {
            rows.entry(key(&count)).or_default().add_cell(count, times);
        }
        rows
    }
}
