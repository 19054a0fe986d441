//! Which step answered which document.

use serde::{Deserialize, Serialize};

use crate::pages::Pages;

/// Line sequences by line sequence. Four bytes each, as long as an office has written fewer than
/// four billion steps; the upper halves take pages only from then on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answers {
    lower: Pages<u32>,
    upper: Pages<u32>,
}

impl Answers {
    /// The sequence of the answer to the document at `sequence`; 0 if there is none.
    pub(crate) fn get(&self, sequence: u64) -> u64 {
        u64::from(self.upper.get(sequence)) << 32 | u64::from(self.lower.get(sequence))
    }

    pub(crate) fn set(&mut self, sequence: u64, answer: u64) {
        self.lower.set(sequence, answer as u32);
        let upper = (answer >> 32) as u32;
        if upper != self.upper.get(sequence) {
            self.upper.set(sequence, upper);
        }
    }
}
