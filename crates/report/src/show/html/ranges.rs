//! Small drawings in the cells of tables: a dot and the range around it, on one scale for the column.

use maud::{Markup, html};

use super::pieces::share;
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
pub(super) fn axis(scale: Scale) -> Markup {
    let labels = html! {
        @for (index, tick) in scale.time_ticks().into_iter().enumerate() {
            text class=[(index % 2 == 1).then_some("minor")] x=(share(scale.part(tick.at))) y="12" text-anchor="middle" {
                (tick.label)
            }
        }
    };
    drawing(16, &labels)
}

/// From half of the calls to 99 of 100 as a bar, and on to the slowest as a thread: one row each.
pub(super) fn bars(scale: Scale, rows: &[(&str, &Latencies)]) -> Markup {
    let room = f64::from(HEIGHT) / (rows.len() as f64 + 1.0);
    let at = |us: u64| share(scale.part(us.max(1) as f64));
    let rows = (1..).zip(rows);
    let rows = rows.filter(|(_, (_, latencies))| latencies.count > 0);
    let bars = html! {
        @for tick in scale.time_ticks() {
            @let at = share(scale.part(tick.at));
            line class="rule" x1=(at) x2=(at) y1="-9" y2="35" {}
        }
        @for (number, (class, latencies)) in rows {
            @let y = format!("{:.1}", room * f64::from(number));
            @let (p50, p99, max) = (at(latencies.p50_us), at(latencies.p99_us), at(latencies.max_us));
            line class={ "thread " (class) } x1=(p99) x2=(max) y1=(y) y2=(y) {}
            line class={ "span " (class) } x1=(p50) x2=(p99) y1=(y) y2=(y) {}
            circle class=(class) cx=(p50) cy=(y) r="4" {}
        }
    };
    drawing(HEIGHT, &bars)
}

/// Before and now: each its median as a dot and its repeats as a range. The scale is the row's own, and does not begin at 0:
/// what is asked is whether the ranges overlap.
pub(super) fn spreads(before: Spread, now: Spread) -> Markup {
    let lowest = before.min.min(now.min);
    let highest = before.max.max(now.max);
    let margin = (highest - lowest).max(highest.abs() * 0.01).max(1e-9) * 0.12;
    let scale = Scale::linear(lowest - margin, highest + margin);
    let at = |figure| share(scale.part(figure));
    let spreads = html! {
        @for (class, y, spread) in [("before", 8, before), ("now", 18, now)] {
            line class={ "span " (class) } x1=(at(spread.min)) x2=(at(spread.max)) y1=(y) y2=(y) {}
            circle class=(class) cx=(at(spread.median)) cy=(y) r="4.5" {}
        }
    };
    drawing(HEIGHT, &spreads)
}

/// A bar of a share of the whole.
pub(super) fn bar(class: &str, part: f64) -> Markup {
    let width = share(part.clamp(0.0, 1.0));
    drawing(
        14,
        &html! { rect class=(class) y="1" width=(width) height="12" rx="1.5" {} },
    )
}

fn drawing(height: u32, inside: &Markup) -> Markup {
    html! {
        svg class="range" width="100%" height=(height) aria-hidden="true" { (inside) }
    }
}
