//! Seeds of the simulator: the shipped scenario with cuts and crashes, run twice.

use ledger::MemoryStorage;
use scenario::Scenario;
use simulator::{Faults, Simulation};

const SCENARIO: &str = "kaesong-2018";
const FAULTS: Faults = Faults {
    cuts: 6,
    crashes: 6,
};

/// Runs a seed twice: the ledgers must reconcile, and be the same bytes. Gives back what is wrong.
pub(crate) fn simulate_seed(seed: u64) -> Result<(), String> {
    let text = scenario::shipped_text(SCENARIO).ok_or("the scenario is not shipped")?;
    let scenario = Scenario::parse(SCENARIO, text).map_err(|error| error.to_string())?;
    let first = run(&scenario, seed)?;
    if first != run(&scenario, seed)? {
        return Err(format!(
            "seed {seed} gives other ledgers when it is run again"
        ));
    }
    Ok(())
}

type Contents = std::collections::BTreeMap<String, Vec<u8>>;

fn run(scenario: &Scenario, seed: u64) -> Result<[Contents; 2], String> {
    let (south, north) = (MemoryStorage::default(), MemoryStorage::default());
    let simulation = Simulation::in_storages(scenario, seed, south.clone(), north.clone());
    let outcome = simulation.with_faults(FAULTS).run();
    let outcome = outcome.map_err(|error| format!("seed {seed}: {error}"))?;
    if !outcome.reconciliation.agreed {
        let differences = outcome.reconciliation.differences;
        return Err(format!("seed {seed}: the ledgers differ: {differences:?}"));
    }
    Ok([south.contents(), north.contents()])
}
