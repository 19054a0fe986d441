//! What a run against the target must measure, by arithmetic.
//!
//! An open-loop run at a constant rate knows when each call is due, and the target says how long each takes; so the share
//! of calls whose response (intended to done) exceeds any given time follows without running anything. What the machine
//! and the network take comes on top: some hundred microseconds.

use std::time::Duration;

use super::delay::Delay;
use super::pace::Stall;

/// A run at a constant rate whose first call is due at once.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Calls a second.
    pub rate: f64,
    /// How long calls are due.
    pub duration: Duration,
    /// How long the target takes.
    pub delay: Delay,
    /// Where it stalls.
    pub stall: Option<Stall>,
}

/// What the response times come to, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Half of the calls take no longer.
    pub p50_us: u64,
    /// Nine in ten take no longer.
    pub p90_us: u64,
    /// 95 in 100 take no longer.
    pub p95_us: u64,
    /// 99 in 100 take no longer.
    pub p99_us: u64,
    /// 999 in 1,000 take no longer.
    pub p999_us: u64,
    /// The longest.
    pub max_us: u64,
}

impl Run {
    /// How many calls are due.
    pub fn calls(&self) -> u64 {
        (self.rate * self.duration.as_secs_f64()).round() as u64
    }

    /// Which share of the calls has a response longer than that.
    pub fn share_over(&self, response: Duration) -> f64 {
        self.share_over_ns(nanoseconds(response))
    }

    fn share_over_ns(&self, response_ns: i64) -> f64 {
        let calls = self.calls();
        let every_ns = 1e9 / self.rate;
        let over: f64 = (0..calls)
            .map(|call| self.chance_over((call as f64 * every_ns).round() as i64, response_ns))
            .sum();
        over / calls as f64
    }

    /// The chance that the call that is due then has a response longer than that.
    fn chance_over(&self, due_ns: i64, response_ns: i64) -> f64 {
        let below = |ns| self.delay.share_below_ns(ns);
        let over = 1.0 - below(response_ns + 1);
        let Some(stall) = self.stall else {
            return over;
        };
        // With a delay from `least` to below `most`, the answer falls into the stall, and goes out at its end: after `most`.
        let least = nanoseconds(stall.at) - due_ns;
        let most = nanoseconds(stall.end()) - due_ns;
        let between = |least: i64| (below(most) - below(least)).max(0.0);
        let held_over = if most > response_ns {
            between(least)
        } else {
            0.0
        };
        over - between(least.max(response_ns + 1)) + held_over
    }

    /// The response that a share of `quantile` (0 to 1) of the calls does not exceed.
    pub fn response(&self, quantile: f64) -> Duration {
        let may_exceed = 1.0 - quantile + 1e-9;
        let longest_delay = self.delay.at(1.0 - 1e-9);
        let (mut short, mut enough) = (
            -1,
            nanoseconds(longest_delay + self.stall.map_or(Duration::ZERO, |stall| stall.lasts)),
        );
        while enough - short > 1 {
            let middle = short + (enough - short) / 2;
            if self.share_over_ns(middle) <= may_exceed {
                enough = middle;
            } else {
                short = middle;
            }
        }
        Duration::from_nanos(enough as u64)
    }

    /// The percentiles. The longest is the one that has half a call above it.
    pub fn expected(&self) -> Expected {
        let us = |quantile| (self.response(quantile).as_nanos() as u64 + 500) / 1_000;
        Expected {
            p50_us: us(0.5),
            p90_us: us(0.9),
            p95_us: us(0.95),
            p99_us: us(0.99),
            p999_us: us(0.999),
            max_us: us(1.0 - 0.5 / self.calls() as f64),
        }
    }
}

impl Expected {
    /// Each with the name it has in the report of `liaison load`.
    pub fn named(&self) -> [(&'static str, u64); 6] {
        [
            ("p50_us", self.p50_us),
            ("p90_us", self.p90_us),
            ("p95_us", self.p95_us),
            ("p99_us", self.p99_us),
            ("p999_us", self.p999_us),
            ("max_us", self.max_us),
        ]
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::pace::answered_at;
    use super::super::spread::Spread;
    use super::*;

    fn run(delay: &str, stall_s: Option<(u64, u64)>) -> Run {
        Run {
            rate: 1_000.0,
            duration: Duration::from_secs(30),
            delay: delay.parse().expect("a distribution"),
            stall: stall_s.map(|(at, lasts)| Stall {
                at: Duration::from_secs(at),
                lasts: Duration::from_secs(lasts),
            }),
        }
    }

    #[test]
    fn a_stall_alone_is_a_straight_line() {
        // 2,000 of 30,000 calls wait from 2 s down to nothing: 5 % of all longer than 0.5 s, 1 % longer than 1.7 s.
        let expected = run("none", Some((14, 2))).expected();
        let near = |us: u64, wanted_us: u64| assert!(us.abs_diff(wanted_us) <= 1_001, "{us}");
        near(expected.p50_us, 0);
        near(expected.p90_us, 0);
        near(expected.p95_us, 500_000);
        near(expected.p99_us, 1_700_000);
        near(expected.p999_us, 1_970_000);
        assert_eq!(expected.max_us, 2_000_000);
    }

    #[test]
    fn the_share_over_a_time_falls_to_nothing() {
        let run = run("none", Some((14, 2)));
        let share = |ms| run.share_over(Duration::from_millis(ms));
        assert!((share(0) - 2_000.0 / 30_000.0).abs() < 1e-4);
        assert!((share(1_000) - 1_000.0 / 30_000.0).abs() < 1e-4);
        assert!(share(2_000).abs() < 1e-9);
    }

    #[test]
    fn without_a_stall_the_distribution_is_all() {
        let expected = run("exponential:5ms", None).expected();
        assert_eq!(expected.p50_us, 3_466);
        assert_eq!(expected.p99_us, 23_026);
        let expected = run("fixed:5ms", None).expected();
        assert_eq!([expected.p50_us, expected.max_us], [5_000, 5_000]);
        let expected = run("bimodal:1ms,50ms,0.02", None).expected();
        assert_eq!([expected.p95_us, expected.p99_us], [1_000, 50_000]);
    }

    /// Plays the calls one by one, with the target's own delays.
    #[test]
    fn arithmetic_and_play_agree() {
        for delay in [
            "none",
            "fixed:5ms",
            "uniform:1ms..900ms",
            "exponential:300ms",
            "bimodal:1ms,50ms,0.02",
        ] {
            for stall in [None, Some((14, 2)), Some((0, 1)), Some((29, 5))] {
                let run = run(delay, stall);
                let mut played: Vec<u64> = (0..run.calls())
                    .zip(Spread::new(3))
                    .map(|(call, quantile)| {
                        let due = Duration::from_millis(call);
                        let answered = answered_at(due, run.delay.at(quantile), run.stall);
                        answered.saturating_sub(due).as_micros() as u64
                    })
                    .collect();
                played.sort_unstable();
                let expected = run.expected().named();
                let ranks = [0.5, 0.9, 0.95, 0.99, 0.999];
                for ((name, expected_us), rank) in expected.into_iter().zip(ranks) {
                    let at = |rank: f64| played[(rank * played.len() as f64) as usize];
                    // Which delay meets the stall is chance: four standard deviations of a count, to either side.
                    let margin = 4.0 * (rank * (1.0 - rank) / played.len() as f64).sqrt();
                    let (low, high) = (at(rank - margin), at(rank + margin));
                    assert!(
                        (low.saturating_sub(1)..=high + 1).contains(&expected_us),
                        "{delay} with {stall:?}, {name}: {expected_us}, not {low} to {high}"
                    );
                }
            }
        }
    }
}
