use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::latency::{Latencies, LatencyHistogram};
use crate::report::{Books, Shortfall, StepReport, StreamsReport, WorkflowReport};

fn latencies(millis: impl IntoIterator<Item = u64>) -> Latencies {
    let mut histogram = LatencyHistogram::default();
    for millis in millis {
        histogram.record(Duration::from_millis(millis));
    }
    histogram.summary()
}

fn report() -> Report {
    Report {
        valid: true,
        offered_rate: 2_000.0,
        achieved_rate: 1_950.0,
        arrivals: 1_000,
        unsent: 5,
        calls: 1_000,
        errors: 3,
        response: latencies(1..=100),
        service: latencies(1..=10),
        lag: latencies([1]),
        workflows: vec![
            WorkflowReport {
                name: "document".to_owned(),
                end_to_end: latencies([20]),
                steps: vec![StepReport {
                    name: "send".to_owned(),
                    response: latencies([7]),
                    service: latencies([3]),
                    ..StepReport::default()
                }],
                ..WorkflowReport::default()
            },
            WorkflowReport {
                name: "call".to_owned(),
                end_to_end: latencies([40]),
                ..WorkflowReport::default()
            },
        ],
        streams: Some(StreamsReport {
            message: latencies([2]),
            first_message: latencies([4]),
            life: latencies([900]),
            ..StreamsReport::default()
        }),
        books: Some(Books {
            sent: 1_000,
            lost: 0,
            doubled: 1,
            unknown: 10,
            ..Books::default()
        }),
        ..Report::default()
    }
}

fn checked(text: &str) -> ThresholdReport {
    let threshold: Threshold = text.parse().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(threshold.to_string(), text.trim());
    threshold.check(&report())
}

#[test]
fn every_figure_is_held_against_its_bound() {
    // Each with whether it makes the run fail, and what was seen.
    let wanted = [
        ("p99>5ms", true, "99 ms"),
        ("p99.9>5s", false, "100 ms"),
        ("p50>=50ms", true, "50 ms"),
        ("response.p99 > 200 ms", false, "99 ms"),
        ("service.p50>=300us", true, "5 ms"),
        ("service.p50<300µs", false, "5 ms"),
        ("lag.p99>1.1ms", false, "1 ms"),
        ("lag.max>900000ns", true, "1 ms"),
        ("mean>1ms", true, "50.5 ms"),
        ("max>1m", false, "100 ms"),
        ("min<2ms", true, "1 ms"),
        ("errors>0.1%", true, "0.3 %"),
        ("errors>10", false, "3"),
        ("errors<=3", true, "3"),
        ("lost>0", false, "0"),
        ("doubled>0", true, "1"),
        ("unknown>1%", false, "1 %"),
        ("unsent>0", true, "5"),
        ("rate<1900", false, "1,950/s"),
        ("rate<2k", true, "1,950/s"),
        ("rate<2k/s", true, "1,950/s"),
        ("rate<0.01M", true, "1,950/s"),
        ("rate<98%", true, "97.5 %"),
        ("message.p99>1ms", true, "2 ms"),
        ("first_message.p99.99>1ms", true, "4 ms"),
        ("life.mean>1s", false, "900 ms"),
        ("end_to_end.max>30ms", true, "40 ms"),
        ("document.p99>30ms", false, "20 ms"),
        ("document.end_to_end.p99>30ms", false, "20 ms"),
        ("document.send.p99>6ms", true, "7 ms"),
        ("document.send.service.p99>6ms", false, "3 ms"),
        ("document.send.response.p99.9>6ms", true, "7 ms"),
    ];
    for (text, failed, seen) in wanted {
        let checked = checked(text);
        assert_eq!(checked.failed, failed, "{text}: {}", checked.seen);
        assert_eq!(checked.seen, seen, "{text}");
    }
}

#[test]
fn what_is_not_there_has_not_passed() {
    let empty = Report::default();
    for text in [
        "p99>5ms",
        "lost>0",
        "message.p99>1s",
        "a.p9>1s",
        "a.b.max>1s",
        "errors>1%",
    ] {
        let checked = text.parse::<Threshold>().expect(text).check(&empty);
        assert!(checked.failed, "{text}");
        assert!(
            checked.seen.starts_with("could not be checked: "),
            "{}",
            checked.seen
        );
        let goal: Goal = text.replace('>', "<").parse().expect(text);
        assert!(!goal.misses(&empty).is_empty(), "{text}");
    }
}

#[test]
fn a_histogram_is_needed_only_for_what_is_no_figure() {
    let mut report = report();
    report.response.histogram.clear();
    let check = |text: &str| text.parse::<Threshold>().expect(text).check(&report);
    assert_eq!(check("p99.9>1s").seen, "100 ms");
    assert!(check("p98>1s").failed);
}

#[test]
fn what_will_not_be_measured_is_refused_before_the_run() {
    let plan = Measured {
        workflows: vec![("document".to_owned(), vec!["send".to_owned()])],
        ..Measured::default()
    };
    let refused = [
        ("lost>0", "no books"),
        ("unknown>0", "no books"),
        ("message.p99>1ms", "no stream"),
        ("documnt.p99>1ms", "did you mean document?"),
        ("respons.p99>1ms", "did you mean response?"),
        ("document.snd.p99>1ms", "did you mean send?"),
        ("document.xyz.p99>1ms", "there are send"),
    ];
    for (text, why) in refused {
        let threshold: Threshold = text.parse().expect(text);
        let error = threshold.expect(&plan).expect_err(text).to_string();
        assert!(error.contains(why), "{error}");
    }
    for text in [
        "p99>1s",
        "document.p99>1s",
        "document.send.p99>1s",
        "end_to_end.p9>1s",
    ] {
        let threshold: Threshold = text.parse().expect(text);
        assert_eq!(threshold.expect(&plan), Ok(()));
    }
    let goal: Goal = "p99<1s,lost<1".parse().expect("it is a goal");
    assert!(goal.expect(&plan).is_err());
    let none = "end_to_end.p99>1s".parse::<Threshold>().expect("it is one");
    assert!(none.expect(&Measured::default()).is_err());
}

#[test]
fn what_is_no_threshold_is_refused_with_its_place() {
    let refused = [
        ("", 1, "p99>5ms"),
        (">5ms", 1, "write p99"),
        ("p99", 4, "p99>5ms"),
        ("p99=5ms", 4, "> >= < <="),
        ("p999>5ms", 1, "did you mean p99.9?"),
        ("lag.p9999>5ms", 1, "did you mean p99.99?"),
        ("p0>5ms", 1, "up to p100"),
        ("p101>5ms", 1, "up to p100"),
        ("P99>5ms", 1, "did you mean p99?"),
        ("meen>5ms", 1, "did you mean mean?"),
        ("lag.meen>5ms", 1, "did you mean lag.mean?"),
        ("error>0", 1, "did you mean errors?"),
        ("service>5ms", 1, "did you mean service.p99?"),
        ("servce>5ms", 1, "did you mean service.p99?"),
        ("unheard>5ms", 1, "write p99"),
        ("a..p99>5ms", 1, "write p99"),
        ("a.b.c.p99>5ms", 1, "write p99"),
        ("p99>", 5, "5ms"),
        ("p99>5", 6, "did you mean 5ms?"),
        ("p99>5 parsecs", 6, "300us"),
        ("p99>-5ms", 5, "300us"),
        ("p99>1.2.3ms", 5, "300us"),
        ("  p99 > many", 9, "300us"),
        ("errors>5ms", 9, "0.1%"),
        ("rate<5ms", 7, "95%"),
        ("lost>NaN", 6, "0.1%"),
        ("p99>baselin+10%", 5, "baseline+10%"),
        ("p99>baseline*2", 13, "baseline+10%"),
        ("p99>baseline+10", 16, "did you mean"),
        ("p99>baseline-101%", 13, "baseline-5%"),
        ("errors>baseline+5", 16, "baseline+10%"),
    ];
    for (text, at, remedy) in refused {
        let error = text.parse::<Threshold>().expect_err(text);
        assert_eq!(error.at, at, "{error}");
        assert!(error.remedy.contains(remedy), "{error}");
    }
    let error = "p99<10ms,µ>1".parse::<Goal>().expect_err("no goal");
    assert_eq!(error.at, 10, "{error}");
    assert!("p99<10ms,".parse::<Goal>().is_err());
}

#[test]
fn a_goal_allows_errors_only_if_it_says_so() {
    let report = report();
    let strict: Goal = "p99<100ms".parse().expect("it is a goal");
    assert_eq!(strict.misses(&report), ["3 of 1000 calls failed"]);
    let lenient: Goal = "p99<100ms, errors<1%".parse().expect("it is a goal");
    assert!(lenient.misses(&report).is_empty() && lenient.allows_errors());
    let trial = lenient.trial(2_000.0, &report);
    assert!(trial.held && trial.valid && trial.because.is_empty());
    let missed: Goal = "p99<10ms,errors<1%".parse().expect("it is a goal");
    assert_eq!(missed.trial(2_000.0, &report).because, "p99<10ms: 99 ms");
    assert!(
        "errors>1"
            .parse::<Threshold>()
            .expect("one")
            .allows_errors()
    );
    assert!(!"p99>1s".parse::<Threshold>().expect("one").allows_errors());
}

#[test]
fn calls_that_pile_up_are_the_targets_doing() {
    let short = |resource: &str| Report {
        valid: false,
        invalid_because: vec![Shortfall {
            resource: resource.to_owned(),
            text: format!("too few: {resource}"),
        }],
        ..report()
    };
    let missed: Goal = "p99<10ms,errors<1%".parse().expect("it is a goal");
    assert!(missed.trial(1.0, &short("in flight")).valid);
    let trial = missed.trial(1.0, &short("processor"));
    assert_eq!(
        (trial.valid, trial.because.as_str()),
        (false, "too few: processor")
    );
    let held: Goal = "p99<1s,errors<1%".parse().expect("it is a goal");
    assert!(!held.trial(1.0, &short("in flight")).valid);
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in ".{0,40}") {
        let _ = text.parse::<Threshold>();
        let _ = text.parse::<Goal>();
    }

    #[test]
    fn nearly_thresholds_are_told_where_they_are_wrong(
        text in "(p99|p99\\.9|lag|errors|rate|a\\.b|µ)(\\.p5|\\.)?(<|>|<=|=)(5|1e3|x|\\.)(ms|%|k|µs|)",
    ) {
        if let Err(error) = text.parse::<Threshold>() {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.at), "{}", error);
        }
    }
}

#[test]
fn a_bound_may_be_of_a_baseline() {
    let run = |p99_us, errors, achieved_rate| {
        let mut histogram = LatencyHistogram::default();
        (0..100).for_each(|_| histogram.record(Duration::from_micros(p99_us)));
        Report {
            calls: 100,
            errors,
            achieved_rate,
            response: histogram.summary(),
            ..Report::default()
        }
    };
    let (before, now) = (run(1_000, 1, 2_000.0), run(1_080, 2, 1_900.0));
    for (text, failed) in [
        ("p99>baseline+10%", false),
        ("p99 > baseline + 5%", true),
        ("p99>baseline", true),
        ("p99>=baseline+100us", false),
        ("p99>baseline+50us", true),
        ("p99<baseline-5%", false),
        ("errors>baseline+50%", true),
        ("errors>baseline+200%", false),
        ("rate<baseline-10%", false),
        ("rate<baseline-1%", true),
    ] {
        let threshold: Threshold = text.parse().expect(text);
        assert!(threshold.needs_baseline(), "{text}");
        let checked = threshold.check_against(&now, Some(&before));
        assert_eq!(checked.failed, failed, "{text}: {}", checked.seen);
        assert!(checked.seen.contains("in the baseline"), "{}", checked.seen);
        let alone = threshold.check(&now);
        assert!(
            alone.failed && alone.seen.contains("there is no baseline"),
            "{alone:?}"
        );
    }
    let error = "p99<10ms,p90<baseline"
        .parse::<Goal>()
        .expect_err("it has none");
    assert_eq!(error.at, 10, "{error}");
}
