//! How long an answer takes: distributions whose quantiles are known by arithmetic.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A distribution of delays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// Answered at once.
    None,
    /// Always as long.
    Fixed(Duration),
    /// All of a range, none more often than another.
    Uniform {
        /// The shortest.
        least: Duration,
        /// By how much the longest is longer.
        width: Duration,
    },
    /// Memoryless.
    Exponential {
        /// The mean.
        mean: Duration,
    },
    /// One of two.
    Bimodal {
        /// The more frequent one.
        usual: Duration,
        /// The other one, which is longer.
        rare: Duration,
        /// How many of all take `rare`: 0 to 1.
        rare_share: f64,
    },
}

/// What is no distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotADelay(String);

impl fmt::Display for NotADelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; write none, fixed:5ms, uniform:1ms..9ms, exponential:5ms, or bimodal:1ms,50ms,0.02",
            self.0
        )
    }
}

impl std::error::Error for NotADelay {}

impl Delay {
    /// The delay that a share of `quantile` (0 to below 1) does not exceed.
    pub fn at(&self, quantile: f64) -> Duration {
        match *self {
            Self::None => Duration::ZERO,
            Self::Fixed(delay) => delay,
            Self::Uniform { least, width } => least + width.mul_f64(quantile),
            Self::Exponential { mean } => mean.mul_f64(-(-quantile).ln_1p()),
            Self::Bimodal {
                usual,
                rare,
                rare_share,
            } => {
                if quantile < 1.0 - rare_share {
                    usual
                } else {
                    rare
                }
            }
        }
    }

    /// Which share of the delays is shorter than this many nanoseconds.
    pub fn share_below_ns(&self, ns: i64) -> f64 {
        let step = |delay: Duration| if nanoseconds(delay) < ns { 1.0 } else { 0.0 };
        match *self {
            Self::None => step(Duration::ZERO),
            Self::Fixed(delay) => step(delay),
            Self::Uniform { least, width } if width.is_zero() => step(least),
            Self::Uniform { least, width } => {
                let over_least = (ns - nanoseconds(least)) as f64;
                (over_least / width.as_nanos() as f64).clamp(0.0, 1.0)
            }
            Self::Exponential { mean } => {
                let means = ns.max(0) as f64 / mean.as_nanos() as f64;
                -(-means).exp_m1()
            }
            Self::Bimodal {
                usual,
                rare,
                rare_share,
            } => (1.0 - rare_share) * step(usual) + rare_share * step(rare),
        }
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Reads `5ms`, `1.5s` or `200us`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    reading::duration(text).map_err(|_| {
        format!("{text:?} is no duration; write it with its unit, such as 200us, 5ms or 1.5s")
    })
}

impl FromStr for Delay {
    type Err = NotADelay;

    fn from_str(text: &str) -> Result<Self, NotADelay> {
        let unreadable = || NotADelay(format!("{text:?} is no distribution of delays"));
        if text == "none" {
            return Ok(Self::None);
        }
        let (kind, values) = text.split_once(':').ok_or_else(unreadable)?;
        let duration = |text: &str| parse_duration(text).map_err(NotADelay);
        match kind {
            "fixed" => Ok(Self::Fixed(duration(values)?)),
            "uniform" => {
                let (least, most) = values.split_once("..").ok_or_else(unreadable)?;
                let (least, most) = (duration(least)?, duration(most)?);
                let width = most
                    .checked_sub(least)
                    .ok_or_else(|| NotADelay(format!("{values} ends before it begins")))?;
                Ok(Self::Uniform { least, width })
            }
            "exponential" => {
                let mean = duration(values)?;
                if mean.is_zero() {
                    return Err(NotADelay("a mean of 0 is no delay".to_owned()));
                }
                Ok(Self::Exponential { mean })
            }
            "bimodal" => {
                let mut parts = values.split(',');
                let mut part = || parts.next().ok_or_else(unreadable);
                let (usual, rare) = (duration(part()?)?, duration(part()?)?);
                let rare_share = part()?.parse().map_err(|_| unreadable())?;
                if parts.next().is_some() || !(0.0..=1.0).contains(&rare_share) || rare < usual {
                    return Err(unreadable());
                }
                Ok(Self::Bimodal {
                    usual,
                    rare,
                    rare_share,
                })
            }
            _ => Err(unreadable()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: [&str; 5] = [
        "none",
        "fixed:5ms",
        "uniform:1ms..9ms",
        "exponential:5ms",
        "bimodal:1ms,50ms,0.02",
    ];

    fn delay(text: &str) -> Delay {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(
            delay("fixed:200us"),
            Delay::Fixed(Duration::from_micros(200))
        );
        let bimodal = Delay::Bimodal {
            usual: Duration::from_millis(1),
            rare: Duration::from_millis(50),
            rare_share: 0.02,
        };
        assert_eq!(delay("bimodal:1ms,50ms,0.02"), bimodal);
        for wrong in [
            "",
            "5ms",
            "fixed:5",
            "fixed:-5ms",
            "uniform:9ms..1ms",
            "exponential:0s",
            "bimodal:1ms,2ms",
            "bimodal:1ms,2ms,2",
        ] {
            assert!(wrong.parse::<Delay>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn quantiles_are_the_arithmetic_ones() {
        let us = |text, quantile| delay(text).at(quantile).as_micros();
        assert_eq!(us("none", 0.99), 0);
        assert_eq!(us("fixed:5ms", 0.0), 5_000);
        assert_eq!(us("uniform:1ms..9ms", 0.5), 5_000);
        assert_eq!(us("exponential:5ms", 0.5), 3_465);
        assert_eq!(us("exponential:5ms", 0.99), 23_025);
        assert_eq!(us("bimodal:1ms,50ms,0.02", 0.97), 1_000);
        assert_eq!(us("bimodal:1ms,50ms,0.02", 0.985), 50_000);
    }

    #[test]
    fn shares_and_quantiles_are_each_others_inverse() {
        for text in EVERY {
            for step in 0..1_000 {
                let quantile = f64::from(step) / 1_000.0;
                let ns = nanoseconds(delay(text).at(quantile));
                let (below, not_above) = (
                    delay(text).share_below_ns(ns - 1),
                    delay(text).share_below_ns(ns + 2),
                );
                assert!(
                    below <= quantile + 1e-6 && quantile - 1e-6 <= not_above,
                    "{text} at {quantile}: {below} and {not_above}"
                );
            }
        }
    }
}
