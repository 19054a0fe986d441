//! A replay into two simulated offices, in simulated time: a simulated ledger comes out as it was.

use std::sync::Arc;
use std::time::Duration;

use client::{Awaited, Patience};
use jiff::Timestamp;
use replay::{Clock, Manner, Plan, Played, Progress, Recording, ReplayError, Selection, play};

use crate::{SimulationError, Stage};

/// What a scenario's officers have.
const PATIENCE: Patience = Patience {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(60),
    awaited: Awaited::Named,
};
const TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a replay into simulated offices failed.
#[derive(Debug, thiserror::Error)]
pub enum SimulatedError {
    /// The recording cannot be read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The simulation failed.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
}

/// The time at which simulated offices begin: when the recorded ones did.
fn start_of(recording: &Recording) -> Result<Timestamp, ReplayError> {
    Ok(recording.opened_at()?.unwrap_or(Timestamp::UNIX_EPOCH))
}

/// Plays a recording into simulated offices: `stage` is given the time at which they begin, which is that of the recorded
/// ones, or of the part that is wanted.
///
/// Officers act on the whole seconds on which a scenario has them act. So a simulated ledger without faults, replayed
/// under its own seed, comes out byte for byte; under another seed, in other milliseconds.
pub fn play_simulated(
    recording: &Recording,
    selection: Selection,
    seed: u64,
    stage: impl FnOnce(Timestamp) -> Stage,
    progress: Arc<Progress>,
) -> Result<Played, SimulatedError> {
    // Steps are made at their recorded times, so nobody waits for a part that is not wanted.
    let start = selection.from.max(Some(start_of(recording)?));
    let start = start.unwrap_or_default();
    let selection = Selection {
        begins_at: selection.begins_at.or(Some(start)),
        whole_seconds: true,
        ..selection
    };
    let manner = Manner {
        seed,
        streams: false,
        patience: PATIENCE,
        timeout: TIMEOUT,
        now: start,
    };
    let plan = Plan::new(recording, selection);
    let played =
        stage(start).act(|channels| play(plan, channels, manner, Clock::Runtime, progress))?;
    Ok(played?)
}

#[cfg(test)]
mod tests {
    use ledger::MemoryStorage;
    use office::Place;
    use replay::{Rules, compare};
    use scenario::Scenario;

    use super::*;
    use crate::Simulation;

    fn simulated(seed: u64) -> Recording {
        let text = scenario::shipped_text("kaesong-2018").expect("it is shipped");
        let scenario = Scenario::parse("kaesong-2018.toml", text).expect("it has no mistake");
        let (south, north) = (MemoryStorage::default(), MemoryStorage::default());
        Simulation::in_storages(&scenario, seed, south.clone(), north.clone())
            .run()
            .expect("it can be simulated");
        recording(&south, &north)
    }

    fn recording(south: &MemoryStorage, north: &MemoryStorage) -> Recording {
        let read = |storage| ledger::read(storage).expect("it is a ledger");
        Recording::of_pair(read(south), read(north)).expect("one of each")
    }

    fn replayed(recorded: &Recording, seed: u64, selection: Selection) -> (Played, Recording) {
        let (south, north) = (MemoryStorage::default(), MemoryStorage::default());
        let stage = |start| Stage::in_storages(start, seed, south.clone(), north.clone());
        let played = play_simulated(recorded, selection, seed, stage, Arc::default());
        let played = played.expect("it can be replayed");
        (played, recording(&south, &north))
    }

    /// Every entry's chain, which runs over all of its bytes.
    fn chains(recording: &Recording, place: Place) -> Vec<ledger::Chain> {
        let mut cursor = recording.reader(place).after(0);
        let next = || cursor.next_entry().expect("it can be read");
        std::iter::from_fn(next).map(|entry| entry.chain).collect()
    }

    #[test]
    fn under_its_own_seed_a_simulated_ledger_comes_out_byte_for_byte() {
        for seed in [1, 7] {
            let recorded = simulated(seed);
            let (played, again) = replayed(&recorded, seed, Selection::default());
            let steps = Plan::new(&recorded, Selection::default()).count() as u64;
            assert_eq!((played.made, played.refused), (steps, 0));
            for place in Place::BOTH {
                assert_eq!(chains(&recorded, place), chains(&again, place), "{place}");
            }
        }
    }

    #[test]
    fn under_another_seed_it_comes_out_the_same_but_for_ids_and_times() {
        let recorded = simulated(1);
        for speed in [replay::Speed::Times(60.0), replay::Speed::Max] {
            let selection = Selection {
                speed,
                ..Selection::default()
            };
            let (played, again) = replayed(&recorded, 5, selection);
            assert_eq!(
                (played.made, played.refused),
                (1_163, 0),
                "{:?}",
                played.refusals
            );
            let found = compare(recorded.sides(), again.sides(), &Rules::default());
            let found = found.expect("both can be read");
            assert_eq!(found.differences, [], "{speed}");
            assert_eq!(found.steps, 1_163);
        }
    }

    #[test]
    fn a_part_begins_where_it_does_and_keeps_its_times() {
        let recorded = simulated(1);
        let from = "2018-12-01T00:00:00+09:00".parse().expect("a time");
        let selection = Selection {
            from: Some(from),
            only: vec![office::StepKind::CallRecorded],
            ..Selection::default()
        };
        let (played, again) = replayed(&recorded, 1, selection.clone());
        assert!(played.made > 20 && played.refused == 0, "{played:?}");
        assert_eq!(again.opened_at().expect("it reads"), Some(from));
        let times = |recording: &Recording| -> Vec<_> {
            let plan = Plan::new(recording, selection.clone());
            let wanted = plan.map(|step| step.expect("it reads"));
            let wanted = wanted.filter(|step| step.verdict == replay::Verdict::Make);
            wanted
                .map(|step| step.recorded.step.authored_at.as_second())
                .collect()
        };
        assert_eq!(times(&recorded), times(&again));
    }
}
