//! From figures to places on a chart.

use crate::show::figures::seconds;
use words::figures::{short_latency, thousands};

/// From a figure to a part of an axis, 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    log: bool,
}

/// A place on an axis that is named.
#[derive(Debug, Clone)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
    /// Left out where there is little room.
    pub(super) minor: bool,
}

impl Scale {
    /// Equal differences are equally far apart.
    pub(super) fn linear(from: f64, to: f64) -> Self {
        Self {
            from,
            to: if to > from { to } else { from + 1.0 },
            log: false,
        }
    }

    /// From 0 to somewhat above the largest, where a tick is.
    pub(super) fn from_zero(largest: f64) -> Self {
        let largest = if largest > 0.0 { largest } else { 1.0 };
        let step = nice_step(largest / 5.0);
        Self::linear(0.0, (largest * 1.02 / step).ceil() * step)
    }

    /// Equal ratios are equally far apart. Widened, so that what is drawn has room, and covers a factor of four at least.
    pub(super) fn log(from: f64, to: f64) -> Self {
        let from = from.max(0.5);
        let to = to.max(from);
        let room = ((to / from).powf(0.04))
            .max(2.0 / (to / from).sqrt())
            .max(1.04);
        Self {
            from: from / room,
            to: to * room,
            log: true,
        }
    }

    /// The part of the axis that a figure is at; what is beyond an end is at that end.
    pub(super) fn part(self, figure: f64) -> f64 {
        let part = if self.log {
            (figure.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (figure - self.from) / (self.to - self.from)
        };
        part.clamp(0.0, 1.0)
    }

    /// Ticks of times in microseconds on a logarithmic axis.
    pub(super) fn time_ticks(self) -> Vec<Tick> {
        let decades = (self.to / self.from).log10();
        let steps: &[f64] = if decades < 1.2 {
            &[1.0, 2.0, 5.0]
        } else if decades < 2.2 {
            &[1.0, 3.0]
        } else {
            &[1.0]
        };
        let first = self.from.log10().floor() as i32;
        let last = self.to.log10().ceil() as i32;
        let ticks = (first..=last)
            .flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)));
        ticks
            .filter(|at| (self.from..=self.to).contains(at))
            .enumerate()
            .map(|(index, at)| Tick {
                at,
                label: short_latency(at),
                minor: decades > 4.5 && index % 2 == 1,
            })
            .collect()
    }

    /// Ticks of numbers on a linear axis, about `wanted` of them.
    pub(super) fn number_ticks(self, wanted: f64) -> Vec<Tick> {
        let step = nice_step((self.to - self.from) / wanted);
        self.multiples(step, |at| {
            if at.fract().abs() < 1e-9 {
                thousands(at as u64)
            } else {
                format!("{at:.1}")
            }
        })
    }

    /// Ticks of a time in seconds on a linear axis.
    pub(super) fn clock_ticks(self) -> Vec<Tick> {
        const STEPS: [f64; 16] = [
            0.001, 0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0,
            3_600.0, 21_600.0,
        ];
        let span = self.to - self.from;
        let step = STEPS
            .iter()
            .copied()
            .find(|step| span / step <= 9.0)
            .unwrap_or(86_400.0);
        self.multiples(step, |at| {
            if at >= 60.0 && step >= 60.0 {
                format!("{} min", at / 60.0)
            } else if at < 1.0 {
                seconds(at).replace("0 µs", "0")
            } else {
                format!("{at} s")
            }
        })
    }

    fn multiples(self, step: f64, label: impl Fn(f64) -> String) -> Vec<Tick> {
        let first = (self.from / step).ceil() as i64;
        let last = (self.to / step + 1e-9).floor() as i64;
        (first..=last.min(first + 40))
            .map(|index| Tick {
                at: index as f64 * step,
                label: label(index as f64 * step),
                minor: index % 2 != 0,
            })
            .filter(|tick| tick.at >= 0.0)
            .collect()
    }
}

/// The next of 1, 2, 5, 10, … from `step` up.
fn nice_step(step: f64) -> f64 {
    let decade = 10_f64.powf(step.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0]
        .iter()
        .map(|digit| digit * decade)
        .find(|nice| *nice >= step * 0.999)
        .unwrap_or(10.0 * decade)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<Tick>) -> Vec<String> {
        ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn a_figure_has_its_place() {
        assert!((Scale::linear(-3.0, 7.0).part(2.0) - 0.5).abs() < 1e-9);
        let log = Scale::log(100.0, 1_000_000.0);
        assert!((log.part(10_000.0) - 0.5).abs() < 1e-9);
        assert!(log.part(0.0).abs() < 1e-9, "beyond the end is at the end");
        assert!(
            (Scale::log(0.0, 0.0).part(0.5) - 0.5).abs() < 0.51,
            "one figure needs room too"
        );
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            labels(Scale::log(300.0, 2_000_000.0).time_ticks()),
            ["1 ms", "10 ms", "100 ms", "1 s"]
        );
        assert_eq!(
            labels(Scale::from_zero(2_037.0).number_ticks(5.0)),
            ["0", "500", "1,000", "1,500", "2,000", "2,500"]
        );
        assert_eq!(
            labels(Scale::linear(-3.0, 33.0).clock_ticks()),
            ["0", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s"]
        );
        assert_eq!(
            labels(Scale::linear(0.0, 3_600.0).clock_ticks()).last(),
            Some(&"60 min".to_owned())
        );
    }
}
