//! Seeds of the simulator: three days of both offices under cuts, crashes and crossings, in some milliseconds.

use std::collections::BTreeMap;

use ledger::MemoryStorage;
use office::Place;
use scenario::Scenario;
use simulator::{Faults, Simulation};

use crate::draw::Draw;

const STORM: &str = include_str!("storm.toml");
/// One seed in so many is run again, and must give the same bytes.
const AGAIN_EVERY: u64 = 20;

/// What a run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Simulated {
    pub(crate) cuts: u64,
    pub(crate) crashes: u64,
    pub(crate) crossings: u64,
    pub(crate) exchanges: u64,
    pub(crate) again: bool,
}

/// Runs a seed. The simulation itself holds the running counts against the ledgers, and the offices against each
/// other; here the ledgers must reconcile, and the counts be those that the scenario states. Gives back what is wrong.
pub(crate) fn simulate_seed(number: u64, seed: u64) -> Result<Simulated, String> {
    let wrong = |what: String| format!("seed {seed}: {what}");
    let scenario = Scenario::parse("storm.toml", STORM).map_err(|error| error.to_string())?;
    let mut draw = Draw::new(seed);
    let faults = Faults {
        cuts: draw.within(0, 5) as u32,
        crashes: draw.within(0, 5) as u32,
        crossings: draw.within(1, 4) as u32,
    };
    let run = || -> Result<_, String> {
        let (south, north) = (MemoryStorage::default(), MemoryStorage::default());
        let simulation = Simulation::in_storages(&scenario, seed, south.clone(), north.clone());
        let outcome = simulation.with_faults(faults).run();
        Ok((
            outcome.map_err(|error| error.to_string())?,
            [south.contents(), north.contents()],
        ))
    };
    let (outcome, contents) = run().map_err(wrong)?;
    if !outcome.reconciliation.agreed {
        let differences = &outcome.reconciliation.differences;
        return Err(wrong(format!("the ledgers differ: {differences:?}")));
    }
    let totals = scenario.totals(seed, 1);
    for place in Place::BOTH {
        let tally = &outcome.tallies[place];
        let counted = (tally.documents(), tally.contacts(), tally.meetings());
        let crossed = outcome.crossed.counted;
        let stated = (
            totals.documents,
            totals.contacts() + crossed,
            totals.meetings() + crossed,
        );
        if counted != stated {
            return Err(wrong(format!(
                "documents, contacts and meetings are {counted:?} at {place}; {stated:?} took place"
            )));
        }
    }
    let again = number.is_multiple_of(AGAIN_EVERY);
    if again {
        let (_, second) = run().map_err(wrong)?;
        if let Some(name) = first_difference(&contents, &second) {
            return Err(wrong(format!(
                "{name} has other bytes when it is run again"
            )));
        }
    }
    Ok(Simulated {
        cuts: faults.cuts.into(),
        crashes: faults.crashes.into(),
        crossings: outcome.crossed.meetings,
        exchanges: outcome.tallies[Place::South].exchanges(),
        again,
    })
}

type Contents = BTreeMap<String, Vec<u8>>;

/// The first file that is not in both with the same bytes.
fn first_difference(one: &[Contents; 2], other: &[Contents; 2]) -> Option<String> {
    let differs = |place: usize, name: &String| one[place].get(name) != other[place].get(name);
    (0..2).find_map(|place| {
        let names = one[place].keys().chain(other[place].keys());
        let name = names.into_iter().find(|name| differs(place, name))?;
        Some(format!("{}/{name}", Place::BOTH[place]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_weathered_and_comes_again_with_its_seed() {
        let first = simulate_seed(0, 1).expect("it is weathered");
        assert!(first.again && first.crossings > 0 && first.exchanges > 20);
        assert_eq!(simulate_seed(0, 1), Ok(first));
    }

    #[test]
    fn another_byte_is_told_with_its_file() {
        let file = |byte| BTreeMap::from([("entries".to_owned(), vec![byte])]);
        let one = [file(1), file(2)];
        assert_eq!(first_difference(&one, &one.clone()), None);
        assert_eq!(
            first_difference(&one, &[file(1), file(3)]).as_deref(),
            Some("north/entries")
        );
        assert_eq!(
            first_difference(&one, &[file(1), BTreeMap::new()]).as_deref(),
            Some("north/entries")
        );
    }
}
