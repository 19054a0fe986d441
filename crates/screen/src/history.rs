//! What was seen so far, as far as it is shown: a bounded number of seconds, and the run's figures.

use std::collections::{BTreeMap, VecDeque};

use report::{HEAT_PER_OCTAVE, Interval, IntervalLatency, Latencies, Report};

/// More seconds than a terminal has columns.
pub(super) const SECONDS_MAX: usize = 1024;
/// So many buckets reach beyond the longest latency that is told apart.
pub(super) const BUCKETS: u16 = 32 * HEAT_PER_OCTAVE;
/// As many kinds of failure as a report has.
const FAILURES_MAX: usize = 50;

/// One second of the run.
#[derive(Debug, Clone)]
pub(super) struct Second {
    pub(super) warm_up: bool,
    pub(super) offered_rate: f64,
    pub(super) achieved_rate: f64,
    pub(super) calls: u64,
    pub(super) errors: u64,
    /// Where nothing was answered there are no latencies.
    pub(super) is_answered: bool,
    pub(super) response: IntervalLatency,
    pub(super) lag_p99_us: u64,
    /// Buckets that are not empty, rising.
    pub(super) heat: Vec<(u16, u64)>,
}

/// The run so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Total {
    pub(super) offered_rate: f64,
    pub(super) achieved_rate: f64,
    pub(super) calls: u64,
    pub(super) errors: u64,
    pub(super) unsent: u64,
    /// Where nothing was answered there are no latencies.
    pub(super) is_answered: bool,
    pub(super) response: IntervalLatency,
    pub(super) lag_p99_us: u64,
}

/// A kind of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: String,
    pub(super) step: String,
    pub(super) message: String,
    pub(super) count: u64,
    /// How many of them in the second that passed last.
    pub(super) just_now: u64,
    /// In which update it was last seen.
    last_seen: u64,
}

#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) seconds: VecDeque<Second>,
    pub(super) total: Total,
    /// The latest first.
    pub(super) failures: Vec<Failure>,
    /// When the last second began, and how long it was.
    pub(super) at_s: f64,
    pub(super) last_s: f64,
    pub(super) in_flight: u64,
    updates: u64,
}

impl History {
    pub(super) fn add(&mut self, interval: &Interval, so_far: &Report) {
        self.updates += 1;
        if self.seconds.len() == SECONDS_MAX {
            self.seconds.pop_front();
        }
        self.seconds.push_back(second_of(interval));
        self.at_s = interval.at_s;
        self.last_s = interval.seconds;
        self.in_flight = interval.in_flight;
        self.total = Total {
            offered_rate: so_far.offered_rate,
            achieved_rate: so_far.achieved_rate,
            calls: so_far.calls,
            errors: so_far.errors,
            unsent: so_far.unsent,
            is_answered: so_far.response.count > 0,
            response: in_short(&so_far.response),
            lag_p99_us: so_far.lag.p99_us,
        };
        self.failures = self.failures_now(so_far);
    }

    fn failures_now(&self, so_far: &Report) -> Vec<Failure> {
        let known: BTreeMap<_, _> = self
            .failures
            .iter()
            .map(|failure| ((failure.code.as_str(), failure.step.as_str()), failure))
            .collect();
        let mut failures = Vec::new();
        for (code, step, message, count) in failures_of(so_far) {
            let before = known.get(&(code, step));
            let counted = before.map_or(0, |before| before.count);
            failures.push(Failure {
                code: code.to_owned(),
                step: step.to_owned(),
                message: message.to_owned(),
                count,
                // When another run begins, it counts from 0 again.
                just_now: count.checked_sub(counted).unwrap_or(count),
                last_seen: match before {
                    Some(before) if before.count == count => before.last_seen,
                    _ => self.updates,
                },
            });
        }
        failures.sort_by_key(|failure| std::cmp::Reverse((failure.last_seen, failure.count)));
        failures.truncate(FAILURES_MAX);
        failures
    }
}

/// Code, step, message and count of each kind of failure. A report that does not tell them apart has the codes.
fn failures_of(so_far: &Report) -> Vec<(&str, &str, &str, u64)> {
    if so_far.failures.is_empty() {
        let codes = so_far.codes.iter().filter(|(code, _)| *code != "OK");
        codes
            .map(|(code, count)| (code.as_str(), "", "", *count))
            .collect()
    } else {
        let failures = so_far.failures.iter();
        failures
            .map(|one| {
                let (code, step) = (one.code.as_str(), one.step.as_str());
                (code, step, one.message.as_str(), one.count)
            })
            .collect()
    }
}

fn second_of(interval: &Interval) -> Second {
    let rate = |count: u64| {
        if interval.seconds > 0.0 {
            count as f64 / interval.seconds
        } else {
            0.0
        }
    };
    Second {
        warm_up: interval.at_s < 0.0,
        offered_rate: rate(interval.offered),
        achieved_rate: rate(interval.finished),
        calls: interval.calls,
        errors: interval.errors,
        is_answered: interval.is_answered(),
        response: interval.response,
        lag_p99_us: interval.lag.p99_us,
        heat: interval
            .heat
            .iter()
            .map(|(bucket, count)| ((*bucket).min(BUCKETS - 1), *count))
            .collect(),
    }
}

fn in_short(latencies: &Latencies) -> IntervalLatency {
    IntervalLatency {
        p50_us: latencies.p50_us,
        p90_us: latencies.p90_us,
        p99_us: latencies.p99_us,
        p999_us: latencies.p999_us,
        max_us: latencies.max_us,
    }
}
