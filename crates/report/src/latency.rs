//! Latencies: a histogram of constant size, and what it comes to.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Latencies of an hour and more are one.
const LATENCY_US_MAX: u64 = 3_600_000_000;
const DIGITS: u8 = 3;

/// Latencies in microseconds, to three digits. As large for one as for a hundred million.
#[derive(Debug, Clone)]
pub struct LatencyHistogram(Histogram<u64>);

impl Default for LatencyHistogram {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_US_MAX, DIGITS);
        Self(histogram.expect("three digits over these bounds"))
    }
}

impl LatencyHistogram {
    /// Adds one. Less than a microsecond counts as one.
    pub fn record(&mut self, latency: Duration) {
        self.0
            .saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LATENCY_US_MAX));
    }

    /// Adds all of another.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have the same bounds");
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0.reset();
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency, in microseconds, that a share of `quantile` (0 to 1) does not exceed. 0 if there is none.
    pub fn quantile_us(&self, quantile: f64) -> u64 {
        self.0.value_at_quantile(quantile)
    }

    /// The largest, in microseconds.
    pub fn max_us(&self) -> u64 {
        self.0.max()
    }

    /// The values that occur, in microseconds, each with its count, rising. Whoever records these has the same histogram.
    pub(crate) fn values(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0
            .iter_recorded()
            .map(|value| (value.value_iterated_to(), value.count_at_value()))
    }

    /// The histogram with these values, as [`LatencyHistogram::values`] gave them.
    pub(crate) fn of_values(values: &[(u64, u64)]) -> Self {
        let mut histogram = Self::default();
        for (value, count) in values {
            histogram
                .0
                .saturating_record_n((*value).min(LATENCY_US_MAX), *count);
        }
        histogram
    }

    /// What it comes to.
    pub fn summary(&self) -> Latencies {
        let at = |quantile| self.quantile_us(quantile);
        let mut histogram: Vec<_> = self.values().collect();
        histogram.shrink_to_fit();
        Latencies {
            count: self.count(),
            min_us: if self.0.is_empty() { 0 } else { self.0.min() },
            mean_us: self.0.mean(),
            stdev_us: self.0.stdev(),
            p10_us: at(0.10),
            p25_us: at(0.25),
            p50_us: at(0.50),
            p75_us: at(0.75),
            p90_us: at(0.90),
            p95_us: at(0.95),
            p99_us: at(0.99),
            p999_us: at(0.999),
            p9999_us: at(0.9999),
            max_us: self.0.max(),
            histogram,
        }
    }
}

/// What a histogram comes to. All in microseconds; all 0 where there is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latencies {
    /// How many.
    pub count: u64,
    /// The smallest.
    pub min_us: u64,
    /// The mean.
    pub mean_us: f64,
    /// The standard deviation.
    pub stdev_us: f64,
    /// One in ten is no longer.
    pub p10_us: u64,
    /// One in four.
    pub p25_us: u64,
    /// Half.
    pub p50_us: u64,
    /// Three in four.
    pub p75_us: u64,
    /// Nine in ten.
    pub p90_us: u64,
    /// 95 in 100.
    pub p95_us: u64,
    /// 99 in 100.
    pub p99_us: u64,
    /// 999 in 1,000.
    pub p999_us: u64,
    /// 9,999 in 10,000.
    pub p9999_us: u64,
    /// The largest.
    pub max_us: u64,
    /// The values that occur and how often, rising: what a saved run is merged and compared by. Left out where only
    /// the figures are wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub histogram: Vec<(u64, u64)>,
}

impl Latencies {
    /// All of several, exactly, as long as none left its histogram out.
    pub(crate) fn of_all<'l>(all: impl IntoIterator<Item = &'l Self>) -> Self {
        let mut histogram = LatencyHistogram::default();
        for latencies in all {
            histogram.add(&latencies.to_histogram());
        }
        histogram.summary()
    }

    /// The figures that are there without a histogram: each quantile, and the latency that such a share does not exceed.
    pub(crate) fn known(&self) -> [(f64, u64); 10] {
        [
            (0.10, self.p10_us),
            (0.25, self.p25_us),
            (0.50, self.p50_us),
            (0.75, self.p75_us),
            (0.90, self.p90_us),
            (0.95, self.p95_us),
            (0.99, self.p99_us),
            (0.999, self.p999_us),
            (0.9999, self.p9999_us),
            (1.0, self.max_us),
        ]
    }

    /// The histogram again.
    pub(crate) fn to_histogram(&self) -> LatencyHistogram {
        LatencyHistogram::of_values(&self.histogram)
    }

    /// The latency, in microseconds, that a share of `quantile` (0 to 1) does not exceed. 0 if there is none.
    pub(crate) fn quantile_us(&self, quantile: f64) -> u64 {
        self.to_histogram().quantile_us(quantile)
    }
}
