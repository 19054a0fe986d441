//! Figures in words: the same in a terminal and in a browser.

use reading::visible;
use words::figures::thousands;

use crate::latency::Latencies;
use crate::report::{Interval, Report, heat_floor_us};

/// A number to three significant digits, its thousands apart: `0.0123`, `12.3`, `1,234`.
pub(super) fn three_digits(number: f64) -> String {
    let size = number.abs();
    if size < 1e-9 || !number.is_finite() {
        return "0".to_owned();
    }
    let sign = if number < 0.0 { "−" } else { "" };
    // 99.96 has three digits as 100, not as 100.0.
    let digits = |size: f64| 2 - size.log10().floor() as i32;
    let step = 10_f64.powi(digits(size));
    let places = digits((size * step).round() / step).max(0) as usize;
    if places == 0 {
        return format!("{sign}{}", thousands(size.round() as u64));
    }
    format!("{sign}{size:.places$}")
}

/// A time in the unit that suits it: `870 µs`, `1.24 ms`, `2.01 s`, `12.5 min`, `1.20 h`.
pub(super) fn time_us(us: f64) -> String {
    const UNITS: [(f64, &str); 5] = [
        (3.6e9, "h"),
        (3e8, "min"),
        (1e6, "s"),
        (1e3, "ms"),
        (1.0, "µs"),
    ];
    if us < 999.5 && us.fract() == 0.0 {
        // Nothing is measured finer than this: 3.00 µs would claim more than is known.
        return format!("{us:.0} µs");
    }
    // What rounds up to the next unit is told in the next unit.
    let (size, unit) = UNITS
        .iter()
        .find(|(size, _)| us >= size * 0.9995)
        .copied()
        .unwrap_or((1.0, "µs"));
    let size = if unit == "min" { 6e7 } else { size };
    format!("{} {unit}", three_digits(us / size))
}

/// A round time without the digits that make it exact.
pub(super) fn short_time(us: f64) -> String {
    let text = time_us(us);
    let Some((number, unit)) = text.split_once(' ') else {
        return text;
    };
    let number = if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    };
    format!("{number} {unit}")
}

/// The same of whole microseconds.
pub(super) fn time(us: u64) -> String {
    time_us(us as f64)
}

/// A time in seconds, in the unit that suits it.
pub(super) fn seconds(seconds: f64) -> String {
    short_time(seconds.max(0.0) * 1e6)
}

/// So many a second.
pub(super) fn rate(rate: f64) -> String {
    let rounded = rate.round();
    if (rate - rounded).abs() < 1e-6 || rate >= 100.0 {
        return format!("{}/s", thousands(rounded.max(0.0) as u64));
    }
    format!("{}/s", three_digits(rate))
}

/// A part of a whole in percent. Never `100 %` for less than all, and never `0 %` for more than nothing.
pub(super) fn percent(part: f64, whole: f64) -> String {
    if whole <= 0.0 || part <= 0.0 {
        return "0 %".to_owned();
    }
    let share = part / whole * 100.0;
    if share < 0.001 {
        return "< 0.001 %".to_owned();
    }
    if (99.9..100.0).contains(&share) {
        // The nines are what one looks for here.
        let left = 100.0 - share;
        let places = (-left.log10()).ceil().clamp(1.0, 4.0) as usize;
        let floor = (share * 10_f64.powi(places as i32)).floor() / 10_f64.powi(places as i32);
        return format!("{floor:.places$} %");
    }
    let text = three_digits(share);
    if text.contains('.') {
        let text = text.trim_end_matches('0').trim_end_matches('.');
        return format!("{text} %");
    }
    format!("{text} %")
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
        "µs" => time_us(value),
        "/s" => rate(value),
        "" => three_digits(value),
        unit => format!("{} {unit}", three_digits(value)),
    }
}

/// One of a thing, or several.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        thousands(number),
        if number == 1 { one } else { many }
    )
}

/// Text from elsewhere on one line, made visible: a server's message must not move the cursor, nor turn the reading
/// around.
pub(super) fn clean(text: &str) -> String {
    visible::line(text).into_owned()
}

/// The quantiles that tables show, with their names.
pub(super) const QUANTILES: [&str; 5] = ["p50", "p90", "p99", "p99.9", "max"];

/// The same of one histogram.
pub(super) fn quantiles(latencies: &Latencies) -> [u64; 5] {
    [
        latencies.p50_us,
        latencies.p90_us,
        latencies.p99_us,
        latencies.p999_us,
        latencies.max_us,
    ]
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

/// How many thresholds make the run fail.
pub(super) fn thresholds_failed(report: &Report) -> usize {
    let failed = report.thresholds.iter().filter(|one| one.failed);
    failed.count()
}

/// A latency that a share of `quantile` of an interval's heat does not exceed, to the width of a bucket.
pub(super) fn heat_quantile_us(interval: &Interval, quantile: f64) -> u64 {
    let total: u64 = interval.heat.values().sum();
    let wanted = (quantile * total as f64).ceil().max(1.0) as u64;
    let mut seen = 0;
    for (bucket, count) in &interval.heat {
        seen += count;
        if seen >= wanted {
            // The middle of the bucket, on the scale that the buckets are on.
            return (heat_floor_us(*bucket) * heat_floor_us(bucket + 1)).sqrt() as u64;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::fixture;

    #[test]
    fn times_have_three_digits_and_the_unit_that_suits() {
        let told = |us: f64| time_us(us);
        assert_eq!(told(0.0), "0 µs");
        assert_eq!(told(870.0), "870 µs");
        assert_eq!(told(3.274), "3.27 µs");
        assert_eq!(told(999.7), "1.00 ms");
        assert_eq!(told(1_236.0), "1.24 ms");
        assert_eq!(told(99_960.0), "100 ms");
        assert_eq!(told(999_900.0), "1.00 s");
        assert_eq!(told(2_010_000.0), "2.01 s");
        assert_eq!(told(30_000_000.0), "30.0 s");
        assert_eq!(told(750_000_000.0), "12.5 min");
        assert_eq!(told(3_600_000_000.0), "1.00 h");
        assert_eq!(seconds(30.0), "30 s");
        assert_eq!(seconds(3600.0), "1 h");
    }

    #[test]
    fn a_share_is_never_rounded_to_all_or_nothing() {
        assert_eq!(percent(0.0, 10.0), "0 %");
        assert_eq!(percent(10.0, 10.0), "100 %");
        assert_eq!(percent(9_999_999.0, 10_000_000.0), "99.9999 %");
        assert_eq!(percent(59_988.0, 60_000.0), "99.98 %");
        assert_eq!(percent(1.0, 10_000_000.0), "< 0.001 %");
        assert_eq!(percent(1.0, 8.0), "12.5 %");
        assert_eq!(percent(1.0, 2.0), "50 %");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(thousands(1_048_576), "1,048,576");
        assert_eq!(rate(2_000.0), "2,000/s");
        assert_eq!(rate(12.345), "12.3/s");
        assert_eq!(rate(1_999.6), "2,000/s");
        assert_eq!(three_digits(99.96), "100");
        assert_eq!(three_digits(0.012_34), "0.0123");
        assert_eq!(bytes(1_572_864), "1.50 MiB");
    }

    #[test]
    fn a_message_moves_no_cursor_and_turns_no_line() {
        assert_eq!(
            clean("a\u{1b}[2Jb\nc\u{202e}d"),
            "a‹U+001B›[2Jb‹U+000A›c‹U+202E›d"
        );
    }

    #[test]
    fn what_a_waiting_generator_hides_is_found() {
        let hidden = hidden(&fixture::full()).expect("the fixture stalls");
        assert!(hidden.times() > 10.0, "{hidden:?}");
        assert_eq!(super::hidden(&fixture::tiny()), None);
    }
}
