//! What happened within one interval of a run, how two are one, and the heat map of its responses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::latency::LatencyHistogram;

/// What happened within one interval of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interval {
    /// When it began, in seconds after the first arrival was due; below 0 in the warm-up.
    pub at_s: f64,
    /// How long it is, in seconds.
    pub seconds: f64,
    /// Arrivals due.
    pub offered: u64,
    /// Arrivals finished, well or ill.
    pub finished: u64,
    /// Calls that ended.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// Messages received on streams.
    pub messages: u64,
    /// Calls in flight at its end.
    pub in_flight: u64,
    /// Response of the calls that ended in it.
    pub response: IntervalLatency,
    /// Their lag.
    pub lag: IntervalLatency,
    /// How many responses were in each bucket of [`heat_bucket`]; those that are empty are left out.
    pub heat: BTreeMap<u16, u64>,
}

impl Interval {
    /// Whether anything was answered in it: a call that ended, or a message of a stream that goes on.
    pub fn is_answered(&self) -> bool {
        self.calls > 0 || !self.heat.is_empty()
    }

    /// Adds what happened in another. How long both are together, and what was in flight at the end, is for the caller to say:
    /// they may be one after another, or of one time.
    ///
    /// The figures of the responses are those of the heat where both have some, and exact where one has none; of lags no
    /// buckets are kept, so the worse of both stand.
    pub(crate) fn add(&mut self, other: &Self) {
        let both = self.is_answered() && other.is_answered();
        self.response = self.response.worse(other.response);
        self.offered += other.offered;
        self.finished += other.finished;
        self.calls += other.calls;
        self.errors += other.errors;
        self.messages += other.messages;
        self.lag = self.lag.worse(other.lag);
        for (bucket, count) in &other.heat {
            *self.heat.entry(*bucket).or_default() += count;
        }
        if both && !self.heat.is_empty() {
            self.response = IntervalLatency::of_heat(&self.heat, self.response.max_us);
        }
    }
}

/// A few figures of a histogram, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IntervalLatency {
    /// Half.
    pub p50_us: u64,
    /// Nine in ten.
    pub p90_us: u64,
    /// 99 in 100.
    pub p99_us: u64,
    /// 999 in 1,000.
    pub p999_us: u64,
    /// The largest.
    pub max_us: u64,
}

impl IntervalLatency {
    /// Those of a histogram.
    pub fn of(histogram: &LatencyHistogram) -> Self {
        Self {
            p50_us: histogram.quantile_us(0.5),
            p90_us: histogram.quantile_us(0.9),
            p99_us: histogram.quantile_us(0.99),
            p999_us: histogram.quantile_us(0.999),
            max_us: histogram.max_us(),
        }
    }

    /// Those of a heat map, of which the largest is known: each the end of the bucket that it lies in, so at most a quarter
    /// octave too high, never too low, and never above the largest.
    fn of_heat(heat: &BTreeMap<u16, u64>, max_us: u64) -> Self {
        let at = |quantile| heat_quantile_us(heat, quantile).min(max_us);
        Self {
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us,
        }
    }

    /// Each figure, where it is the larger.
    fn worse(self, other: Self) -> Self {
        Self {
            p50_us: self.p50_us.max(other.p50_us),
            p90_us: self.p90_us.max(other.p90_us),
            p99_us: self.p99_us.max(other.p99_us),
            p999_us: self.p999_us.max(other.p999_us),
            max_us: self.max_us.max(other.max_us),
        }
    }
}

/// Buckets of a heat map to the doubling.
pub const HEAT_PER_OCTAVE: u16 = 4;

/// The bucket of a heat map that a latency belongs to: four to each doubling, from 0 for 1 µs.
pub fn heat_bucket(us: u64) -> u16 {
    let us = us.max(1);
    let octave = us.ilog2();
    // Within an octave the buckets are equally wide: no logarithm is needed, and platforms agree.
    let quarter = ((us - (1 << octave)) * u64::from(HEAT_PER_OCTAVE)) >> octave;
    octave as u16 * HEAT_PER_OCTAVE + quarter as u16
}

/// The smallest latency of a bucket, in microseconds.
pub fn heat_floor_us(bucket: u16) -> f64 {
    let octave = f64::from(1_u32 << (bucket / HEAT_PER_OCTAVE).min(31));
    octave * (1.0 + f64::from(bucket % HEAT_PER_OCTAVE) / f64::from(HEAT_PER_OCTAVE))
}

/// The end of the bucket that the quantile lies in.
fn heat_quantile_us(heat: &BTreeMap<u16, u64>, quantile: f64) -> u64 {
    let count: u64 = heat.values().sum();
    let rank = ((count as f64 * quantile).ceil() as u64).max(1);
    let mut below = 0;
    let found = heat.iter().find(|(_, count)| {
        below += **count;
        below >= rank
    });
    found.map_or(0, |(bucket, _)| {
        let end = heat_floor_us(bucket.saturating_add(1));
        (end.ceil() as u64).saturating_sub(1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(all_us: &[u64]) -> Interval {
        let mut interval = Interval {
            calls: all_us.len() as u64,
            ..Interval::default()
        };
        let mut response = LatencyHistogram::default();
        for us in all_us {
            response.record(std::time::Duration::from_micros(*us));
            *interval.heat.entry(heat_bucket(*us)).or_default() += 1;
        }
        interval.response = IntervalLatency::of(&response);
        interval
    }

    #[test]
    fn no_percentile_of_two_intervals_is_above_the_largest_of_both() {
        let mut both = answered(&[3_000, 3_000]);
        both.add(&answered(&[3_000, 700]));
        let (response, largest) = (both.response, 3_000..=3_001);
        assert!(largest.contains(&response.max_us), "{response:?}");
        assert_eq!(response.p99_us, response.max_us, "{response:?}");
        assert_eq!((both.calls, both.heat.len()), (4, 2));
    }

    #[test]
    fn where_one_has_no_answer_the_figures_of_the_other_stay_exact() {
        let one = answered(&[1_000, 1_010]);
        let mut both = Interval::default();
        both.add(&one);
        both.add(&Interval::default());
        assert_eq!(both, one);
    }

    #[test]
    fn a_message_of_a_stream_that_goes_on_is_an_answer() {
        let mut stream = answered(&[1_000]);
        (stream.calls, stream.messages) = (0, 1);
        assert!(stream.is_answered());
        let mut both = Interval::default();
        both.add(&stream);
        assert_eq!(both.response, stream.response);
    }
}
