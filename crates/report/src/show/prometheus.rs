//! A run's totals in Prometheus' text format, 0.0.4.

use std::fmt::Write as _;

use words::style::clean;

use crate::latency::Latencies;
use crate::report::Report;

/// The upper ends of the buckets, in microseconds: 1, 2, 5 to the decade, from 100 µs to 60 s.
const BUCKETS_US: [u64; 19] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000, 30_000_000, 60_000_000,
];

/// The totals of a run so far, to be scraped: every counter rises only while the run lasts.
pub fn prometheus(report: &Report) -> String {
    let mut text = String::with_capacity(8 * 1024);
    calls(&mut text, report);
    totals(&mut text, report);
    for (name, help, latencies) in [
        (
            "response_seconds",
            "Intended to done, of every call.",
            &report.response,
        ),
        (
            "service_seconds",
            "Sent to done, of every call.",
            &report.service,
        ),
        (
            "lag_seconds",
            "Intended to sent, of every call.",
            &report.lag,
        ),
    ] {
        histogram(&mut text, name, help, latencies);
    }
    text
}

fn totals(text: &mut String, report: &Report) {
    let steps = report.workflows.iter().flat_map(|one| &one.steps);
    for (name, kind, help, value) in [
        (
            "arrivals_total",
            "counter",
            "Arrivals that were due.",
            report.arrivals,
        ),
        (
            "unsent_total",
            "counter",
            "Arrivals that were due and never sent.",
            report.unsent,
        ),
        (
            "errors_total",
            "counter",
            "Calls that failed.",
            report.errors,
        ),
        (
            "retries_total",
            "counter",
            "Calls made again, since what they build upon had not come yet.",
            steps.map(|step| step.retries).sum(),
        ),
        (
            "sent_bytes_total",
            "counter",
            "Bytes of messages sent, framing left out.",
            report.bytes_sent,
        ),
        (
            "received_bytes_total",
            "counter",
            "Bytes of messages received, framing left out.",
            report.bytes_received,
        ),
        (
            "in_flight",
            "gauge",
            "Calls that were sent and are not yet done.",
            report.intervals.last().map_or(0, |last| last.in_flight),
        ),
        (
            "valid",
            "gauge",
            "1 while the generator keeps up with its schedule, else 0.",
            u64::from(report.valid),
        ),
    ] {
        head(text, name, kind, help);
        let _ = writeln!(text, "liaison_load_{name} {value}");
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(
        text,
        "# HELP liaison_load_{name} {help}\n# TYPE liaison_load_{name} {kind}"
    );
}

/// Calls by step and status code. A step counts what succeeded and what failed; which code a failure had is in the failures,
/// of which the rarest may be left out: those are of the code `other`, so that the sum stays the step's.
fn calls(text: &mut String, report: &Report) {
    head(
        text,
        "calls_total",
        "counter",
        "Calls that ended, by step and gRPC status code.",
    );
    let mut line = |step: &str, code: &str, count: u64| {
        let (step, code) = (escaped(step), escaped(code));
        let _ = writeln!(
            text,
            "liaison_load_calls_total{{step=\"{step}\",code=\"{code}\"}} {count}"
        );
    };
    if report.workflows.is_empty() {
        // One method and no plan: the run is the step.
        for (code, count) in &report.codes {
            line(&report.setup.plan, code, *count);
        }
        return;
    }
    for workflow in &report.workflows {
        for step in &workflow.steps {
            let name = format!("{}.{}", workflow.name, step.name);
            line(&name, "OK", step.calls.saturating_sub(step.errors));
            let mut codes = std::collections::BTreeMap::new();
            for failure in report.failures.iter().filter(|one| one.step == name) {
                *codes.entry(failure.code.as_str()).or_insert(0) += failure.count;
            }
            let told: u64 = codes.values().sum();
            for (code, count) in codes {
                line(&name, code, count);
            }
            if step.errors > told {
                line(&name, "other", step.errors - told);
            }
        }
    }
}

/// A histogram, cumulative; where only the figures were kept, its sum and its count alone.
fn histogram(text: &mut String, name: &str, help: &str, latencies: &Latencies) {
    head(text, name, "histogram", help);
    let mut values = latencies.histogram.iter().peekable();
    let mut below = 0;
    for end_us in BUCKETS_US {
        while let Some((_, count)) = values.next_if(|(us, _)| *us <= end_us) {
            below += count;
        }
        let le = end_us as f64 / 1e6;
        let _ = writeln!(text, "liaison_load_{name}_bucket{{le=\"{le}\"}} {below}");
    }
    let count = latencies.count;
    let sum = latencies.mean_us * count as f64 / 1e6;
    let _ = writeln!(
        text,
        "liaison_load_{name}_bucket{{le=\"+Inf\"}} {count}\nliaison_load_{name}_sum {sum}\n\
         liaison_load_{name}_count {count}"
    );
}

/// The value of a label, made visible: so it has no line break.
fn escaped(value: &str) -> String {
    clean(value).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::fixture;

    fn value(text: &str, series: &str) -> f64 {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
            .unwrap_or_else(|| panic!("no {series}"));
        line.parse().expect("a number")
    }

    #[test]
    fn the_buckets_rise_to_the_count() {
        let report = fixture::full();
        let text = prometheus(&report);
        for name in ["response", "service", "lag"] {
            let prefix = format!("liaison_load_{name}_seconds_bucket");
            let lines = text.lines().filter(|line| line.starts_with(&prefix));
            let counts: Vec<u64> = lines
                .map(|line| {
                    line.rsplit(' ')
                        .next()
                        .unwrap_or("")
                        .parse()
                        .expect("a count")
                })
                .collect();
            assert!(counts.is_sorted());
            assert_eq!(counts.last(), Some(&report.calls));
        }
        let mean_us = value(&text, "liaison_load_response_seconds_sum") * 1e6
            / value(&text, "liaison_load_response_seconds_count");
        assert!((mean_us - report.response.mean_us).abs() < 1.0);
    }

    #[test]
    fn the_calls_of_all_steps_are_all_calls() {
        let mut report = fixture::full();
        report.failures.truncate(3);
        let text = prometheus(&report);
        let calls = text
            .lines()
            .filter(|line| line.starts_with("liaison_load_calls_total{"));
        let sum: u64 = calls
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum();
        assert_eq!(sum, report.calls);
        assert!(text.contains("code=\"other\""));
        let plain = prometheus(&fixture::tiny());
        assert!(plain.contains("{step=\"relay.v1.RelayService/Pass\",code=\"OK\"} 1\n"));
    }

    #[test]
    fn each_name_is_told_once_and_before_its_figures() {
        let text = prometheus(&fixture::full());
        let mut known = std::collections::BTreeSet::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, _) = rest.split_once(' ').expect("a name and a kind");
                assert!(known.insert(name.to_owned()), "{name}");
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap_or("");
                let base = ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|end| name.strip_suffix(end))
                    .unwrap_or(name);
                assert!(known.contains(base), "{line}");
            }
        }
    }

    #[test]
    fn a_label_cannot_end_its_line() {
        let mut report = fixture::tiny();
        report.setup.plan = fixture::HOSTILE.to_owned();
        let text = prometheus(&report);
        assert!(!text.lines().any(|line| line == "# evil 1"));
        assert!(text.contains("alert(\\\"1\\\")"));
        assert_eq!(escaped("a\\b"), "a\\\\b");
    }
}
