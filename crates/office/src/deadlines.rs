//! The times by which this office's own documents and offers want an answer.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Deadlines of own steps, by the line sequence of the step. Only open ones are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<u64, Timestamp>", into = "BTreeMap<u64, Timestamp>")]
pub(crate) struct Deadlines {
    by_time: BTreeSet<(Timestamp, u64)>,
    by_step: BTreeMap<u64, Timestamp>,
}

impl Deadlines {
    pub(crate) fn len(&self) -> u64 {
        self.by_step.len() as u64
    }

    /// The earliest.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }

    pub(crate) fn insert(&mut self, at: Timestamp, sequence: u64) {
        self.by_time.insert((at, sequence));
        self.by_step.insert(sequence, at);
    }

    pub(crate) fn remove(&mut self, sequence: u64) {
        if let Some(at) = self.by_step.remove(&sequence) {
            self.by_time.remove(&(at, sequence));
        }
    }

    /// The step of the earliest deadline that is not after `now`; it is kept no longer.
    pub(crate) fn take_passed(&mut self, now: Timestamp) -> Option<u64> {
        let (_, sequence) = *self.by_time.first().filter(|(at, _)| *at <= now)?;
        self.remove(sequence);
        Some(sequence)
    }
}

impl From<BTreeMap<u64, Timestamp>> for Deadlines {
    fn from(by_step: BTreeMap<u64, Timestamp>) -> Self {
        let by_time = by_step.iter().map(|(sequence, at)| (*at, *sequence));
        Self {
            by_time: by_time.collect(),
            by_step,
        }
    }
}

impl From<Deadlines> for BTreeMap<u64, Timestamp> {
    fn from(deadlines: Deadlines) -> Self {
        deadlines.by_step
    }
}
