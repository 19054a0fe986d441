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

/// What a tally is broken down by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The author's calendar day at the offices.
    Day,
    /// The author's week, named by its Monday.
    Week,
    /// The kind of contact; documents; calls.
    Kind,
    /// The office that sent, proposed, recorded or called.
    Office,
}

/// The kinds in the order of the record.
const KINDS: [Counted; 8] = [
    Counted::Contact(ContactKind::GovernmentOfficials),
    Counted::Contact(ContactKind::WorkingLevel),
    Counted::Contact(ContactKind::Chiefs),
    Counted::Contact(ContactKind::RegularConsultation),
    Counted::Contact(ContactKind::OnDemandConsultation),
    Counted::Contact(ContactKind::NotStated),
    Counted::Document,
    Counted::Call,
];

impl Counted {
    /// The word for it, which names its row.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Contact(kind) => kind.word(),
            Self::Document => "document",
            Self::Call => "call",
        }
    }
}

impl By {
    /// The row that a count belongs to: a day as `2018-09-14`, or a word.
    pub fn key(self, count: &Count) -> String {
        match self {
            Self::Day => count.day.to_string(),
            Self::Week => monday_of(count.day).to_string(),
            Self::Kind => count.what.word().to_owned(),
            Self::Office => count.office.to_string(),
        }
    }

    /// Sorts rows as the record tells them: kinds and offices in its order, days as they went by.
    pub fn sort<T>(self, rows: &mut [(String, T)]) {
        let place = |key: &str| match self {
            Self::Kind => KINDS.iter().position(|kind| kind.word() == key),
            Self::Office => Place::BOTH.iter().position(|place| place.word() == key),
            Self::Day | Self::Week => None,
        };
        rows.sort_by_cached_key(|(key, _)| (place(key), key.clone()));
    }
}

fn monday_of(day: Date) -> Date {
    let back = i64::from(day.weekday().to_monday_zero_offset());
    day.saturating_sub(jiff::Span::new().days(back))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_is_named_by_its_monday() {
        let sunday: Date = "2018-09-16".parse().expect("a day");
        assert_eq!(monday_of(sunday).to_string(), "2018-09-10");
        assert_eq!(monday_of(monday_of(sunday)).to_string(), "2018-09-10");
    }

    #[test]
    fn rows_stand_in_the_order_of_the_record() {
        let sorted = |by: By, keys: &[&str]| {
            let mut rows: Vec<_> = keys.iter().map(|key| ((*key).to_owned(), ())).collect();
            by.sort(&mut rows);
            rows.into_iter().map(|(key, ())| key).collect::<Vec<_>>()
        };
        let [officials, .., call] = KINDS.map(Counted::word);
        assert_eq!(
            sorted(By::Kind, &["document", call, officials]),
            [officials, "document", call]
        );
        assert_eq!(sorted(By::Office, &["north", "south"]), ["south", "north"]);
        let days = ["2018-10-01", "2018-09-14"];
        assert_eq!(sorted(By::Day, &days), ["2018-09-14", "2018-10-01"]);
    }
}
