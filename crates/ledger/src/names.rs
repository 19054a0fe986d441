//! The names that steps were given anew, by the names that were recorded: of a replay, or of a part of a ledger.

use std::collections::VecDeque;

use office::{PerPlace, StepId};

/// Runs remembered for each office: 24 bytes each. A run is as long as nobody else makes steps at the office.
const RUNS_MAX: usize = 1 << 20;

/// Steps recorded one after another that were given names one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    recorded: u64,
    given: u64,
    len: u64,
}

/// Which recorded step became which. The steps of one office come in their order, so runs do for millions.
#[derive(Debug, Clone, Default)]
pub struct Names {
    runs: PerPlace<VecDeque<Run>>,
}

impl Names {
    /// `recorded` was given the name `given`, later than every step before it of the same office.
    pub fn give(&mut self, recorded: StepId, given: StepId) {
        let runs = &mut self.runs[recorded.place];
        if let Some(last) = runs.back_mut()
            && last.recorded + last.len == recorded.sequence
            && last.given + last.len == given.sequence
        {
            last.len += 1;
            return;
        }
        if runs.len() == RUNS_MAX {
            runs.pop_front();
        }
        runs.push_back(Run {
            recorded: recorded.sequence,
            given: given.sequence,
            len: 1,
        });
    }

    /// The name that `recorded` was given; `None` if it was not replayed (or a million runs ago).
    pub fn get(&self, recorded: StepId) -> Option<StepId> {
        let runs = &self.runs[recorded.place];
        let at = runs
            .partition_point(|run| run.recorded <= recorded.sequence)
            .checked_sub(1)?;
        let run = runs[at];
        let offset = recorded.sequence - run.recorded;
        (offset < run.len).then(|| StepId::new(recorded.place, run.given + offset))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use office::Place;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_name_given_is_found_again(
            gaps in prop::collection::vec((any::<bool>(), 1_u64..4, 1_u64..4), 1..200),
        ) {
            let mut names = Names::default();
            let mut known = BTreeMap::new();
            let mut last = PerPlace::<(u64, u64)>::default();
            for (north, recorded_gap, given_gap) in gaps {
                let place = Place::BOTH[usize::from(north)];
                let (recorded, given) = &mut last[place];
                *recorded += recorded_gap;
                *given += given_gap;
                let (recorded, given) = (StepId::new(place, *recorded), StepId::new(place, *given));
                names.give(recorded, given);
                known.insert(recorded, given);
            }
            for place in Place::BOTH {
                for sequence in 0..=last[place].0 + 2 {
                    let id = StepId::new(place, sequence);
                    prop_assert_eq!(names.get(id), known.get(&id).copied());
                }
            }
        }
    }

    #[test]
    fn an_undisturbed_replay_is_one_run() {
        let mut names = Names::default();
        for sequence in 1..=100_000 {
            let recorded = StepId::new(Place::South, sequence);
            names.give(recorded, StepId::new(Place::South, sequence + 7));
        }
        assert_eq!(names.runs[Place::South].len(), 1);
    }
}
