//! How fast a replay goes.

use std::str::FromStr;
use std::time::Duration;

/// A speed is doubled up to this, and halved down to one by this.
const TIMES_MAX: f64 = 1e9;

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

    /// Twice as fast; what is as fast as can be stays so.
    #[must_use]
    pub fn doubled(self) -> Self {
        match self {
            Self::Times(factor) => Self::Times((factor * 2.0).min(TIMES_MAX)),
            Self::Max => Self::Max,
        }
    }

    /// Half as fast; what is as fast as can be stays so.
    #[must_use]
    pub fn halved(self) -> Self {
        match self {
            Self::Times(factor) => Self::Times((factor / 2.0).max(1.0 / TIMES_MAX)),
            Self::Max => Self::Max,
        }
    }

    /// How long `recorded` time takes. At speed 1 exactly as long, whatever it is.
    pub fn takes(self, recorded: Duration) -> Duration {
        match self {
            Self::Max => Duration::ZERO,
            Self::Times(factor) if (factor - 1.0).abs() < f64::EPSILON => recorded,
            Self::Times(factor) => {
                let seconds = recorded.as_secs_f64() / factor;
                Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
            }
        }
    }

    /// How much recorded time passes within `elapsed`; `None` if that is without measure.
    pub fn passes(self, elapsed: Duration) -> Option<Duration> {
        match self {
            Self::Max => None,
            Self::Times(factor) if (factor - 1.0).abs() < f64::EPSILON => Some(elapsed),
            Self::Times(factor) => {
                let seconds = elapsed.as_secs_f64() * factor;
                Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_number_or_max() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("3600".parse(), Ok(Speed::Times(3_600.0)));
        for text in ["", "0", "-1", "NaN", "inf", "fast"] {
            assert!(text.parse::<Speed>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_speed_is_doubled_and_halved_within_bounds() {
        let speed = Speed::Times(3.0);
        assert_eq!(speed.doubled().halved(), speed);
        assert_eq!(
            (Speed::Max.doubled(), Speed::Max.halved()),
            (Speed::Max, Speed::Max)
        );
        let (mut fast, mut slow) = (speed, speed);
        for _ in 0..2_000 {
            (fast, slow) = (fast.doubled(), slow.halved());
        }
        assert_eq!(
            (fast, slow),
            (Speed::Times(TIMES_MAX), Speed::Times(1.0 / TIMES_MAX))
        );
        assert_eq!(slow.takes(Duration::MAX), Duration::MAX, "no overflow");
        assert_eq!(fast.passes(Duration::MAX), Some(Duration::MAX));
    }
}
