//! Comparing a run with one saved before.
//!
//! A figure is better or worse only if that cannot be chance: with five repeats or more on both sides, none of one side
//! lies among those of the other, *and* the medians differ by more than 2 %. With five and five of the same, the ranges
//! are apart by chance in one case of 126; with three and three in one of ten, so that of a dozen figures one would be
//! called worse in every run. With fewer than five there are `too few to judge`, however far they are apart.

use words::figures;

use crate::latency::Latencies;
use crate::report::{ComparisonReport, FigureComparison, Report, Spread};

/// From so many repeats on, on both sides, their ranges tell something.
const REPEATS_MIN: u64 = 5;
/// The verdict with fewer.
pub(crate) const TOO_FEW: &str = "too few to judge";
/// Medians that differ by no more, as a share of the one before, are the same.
const SAME_WITHIN: f64 = 0.02;

/// One repeat, or the run itself if it was not repeated.
#[derive(Debug, Clone, Copy)]
struct Run<'r> {
    valid: bool,
    achieved_rate: f64,
    calls: u64,
    errors: u64,
    response: &'r Latencies,
    service: &'r Latencies,
    cpu_us_per_call: f64,
}

/// A figure as it is compared.
struct Figure {
    name: &'static str,
    unit: &'static str,
    is_more_better: bool,
    of: fn(&Run<'_>) -> Option<f64>,
}

impl Figure {
    const fn new(name: &'static str, unit: &'static str, of: fn(&Run<'_>) -> Option<f64>) -> Self {
        Self {
            name,
            unit,
            is_more_better: false,
            of,
        }
    }
}

const FIGURES: [Figure; 10] = [
    Figure::new("response p50", "µs", |run| {
        of_some(run.response, run.response.p50_us)
    }),
    Figure::new("response p90", "µs", |run| {
        of_some(run.response, run.response.p90_us)
    }),
    Figure::new("response p99", "µs", |run| {
        of_some(run.response, run.response.p99_us)
    }),
    Figure::new("response p99.9", "µs", |run| {
        of_some(run.response, run.response.p999_us)
    }),
    Figure::new("response max", "µs", |run| {
        of_some(run.response, run.response.max_us)
    }),
    Figure::new("service p50", "µs", |run| {
        of_some(run.service, run.service.p50_us)
    }),
    Figure::new("service p99", "µs", |run| {
        of_some(run.service, run.service.p99_us)
    }),
    Figure {
        is_more_better: true,
        ..Figure::new("achieved rate", "/s", |run| Some(run.achieved_rate))
    },
    Figure::new("errors", "%", |run| {
        (run.calls > 0).then(|| run.errors as f64 / run.calls as f64 * 100.0)
    }),
    Figure::new("generator's processor time a call", "µs", |run| {
        (run.cpu_us_per_call > 0.0).then_some(run.cpu_us_per_call)
    }),
];

/// How `now` compares with `baseline`, which was saved as `baseline_name`.
///
/// Repeats whose generator did not keep up are left out where others are left. Figures that neither run has are, too.
pub fn compare(baseline: &Report, baseline_name: &str, now: &Report) -> ComparisonReport {
    let (before_runs, now_runs) = (runs(baseline), runs(now));
    let figures = FIGURES.iter().filter_map(|figure| {
        let before = spread(before_runs.iter().filter_map(figure.of));
        let now = spread(now_runs.iter().filter_map(figure.of));
        (before.repeats + now.repeats > 0).then(|| FigureComparison {
            name: figure.name.to_owned(),
            unit: figure.unit.to_owned(),
            before,
            now,
            verdict: verdict(before, now, figure.is_more_better).to_owned(),
        })
    });
    ComparisonReport {
        baseline: baseline_name.to_owned(),
        setup_differs: differences(baseline, now),
        figures: figures.collect(),
    }
}

fn of_some(latencies: &Latencies, us: u64) -> Option<f64> {
    (latencies.count > 0).then_some(us as f64)
}

fn runs(report: &Report) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = report
        .repeats
        .iter()
        .map(|repeat| Run {
            valid: repeat.valid,
            achieved_rate: repeat.achieved_rate,
            calls: repeat.calls,
            errors: repeat.errors,
            response: &repeat.response,
            service: &repeat.service,
            cpu_us_per_call: repeat.cpu_us_per_call,
        })
        .collect();
    if runs.is_empty() {
        runs.push(Run {
            valid: report.valid,
            achieved_rate: report.achieved_rate,
            calls: report.calls,
            errors: report.errors,
            response: &report.response,
            service: &report.service,
            cpu_us_per_call: report.generator.cpu_us_per_call,
        });
    }
    if runs.iter().any(|run| run.valid) {
        runs.retain(|run| run.valid);
    }
    runs
}

fn spread(values: impl Iterator<Item = f64>) -> Spread {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (Some(min), Some(max)) = (values.first(), values.last()) else {
        return Spread::default();
    };
    let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
    Spread {
        repeats: values.len() as u64,
        min: *min,
        median: f64::midpoint(values[low], values[high]),
        max: *max,
    }
}

fn verdict(before: Spread, now: Spread, is_more_better: bool) -> &'static str {
    if before.repeats < REPEATS_MIN || now.repeats < REPEATS_MIN {
        return TOO_FEW;
    }
    let apart = (now.median - before.median).abs();
    if apart <= before.median.abs() * SAME_WITHIN {
        return "same";
    }
    let (is_more, is_less) = (now.min > before.max, now.max < before.min);
    match (is_more, is_less) {
        (false, false) => "same",
        (is_more, _) if is_more == is_more_better => "better",
        _ => "worse",
    }
}

/// What differs in the setup, in words.
fn differences(baseline: &Report, now: &Report) -> Vec<String> {
    let mut differences = Vec::new();
    let mut differ = |what: &str, before: String, now: String| {
        if before != now {
            differences.push(format!("{what}: {before} before, {now} now"));
        }
    };
    let (before_setup, now_setup) = (&baseline.setup, &now.setup);
    differ("plan", before_setup.plan.clone(), now_setup.plan.clone());
    differ(
        "loop",
        before_setup.loop_kind.clone(),
        now_setup.loop_kind.clone(),
    );
    differ(
        "schedule",
        before_setup.schedule.clone(),
        now_setup.schedule.clone(),
    );
    let (before_rate, now_rate) = (baseline.offered_rate, now.offered_rate);
    // Drawn arrivals are not to the last one as many.
    if (before_rate - now_rate).abs() > before_rate.abs() * SAME_WITHIN {
        differ("rate", figures::rate(before_rate), figures::rate(now_rate));
    }
    let seconds = |seconds: f64| format!("{} s", figures::number(seconds, 3));
    differ(
        "duration",
        seconds(before_setup.duration_s),
        seconds(now_setup.duration_s),
    );
    for (report, when) in [(baseline, "before"), (now, "now")] {
        if !report.valid {
            differences.push(format!(
                "the generator did not keep up {when}: those figures are not the target's alone"
            ));
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::latency::LatencyHistogram;
    use crate::report::{RepeatReport, Setup};

    fn latencies(us: u64) -> Latencies {
        let mut histogram = LatencyHistogram::default();
        histogram.record(Duration::from_micros(us));
        histogram.summary()
    }

    fn repeated(us: &[u64]) -> Report {
        let repeats = us.iter().map(|us| RepeatReport {
            valid: true,
            achieved_rate: 1e6 / *us as f64,
            calls: 100,
            response: latencies(*us),
            service: latencies(*us),
            ..RepeatReport::default()
        });
        Report {
            valid: true,
            repeats: repeats.collect(),
            ..Report::default()
        }
    }

    fn verdicts(before: &[u64], now: &[u64]) -> (String, String) {
        let report = compare(&repeated(before), "before.json", &repeated(now));
        let of = |name: &str| {
            let found = report.figures.iter().find(|figure| figure.name == name);
            found.expect("it is compared").verdict.clone()
        };
        (of("response p99"), of("achieved rate"))
    }

    #[test]
    fn a_verdict_takes_ranges_that_are_apart() {
        let same = ("same".to_owned(), "same".to_owned());
        let worse = ("worse".to_owned(), "worse".to_owned());
        let better = ("better".to_owned(), "better".to_owned());
        let too_few = (TOO_FEW.to_owned(), TOO_FEW.to_owned());
        let low = [100, 105, 110, 115, 120];
        let high = [130, 135, 140, 145, 150];
        assert_eq!(verdicts(&low, &high), worse);
        assert_eq!(verdicts(&high, &low), better);
        assert_eq!(verdicts(&low, &[119, 135, 140, 145, 150]), same);
        let near = |from: u64| [from, from + 1, from + 2, from + 3, from + 4];
        assert_eq!(verdicts(&near(1_000), &near(1_010)), same);
        // Three and three of the same software are apart in one case of ten.
        assert_eq!(verdicts(&[100, 110, 120], &[130, 140, 150]), too_few);
        assert_eq!(verdicts(&low, &high[..4]), too_few);
        assert_eq!(verdicts(&low[..4], &high), too_few);
        assert_eq!(verdicts(&[100], &[101]), too_few);
        assert_eq!(verdicts(&[100], &[200]), too_few);
    }

    #[test]
    fn a_run_without_repeats_is_its_own_one() {
        let single = |us| Report {
            valid: true,
            calls: 1_000,
            errors: 1,
            response: latencies(us),
            ..Report::default()
        };
        let report = compare(&single(500), "a", &single(505));
        let p99 = &report.figures[2];
        assert_eq!((p99.name.as_str(), p99.before.repeats), ("response p99", 1));
        assert_eq!((p99.now.median, p99.verdict.as_str()), (505.0, TOO_FEW));
        let names: Vec<_> = report.figures.iter().map(|it| it.name.as_str()).collect();
        assert!(
            names.contains(&"errors") && !names.contains(&"service p50"),
            "{names:?}"
        );
        assert!(report.setup_differs.is_empty());
    }

    #[test]
    fn errors_out_of_nothing_are_worse() {
        let with = |errors| {
            let mut report = repeated(&[100; 5]);
            report
                .repeats
                .iter_mut()
                .for_each(|repeat| repeat.errors = errors);
            report
        };
        let verdict = |before, now| {
            let report = compare(&with(before), "", &with(now));
            let mut figures = report.figures.into_iter();
            figures
                .find(|it| it.name == "errors")
                .expect("it is compared")
                .verdict
        };
        assert_eq!(verdict(0, 2), "worse");
        assert_eq!(verdict(2, 0), "better");
        assert_eq!(verdict(0, 0), "same");
    }

    #[test]
    fn repeats_without_breath_are_left_out() {
        let mut now = repeated(&[100, 100, 100, 9_000]);
        now.repeats[3].valid = false;
        let report = compare(&repeated(&[100, 100, 100]), "", &now);
        assert_eq!(
            (report.figures[0].now.repeats, report.figures[0].now.max),
            (3, 100.0)
        );
    }

    #[test]
    fn other_setups_are_named() {
        let report = |plan: &str, rate: f64, valid| Report {
            valid,
            offered_rate: rate,
            setup: Setup {
                plan: plan.to_owned(),
                loop_kind: "open".to_owned(),
                schedule: format!("constant, {}", figures::rate(rate)),
                duration_s: 10.0,
                ..Setup::default()
            },
            ..Report::default()
        };
        let compared = compare(&report("a", 100.0, true), "", &report("b", 200.0, false));
        assert_eq!(
            compared.setup_differs,
            [
                "plan: a before, b now",
                "schedule: constant, 100/s before, constant, 200/s now",
                "rate: 100/s before, 200/s now",
                "the generator did not keep up now: those figures are not the target's alone",
            ]
        );
    }
}
