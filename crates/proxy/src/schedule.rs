//! Recurring cuts: when each begins and ends, from the seed.

use std::time::Duration;

use crate::draw::Draw;
use crate::quantity::Recurrence;

/// A change that a schedule makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    /// How long after the change before.
    pub(crate) after: Duration,
    /// Cut, or restored.
    pub(crate) cut: bool,
}

/// A recurring cut. Each time is drawn within a quarter of what was asked for, so that cuts do not fall into
/// step with what is cut.
#[derive(Debug)]
pub(crate) struct Schedule {
    recurrence: Recurrence,
    draw: Draw,
    cut: bool,
}

impl Schedule {
    pub(crate) fn new(recurrence: Recurrence, draw: Draw) -> Self {
        Self {
            recurrence,
            draw,
            cut: false,
        }
    }
}

/// Changes without end: cut, restored, cut, …
impl Iterator for Schedule {
    type Item = Change;

    fn next(&mut self) -> Option<Change> {
        let about = if self.cut {
            self.recurrence.cut_for
        } else {
            self.recurrence.open_for
        };
        self.cut = !self.cut;
        let micros = about.as_micros() as u64;
        let after = self.draw.within(micros - micros / 4, micros + micros / 4);
        Some(Change {
            after: Duration::from_micros(after),
            cut: self.cut,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cuts_and_restorations_alternate_within_a_quarter_of_what_was_asked(
            seed: u64,
            open_ms in 1_u64..100_000,
            cut_ms in 1_u64..100_000,
        ) {
            let (open_for, cut_for) = (Duration::from_millis(open_ms), Duration::from_millis(cut_ms));
            let changes = |seed| {
                Schedule::new(Recurrence { open_for, cut_for }, Draw::new(seed, 1)).take(50).collect::<Vec<_>>()
            };
            for (index, change) in changes(seed).into_iter().enumerate() {
                prop_assert_eq!(change.cut, index % 2 == 0);
                let about = if change.cut { open_for } else { cut_for };
                prop_assert!(change.after >= about * 3 / 4 && change.after <= about * 5 / 4);
            }
            prop_assert_eq!(changes(seed), changes(seed));
        }
    }
}
