//! Totals: what a scenario comes to, whatever the seed, held against what the record states.

use office::contact::ContactKind;

use crate::amount::TOTAL_MAX;
use reading::{Table, Value};

pub(crate) const TOTALS_KEYS: &[&str] = &["contacts", "meetings", "documents"];

/// How many exchanges a timeline of a scenario brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Contacts by kind, each kind once. A meeting counts when it is closed, a consultation when it
    /// is confirmed.
    pub contacts_by_kind: Vec<(ContactKind, u64)>,
    /// Documents; no part of the contacts.
    pub documents: u64,
}

impl Totals {
    pub(crate) fn new(parts: impl Iterator<Item = (ContactKind, u64)>, documents: u64) -> Self {
        let mut by_kind = std::collections::BTreeMap::new();
        for (kind, total) in parts {
            *by_kind.entry(kind).or_default() += total;
        }
        Self {
            contacts_by_kind: by_kind.into_iter().collect(),
            documents,
        }
    }

    /// All contacts.
    pub fn contacts(&self) -> u64 {
        self.contacts_by_kind.iter().map(|(_, total)| total).sum()
    }

    /// The contacts that are negotiated first.
    pub fn meetings(&self) -> u64 {
        let meetings = self
            .contacts_by_kind
            .iter()
            .filter(|(kind, _)| kind.is_meeting());
        meetings.map(|(_, total)| total).sum()
    }

    /// Says where the parts do not come to the totals that the file states.
    pub(crate) fn check(&self, table: &Table<'_>, parts_known: bool, rates: Rates) -> Option<()> {
        let sums = [
            (
                "contacts",
                self.contacts(),
                "the totals of `meetings` and `consultations`",
                rates.meetings || rates.consultations,
            ),
            (
                "meetings",
                self.meetings(),
                "the totals of `meetings`",
                rates.meetings,
            ),
            (
                "documents",
                self.documents,
                "`documents.total`",
                rates.documents,
            ),
        ];
        let mut right = true;
        for (key, sum, parts, is_rate) in sums {
            let Some(value) = table.optional(key) else {
                continue;
            };
            if is_rate {
                value.mistake(
                    format!(
                        "`{}` is stated, and comes of a rate that the seed draws from",
                        value.path()
                    ),
                    "leave it out, or write `total` in place of the rate",
                );
                right = false;
                continue;
            }
            let stated = value.integer(0..=TOTAL_MAX * 100);
            // A sum over parts of which one could not be read would be a mistake of our own.
            right &=
                stated.is_some_and(|stated| !parts_known || agrees(&value, stated, sum, parts));
        }
        right.then_some(())
    }
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        let kinds = std::mem::take(&mut self.contacts_by_kind);
        let parts = kinds.into_iter().chain(other.contacts_by_kind);
        *self = Self::new(parts, self.documents + other.documents);
    }
}

/// Which parts have no total, but a rate.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rates {
    pub(crate) documents: bool,
    pub(crate) meetings: bool,
    pub(crate) consultations: bool,
}

fn agrees(value: &Value<'_>, stated: u64, sum: u64, parts: &str) -> bool {
    if stated != sum {
        value.mistake(
            format!("`{}` is {stated}, and {parts} come to {sum}", value.path()),
            "change the one or the other",
        );
    }
    stated == sum
}
