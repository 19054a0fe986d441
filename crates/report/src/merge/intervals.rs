//! Joining what happened from second to second, aligned by when it happened.

use std::collections::BTreeMap;

use crate::report::{Interval, IntervalLatency, Report, heat_floor_us};

/// The intervals of all, each as long as the longest of any. One belongs where its middle is.
pub(super) fn merged(reports: &[&Report]) -> Vec<Interval> {
    let all = || reports.iter().flat_map(|report| &report.intervals);
    let width = all().map(|interval| interval.seconds).fold(0.0, f64::max);
    if width <= 0.0 {
        return Vec::new();
    }
    let start = reports.iter().filter_map(|report| report.started_at).min();
    let mut slots: BTreeMap<i64, BTreeMap<usize, Vec<&Interval>>> = BTreeMap::new();
    for (number, report) in reports.iter().enumerate() {
        let later = report
            .started_at
            .zip(start)
            .map_or(0.0, |(own, first)| own.duration_since(first).as_secs_f64());
        for interval in &report.intervals {
            let middle = interval.at_s + later + interval.seconds / 2.0;
            slots
                .entry((middle / width).floor() as i64)
                .or_default()
                .entry(number)
                .or_default()
                .push(interval);
        }
    }
    let merged = slots.into_iter().map(|(slot, by_report)| {
        let lengths = by_report.values().map(|intervals| {
            let seconds = intervals.iter().map(|interval| interval.seconds);
            seconds.sum::<f64>()
        });
        let last = by_report.values().filter_map(|intervals| intervals.last());
        Interval {
            at_s: slot as f64 * width,
            seconds: lengths.fold(0.0, f64::max).min(width),
            in_flight: last.map(|interval| interval.in_flight).sum(),
            ..summed(&by_report.into_values().flatten().collect::<Vec<_>>())
        }
    });
    merged.collect()
}

/// What does not depend on when it was.
fn summed(intervals: &[&Interval]) -> Interval {
    let sum = |of: fn(&Interval) -> u64| intervals.iter().map(|interval| of(interval)).sum();
    let mut heat = BTreeMap::new();
    for (bucket, count) in intervals.iter().flat_map(|interval| &interval.heat) {
        *heat.entry(*bucket).or_default() += count;
    }
    Interval {
        offered: sum(|interval| interval.offered),
        finished: sum(|interval| interval.finished),
        calls: sum(|interval| interval.calls),
        errors: sum(|interval| interval.errors),
        messages: sum(|interval| interval.messages),
        response: response(intervals, &heat),
        lag: highest(intervals.iter().map(|interval| interval.lag)),
        heat,
        ..Interval::default()
    }
}

fn response(intervals: &[&Interval], heat: &BTreeMap<u16, u64>) -> IntervalLatency {
    let mut with_calls = intervals.iter().filter(|interval| interval.calls > 0);
    let highest = highest(intervals.iter().map(|interval| interval.response));
    match (with_calls.next(), with_calls.next()) {
        (None, _) => IntervalLatency::default(),
        // Where all calls are of one part its own figures are exact.
        (Some(only), None) => only.response,
        _ if heat.is_empty() => highest,
        _ => {
            let at = |quantile| quantile_us(heat, quantile).min(highest.max_us);
            IntervalLatency {
                p50_us: at(0.50),
                p90_us: at(0.90),
                p99_us: at(0.99),
                p999_us: at(0.999),
                max_us: highest.max_us,
            }
        }
    }
}

/// The end of the bucket that the quantile lies in: at most a quarter octave too high, and never too low.
fn quantile_us(heat: &BTreeMap<u16, u64>, quantile: f64) -> u64 {
    let count: u64 = heat.values().sum();
    let rank = ((count as f64 * quantile).ceil() as u64).max(1);
    let mut below = 0;
    let found = heat.iter().find(|(_, count)| {
        below += **count;
        below >= rank
    });
    found.map_or(0, |(bucket, _)| {
        (heat_floor_us(bucket + 1).ceil() as u64).saturating_sub(1)
    })
}

fn highest(latencies: impl Iterator<Item = IntervalLatency>) -> IntervalLatency {
    latencies.fold(IntervalLatency::default(), |one, other| IntervalLatency {
        p50_us: one.p50_us.max(other.p50_us),
        p90_us: one.p90_us.max(other.p90_us),
        p99_us: one.p99_us.max(other.p99_us),
        p999_us: one.p999_us.max(other.p999_us),
        max_us: one.max_us.max(other.max_us),
    })
}
