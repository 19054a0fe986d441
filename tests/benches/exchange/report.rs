//! Medians, ratios, and how they are told.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{jetstream, pair, relay};

/// Percentiles of a series, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Latency {
    pub(crate) fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        let at = |share: f64| {
            let index = (samples.len() as f64 * share) as usize;
            let sample = samples.get(index.min(samples.len().saturating_sub(1)));
            sample.map_or(0.0, |sample| sample.as_secs_f64() * 1e6)
        };
        Self {
            p50_us: at(0.5),
            p99_us: at(0.99),
        }
    }
}

/// The figures of every round.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) fdatasync: Vec<Latency>,
    pub(crate) relay: Vec<relay::Figures>,
    pub(crate) pair: Vec<pair::Figures>,
    /// Another version's pair, in the same rounds; empty when there is none.
    pub(crate) beside: Vec<pair::Figures>,
    pub(crate) jetstream: Vec<jetstream::Figures>,
}

fn median<T>(rounds: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
    figures.sort_unstable_by(f64::total_cmp);
    // Of an even number, between the two in the middle.
    let middle = [figures.len().saturating_sub(1) / 2, figures.len() / 2];
    let both = middle.map(|index| figures.get(index).copied().unwrap_or(0.0));
    both.iter().sum::<f64>() / 2.0
}

fn most<T>(rounds: &[T], figure: impl Fn(&T) -> u64) -> f64 {
    let bytes = rounds.iter().map(figure).max().unwrap_or(0);
    bytes as f64 / f64::from(1 << 20)
}

impl Report {
    fn relay_of(&self, figure: impl Fn(&relay::Figures) -> f64) -> f64 {
        median(&self.relay, figure)
    }

    fn pair_of(&self, figure: impl Fn(&pair::Figures) -> f64) -> f64 {
        median(&self.pair, figure)
    }

    /// The median of the ratios of single rounds: both sides of each were measured close together.
    fn ratio(
        &self,
        pair: impl Fn(&pair::Figures) -> f64,
        relay: impl Fn(&relay::Figures) -> f64,
    ) -> f64 {
        let ratios: Vec<f64> = self
            .pair
            .iter()
            .zip(&self.relay)
            .map(|(ours, bare)| pair(ours) / relay(bare))
            .collect();
        median(&ratios, |ratio| *ratio)
    }

    fn stream_ratio(&self) -> f64 {
        self.ratio(
            |pair| pair.stream1_per_s.max(pair.stream4_per_s),
            |relay| relay.stream_per_s,
        )
    }

    fn unary_ratio(&self) -> f64 {
        self.ratio(|pair| pair.unary64_per_s, |relay| relay.unary64_per_s)
    }

    /// What this pair's figure is of the other version's: the quarter, the half and three quarters of the rounds are below.
    fn of_beside(&self, figure: impl Fn(&pair::Figures) -> f64) -> [f64; 3] {
        let rounds = self.pair.iter().zip(&self.beside);
        let mut ratios: Vec<f64> = rounds
            .map(|(ours, other)| figure(ours) / figure(other))
            .collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let (lower, upper) = ratios.split_at(ratios.len() / 2);
        [lower, &ratios, upper].map(|ratios| median(ratios, |ratio| *ratio))
    }

    /// Each compared figure, and what it is of the other version's.
    fn compared(&self) -> [(&'static str, [f64; 3]); 7] {
        [
            ("stream1_per_s", self.of_beside(|round| round.stream1_per_s)),
            ("stream4_per_s", self.of_beside(|round| round.stream4_per_s)),
            ("unary1_per_s", self.of_beside(|round| round.unary1_per_s)),
            ("unary64_per_s", self.of_beside(|round| round.unary64_per_s)),
            ("unary1_p50_us", self.of_beside(|round| round.unary1.p50_us)),
            (
                "stream1_cpu_us",
                self.of_beside(|round| round.stream1_cpu_us),
            ),
            (
                "unary64_cpu_us",
                self.of_beside(|round| round.unary64_cpu_us),
            ),
        ]
    }

    pub(crate) fn to_json(&self) -> Value {
        let whole = |figure: f64| figure.round() as u64;
        let two = |figure: f64| (figure * 1000.0).round() / 1000.0;
        let jetstream = if self.jetstream.is_empty() {
            Value::Null
        } else {
            json!({
                "default_per_s": whole(median(&self.jetstream, |round| round.default_per_s)),
                "synced_per_s": whole(median(&self.jetstream, |round| round.synced_per_s)),
            })
        };
        let beside = if self.beside.is_empty() {
            Value::Null
        } else {
            let ratios = self.compared();
            ratios
                .map(|(name, ratios)| (name, ratios.map(two)))
                .into_iter()
                .collect()
        };
        json!({
            "relay": {
                "stream_per_s": whole(self.relay_of(|round| round.stream_per_s)),
                "unary64_per_s": whole(self.relay_of(|round| round.unary64_per_s)),
            },
            "pair": {
                "stream1_per_s": whole(self.pair_of(|round| round.stream1_per_s)),
                "stream4_per_s": whole(self.pair_of(|round| round.stream4_per_s)),
                "unary1_per_s": whole(self.pair_of(|round| round.unary1_per_s)),
                "unary64_per_s": whole(self.pair_of(|round| round.unary64_per_s)),
                "unary1_p50_us": whole(self.pair_of(|round| round.unary1.p50_us)),
                "unary1_p99_us": whole(self.pair_of(|round| round.unary1.p99_us)),
                "unary64_p99_us": whole(self.pair_of(|round| round.unary64.p99_us)),
                "stream1_cpu_us": two(self.pair_of(|round| round.stream1_cpu_us)),
                "unary64_cpu_us": two(self.pair_of(|round| round.unary64_cpu_us)),
            },
            "ratio": { "stream": two(self.stream_ratio()), "unary64": two(self.unary_ratio()) },
            "fdatasync_p50_us": whole(median(&self.fdatasync, |round| round.p50_us)),
            "fdatasync_p99_us": whole(median(&self.fdatasync, |round| round.p99_us)),
            "memory_mb": {
                "south": whole(most(&self.pair, |round| round.south_bytes)),
                "north": whole(most(&self.pair, |round| round.north_bytes)),
            },
            "jetstream": jetstream,
            "of_beside": beside,
        })
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::from("350-byte documents, loopback, three processes; medians\n\n");
        for (what, figure, unit) in self.lines() {
            let _ = writeln!(text, "  {what:<52} {figure:>12.0} {unit}");
        }
        let stream_us = self.pair_of(|round| round.stream1_cpu_us);
        let unary_us = self.pair_of(|round| round.unary64_cpu_us);
        let _ = write!(
            text,
            "\n  processor time of both offices a document: {stream_us:.2} us on a stream, {unary_us:.1} us unary\n  \
             ratio to the relay: stream {:.2}, unary at 64 in flight {:.2}\n",
            self.stream_ratio(),
            self.unary_ratio(),
        );
        if !self.beside.is_empty() {
            text.push_str("\n  of what the other version does: median of the rounds' ratios, and half of them lie between\n");
            for (name, [low, ratio, high]) in self.compared() {
                let _ = writeln!(text, "    {name:<50} {ratio:>12.3}  {low:.3} to {high:.3}");
            }
        }
        text
    }

    fn lines(&self) -> Vec<(&'static str, f64, &'static str)> {
        let mut lines = vec![
            (
                "relay, one stream",
                self.relay_of(|it| it.stream_per_s),
                "/s",
            ),
            (
                "relay, unary, 64 in flight",
                self.relay_of(|it| it.unary64_per_s),
                "/s",
            ),
            (
                "pair, one stream, DELIVERED",
                self.pair_of(|it| it.stream1_per_s),
                "/s",
            ),
            (
                "pair, four streams, DELIVERED",
                self.pair_of(|it| it.stream4_per_s),
                "/s",
            ),
            (
                "pair, unary, 64 in flight, DELIVERED",
                self.pair_of(|it| it.unary64_per_s),
                "/s",
            ),
            (
                "pair, unary, one at a time, DELIVERED",
                self.pair_of(|it| it.unary1_per_s),
                "/s",
            ),
            ("  p50", self.pair_of(|it| it.unary1.p50_us), "us"),
            ("  p99", self.pair_of(|it| it.unary1.p99_us), "us"),
            (
                "fdatasync p99",
                median(&self.fdatasync, |it| it.p99_us),
                "us",
            ),
        ];
        if !self.jetstream.is_empty() {
            let default = median(&self.jetstream, |it| it.default_per_s);
            lines.push(("JetStream, default, 1,000 in flight", default, "/s"));
            let synced = median(&self.jetstream, |it| it.synced_per_s);
            lines.push(("JetStream, sync_interval: always", synced, "/s"));
        }
        lines.push((
            "South, most memory",
            most(&self.pair, |it| it.south_bytes),
            "MiB",
        ));
        lines.push((
            "North, most memory",
            most(&self.pair, |it| it.north_bytes),
            "MiB",
        ));
        lines
    }
}
