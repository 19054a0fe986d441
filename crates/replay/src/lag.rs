//! How far behind its schedule a replay was: the time from when a step was due to when it was sent.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Lags of an hour and more are one.
const LAG_US_MAX: u64 = 3_600_000_000;

/// The lags of a replay's steps.
#[derive(Debug, Clone)]
pub struct Lag(Histogram<u64>);

/// What the lags come to, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LagReport {
    /// Steps sent.
    pub steps: u64,
    /// Half of the steps were sent within so long.
    pub p50_us: u64,
    /// 99 of 100 were.
    pub p99_us: u64,
    /// All were.
    pub max_us: u64,
}

impl Default for Lag {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, LAG_US_MAX, 3).expect("three digits over these bounds"))
    }
}

impl Lag {
    /// Adds one, to the microsecond.
    pub fn record(&mut self, lag: Duration) {
        let us = u64::try_from(lag.as_micros()).unwrap_or(LAG_US_MAX);
        self.0.saturating_record(us);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have the same bounds");
    }

    /// The figures.
    pub fn report(&self) -> LagReport {
        LagReport {
            steps: self.0.len(),
            p50_us: self.0.value_at_quantile(0.5),
            p99_us: self.0.value_at_quantile(0.99),
            max_us: self.0.max(),
        }
    }
}
