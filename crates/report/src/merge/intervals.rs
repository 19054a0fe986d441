//! Joining what happened from second to second, aligned by when it happened.

use std::collections::BTreeMap;

use crate::interval::Interval;
use crate::report::Report;

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
        let mut sum = Interval::default();
        for interval in by_report.values().flatten() {
            sum.add(interval);
        }
        Interval {
            at_s: slot as f64 * width,
            seconds: lengths.fold(0.0, f64::max).min(width),
            in_flight: last.map(|interval| interval.in_flight).sum(),
            ..sum
        }
    });
    merged.collect()
}
