//! Months in a moment: the recorded scenario under many seeds, and one seed as often as one likes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use office::contact::ContactKind;
use office::{PerPlace, Place, Tally};
use scenario::Scenario;
use simulator::{Faults, Outcome, Simulation};

use crate::harness::ledger_of;

fn kaesong() -> Scenario {
    let text = scenario::shipped_text("kaesong-2018").expect("it is shipped");
    Scenario::parse("kaesong-2018.toml", text).expect("it has no mistake")
}

/// Runs the scenario into a directory, and reads back every byte it wrote, by file.
fn played(seed: u64, faults: Faults) -> (Outcome, BTreeMap<String, Vec<u8>>) {
    let directory = tempfile::tempdir().expect("a directory");
    let simulation = Simulation::on_disk(&kaesong(), seed, directory.path());
    let outcome = simulation.with_faults(faults).run();
    let outcome = outcome.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let mut files = BTreeMap::new();
    let mut cold = PerPlace::<Tally>::default();
    for place in Place::BOTH {
        let ledger = directory.path().join(place.word());
        cold[place] = ledger::tally(&ledger_of(&ledger)).expect("it can be counted");
        read(&ledger, place, &mut files);
    }
    assert_eq!(cold, outcome.tallies, "read cold, as counted while running");
    (outcome, files)
}

fn read(directory: &Path, place: Place, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(directory).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let bytes = fs::read(&path).expect("it can be read");
        files.insert(format!("{place}/{name}"), bytes);
    }
}

/// What the record of 2018 states.
#[track_caller]
fn assert_is_the_record(outcome: &Outcome, seed: u64) {
    assert!(
        outcome.reconciliation.agreed,
        "seed {seed}: {:?}",
        outcome.reconciliation
    );
    for place in Place::BOTH {
        let tally = &outcome.tallies[place];
        let by_kind = [
            (ContactKind::GovernmentOfficials, 5),
            (ContactKind::WorkingLevel, 5),
            (ContactKind::Chiefs, 36),
            (ContactKind::RegularConsultation, 188),
            (ContactKind::OnDemandConsultation, 49),
            (ContactKind::NotStated, 2),
        ];
        for (kind, count) in by_kind {
            assert_eq!(
                tally.contacts_of(kind),
                count,
                "{kind:?} at {place}, seed {seed}"
            );
        }
        let totals = (
            tally.contacts(),
            tally.meetings(),
            tally.documents(),
            tally.exchanges(),
        );
        assert_eq!(totals, (285, 46, 173, 458), "{place}, seed {seed}");
    }
}

#[test]
fn the_record_comes_out_exactly_under_any_seed() {
    for seed in 1..=20 {
        let outcome = Simulation::in_memory(&kaesong(), seed).run();
        let outcome = outcome.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_is_the_record(&outcome, seed);
    }
}

#[test]
fn the_record_comes_out_exactly_through_cuts_and_crashes() {
    for seed in 100..=106 {
        let faults = Faults {
            cuts: 12,
            crashes: 12,
            ..Faults::NONE
        };
        let (outcome, _) = played(seed, faults);
        assert_is_the_record(&outcome, seed);
    }
}

#[test]
fn one_seed_gives_the_same_bytes_and_another_gives_others() {
    let faults = Faults {
        cuts: 6,
        crashes: 6,
        crossings: 6,
    };
    for faults in [Faults::NONE, faults] {
        let first = played(7, faults);
        let again = played(7, faults);
        assert!(
            first.1.values().any(|bytes| bytes.len() > 50_000),
            "there are ledgers"
        );
        assert_eq!(
            first.1.keys().collect::<Vec<_>>(),
            again.1.keys().collect::<Vec<_>>()
        );
        for (name, bytes) in &first.1 {
            assert!(bytes == &again.1[name], "{name} is byte for byte the same");
        }
        assert_eq!(first.0, again.0);
        let other = played(8, faults);
        assert_ne!(first.1, other.1);
    }
}

#[test]
fn every_shipped_scenario_is_played_to_its_totals() {
    for (name, text) in scenario::shipped() {
        let scenario = Scenario::parse(name, text).unwrap_or_else(|error| panic!("{error}"));
        let outcome = Simulation::in_memory(&scenario, 3).run();
        let outcome = outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(outcome.reconciliation.agreed, "{name}");
        let totals = scenario.totals(3, 1);
        for place in Place::BOTH {
            let tally = &outcome.tallies[place];
            let counted = (tally.documents(), tally.contacts(), tally.meetings());
            let stated = (totals.documents, totals.contacts(), totals.meetings());
            assert_eq!(counted, stated, "{name} at {place}");
        }
    }
}
