//! `liaison simulate --seeds A..B`: many seeds at once, of which only failures are told.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ledger::MemoryStorage;
use office::{PerPlace, Place};
use scenario::Scenario;
use serde_json::{Value, json};
use simulator::Simulation;
use words::figures::thousands;
use words::style::clean;
use words::time;

use super::plan::{Plan, on_all_processors};
use command::failure::Failure;
use command::system::Stopwatch;

/// Failures that are told; a summary counts the others.
const TOLD_MAX: usize = 20;

/// What a range of seeds came to.
#[derive(Debug, Default)]
pub(super) struct Checked {
    scenario: String,
    seeds: u64,
    steps: u64,
    exchanges: u64,
    crossings: u64,
    failures: Vec<(u64, String)>,
    wall: Duration,
}

/// Plays every seed twice, in memory, on all processors. The counts must be those that the scenario states, the
/// ledgers must reconcile, and the second run must give the same bytes.
pub(super) fn check(scenario: &Scenario, seeds: Range<u64>, plan: Plan) -> Checked {
    let stopwatch = Stopwatch::start();
    let checked = Mutex::new(Checked::default());
    let locked = || checked.lock().unwrap_or_else(PoisonError::into_inner);
    let count = seeds.end - seeds.start;
    on_all_processors(
        count,
        |number| {
            let seed = seeds.start + number;
            let played = play(scenario, seed, plan);
            let mut checked = locked();
            checked.seeds += 1;
            match played {
                Ok(played) => {
                    checked.steps += played.steps;
                    checked.exchanges += played.exchanges;
                    checked.crossings += played.crossings;
                }
                Err(what) => checked.failures.push((seed, what)),
            }
        },
        |done| {
            let failed = locked().failures.len();
            let (done, count) = (thousands(done), thousands(count));
            format!("{done} of {count} seeds, {failed} failed")
        },
    );
    let mut checked = checked.into_inner().unwrap_or_else(PoisonError::into_inner);
    checked.scenario.clone_from(&scenario.name);
    checked.failures.sort_unstable();
    checked.wall = stopwatch.elapsed();
    checked
}

struct Played {
    steps: u64,
    exchanges: u64,
    crossings: u64,
}

fn play(scenario: &Scenario, seed: u64, plan: Plan) -> Result<Played, String> {
    let run = || {
        let (south, north) = (MemoryStorage::default(), MemoryStorage::default());
        let simulation = Simulation::in_storages(scenario, seed, south.clone(), north.clone());
        let simulation = simulation.with_timeline(plan.timeline(scenario, seed));
        let outcome = simulation.with_faults(plan.faults).run();
        let outcome = outcome.map_err(|error| error.to_string())?;
        Ok::<_, String>((outcome, PerPlace::new(south.contents(), north.contents())))
    };
    let (outcome, contents) = run()?;
    if let Some(difference) = outcome.reconciliation.differences.first() {
        return Err(format!("the ledgers differ: {difference}"));
    }
    // What is broken off comes to less.
    if plan.until.is_none() {
        let totals = scenario.totals(seed, plan.scale);
        let crossed = outcome.crossed.counted;
        let stated = (
            totals.contacts() + crossed,
            totals.meetings() + crossed,
            totals.documents,
        );
        for place in Place::BOTH {
            let tally = &outcome.tallies[place];
            let counted = (tally.contacts(), tally.meetings(), tally.documents());
            if counted != stated {
                return Err(format!(
                    "contacts, meetings and documents are {counted:?} at {place}, where {stated:?} took place"
                ));
            }
        }
    }
    let (_, again) = run()?;
    for place in Place::BOTH {
        if contents[place] != again[place] {
            return Err(format!(
                "{place}'s ledger has other bytes when it is run again"
            ));
        }
    }
    Ok(Played {
        steps: outcome.steps,
        exchanges: outcome.tallies[Place::South].exchanges(),
        crossings: outcome.crossed.meetings,
    })
}

impl Checked {
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for (seed, what) in self.failures.iter().take(TOLD_MAX) {
            let _ = writeln!(text, "seed {seed}: {}", clean(what));
        }
        let more = self.failures.len().saturating_sub(TOLD_MAX);
        if more > 0 {
            let _ = writeln!(text, "and {more} more");
        }
        let _ = writeln!(
            text,
            "{}: {} seeds, each played twice, in {}: {} steps, {} exchanges, {} crossings; {} failed",
            self.scenario,
            thousands(self.seeds),
            time::duration_words(self.wall),
            thousands(self.steps),
            thousands(self.exchanges),
            thousands(self.crossings),
            self.failures.len()
        );
        text
    }

    pub(super) fn to_json(&self) -> Value {
        let failure = |(seed, what): &(u64, String)| json!({"seed": seed, "what": what});
        json!({
            "scenario": self.scenario,
            "seeds": self.seeds,
            "steps": self.steps,
            "exchanges": self.exchanges,
            "crossings": self.crossings,
            "failed": self.failures.len(),
            "failures": self.failures.iter().map(failure).collect::<Vec<_>>(),
            "wall_ms": self.wall.as_millis() as u64,
        })
    }

    /// Fails if any seed did.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.failures.first() {
            None => Ok(()),
            Some((seed, _)) => Err(Failure::Disagreed(format!(
                "{} of {} seeds failed; play one again with `liaison simulate {} --seeds {seed}..{}` and the same \
                 flags, and report it",
                self.failures.len(),
                self.seeds,
                self.scenario,
                seed + 1
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use simulator::Faults;

    use super::*;

    fn plan(scale: u32) -> Plan {
        Plan {
            seed: 1,
            scale,
            pairs: 1,
            until: None,
            timetable: true,
            faults: Faults {
                cuts: 2,
                crashes: 2,
                crossings: 2,
            },
        }
    }

    #[test]
    fn every_seed_is_played_and_held_against_the_totals() {
        let scenario = super::super::find("kaesong-2018").expect("it is shipped");
        let checked = check(&scenario, 3..5, plan(2));
        assert!(checked.check().is_ok(), "{}", checked.to_text());
        assert_eq!((checked.seeds, checked.crossings), (2, 4));
        assert!(checked.exchanges >= 2 * 2 * 458, "{}", checked.exchanges);
    }

    #[test]
    fn seeds_that_fail_are_told_and_fail_the_command() {
        let checked = Checked {
            scenario: "own".to_owned(),
            seeds: 100,
            failures: (1..=30).map(|seed| (seed, "why".to_owned())).collect(),
            ..Checked::default()
        };
        let text = checked.to_text();
        assert!(
            text.contains("seed 1: why\n") && text.contains("and 10 more\n"),
            "{text}"
        );
        let failure = checked.check().expect_err("seeds failed");
        assert_eq!(failure.exit_code(), 99);
        assert!(failure.to_string().contains("--seeds 1..2"), "{failure}");
        assert_eq!(checked.to_json()["failed"], 30);
    }
}
