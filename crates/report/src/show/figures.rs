//! Figures in words: the same in a terminal and in a browser.

use words::figures::{latency, short_latency, thousands, three_digits};

use crate::latency::Latencies;
use crate::report::Report;

/// Where there is no figure.
pub(super) const NONE: &str = "–";

/// A latency of whole microseconds.
pub(super) fn time(us: u64) -> String {
    latency(us as f64)
}

/// A time in seconds, in the unit that suits it.
pub(super) fn seconds(seconds: f64) -> String {
    short_latency(seconds.max(0.0) * 1e6)
}

/// So many a second.
pub(super) fn rate(rate: f64) -> String {
    let rounded = rate.round();
    if (rate - rounded).abs() < 1e-6 || rate >= 100.0 {
        return format!("{}/s", thousands(rounded.max(0.0) as u64));
    }
    format!("{}/s", three_digits(rate))
}

/// A size in the unit that suits it.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    UNITS.iter().find(|(size, _)| bytes >= *size).map_or_else(
        || format!("{bytes} B"),
        |(size, unit)| format!("{} {unit}", three_digits(bytes as f64 / *size as f64)),
    )
}

/// A figure of a comparison in its unit.
pub(super) fn figure(value: f64, unit: &str) -> String {
    match unit {
        "µs" => latency(value),
        "/s" => rate(value),
        "" => three_digits(value),
        unit => format!("{} {unit}", three_digits(value)),
    }
}

/// The quantiles that tables show, with their names.
pub(super) const QUANTILES: [&str; 5] = ["p50", "p90", "p99", "p99.9", "max"];

/// The same of one histogram, in words.
pub(super) fn quantiles(latencies: &Latencies) -> [String; 5] {
    [
        latencies.p50_us,
        latencies.p90_us,
        latencies.p99_us,
        latencies.p999_us,
        latencies.max_us,
    ]
    .map(|us| time_of(latencies, us))
}

/// One of the figures of a histogram. Where nothing was measured there is none, and 0 would be one.
pub(super) fn time_of(latencies: &Latencies, us: u64) -> String {
    mean_of(latencies, us as f64)
}

/// The same of one that is no whole number, such as its mean.
pub(super) fn mean_of(latencies: &Latencies, us: f64) -> String {
    if latencies.count == 0 {
        return NONE.to_owned();
    }
    latency(us)
}

/// How long calls took to all end, in seconds, and how many did a second. Both follow from the achieved rate, so that they
/// agree with it and with each other.
pub(super) fn elapsed(report: &Report) -> (f64, f64) {
    let finished = report.arrivals.saturating_sub(report.unsent) as f64;
    let seconds = if report.achieved_rate > 0.0 && finished > 0.0 {
        finished / report.achieved_rate
    } else {
        report.duration_s
    };
    let rate = if seconds > 0.0 {
        report.calls as f64 / seconds
    } else {
        0.0
    };
    (seconds, rate)
}

/// Where the difference between response and service is largest: what a generator that waits for answers does not see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hidden {
    /// The quantile, such as 0.99.
    pub(super) quantile: f64,
    /// Its name, such as `p99`.
    pub(super) name: &'static str,
    /// What the callers waited.
    pub(super) response_us: u64,
    /// What the calls took once they were sent.
    pub(super) service_us: u64,
}

impl Hidden {
    /// How many times as long.
    pub(super) fn times(self) -> f64 {
        self.response_us as f64 / self.service_us.max(1) as f64
    }
}

/// That difference, if it is worth telling: twice as long or more, and a millisecond at least.
pub(super) fn hidden(report: &Report) -> Option<Hidden> {
    let (response, service) = (&report.response, &report.service);
    let at = |quantile, name, response_us, service_us| Hidden {
        quantile,
        name,
        response_us,
        service_us,
    };
    [
        at(0.50, "p50", response.p50_us, service.p50_us),
        at(0.90, "p90", response.p90_us, service.p90_us),
        at(0.95, "p95", response.p95_us, service.p95_us),
        at(0.99, "p99", response.p99_us, service.p99_us),
        at(0.999, "p99.9", response.p999_us, service.p999_us),
    ]
    .into_iter()
    .filter(|at| at.service_us > 0 && at.response_us >= at.service_us + 1_000 && at.times() >= 2.0)
    .max_by(|one, other| one.times().total_cmp(&other.times()))
}

/// Whether the workflows tell more than the run does: one of one step is the run.
pub(super) fn workflows_tell_more(report: &Report) -> bool {
    match report.workflows.as_slice() {
        [] => false,
        [one] => one.steps.len() > 1 || one.steps.iter().any(|step| step.retries > 0),
        _ => true,
    }
}

/// Calls by status code, the most frequent first.
pub(super) fn by_code(report: &Report) -> Vec<(&String, u64)> {
    let codes = report.codes.iter().map(|(code, count)| (code, *count));
    let mut codes: Vec<_> = codes.collect();
    codes.sort_by(|(_, one), (_, other)| other.cmp(one));
    codes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::fixture;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(rate(2_000.0), "2,000/s");
        assert_eq!(rate(12.345), "12.3/s");
        assert_eq!(rate(1_999.6), "2,000/s");
        assert_eq!(bytes(1_572_864), "1.50 MiB");
        assert_eq!(seconds(30.0), "30 s");
        assert_eq!(seconds(3600.0), "1 h");
    }

    #[test]
    fn of_nothing_there_is_no_figure() {
        assert_eq!(quantiles(&Latencies::default()), [NONE; 5]);
        assert_eq!(quantiles(&fixture::tiny().response), ["1.24 ms"; 5]);
    }

    #[test]
    fn what_a_waiting_generator_hides_is_found() {
        let hidden = hidden(&fixture::full()).expect("the fixture stalls");
        assert!(hidden.times() > 10.0, "{hidden:?}");
        assert_eq!(super::hidden(&fixture::tiny()), None);
    }
}
