use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::interval::{Interval, IntervalLatency, heat_bucket};
use crate::latency::LatencyHistogram;
use crate::report::SearchReport;

/// One call as a generator would note it.
#[derive(Debug, Clone, Copy)]
struct Call {
    second: u64,
    us: u64,
    failed: bool,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = (0_u64..5, 1_u64..10_000_000, prop::bool::weighted(0.1));
    let call = call.prop_map(|(second, us, failed)| Call { second, us, failed });
    prop::collection::vec(call, 1..200)
}

fn latencies<'c>(calls: impl Iterator<Item = &'c Call>) -> Latencies {
    let mut histogram = LatencyHistogram::default();
    calls.for_each(|call| histogram.record(Duration::from_micros(call.us)));
    histogram.summary()
}

fn interval(calls: &[&Call], second: u64) -> Interval {
    let mut heat = BTreeMap::new();
    for call in calls {
        *heat.entry(heat_bucket(call.us)).or_default() += 1;
    }
    let all = latencies(calls.iter().copied());
    Interval {
        at_s: second as f64,
        seconds: 1.0,
        offered: calls.len() as u64,
        finished: calls.len() as u64,
        calls: calls.len() as u64,
        errors: calls.iter().filter(|call| call.failed).count() as u64,
        response: IntervalLatency {
            p50_us: all.p50_us,
            p90_us: all.p90_us,
            p99_us: all.p99_us,
            p999_us: all.p999_us,
            max_us: all.max_us,
        },
        heat,
        ..Interval::default()
    }
}

fn setup(of: u64, shard: &str) -> Setup {
    Setup {
        plan: "document".to_owned(),
        loop_kind: "open".to_owned(),
        schedule: "constant, 1,200/s".to_owned(),
        seed: 7,
        duration_s: 5.0,
        in_flight_max: 120 / of,
        shard: shard.to_owned(),
        ..Setup::default()
    }
}

fn recorded<'c>(calls: impl Iterator<Item = &'c Call> + Clone, of: u64, shard: &str) -> Report {
    let count = calls.clone().count() as u64;
    let errors = calls.clone().filter(|call| call.failed).count() as u64;
    let failure = FailureCount {
        code: "UNAVAILABLE".to_owned(),
        step: "document.send".to_owned(),
        message: "no".to_owned(),
        count: errors,
    };
    let all = latencies(calls.clone());
    let intervals = (0..5).map(|second| {
        let calls: Vec<&Call> = calls.clone().filter(|call| call.second == second).collect();
        interval(&calls, second)
    });
    Report {
        valid: true,
        setup: setup(of, shard),
        started_at: Some("2026-11-24T10:00:00Z".parse().expect("it is a time")),
        duration_s: 5.0,
        offered_rate: 1_200.0 / of as f64,
        achieved_rate: 600.0 / of as f64,
        arrivals: count,
        calls: count,
        errors,
        codes: [("OK".to_owned(), count - errors)].into(),
        failures: vec![failure],
        workflows: vec![WorkflowReport {
            name: "document".to_owned(),
            started: count,
            end_to_end: all.clone(),
            steps: vec![StepReport {
                name: "send".to_owned(),
                calls: count,
                response: all.clone(),
                service: all.clone(),
                ..StepReport::default()
            }],
            ..WorkflowReport::default()
        }],
        streams: Some(StreamsReport {
            opened: count,
            life: all.clone(),
            ..StreamsReport::default()
        }),
        books: Some(Books {
            sent: count,
            answered: count,
            quiet: true,
            ..Books::default()
        }),
        breakdown: Some(Breakdown {
            samples: count,
            stages: vec![Stage {
                name: "queued".to_owned(),
                latency: all.clone(),
            }],
        }),
        response: all.clone(),
        service: all.clone(),
        lag: all,
        intervals: intervals.collect(),
        ..Report::default()
    }
}

fn part(index: usize, of: usize) -> Report {
    let calls: Vec<Call> = (0..100)
        .map(|at| Call {
            second: at % 5,
            us: at * 100 + 1,
            failed: at % 10 == 0,
        })
        .collect();
    let calls = calls.iter().skip(index - 1).step_by(of);
    recorded(calls, of as u64, &format!("{index}/{of}"))
}

/// They are called `report 1` and so on.
fn merge(reports: Vec<Report>) -> Result<Report, MergeError> {
    let named = reports.into_iter().zip(1..);
    let named = named.map(|(report, number)| (format!("report {number}"), report));
    super::merge(named.collect())
}

fn refused(reports: Vec<Report>) -> String {
    merge(reports)
        .expect_err("they cannot be merged")
        .to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_parts_come_to_the_whole(calls in calls(), of in 2_usize..5) {
        let parts: Vec<Report> = (0..of)
            .map(|at| {
                let calls = calls.iter().skip(at).step_by(of);
                recorded(calls, of as u64, &format!("{}/{of}", at + 1))
            })
            .collect();
        let whole = recorded(calls.iter(), 1, "");
        let mut merged = merge(parts).expect("they are of one run");
        prop_assert_eq!(merged.intervals.len(), whole.intervals.len());
        for (merged, whole) in merged.intervals.iter_mut().zip(&whole.intervals) {
            let figures = |it: &IntervalLatency| [it.p50_us, it.p90_us, it.p99_us, it.p999_us];
            let pairs = figures(&merged.response).into_iter().zip(figures(&whole.response));
            for (rebuilt, exact) in pairs {
                // The histogram's own figures are up to a thousandth too high.
                let (rebuilt, exact) = (rebuilt as f64, exact as f64);
                prop_assert!(rebuilt >= exact * 0.998 && rebuilt <= exact * 1.26, "{} {}", rebuilt, exact);
            }
            merged.response = whole.response;
        }
        merged.offered_rate = merged.offered_rate.round();
        merged.achieved_rate = merged.achieved_rate.round();
        prop_assert_eq!(merged, Report { setup: Setup { in_flight_max: 120 / of as u64 * of as u64, ..whole.setup.clone() }, ..whole });
    }
}

#[test]
fn some_parts_say_which_they_are_and_take_the_rest_later() {
    let all = merge(vec![part(1, 3), part(2, 3), part(3, 3)]).expect("they are of one run");
    assert_eq!(all.setup.shard, "");
    let some = merge(vec![part(3, 3), part(1, 3)]).expect("they are of one run");
    assert_eq!(some.setup.shard, "1/3+3/3");
    let later = merge(vec![some.clone(), part(2, 3)]).expect("they are of one run");
    assert_eq!(
        (later.response, later.setup.shard),
        (all.response, String::new())
    );
    assert!(refused(vec![some, part(3, 3)]).contains("part 3/3"));
    assert_eq!(merge(vec![part(1, 3)]), Ok(part(1, 3)));
}

#[test]
fn what_is_not_of_one_run_is_refused_by_name() {
    assert!(refused(vec![]).contains("two saved runs"));
    let with = |change: fn(&mut Report)| {
        let mut other = part(2, 2);
        change(&mut other);
        refused(vec![part(1, 2), other])
    };
    assert_eq!(
        with(|report| report.setup.plan = "meeting".to_owned()),
        "report 2 cannot be merged with report 1: its plan is meeting, not document; merge the parts of one run, and \
         compare different ones by --baseline"
    );
    assert!(with(|report| report.setup.seed = 8).contains("its seed is 8, not 7"));
    assert!(with(|report| report.setup.schedule = "poisson".to_owned()).contains("its schedule"));
    assert!(with(|report| report.setup.shard = "2/3".to_owned()).contains("number of parts is 3"));
    assert!(with(|report| report.setup.shard = String::new()).contains("number of parts is 1"));
    assert!(with(|report| report.setup.shard = "half".to_owned()).contains("\"half\""));
    assert!(with(|report| report.setup.shard = "1/2".to_owned()).contains("both are part 1/2"));
    assert!(with(|report| report.lag.histogram.clear()).contains("the histogram of its lag"));
    let stage = with(|report| {
        let stages = report.breakdown.as_mut().map(|it| &mut it.stages);
        stages.expect("it has one")[0].latency.histogram.pop();
    });
    assert!(stage.contains("stage queued"), "{stage}");
    assert!(with(|report| report.search = Some(SearchReport::default())).contains("a search"));
    let whole = || Report {
        setup: Setup {
            shard: String::new(),
            ..part(1, 2).setup
        },
        ..part(1, 2)
    };
    let named = vec![
        ("a.json".to_owned(), whole()),
        ("b.json".to_owned(), whole()),
    ];
    let error = super::merge(named).expect_err("both are all").to_string();
    assert!(
        error.contains("b.json cannot be merged with a.json: both are all of"),
        "{error}"
    );
}

#[test]
fn rates_add_up_only_where_runs_overlap() {
    let later = |seconds: i64| {
        let mut report = part(2, 2);
        let at = report.started_at.expect("it has begun");
        report.started_at = Some(at + jiff::SignedDuration::from_secs(seconds));
        report
    };
    let at_once = merge(vec![part(1, 2), later(1)]).expect("they are of one run");
    assert_eq!((at_once.offered_rate, at_once.duration_s), (1_200.0, 5.0));
    let seconds: Vec<f64> = at_once.intervals.iter().map(|it| it.at_s).collect();
    assert_eq!(seconds, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let mut late = part(2, 2);
    let begun = late.started_at.expect("it has begun");
    late.started_at = Some(begun + jiff::SignedDuration::from_millis(700));
    let late = merge(vec![part(1, 2), late]).expect("they are of one run");
    assert_eq!(late.intervals[0], part(1, 2).intervals[0]);
    assert_eq!(
        late.intervals[1].calls, 20,
        "most of its first second is there"
    );
    let after = merge(vec![later(60), part(1, 2)]).expect("they are of one run");
    assert_eq!((after.offered_rate, after.duration_s), (600.0, 10.0));
    assert_eq!(after.started_at, part(1, 2).started_at);
    assert_eq!(after.intervals.len(), 10);
    assert_eq!(
        after.intervals[0],
        part(1, 2).intervals[0],
        "alone it stays exact"
    );
}

#[test]
fn intervals_of_unequal_length_take_the_longer() {
    let mut coarse = part(1, 2);
    let pairs = coarse.intervals.chunks(2).map(|pair| Interval {
        seconds: pair.iter().map(|it| it.seconds).sum(),
        calls: pair.iter().map(|it| it.calls).sum(),
        ..pair[0].clone()
    });
    coarse.intervals = pairs.collect();
    let merged = merge(vec![coarse, part(2, 2)]).expect("they are of one run");
    let shape: Vec<_> = merged
        .intervals
        .iter()
        .map(|it| (it.at_s, it.seconds, it.calls))
        .collect();
    assert_eq!(shape, [(0.0, 2.0, 40), (2.0, 2.0, 40), (4.0, 1.0, 20)]);
}

#[test]
fn what_was_short_or_given_is_kept_and_checked_again() {
    let mut one = part(1, 2);
    one.valid = false;
    one.invalid_because = vec![Shortfall {
        resource: "processor".to_owned(),
        text: "none was free".to_owned(),
    }];
    let given = |text: &str| ThresholdReport {
        text: text.to_owned(),
        ..ThresholdReport::default()
    };
    one.thresholds = vec![given("errors>9"), given("odd")];
    let mut other = part(2, 2);
    other.thresholds = vec![given("errors>9")];
    other.books = None;
    let merged = merge(vec![one, other]).expect("they are of one run");
    assert!(!merged.valid && merged.books.is_none());
    assert_eq!(merged.invalid_because[0].text, "report 1: none was free");
    let fared: Vec<_> = merged
        .thresholds
        .iter()
        .map(|it| (it.seen.as_str(), it.failed))
        .collect();
    assert_eq!(fared[0], ("10", true), "5 and 5 are more than 9");
    assert!(fared[1].0.starts_with("could not be checked") && fared.len() == 2);
}
