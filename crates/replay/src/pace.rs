//! When each step is due. Times are absolute: `due = start + (t − t0) / speed`.

use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

/// How fast recorded time passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// So many times as fast as it was recorded.
    Times(f64),
    /// Every step is due at once; only what it answers holds it back.
    Max,
}

/// A text that is no speed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a speed; write a number above 0 such as 1, 60 or 3600, or max")]
pub struct FaultySpeed {
    text: String,
}

impl Speed {
    /// `factor` times as fast as recorded.
    pub fn times(factor: f64) -> Result<Self, FaultySpeed> {
        if factor.is_finite() && factor > 0.0 {
            return Ok(Self::Times(factor));
        }
        Err(FaultySpeed {
            text: factor.to_string(),
        })
    }
}

impl FromStr for Speed {
    type Err = FaultySpeed;

    fn from_str(text: &str) -> Result<Self, FaultySpeed> {
        let faulty = || FaultySpeed {
            text: text.to_owned(),
        };
        match text {
            "max" => Ok(Self::Max),
            _ => text
                .parse()
                .map_err(|_| faulty())
                .and_then(|factor| Self::times(factor).map_err(|_| faulty())),
        }
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Times(factor) => write!(f, "{factor}"),
            Self::Max => f.write_str("max"),
        }
    }
}

/// Turns recorded times, in their order, into times after the start of the replay.
#[derive(Debug, Clone)]
pub struct Pace {
    t0: Timestamp,
    last: Timestamp,
    speed: Speed,
    gap_max: Option<Duration>,
    /// Recorded time that was left out.
    left_out: Duration,
}

impl Pace {
    /// A pace from `t0` on, in which no gap is longer than `gap_max` of recorded time.
    pub fn new(t0: Timestamp, speed: Speed, gap_max: Option<Duration>) -> Self {
        Self {
            t0,
            last: t0,
            speed,
            gap_max,
            left_out: Duration::ZERO,
        }
    }

    /// How long after the start a step of `time` is due. A time before an earlier one is due with it.
    pub fn due(&mut self, time: Timestamp) -> Duration {
        let gap = since(self.last, time);
        self.last = self.last.max(time);
        if let Some(gap_max) = self.gap_max {
            self.left_out += gap.saturating_sub(gap_max);
        }
        let passed = since(self.t0, self.last).saturating_sub(self.left_out);
        match self.speed {
            Speed::Max => Duration::ZERO,
            Speed::Times(factor) => scaled(passed, factor),
        }
    }
}

fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// `passed / factor`. At speed 1 exactly, whatever the length.
fn scaled(passed: Duration, factor: f64) -> Duration {
    if (factor - 1.0).abs() < f64::EPSILON {
        return passed;
    }
    Duration::try_from_secs_f64(passed.as_secs_f64() / factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH
            .checked_add(SignedDuration::from_millis(ms))
            .expect("it is a time")
    }

    proptest! {
        #[test]
        fn due_times_are_absolute_and_never_go_back(
            steps_ms in prop::collection::vec(0_i64..10_000_000, 1..100),
            factor in 0.5_f64..5_000.0,
        ) {
            let mut pace = Pace::new(at(0), Speed::Times(factor), None);
            let mut last = Duration::ZERO;
            let mut latest_ms = 0;
            for ms in steps_ms {
                latest_ms = ms.max(latest_ms);
                let due = pace.due(at(ms));
                prop_assert!(due >= last);
                let exact = latest_ms as f64 / 1_000.0 / factor;
                prop_assert!((due.as_secs_f64() - exact).abs() < 1e-6, "no drift, however many came before");
                last = due;
            }
        }

        #[test]
        fn no_gap_is_longer_than_the_longest(
            steps_ms in prop::collection::vec(0_i64..10_000_000, 1..100),
            gap_max_ms in 1_u64..100_000,
        ) {
            let mut times = steps_ms;
            times.sort_unstable();
            let gap_max = Duration::from_millis(gap_max_ms);
            let mut shortened = Pace::new(at(0), Speed::Times(1.0), Some(gap_max));
            let mut plain = Pace::new(at(0), Speed::Times(1.0), None);
            let (mut last, mut last_plain) = (Duration::ZERO, Duration::ZERO);
            for ms in times {
                let (due, due_plain) = (shortened.due(at(ms)), plain.due(at(ms)));
                prop_assert_eq!(due.abs_diff(last), due_plain.abs_diff(last_plain).min(gap_max));
                (last, last_plain) = (due, due_plain);
            }
        }
    }

    #[test]
    fn a_speed_is_a_number_or_max() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("3600".parse(), Ok(Speed::Times(3_600.0)));
        for text in ["", "0", "-1", "NaN", "inf", "fast"] {
            assert!(text.parse::<Speed>().is_err(), "{text:?} was taken");
        }
    }
}
