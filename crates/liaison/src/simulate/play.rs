//! Where the simulator comes in.

use std::path::Path;

use ledger::TallyReport;
use office::Place;
use scenario::Scenario;
use simulator::Simulation;

use super::report::Report;
use crate::failure::Failure;
use crate::system::Stopwatch;

/// Plays `scenario` under `seed`, with the ledgers in `out/south` and `out/north`.
pub(super) fn play(scenario: &Scenario, seed: u64, out: &Path) -> Result<Report, Failure> {
    let stopwatch = Stopwatch::start();
    let outcome = Simulation::on_disk(scenario, seed, out)
        .run()
        .map_err(|error| {
            Failure::Failed(format!("failed to simulate {}: {error}", scenario.name))
        })?;
    let wall = stopwatch.elapsed();
    let report = |place| TallyReport::from(&outcome.tallies[place]);
    Ok(Report {
        scenario: scenario.name.clone(),
        title: scenario.title.clone(),
        seed,
        days: scenario.calendar().days(),
        south: report(Place::South),
        north: report(Place::North),
        reconciled: outcome.reconciliation,
        steps: outcome.steps,
        wall,
        out: out.to_owned(),
    })
}
