use std::collections::BTreeSet;

use ledger::MemoryStorage;
use proptest::prelude::*;
use replay::{Recording, Speed};
use scenario::Scenario;
use simulator::Simulation;

use super::*;

fn shape(text: &str) -> Shape {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn planned(text: &str, rate: f64, end: End) -> Schedule {
    Schedule::new(&shape(text), rate, 1, end).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn seconds(seconds: u64) -> End {
    End::after(Duration::from_secs(seconds))
}

fn due(schedule: Schedule) -> Vec<Duration> {
    schedule.map(|arrival| arrival.due).collect()
}

fn kaesong() -> Scenario {
    let text = scenario::shipped_text("kaesong-2018").expect("it is shipped");
    Scenario::parse("kaesong-2018.toml", text).expect("it has no mistake")
}

#[test]
fn constant_gaps_do_not_drift() {
    let schedule = planned("constant", 3.0, seconds(1_000_000));
    assert_eq!(schedule.total(), Some(3_000_000));
    let last = schedule.last().expect("there are many");
    assert_eq!(last.due, Duration::from_nanos(999_999_666_666_666));
}

#[test]
fn a_total_ends_it_sooner_than_a_time_or_later() {
    let both = |total| End {
        duration: Some(Duration::from_secs(1)),
        total: Some(total),
    };
    assert_eq!(planned("constant", 10.0, both(3)).count(), 3);
    assert_eq!(planned("constant", 10.0, both(300)).count(), 10);
    let schedule = planned("constant", 10.0, both(3));
    assert_eq!(schedule.length(), Some(Duration::from_millis(200)));
    assert_eq!(
        planned("constant", 10.0, seconds(1)).length(),
        Some(Duration::from_secs(1))
    );
    let drawn = planned("poisson", 10.0, End::of_total(7));
    assert_eq!((drawn.total(), drawn.length()), (Some(7), None));
    assert_eq!(drawn.count(), 7);
}

#[test]
fn extremes_are_played() {
    let fast = planned("constant", RATE_MAX, seconds(3_600));
    assert_eq!(fast.total(), Some(36_000_000_000));
    let daily = planned("constant", 1.0 / 86_400.0, End::of_total(3));
    assert_eq!(daily.words(), "constant, 1/day");
    assert_eq!(
        due(daily),
        [0, 1, 2].map(|day| Duration::from_secs(day * 86_400))
    );
    let drawn = planned("poisson", 1.0 / 86_400.0, seconds(100 * 86_400));
    assert!((60..140).contains(&drawn.count()));
}

#[test]
fn the_absurd_is_refused() {
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e-300, -0.0] {
        for text in ["constant", "poisson"] {
            let error = Schedule::new(&shape(text), rate, 1, seconds(1)).expect_err(text);
            assert!(matches!(error, ScheduleError::Rate { .. }), "{error}");
        }
    }
    let refused = |text: &str, end: End| {
        let error = Schedule::new(&shape(text), 10.0, 1, end).expect_err(text);
        error.to_string()
    };
    assert!(refused("constant", End::OWN).contains("never end"));
    assert!(refused("poisson", End::OWN).contains("never end"));
    assert!(refused("burst:5/1s", End::OWN).contains("never end"));
    assert!(refused("constant", seconds(0)).contains("0 s"));
    assert!(refused("constant", End::of_total(0)).contains("1 or more"));
    assert!(refused("constant", End::after(Duration::MAX)).contains("ten years"));
    assert!(refused("constant", End::of_total(u64::MAX)).contains("ten years"));
    assert!(refused("poisson", End::of_total(u64::MAX)).contains("ten years"));
    assert!(refused("ramp:1..2", End::of_total(9)).contains("ramp:100..1000/30s"));
    let unwritten = Shape::Step {
        rates: vec![],
        hold: Duration::ZERO,
    };
    assert!(Schedule::new(&unwritten, 1.0, 1, End::OWN).is_err());
}

#[test]
fn steps_hold_each_rate_and_end() {
    let schedule = planned("step:100,200,400/10s", 0.0, End::OWN);
    assert_eq!(schedule.length(), Some(Duration::from_secs(30)));
    assert_eq!(schedule.total(), Some(7_000));
    assert!((schedule.offered_rate() - 7_000.0 / 30.0).abs() < 1e-9);
    let due = due(schedule);
    let within = |from: u64, until: u64| {
        let (from, until) = (Duration::from_secs(from), Duration::from_secs(until));
        due.iter()
            .filter(|due| (from..until).contains(*due))
            .count()
    };
    assert_eq!(
        (within(0, 10), within(10, 20), within(20, 30)),
        (1_000, 2_000, 4_000)
    );
    assert_eq!(planned("step:100,200/10s", 0.0, seconds(15)).count(), 2_000);
    assert_eq!(planned("step:100,200/10s", 0.0, seconds(99)).count(), 3_000);
}

#[test]
fn a_ramp_is_the_integral_of_its_rate() {
    let schedule = planned("ramp:100..1000", 0.0, seconds(30));
    assert_eq!(schedule.words(), "ramp, 100/s to 1,000/s over 30s");
    assert_eq!(schedule.total(), Some(16_500));
    for arrival in schedule {
        let t = arrival.due.as_secs_f64();
        let integral = 100.0 * t + 900.0 * t * t / 60.0;
        assert!(
            (integral - arrival.index as f64).abs() < 1e-5,
            "{arrival:?}"
        );
    }
    assert_eq!(planned("ramp:1000..0", 0.0, seconds(10)).count(), 5_000);
    // Half of it rises, half stays.
    assert_eq!(planned("ramp:0..100/10s", 0.0, seconds(20)).count(), 1_500);
    assert_eq!(planned("ramp:0..100/10s", 0.0, End::OWN).count(), 500);
    assert_eq!(planned("ramp:100..0/10s", 0.0, seconds(20)).count(), 500);
    assert_eq!(planned("ramp:50..50", 0.0, seconds(4)).count(), 200);
}

#[test]
fn bursts_come_at_once() {
    let schedule = planned("burst:50/1s", f64::NAN, seconds(3));
    assert!((schedule.offered_rate() - 50.0).abs() < 1e-9);
    let due = due(schedule);
    assert_eq!(due.len(), 150);
    let instants: BTreeSet<_> = due.into_iter().collect();
    assert_eq!(instants.len(), 3);
}

#[test]
fn poisson_arrivals_vary_as_much_as_their_mean() {
    let schedule = planned("poisson", 1_000.0, seconds(100));
    let mut counts = vec![0_u32; 1_000];
    for arrival in schedule {
        counts[arrival.due.as_millis() as usize / 100] += 1;
    }
    let counts: Vec<f64> = counts.into_iter().map(f64::from).collect();
    let mean = counts.iter().sum::<f64>() / 1_000.0;
    let variance = counts.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / 1_000.0;
    // Of a hundred in each tenth of a second: four standard deviations.
    assert!((mean - 100.0).abs() < 1.3, "{mean}");
    assert!((variance / mean - 1.0).abs() < 0.18, "{variance} of {mean}");
}

#[test]
fn a_scenario_is_played_with_its_closed_hours() {
    let scenario = kaesong();
    let own =
        Schedule::of_scenario(&scenario, 1, Speed::Times(1.0), End::OWN).expect("it has some");
    assert_eq!(own.words(), "scenario kaesong-2018, at its own speed");
    let arrivals: Vec<Arrival> = own.clone().collect();
    assert_eq!(own.total(), Some(arrivals.len() as u64));
    assert_eq!(arrivals[0].due, Duration::ZERO);
    let kinds: BTreeSet<_> = arrivals.iter().filter_map(|arrival| arrival.kind).collect();
    assert_eq!(kinds.len(), Kind::ALL.len());
    let gap = |pair: &[Arrival]| pair[1].due.abs_diff(pair[0].due);
    let longest = arrivals.windows(2).map(gap).max();
    assert!(
        longest > Some(Duration::from_secs(12 * 3_600)),
        "nights stay"
    );

    let fast =
        Schedule::of_scenario(&scenario, 1, Pace::Rate(500.0), End::OWN).expect("it has some");
    assert!(
        (fast.offered_rate() - 500.0).abs() < 0.01,
        "{}",
        fast.offered_rate()
    );
    assert_eq!(fast.words(), "scenario kaesong-2018, 500/s");
    let shrunk = due(fast);
    assert_eq!(shrunk.len(), arrivals.len());
    let factor = arrivals[500].due.as_secs_f64() / shrunk[500].as_secs_f64();
    let other = arrivals[200].due.as_secs_f64() / shrunk[200].as_secs_f64();
    assert!(
        (factor / other - 1.0).abs() < 1e-5,
        "it is the same, shrunk"
    );

    let some = Schedule::of_scenario(&scenario, 1, Pace::Rate(10.0), End::of_total(101));
    let some = some.expect("it has some");
    assert!((some.offered_rate() - 10.0).abs() < 0.01);
    assert_eq!(some.length(), Some(Duration::from_secs(10)));
    let day = Schedule::of_scenario(&scenario, 1, Speed::Times(86_400.0), seconds(7));
    let week = arrivals
        .iter()
        .filter(|it| it.due < Duration::from_secs(7 * 86_400));
    assert_eq!(day.expect("it has some").count(), week.count());
    let own = Schedule::of_scenario(&scenario, 1, Pace::Rate(500.0), seconds(3_600));
    let own = own.expect("it has some");
    assert_eq!(
        own.length(),
        own.clone().last().map(|it| it.due),
        "it ends before"
    );
    let max = Schedule::of_scenario(&scenario, 1, Speed::Max, End::OWN);
    assert!(matches!(max, Err(ScheduleError::SpeedMax)));
}

#[test]
fn a_recording_has_the_arrivals_of_its_scenario() {
    let scenario = kaesong();
    let (south, north) = (MemoryStorage::default(), MemoryStorage::default());
    Simulation::in_storages(&scenario, 1, south.clone(), north)
        .run()
        .expect("it can be simulated");
    let recording = Recording::of_one(ledger::read(&south).expect("it is a ledger"));
    let speed = Speed::Times(3_600.0);
    let recorded = Schedule::of_recording(&recording, speed, End::OWN).expect("it has some");
    assert_eq!(recorded.words(), "recording, 3,600 times as fast");
    let scripted = Schedule::of_scenario(&scenario, 1, speed, End::OWN).expect("it has some");
    let count = |schedule: &Schedule, kind| {
        schedule
            .clone()
            .filter(|arrival| arrival.kind == Some(kind))
            .count()
    };
    for kind in Kind::ALL {
        assert_eq!(
            count(&recorded, kind),
            count(&scripted, kind),
            "{}",
            kind.name()
        );
    }
    let late = recorded.clone().zip(scripted);
    for (recorded, scripted) in late {
        // An office takes part of a second to record what an officer does.
        let apart = recorded.due.abs_diff(scripted.due);
        assert!(
            apart < Duration::from_millis(2),
            "{recorded:?} {scripted:?}"
        );
    }
    let total = End::of_total(10);
    let some = Schedule::of_recording(&recording, Pace::Rate(100.0), total).expect("it has some");
    assert_eq!(some.length(), Some(Duration::from_millis(90)));
}

fn shapes() -> impl Strategy<Value = Shape> {
    let rate = 1.0..5_000.0_f64;
    let time = (1_u64..3_000).prop_map(Duration::from_millis);
    prop_oneof![
        Just(Shape::Constant),
        Just(Shape::Poisson),
        (prop::collection::vec(rate.clone(), 1..5), time.clone())
            .prop_map(|(rates, hold)| Shape::Step { rates, hold }),
        (0.0..5_000.0_f64, rate, prop::option::of(time.clone()))
            .prop_map(|(from, to, over)| Shape::Ramp { from, to, over }),
        (1_u64..200, time).prop_map(|(size, every)| Shape::Burst { size, every }),
    ]
}

/// What is expected before `t` seconds, from the shape's own formula.
fn expected(shape: &Shape, rate: f64, t: f64) -> f64 {
    match shape {
        Shape::Constant | Shape::Poisson => rate * t,
        Shape::Step { rates, hold } => rates
            .iter()
            .enumerate()
            .map(|(at, rate)| {
                let hold = hold.as_secs_f64();
                (t - at as f64 * hold).clamp(0.0, hold) * rate
            })
            .sum(),
        Shape::Ramp { from, to, over } => {
            let over = over.map_or(t, |over| over.as_secs_f64());
            let rising = t.min(over);
            from * rising + (to - from) * rising * rising / (2.0 * over) + (t - rising) * to
        }
        Shape::Burst { size, every } => (t / every.as_secs_f64()).ceil() * *size as f64,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arrivals_are_in_order_as_many_as_expected_and_the_same_again(
        shape in shapes(),
        rate in 1.0..5_000.0_f64,
        seed: u64,
        millis in 1_u64..4_000,
    ) {
        let end = End::after(Duration::from_millis(millis));
        let schedule = Schedule::new(&shape, rate, seed, end).expect("it is a schedule");
        let arrivals: Vec<Arrival> = schedule.clone().collect();
        prop_assert!(arrivals.windows(2).all(|pair| pair[0].due <= pair[1].due));
        prop_assert!(arrivals.iter().zip(0..).all(|(arrival, index)| arrival.index == index));
        prop_assert!(arrivals.iter().all(|it| it.due < Duration::from_millis(millis)));
        prop_assert!(schedule.total().is_none_or(|total| total == arrivals.len() as u64));
        let again = Schedule::new(&shape, rate, seed, end).expect("it is a schedule");
        prop_assert!(again.eq(arrivals.iter().copied()));

        let wanted = expected(&shape, rate, millis as f64 / 1e3);
        let off = match &shape {
            // Six standard deviations, and a little for few.
            Shape::Poisson => 6.0 * wanted.sqrt() + 6.0,
            Shape::Step { rates, .. } => rates.len() as f64,
            _ => 1.0,
        };
        let count = arrivals.len() as f64;
        prop_assert!((count - wanted).abs() <= off + 1e-6, "{} of {}", count, wanted);
    }

    #[test]
    fn parts_are_exactly_the_whole(
        shape in shapes(),
        rate in 1.0..2_000.0_f64,
        of in 1_u64..7,
        total in prop::option::of(1_u64..500),
    ) {
        let end = End { duration: Some(Duration::from_secs(2)), total };
        let whole = Schedule::new(&shape, rate, 5, end).expect("it is a schedule");
        let mut parts = Vec::new();
        for index in 1..=of {
            let shard = Shard::new(index, of).expect("it is a part");
            let part = whole.clone().shard(shard);
            prop_assert_eq!(part.words(), whole.words());
            let known = part.total();
            let before = parts.len();
            parts.extend(part);
            let count = (parts.len() - before) as u64;
            prop_assert!(known.is_none_or(|known| known == count));
        }
        parts.sort_by_key(|arrival: &Arrival| arrival.index);
        prop_assert!(whole.eq(parts));
    }
}
