//! Due times as functions of the arrival's number.

use std::sync::Arc;
use std::time::Duration;

use super::Kind;
use super::recorded::Due;

/// Due times, rising with the arrival's number.
#[derive(Debug, Clone)]
pub(super) enum Times {
    Constant(Gap),
    Step { steps: Arc<[Step]>, hold: u64 },
    Ramp(Ramp),
    Burst { size: u64, every: u64 },
    Recorded(Arc<[Due]>),
}

impl Times {
    pub(super) fn constant(rate: f64) -> Self {
        Self::Constant(Gap::of_rate(rate))
    }

    /// Each rate begins with an arrival of its own: it is the constant schedule, moved.
    pub(super) fn step(rates: &[f64], hold: Duration) -> Self {
        let mut first = 0;
        let steps = rates.iter().map(|rate| {
            let gap = Gap::of_rate(*rate);
            let count = Self::Constant(gap).count_before(hold);
            let step = Step { first, count, gap };
            first += count;
            step
        });
        Self::Step {
            steps: steps.collect(),
            hold: nanos(hold),
        }
    }

    pub(super) fn ramp(from: f64, to: f64, over: Duration) -> Self {
        Self::Ramp(Ramp {
            from,
            to,
            over_s: over.as_secs_f64(),
        })
    }

    pub(super) fn burst(size: u64, every: Duration) -> Self {
        Self::Burst {
            size,
            every: nanos(every),
        }
    }

    pub(super) fn recorded(due: Vec<Due>) -> Self {
        Self::Recorded(due.into())
    }

    /// When the arrival of that number is due; `None` if there is none, or not within five hundred years.
    pub(super) fn due(&self, index: u64) -> Option<Duration> {
        let nanos = match self {
            Self::Constant(gap) => gap.times(index)?,
            Self::Step { steps, hold } => {
                let at = steps.partition_point(|step| step.first <= index);
                let at = at.checked_sub(1).expect("the first step begins at 0");
                let step = &steps[at];
                let within = index - step.first;
                if within >= step.count {
                    return None;
                }
                step.gap
                    .times(within)?
                    .checked_add(hold.checked_mul(at as u64)?)?
            }
            Self::Ramp(ramp) => ramp.due(index)?,
            Self::Burst { size, every } => (index / size).checked_mul(*every)?,
            Self::Recorded(due) => due.get(usize::try_from(index).ok()?)?.nanos,
        };
        Some(Duration::from_nanos(nanos))
    }

    pub(super) fn kind(&self, index: u64) -> Option<Kind> {
        match self {
            Self::Recorded(due) => Some(due.get(usize::try_from(index).ok()?)?.kind),
            _ => None,
        }
    }

    /// When it ends by itself: what is due is due before, or (recorded) no later.
    pub(super) fn length(&self) -> Option<Duration> {
        match self {
            Self::Step { steps, hold } => {
                let length = hold.saturating_mul(steps.len() as u64);
                Some(Duration::from_nanos(length))
            }
            Self::Recorded(due) => {
                let last = due.last().map_or(0, |due| due.nanos);
                Some(Duration::from_nanos(last.saturating_add(1)))
            }
            Self::Constant(_) | Self::Ramp(_) | Self::Burst { .. } => None,
        }
    }

    /// Whether its own end is a time, rather than its last arrival.
    pub(super) fn holds_to_its_end(&self) -> bool {
        !matches!(self, Self::Recorded(_))
    }

    /// How many are due before `end`.
    pub(super) fn count_before(&self, end: Duration) -> u64 {
        let is_before = |index| self.due(index).is_some_and(|due| due < end);
        if !is_before(0) {
            return 0;
        }
        // The last that is known to be, and the first that is known not to be.
        let (mut before, mut after) = (0, 1_u64);
        while is_before(after) {
            (before, after) = (after, after.saturating_mul(2));
        }
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if is_before(middle) {
                before = middle;
            } else {
                after = middle;
            }
        }
        after
    }
}

/// One rate of several.
#[derive(Debug)]
pub(super) struct Step {
    /// The number of its first arrival.
    first: u64,
    count: u64,
    gap: Gap,
}

/// The gap between two arrivals, in nanoseconds: a fraction, so that no multiple of it is rounded twice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    numerator: u128,
    denominator: u128,
}

impl Gap {
    /// Exactly that of the rate as people write it: 0.1 is a tenth, although no `f64` is.
    fn of_rate(rate: f64) -> Self {
        // The shortest decimals that are this number: at most 17 digits, the first within five of the point.
        let text = rate.to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let digits: u128 = format!("{whole}{fraction}")
            .parse()
            .expect("a rate has been checked: it is within 0.00001 and 10,000,000");
        let numerator = 10_u128.pow(9 + fraction.len() as u32);
        let common = greatest_common_divisor(numerator, digits);
        Self {
            numerator: numerator / common,
            denominator: digits / common,
        }
    }

    /// So many gaps, in whole nanoseconds; `None` if they are more than can be told.
    fn times(self, count: u64) -> Option<u64> {
        // Small numbers, which are common, are divided ten times as fast.
        let small = u64::try_from(self.numerator)
            .ok()
            .zip(u64::try_from(self.denominator).ok())
            .and_then(|(numerator, denominator)| Some(count.checked_mul(numerator)? / denominator));
        small.or_else(|| {
            let product = u128::from(count).checked_mul(self.numerator)?;
            u64::try_from(product / self.denominator).ok()
        })
    }
}

fn greatest_common_divisor(a: u128, b: u128) -> u128 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

/// A rate that changes in a straight line, and stays where it came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ramp {
    from: f64,
    to: f64,
    over_s: f64,
}

impl Ramp {
    /// The time until which so many have been due: the integral of the rate, inverted. Square roots, unlike logarithms,
    /// are the same on every machine.
    fn due(&self, index: u64) -> Option<u64> {
        let Self { from, to, over_s } = *self;
        let index = index as f64;
        let within = f64::midpoint(from, to) * over_s;
        let seconds = if index == 0.0 {
            0.0
        } else if index < within {
            let rate_then = (from * from + 2.0 * (to - from) * index / over_s)
                .max(0.0)
                .sqrt();
            // Never later than its end, whatever was rounded.
            (2.0 * index / (from + rate_then)).min(over_s)
        } else if to > 0.0 {
            over_s + (index - within) / to
        } else {
            return None;
        };
        let nanos = (seconds * 1e9).round();
        (nanos < u64::MAX as f64).then_some(nanos as u64)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("a time has been checked: it is within ten years")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_a_fraction() {
        let due = |rate, count| Gap::of_rate(rate).times(count);
        assert_eq!(due(3.0, 3), Some(1_000_000_000));
        assert_eq!(due(0.1, 1), Some(10_000_000_000));
        assert_eq!(due(7.0, 7_000_000_000), Some(1_000_000_000_000_000_000));
        assert_eq!(due(10_000_000.0, 1), Some(100));
        assert_eq!(due(1.0 / 86_400.0, 1), Some(86_400_000_000_000));
        assert_eq!(due(0.1, u64::MAX), None);
    }
}
