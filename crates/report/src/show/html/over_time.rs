//! What happened over time: the heat map of responses, the rates, the errors, the lag, the calls in flight.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use maud::{Markup, html};
use words::figures::{count, thousands};

use super::chart::Chart;
use super::pieces::share;
use super::scale::Scale;
use crate::interval::{Interval, IntervalLatency, heat_floor_us};
use crate::report::Report;
use crate::show::figures::{NONE, rate, seconds, time};

/// No chart has more columns: an hour is as many as there is room for.
const COLUMNS_MAX: usize = 160;
/// Shades of the heat map, from few to many.
pub(super) const SHADES: usize = 9;
const SMALL: f64 = 150.0;

/// The intervals, several of them as one where there are too many to be seen.
#[derive(Debug)]
pub(super) struct Columns {
    columns: Vec<Interval>,
    duration_s: f64,
    merged: usize,
}

impl Columns {
    /// Those of a report; `None` if it has none.
    pub(super) fn of(report: &Report) -> Option<Self> {
        let merged = report.intervals.len().div_ceil(COLUMNS_MAX).max(1);
        let columns: Vec<_> = report.intervals.chunks(merged).map(merge).collect();
        let drawable = columns.iter().any(|column| column.seconds > 0.0);
        drawable.then_some(Self {
            columns,
            duration_s: report.duration_s,
            merged,
        })
    }

    fn scale(&self) -> Scale {
        let from = self.columns.first().map_or(0.0, |column| column.at_s);
        let to = self.columns.last().map_or(1.0, end);
        Scale::linear(from, to)
    }

    fn chart(
        &self,
        id: &'static str,
        title: &str,
        desc: &str,
        height: f64,
        y: (Scale, Vec<super::scale::Tick>),
    ) -> Chart {
        let x = self.scale();
        let mut chart = Chart::new(id, title, desc, height, (x, x.clock_ticks()), y);
        let (from, to) = (
            self.columns.first().map_or(0.0, |column| column.at_s),
            self.columns.last().map_or(0.0, end),
        );
        if from < 0.0 {
            chart.band("outside", from, 0.0_f64.min(to), "warm-up");
        }
        // The last calls end somewhat after the last arrival was due: that is worth a name only where it takes a while.
        if to > self.duration_s + (to - from) * 0.03 && self.duration_s > 0.0 {
            chart.band("outside", self.duration_s, to, "draining");
        }
        for (begun, ended) in self.silences() {
            chart.band("silence", begun, ended, "stall");
        }
        chart
    }

    /// From when to when calls were due and hardly any ended: fewer than one for every 20 that were due.
    fn silences(&self) -> Vec<(f64, f64)> {
        let mut silences: Vec<(f64, f64)> = Vec::new();
        for column in &self.columns {
            if column.calls * 20 >= column.offered || column.seconds <= 0.0 {
                continue;
            }
            match silences.last_mut() {
                Some((_, ended)) if (*ended - column.at_s).abs() < 1e-6 => *ended = end(column),
                _ => silences.push((column.at_s, end(column))),
            }
        }
        silences
    }

    /// A figure of each column, from its beginning to its end.
    fn steps(&self, figure: impl Fn(&Interval) -> Option<f64>) -> Vec<Option<[f64; 3]>> {
        self.columns
            .iter()
            .map(|column| figure(column).map(|y| [column.at_s, end(column), y]))
            .collect()
    }

    /// Responses over time, by how many there were of each.
    pub(super) fn heat(&self) -> Option<Markup> {
        let buckets = || self.columns.iter().flat_map(|column| column.heat.keys());
        let lowest = heat_floor_us(*buckets().min()?);
        let highest = heat_floor_us(*buckets().max()? + 1);
        let most = self
            .columns
            .iter()
            .flat_map(|column| column.heat.values())
            .max()
            .copied()
            .unwrap_or(1);
        let y = Scale::log(lowest, highest);
        let mut chart = self.chart(
            "heat",
            "Response over time",
            &format!(
                "Each column is {}, each cell the calls whose response was so long: the stronger its shade, the more, up to {}. The \
                 lines are half of the calls, 99 of 100, and the slowest.",
                self.each(),
                count(most, "call", "calls")
            ),
            340.0,
            (y, y.time_ticks()),
        );
        let mut shades: BTreeMap<usize, Vec<[f64; 4]>> = BTreeMap::new();
        for column in &self.columns {
            for (bucket, count) in column.heat.iter().filter(|(_, count)| **count > 0) {
                let (from, to) = (heat_floor_us(*bucket), heat_floor_us(bucket + 1));
                let cells = shades.entry(shade(*count, most)).or_default();
                match cells.last_mut() {
                    // Neighbours of one shade are one cell: the page is the smaller for it.
                    Some([at, _, _, top]) if *at >= column.at_s && *top >= from => *top = to,
                    _ => cells.push([column.at_s, end(column), from, to]),
                }
            }
        }
        for (shade, cells) in &shades {
            chart.cells(&format!("cell h{shade}"), cells);
        }
        let lines: [Line; 3] = [
            ("line max", "slowest", |one| one.max_us),
            ("line p99", "p99", |one| one.p99_us),
            ("line p50", "p50", |one| one.p50_us),
        ];
        for (class, name, figure) in lines {
            let steps = self.steps(|column| {
                let answered = column.is_answered();
                answered.then(|| figure(&column.response).max(1) as f64)
            });
            chart.steps_with_halo(class, &steps);
            if let Some([_, _, y]) = steps.iter().rev().flatten().next() {
                chart.end(*y, name, class.trim_start_matches("line "));
            }
        }
        for column in &self.columns {
            chart.read_out(column.at_s, end(column), &in_words(column));
        }
        Some(html! { (chart.render()) (legend(most)) })
    }

    /// Offered against achieved.
    pub(super) fn rates(&self) -> Markup {
        // After the end none is due: a fall to nothing there would look like one of the target's.
        let offered = self.steps(|column| {
            (self.duration_s <= 0.0 || column.at_s < self.duration_s)
                .then(|| per_second(column, column.offered))
                .flatten()
        });
        let achieved = self.steps(|column| per_second(column, column.finished));
        let largest = |steps: &[Option<[f64; 3]>]| {
            let figures = steps.iter().flatten().map(|[_, _, y]| *y);
            figures.fold(0.0, f64::max)
        };
        let y = Scale::from_zero(largest(&offered).max(largest(&achieved)));
        let mut chart = self.chart(
            "rate",
            "Arrivals a second, offered and finished",
            "Where the lines part, the target kept its callers waiting, or caught up.",
            SMALL,
            (y, y.number_ticks(5.0)),
        );
        chart.steps("line offered", &offered);
        chart.steps("line achieved", &achieved);
        for column in &self.columns {
            let words = |number| per_second(column, number).map_or_else(|| NONE.to_owned(), rate);
            chart.read_out(
                column.at_s,
                end(column),
                &format!(
                    "{}: {} offered, {} finished",
                    when(column),
                    words(column.offered),
                    words(column.finished)
                ),
            );
        }
        chart.render()
    }

    /// Calls that failed a second; `None` if none did.
    pub(super) fn errors(&self) -> Option<Markup> {
        let failed = |column: &Interval| per_second(column, column.errors).unwrap_or(0.0);
        let largest = self.columns.iter().map(failed).fold(0.0, f64::max);
        if largest <= 0.0 {
            return None;
        }
        let y = Scale::from_zero(largest);
        let mut chart = self.chart(
            "errors",
            "Calls that failed, a second",
            "One bar a column.",
            SMALL,
            (y, y.number_ticks(5.0)),
        );
        let bars: Vec<_> = self
            .columns
            .iter()
            .filter(|column| column.errors > 0)
            .map(|column| {
                let gap = column.seconds * 0.12;
                [
                    column.at_s + gap,
                    end(column) - gap,
                    0.0,
                    // A single failure among thousands is still seen.
                    failed(column).max(largest / 100.0),
                ]
            })
            .collect();
        chart.cells("bar", &bars);
        for column in self.columns.iter().filter(|column| column.errors > 0) {
            chart.read_out(
                column.at_s,
                end(column),
                &format!(
                    "{}: {} of {} failed",
                    when(column),
                    thousands(column.errors),
                    thousands(column.calls)
                ),
            );
        }
        Some(chart.render())
    }

    /// Intended to sent; `None` if it was not kept.
    pub(super) fn lag(&self) -> Option<Markup> {
        let with_lag = || {
            self.columns
                .iter()
                .filter(|column| column.is_answered() && column.lag.max_us > 0)
        };
        let lowest = with_lag().map(|column| column.lag.p50_us.max(1)).min()?;
        let highest = with_lag().map(|column| column.lag.max_us).max()?;
        let y = Scale::log(lowest as f64, highest as f64);
        let mut desc =
            "How long calls waited at the generator: half of them, 99 of 100, and the longest."
                .to_owned();
        if self.merged > 1 {
            let _ = write!(
                desc,
                " Each point is the worst interval of {}.",
                self.each()
            );
        }
        let mut chart = self.chart("lag", "Lag over time", &desc, SMALL, (y, y.time_ticks()));
        let lines: [Line; 3] = [
            ("line lag", "max", |one| one.max_us),
            ("line lag strong", "p99", |one| one.p99_us),
            ("line lag dotted", "p50", |one| one.p50_us),
        ];
        for (class, name, figure) in lines {
            let steps = self.steps(|column| {
                let answered = column.is_answered();
                answered.then(|| figure(&column.lag).max(1) as f64)
            });
            chart.steps(class, &steps);
            if let Some([_, _, y]) = steps.iter().rev().flatten().next() {
                chart.end(*y, name, "lag");
            }
        }
        for column in with_lag() {
            let lag = column.lag;
            let words = format!(
                "{}: lag p50 {}, p99 {}, max {}",
                when(column),
                time(lag.p50_us),
                time(lag.p99_us),
                time(lag.max_us)
            );
            chart.read_out(column.at_s, end(column), &words);
        }
        Some(chart.render())
    }

    /// Calls in flight at the end of each interval.
    pub(super) fn in_flight(&self) -> Option<Markup> {
        let most = self.columns.iter().map(|column| column.in_flight).max()?;
        if most == 0 {
            return None;
        }
        let y = Scale::from_zero(most as f64);
        let mut chart = self.chart(
            "flight",
            "Calls in flight",
            "At the end of each column: sent, and not yet done.",
            SMALL,
            (y, y.number_ticks(5.0)),
        );
        let steps = self.steps(|column| Some(column.in_flight as f64));
        chart.steps("line service", &steps);
        for column in &self.columns {
            let words = format!(
                "{}: {} in flight",
                when(column),
                thousands(column.in_flight)
            );
            chart.read_out(column.at_s, end(column), &words);
        }
        Some(chart.render())
    }

    /// What a column is, in words.
    fn each(&self) -> String {
        let longest = self.columns.iter().map(|one| one.seconds);
        seconds(longest.fold(0.0, f64::max))
    }
}

/// A line over time: its class, its name, and which figure of an interval it shows.
type Line = (&'static str, &'static str, fn(&IntervalLatency) -> u64);

fn end(column: &Interval) -> f64 {
    column.at_s + column.seconds
}

fn when(column: &Interval) -> String {
    let at = (column.at_s * 1e3).round() / 1e3;
    if at < 0.0 {
        format!("{at} s (warm-up)")
    } else {
        format!("{at} s")
    }
}

fn in_words(column: &Interval) -> String {
    if !column.is_answered() {
        return format!("{}: no call ended", when(column));
    }
    let response = column.response;
    let mut words = format!(
        "{}: p50 {}, p99 {}, slowest {}; {}",
        when(column),
        time(response.p50_us),
        time(response.p99_us),
        time(response.max_us),
        count(column.calls, "call", "calls")
    );
    if column.messages > 0 {
        let messages = count(column.messages, "message", "messages");
        let _ = write!(words, ", {messages} on streams");
    }
    if column.errors > 0 {
        let _ = write!(words, ", {} failed", thousands(column.errors));
    }
    words
}

/// So many a second; `None` where the interval is too short to tell.
fn per_second(column: &Interval, number: u64) -> Option<f64> {
    (column.seconds > 0.05).then(|| number as f64 / column.seconds)
}

/// The shade of a cell: by ratios, since one slow call among thousands is what is looked for.
fn shade(count: u64, most: u64) -> usize {
    if most <= 1 {
        return SHADES - 1;
    }
    let part = (count as f64).ln() / (most as f64).ln();
    (part * (SHADES - 1) as f64).round() as usize
}

fn legend(most: u64) -> Markup {
    let width = share(1.0 / SHADES as f64);
    html! {
        p class="legend" aria-hidden="true" {
            span { "1 call" }
            span class="ramp" {
                @for shade in 0..SHADES {
                    svg width=(width) height="10" { rect class={ "h" (shade) } width="100%" height="10" {} }
                }
            }
            span { (thousands(most)) " in a cell" }
        }
    }
}

/// Several intervals as one.
fn merge(intervals: &[Interval]) -> Interval {
    let [first, rest @ ..] = intervals else {
        return Interval::default();
    };
    let mut merged = first.clone();
    for interval in rest {
        merged.add(interval);
        merged.seconds = end(interval) - merged.at_s;
        merged.in_flight = merged.in_flight.max(interval.in_flight);
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::fixture;

    #[test]
    fn an_hour_keeps_every_call_in_as_many_columns_as_can_be_seen() {
        let report = fixture::hour();
        let columns = Columns::of(&report).expect("it has intervals");
        assert!(columns.columns.len() <= COLUMNS_MAX);
        let calls = |intervals: &[Interval]| intervals.iter().map(|one| one.calls).sum::<u64>();
        assert_eq!(calls(&columns.columns), calls(&report.intervals));
        assert!((columns.columns.last().map_or(0.0, end) - 3_600.0).abs() < 1e-6);
    }

    #[test]
    fn a_stall_is_named() {
        let columns = Columns::of(&fixture::full()).expect("it has intervals");
        assert_eq!(columns.silences(), [(14.0, 16.0)]);
        assert!(columns.rates().0.contains("stall"));
        assert!(
            columns
                .heat()
                .is_some_and(|page| page.0.contains("warm-up"))
        );
    }

    #[test]
    fn one_call_among_thousands_has_a_shade() {
        assert_eq!(shade(1, 5_000), 0);
        assert_eq!(shade(5_000, 5_000), SHADES - 1);
        assert_eq!(shade(1, 1), SHADES - 1);
    }
}
