//! A scenario fitted to a ledger, played, is like the ledger: also in the weeks that the fit has not seen.

use fit::{Distances, Observed, Weeks};
use jiff::tz::Offset;
use ledger::MemoryStorage;
use office::Place;
use scenario::Scenario;
use simulator::Simulation;

const KOREA: Offset = Offset::constant(9);

/// Plays a scenario, and observes what South's ledger has.
fn played(scenario: &Scenario, seed: u64) -> (Observed, simulator::Outcome) {
    let (south, north) = (MemoryStorage::default(), MemoryStorage::default());
    let simulation = Simulation::in_storages(scenario, seed, south.clone(), north);
    let outcome = simulation.run().unwrap_or_else(|error| panic!("{error}"));
    let reader = ledger::read(&south).expect("it reads");
    let mut observed = Observed::begin(KOREA);
    let mut cursor = reader.after(0);
    while let Some(entry) = cursor.next_entry().expect("it reads") {
        observed.take(&entry);
    }
    observed.finish();
    (observed, outcome)
}

fn parsed(text: &str) -> Scenario {
    Scenario::parse("fitted.toml", text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Sixteen weeks with days and nights, busy Mondays, long and short bodies, trains, and slow and quick answers.
fn busy() -> Scenario {
    let day = |noon: u32| {
        let hours = [
            0, 0, 0, 0, 0, 0, 1, 2, 6, 9, 8, noon, 4, 7, 8, 6, 4, 3, 2, 2, 1, 1, 0, 0,
        ];
        hours.map(|hour| hour.to_string()).join(", ")
    };
    let days: Vec<String> = [30, 9, 9, 9, 12, 1, 1].map(day).into();
    let text = scenario::shipped_text("steady").expect("it is shipped");
    let head = &text[..text.find("[totals]").expect("it states totals")];
    let head = head.replace("2024-05-10", "2024-08-25");
    parsed(&format!(
        "{head}\n[documents]\ntotal = 14000\nshare_of_south_per_mille = 640\n\
         rhythm.hours_of_week = [{}]\nrhythm.train_per_mille = 250\nrhythm.train_gap_seconds = [1, 4, 30]\n\
         forms = [\"note\", \"message\", \"message\"]\nprecedences = [\"priority\", \"routine\"]\n\
         subjects = [\"Floods\", \"Visits\"]\nbody_bytes = [10, 60, 80, 100, 4000]\n\
         answered_per_mille = 800\nrefused_per_mille = 20\nanswer_seconds = [20, 300, 900, 90000]\n\
         reply_per_mille = 300\nreply_seconds = [40, 600, 1800, 7200, 100000]\n",
        days.join(", ")
    ))
}

#[test]
fn a_fit_is_like_the_weeks_that_it_has_not_seen() {
    let (observed, _) = played(&busy(), 5);
    let fitted = parsed(&observed.scenario("fitted", Weeks::Odd).expect("it fits"));
    let (again, _) = played(&fitted, 6);
    let distances = Distances::between((&again, Weeks::All), (&observed, Weeks::Even));
    assert_eq!(distances.fitted.len(), 5);
    for distance in distances.fitted.iter().chain([&distances.gaps]) {
        let ks = distance.ks.expect("both have such values");
        assert!(ks <= 0.05, "{distance:?}");
        assert!(
            distance.one > 1_000 && distance.other > 1_000,
            "{distance:?}"
        );
    }
    let [fit, held_out] = distances
        .burstiness
        .map(|burstiness| burstiness.expect("there are gaps"));
    assert!((fit - held_out).abs() < 0.05, "{fit} and {held_out}");
}

/// The distances tell ledgers apart that are not alike.
#[test]
fn another_scenario_is_far_away() {
    let (observed, _) = played(&busy(), 5);
    let steady = scenario::shipped_text("steady").expect("it is shipped");
    let (other, _) = played(&parsed(steady), 5);
    let distances = Distances::between((&other, Weeks::All), (&observed, Weeks::Even));
    for distance in &distances.fitted {
        let ks = distance.ks.expect("both have such values");
        assert!(ks > 0.05, "{distance:?}");
    }
}

/// Totals, kinds and calls of every shipped scenario come back out of its ledger.
#[test]
fn a_fit_counts_what_the_ledger_counts() {
    for name in [
        "kaesong-2018",
        "talks-march-2018",
        "steady",
        "patterns",
        "workshop",
    ] {
        let text = scenario::shipped_text(name).expect("it is shipped");
        let (observed, original) = played(&parsed(text), 3);
        let fitted = observed.scenario("fitted", Weeks::All);
        let fitted = fitted.unwrap_or_else(|error| panic!("{name}: {error}"));
        let (_, again) = played(&parsed(&fitted), 4);
        for place in Place::BOTH {
            let (one, other) = (&original.tallies[place], &again.tallies[place]);
            assert_eq!(one.documents(), other.documents(), "{name}");
            assert_eq!(one.contacts(), other.contacts(), "{name}");
            assert_eq!(one.meetings(), other.meetings(), "{name}");
            assert_eq!(one.calls(), other.calls(), "{name}");
        }
    }
}

/// Days off and hours without an end are found, and stand in the fitted file as somebody would write them.
#[test]
fn a_fit_has_the_holidays_and_the_hours() {
    let text = scenario::shipped_text("steady").expect("it is shipped");
    let text = text[..text.find("[totals]").expect("it states totals")]
        .replace("2024-05-10", "2024-05-31");
    let own = |hours: &str| {
        let begin = text.find("opens = ").expect("there are hours");
        let end = text[begin..].find("\n[").expect("there is more") + begin;
        let calls = "[calls]\nmade_by = \"seed\"\nunanswered_per_mille = 100\n";
        format!("{}{hours}{}\n{calls}", &text[..begin], &text[end..])
    };
    let off = "holidays = [2024-05-08, { from = 2024-05-10, until = 2024-05-14 }]\n";
    let hours = format!("opens = 00:00:00\ncloses = 00:00:00\n{off}");
    let (observed, original) = played(&parsed(&own(&hours)), 3);
    let fitted = observed.scenario("fitted", Weeks::All).expect("it fits");
    assert!(fitted.contains(off), "{fitted}");
    assert!(
        fitted.contains("opens = 00:00:00\ncloses = 00:00:00\n"),
        "{fitted}"
    );
    let (_, again) = played(&parsed(&fitted), 4);
    let [one, other] = [original, again].map(|outcome| outcome.tallies[Place::South].calls());
    assert_eq!(one, other);
}
