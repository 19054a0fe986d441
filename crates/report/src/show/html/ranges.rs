//! Small drawings in the cells of tables: a dot and the range around it, on one scale for the column.

use super::markup::{esc, put, share};
use super::scale::Scale;
use crate::latency::Latencies;
use crate::report::Spread;

const HEIGHT: u32 = 26;

/// The scale that all of these latencies fit on.
pub(super) fn scale_of<'a>(all: impl Iterator<Item = &'a Latencies> + Clone) -> Scale {
    let present = || all.clone().filter(|one| one.count > 0);
    let lowest = present().map(|one| one.p50_us.max(1)).min().unwrap_or(1);
    let highest = present().map(|one| one.max_us).max().unwrap_or(1);
    Scale::log(lowest as f64, highest as f64)
}

/// The heading of a column of ranges: its scale.
pub(super) fn axis(scale: Scale) -> String {
    let mut drawing =
        "<svg class=\"range\" width=\"100%\" height=\"16\" aria-hidden=\"true\">".to_owned();
    for (index, tick) in scale.time_ticks().into_iter().enumerate() {
        let class = if index % 2 == 1 {
            " class=\"minor\""
        } else {
            ""
        };
        put!(
            drawing,
            "<text{class} x=\"{}\" y=\"12\" text-anchor=\"middle\">{}</text>",
            share(scale.part(tick.at)),
            esc(&tick.label)
        );
    }
    drawing + "</svg>"
}

/// From half of the calls to 99 of 100 as a bar, and on to the slowest as a thread: one row each.
pub(super) fn bars(scale: Scale, rows: &[(&str, &Latencies)]) -> String {
    let mut drawing = open(scale);
    let room = f64::from(HEIGHT) / (rows.len() as f64 + 1.0);
    for (index, (class, latencies)) in rows.iter().enumerate() {
        if latencies.count == 0 {
            continue;
        }
        let y = room * (index as f64 + 1.0);
        let at = |us: u64| share(scale.part(us.max(1) as f64));
        put!(
            drawing,
            "<line class=\"thread {class}\" x1=\"{p99}\" x2=\"{max}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <line class=\"span {class}\" x1=\"{p50}\" x2=\"{p99}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <circle class=\"{class}\" cx=\"{p50}\" cy=\"{y:.1}\" r=\"4\"/>",
            p50 = at(latencies.p50_us),
            p99 = at(latencies.p99_us),
            max = at(latencies.max_us),
        );
    }
    drawing + "</svg>"
}

/// Before and now: each its median as a dot and its repeats as a range. The scale is the row's own, and does not begin at 0:
/// what is asked is whether the ranges overlap.
pub(super) fn spreads(before: Spread, now: Spread) -> String {
    let lowest = before.min.min(now.min);
    let highest = before.max.max(now.max);
    let margin = (highest - lowest).max(highest.abs() * 0.01).max(1e-9) * 0.12;
    let scale = Scale::linear(lowest - margin, highest + margin);
    let mut drawing =
        format!("<svg class=\"range\" width=\"100%\" height=\"{HEIGHT}\" aria-hidden=\"true\">");
    for (class, y, spread) in [("before", 8, before), ("now", 18, now)] {
        let at = |figure| share(scale.part(figure));
        put!(
            drawing,
            "<line class=\"span {class}\" x1=\"{}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\"/>\
             <circle class=\"{class}\" cx=\"{}\" cy=\"{y}\" r=\"4.5\"/>",
            at(spread.min),
            at(spread.max),
            at(spread.median)
        );
    }
    drawing + "</svg>"
}

/// A bar of a share of the whole.
pub(super) fn bar(class: &str, part: f64) -> String {
    format!(
        "<svg class=\"range\" width=\"100%\" height=\"14\" aria-hidden=\"true\"><rect class=\"{class}\" y=\"1\" \
         width=\"{}\" height=\"12\" rx=\"1.5\"/></svg>",
        share(part.clamp(0.0, 1.0))
    )
}

fn open(scale: Scale) -> String {
    let mut drawing =
        format!("<svg class=\"range\" width=\"100%\" height=\"{HEIGHT}\" aria-hidden=\"true\">");
    for tick in scale.time_ticks() {
        let at = share(scale.part(tick.at));
        put!(
            drawing,
            "<line class=\"rule\" x1=\"{at}\" x2=\"{at}\" y1=\"-9\" y2=\"35\"/>"
        );
    }
    drawing
}
