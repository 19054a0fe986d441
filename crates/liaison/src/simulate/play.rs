//! Where the simulator comes in.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::tz::TimeZone;
use office::{PerPlace, Place, Tally};
use scenario::Scenario;
use simulator::{Outcome, Simulation};
use words::labels::Labels;

use super::plan::{Plan, on_all_processors};
use super::report::Report;
use command::failure::Failure;
use command::system::Stopwatch;

/// Where a pair's ledgers go.
fn directory_of(pair: u64, plan: Plan, out: &Path) -> PathBuf {
    match plan.pairs {
        1 => out.to_owned(),
        _ => out.join(format!("pair-{}", pair + 1)),
    }
}

/// What the scenario calls its offices and their ranks.
fn labels_of(scenario: &Scenario) -> Labels {
    let mut labels = Labels::default();
    for place in Place::BOTH {
        for (rank, label) in scenario.labels(place) {
            labels.add(place, rank, label);
        }
    }
    labels
}

/// Plays `scenario` as `plan` says. The ledgers of one pair go to `room/south` and `room/north`, those of several to
/// `room/pair-1/south` and so on; they are told of as they will lie in `out`.
pub(super) fn play(
    scenario: &Scenario,
    plan: Plan,
    room: &Path,
    out: &Path,
) -> Result<Report, Failure> {
    let stopwatch = Stopwatch::start();
    let outcomes = Mutex::new(Vec::new());
    on_all_processors(
        plan.pairs,
        |pair| {
            let seed = plan.seed_of(pair);
            let outcome = Simulation::on_disk(scenario, seed, &directory_of(pair, plan, room))
                .with_timeline(plan.timeline(scenario, seed))
                .with_faults(plan.faults)
                .run();
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes.push((pair, outcome));
        },
        |done| match plan.pairs {
            1 => format!("{} is being played", scenario.name),
            pairs => format!("{done} of {pairs} pairs"),
        },
    );
    let mut outcomes = outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_unstable_by_key(|(pair, _)| *pair);
    let mut sum = Sum::default();
    for (pair, outcome) in outcomes {
        let outcome = outcome.map_err(|error| {
            let seed = plan.seed_of(pair);
            Failure::Failed(format!(
                "failed to simulate {} under seed {seed}: {error}",
                scenario.name
            ))
        })?;
        sum.add(outcome);
    }
    let zone = TimeZone::fixed(scenario.calendar().utc_offset());
    let labels = labels_of(scenario);
    for pair in 0..plan.pairs {
        let directory = directory_of(pair, plan, room);
        records::zone::keep(&directory, &zone)?;
        records::labels::keep(&directory, &labels)?;
    }
    words::labels::set(labels);
    let wall = stopwatch.elapsed();
    Ok(Report {
        scenario: scenario.name.clone(),
        title: scenario.title.clone(),
        plan,
        days: scenario.calendar().days(),
        south: protocol::tally_to_pb(&sum.tallies[Place::South]),
        north: protocol::tally_to_pb(&sum.tallies[Place::North]),
        reconciled: sum.reconciled.expect("there is a pair"),
        steps: sum.steps,
        wall,
        shown: directory_of(0, plan, out),
        out: out.to_owned(),
    })
}

/// All pairs together.
#[derive(Default)]
struct Sum {
    steps: u64,
    tallies: PerPlace<Tally>,
    reconciled: Option<ledger::Reconciliation>,
}

impl Sum {
    fn add(&mut self, outcome: Outcome) {
        self.steps += outcome.steps;
        for place in Place::BOTH {
            for (count, times) in outcome.tallies[place].cells() {
                self.tallies[place].add_cell(count, times);
            }
        }
        let one = outcome.reconciliation;
        match &mut self.reconciled {
            None => self.reconciled = Some(one),
            Some(all) => {
                all.agreed &= one.agreed;
                all.south_to_north += one.south_to_north;
                all.north_to_south += one.north_to_south;
                all.differences.extend(one.differences);
            }
        }
    }
}
