//! The search for the highest rate at which a goal holds.
//!
//! A pure state machine: it names the next rate to try, and takes what came of it. It doubles the rate until the goal
//! fails, then halves the bracket between the highest rate that held and the lowest that did not, until it is narrow
//! enough. A rate that failed only once is tried again before it bounds the result: one stall of the machine must not
//! halve what the target can do. So is one that fails below a rate that held.
//!
//! ```
//! use report::Trial;
//! use load::{Limits, Search};
//!
//! let mut search = Search::new("p99<10ms".parse()?, 1_000.0, Limits::default())?;
//! while let Some(rate) = search.next() {
//!     search.take(Trial { rate, held: rate < 5_300.0, valid: true, ..Trial::default() });
//! }
//! let found = search.report().found_rate.expect("a thousand held");
//! assert!((5_000.0..5_300.0).contains(&found));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use words::figures;

use crate::schedule::{RATE_MAX, ScheduleError, check_rate};
use report::Goal;
use report::{SearchReport, Trial};

/// The bounds of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// No lower rate is tried.
    pub rate_min: f64,
    /// No higher rate is tried.
    pub rate_max: f64,
    /// How far the lowest rate that failed may be above the highest that held, as a share of the latter; 0.001 to 1.
    pub within: f64,
    /// No more rates are tried.
    pub trials_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rate_min: 1.0,
            rate_max: RATE_MAX,
            within: 0.05,
            trials_max: 40,
        }
    }
}

/// A rate that failed, and how often.
#[derive(Debug, Clone, Copy)]
struct Failure {
    rate: f64,
    times: u32,
}

/// A search under way.
#[derive(Debug, Clone)]
pub struct Search {
    goal: Goal,
    start_rate: f64,
    limits: Limits,
    trials: Vec<Trial>,
    /// The highest rate that held and is believed.
    held: Option<f64>,
    failures: Vec<Failure>,
    /// A rate that failed below one that held.
    doubted: Option<f64>,
    /// Why it ended.
    ended: Option<String>,
}

impl Search {
    /// A search that tries `start_rate` first, within the limits.
    pub fn new(goal: Goal, start_rate: f64, limits: Limits) -> Result<Self, ScheduleError> {
        for rate in [start_rate, limits.rate_min, limits.rate_max] {
            check_rate(rate)?;
        }
        let (rate_min, rate_max) = (
            limits.rate_min.min(limits.rate_max).min(start_rate),
            limits.rate_max,
        );
        Ok(Self {
            goal,
            start_rate: start_rate.min(rate_max),
            limits: Limits {
                rate_min,
                within: limits.within.clamp(0.001, 1.0),
                trials_max: limits.trials_max.max(1),
                ..limits
            },
            trials: Vec::new(),
            held: None,
            failures: Vec::new(),
            doubted: None,
            ended: None,
        })
    }

    /// What is to hold.
    pub fn goal(&self) -> &Goal {
        &self.goal
    }

    /// The rate to try next; `None` once it has ended. It stays the same until a trial is taken.
    pub fn next(&self) -> Option<f64> {
        self.decide().ok()
    }

    /// Takes what came of a rate; [`Goal::trial`] makes it of a report.
    pub fn take(&mut self, trial: Trial) {
        let (rate, held, valid) = (trial.rate, trial.held, trial.valid);
        if !valid {
            let why = match trial.because.as_str() {
                "" => String::new(),
                because => format!(" ({because})"),
            };
            self.ended = Some(format!(
                "the generator, not the target, was the limit at {}{why}; share the load among several generators, or \
                 give this one more",
                figures::rate(rate)
            ));
        }
        self.trials.push(trial);
        self.doubted = None;
        if !valid {
            return;
        }
        if held {
            self.take_held(rate);
        } else {
            self.take_failed(rate);
        }
    }

    /// Ends it, whatever has been found: somebody interrupts it.
    pub fn stop(&mut self, because: &str) {
        self.ended.get_or_insert_with(|| because.to_owned());
    }

    /// What has been found so far.
    pub fn report(&self) -> SearchReport {
        SearchReport {
            goal: self.goal.to_string(),
            found_rate: self.held,
            ended: self
                .decide()
                .err()
                .unwrap_or_else(|| "it has not ended".to_owned()),
            trials: self.trials.clone(),
        }
    }

    fn take_held(&mut self, rate: f64) {
        let held = self.held.map_or(rate, |held| held.max(rate));
        self.held = Some(held);
        // Whatever failed below was chance.
        self.failures.retain(|failure| failure.rate > held);
    }

    fn take_failed(&mut self, rate: f64) {
        let known = self
            .failures
            .iter()
            .position(|failure| is_same(failure.rate, rate));
        let at = known.unwrap_or_else(|| {
            self.failures.push(Failure { rate, times: 0 });
            self.failures.len() - 1
        });
        let failure = &mut self.failures[at];
        failure.times += 1;
        let times = failure.times;
        if self.held.is_none_or(|held| held < rate) {
            return;
        }
        if times == 1 {
            self.doubted = Some(rate);
            return;
        }
        // It is believed: what held above it was chance.
        let below = self
            .trials
            .iter()
            .filter(|trial| trial.held && trial.rate < rate);
        self.held = below.map(|trial| trial.rate).max_by(f64::total_cmp);
    }

    /// The next rate, or why there is none.
    fn decide(&self) -> Result<f64, String> {
        if let Some(ended) = &self.ended {
            return Err(ended.clone());
        }
        if let (Some(doubted), false) = (self.doubted, self.is_exhausted()) {
            return Ok(doubted);
        }
        let next = match (self.held, self.lowest_failure()) {
            (None, None) => Ok(self.start_rate),
            (Some(held), None) if held >= self.limits.rate_max => Err(format!(
                "it held at {}, the highest rate to be tried",
                figures::rate(held)
            )),
            (Some(held), None) => Ok((held * 2.0).min(self.limits.rate_max)),
            (None, Some(failure)) if failure.rate > self.limits.rate_min => {
                Ok((failure.rate / 2.0).max(self.limits.rate_min))
            }
            (None, Some(failure)) if failure.times == 1 => Ok(failure.rate),
            (None, Some(failure)) => Err(format!(
                "it did not hold even at {}, the lowest rate to be tried",
                figures::rate(failure.rate)
            )),
            (Some(held), Some(failure)) => self.narrow(held, failure),
        };
        match next {
            Ok(_) if self.is_exhausted() => Err(format!(
                "{} trials were made, the most there were to be",
                self.trials.len()
            )),
            next => next,
        }
    }

    fn narrow(&self, held: f64, failure: Failure) -> Result<f64, String> {
        if failure.rate > held * (1.0 + self.limits.within) {
            return Ok(between(held, failure.rate));
        }
        if failure.times == 1 {
            return Ok(failure.rate);
        }
        Err(format!(
            "it held at {} and did not at {}",
            figures::rate(held),
            figures::rate(failure.rate)
        ))
    }

    fn is_exhausted(&self) -> bool {
        self.trials.len() >= self.limits.trials_max
    }

    /// The lowest that failed, above what held.
    fn lowest_failure(&self) -> Option<Failure> {
        let above = |failure: &&Failure| self.held.is_none_or(|held| failure.rate > held);
        let failures = self.failures.iter().filter(above);
        failures
            .min_by(|one, other| one.rate.total_cmp(&other.rate))
            .copied()
    }
}

fn is_same(one: f64, other: f64) -> bool {
    (one - other).abs() <= one.abs() * 1e-12
}

/// A rate halfway between two, of three digits if one is: people read it.
fn between(low: f64, high: f64) -> f64 {
    let middle = f64::midpoint(low, high);
    let (mut times, mut parts) = (1.0, 1.0);
    while middle / times >= 1_000.0 {
        times *= 10.0;
    }
    while middle * parts < 100.0 {
        parts *= 10.0;
    }
    let rounded = (middle / times * parts).round() * times / parts;
    if rounded > low && rounded < high {
        rounded
    } else {
        middle
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::{RngCore, SeedableRng};

    use super::*;
    use report::LatencyHistogram;
    use report::Report;

    /// A server that can do so many a second: what is asked of it beyond half of that waits, and ever longer.
    fn response_us(rate: f64, capacity: f64) -> u64 {
        let free = (1.0 - rate / capacity).max(1e-4);
        (1_000.0 / free) as u64
    }

    fn trial(goal: &Goal, rate: f64, us: u64) -> Trial {
        let mut histogram = LatencyHistogram::default();
        histogram.record(Duration::from_micros(us));
        let report = Report {
            valid: true,
            calls: 1,
            achieved_rate: rate,
            response: histogram.summary(),
            ..Report::default()
        };
        goal.trial(rate, &report)
    }

    fn search(start_rate: f64, limits: Limits) -> Search {
        let goal = "p99<10ms".parse().expect("it is a goal");
        Search::new(goal, start_rate, limits).expect("the rates are rates")
    }

    fn run(search: &mut Search, mut us: impl FnMut(f64) -> u64) -> SearchReport {
        while let Some(rate) = search.next() {
            let trial = trial(search.goal(), rate, us(rate));
            search.take(trial);
        }
        search.report()
    }

    #[test]
    fn it_grows_and_narrows() {
        // Ten times the unhurried latency is reached at nine tenths of what it can do: at 9,000 a second.
        let report = run(&mut search(1_000.0, Limits::default()), |rate| {
            response_us(rate, 10_000.0)
        });
        let found = report.found_rate.expect("a thousand holds");
        assert!((8_571.0..=9_000.0).contains(&found), "{found}");
        let rates: Vec<f64> = report.trials.iter().map(|trial| trial.rate).collect();
        assert_eq!(rates[..5], [1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0]);
        assert!(rates.len() <= 11, "{rates:?}");
        assert!(report.ended.contains("did not at"), "{}", report.ended);
        assert!(report.trials[4].because.starts_with("p99<10ms: "));
    }

    #[test]
    fn it_goes_down_if_the_start_is_too_high() {
        let server = |rate| response_us(rate, 300.0);
        let report = run(&mut search(10_000.0, Limits::default()), server);
        let found = report.found_rate.expect("it can do some");
        assert!((257.0..=270.0).contains(&found), "{found}");
        let report = run(&mut search(1_000.0, Limits::default()), |_| 1_000_000);
        assert_eq!(report.found_rate, None);
        assert!(report.ended.contains("even at 1/s"), "{}", report.ended);
    }

    #[test]
    fn it_ends_at_the_highest_rate_and_after_the_most_trials() {
        let limits = Limits {
            rate_max: 5_000.0,
            ..Limits::default()
        };
        let report = run(&mut search(1_000.0, limits), |_| 1);
        assert_eq!(report.found_rate, Some(5_000.0));
        assert_eq!(report.trials.len(), 4);
        let limits = Limits {
            trials_max: 3,
            ..limits
        };
        let report = run(&mut search(1_000.0, limits), |_| 1);
        assert_eq!(report.found_rate, Some(4_000.0));
        assert!(report.ended.contains("3 trials"), "{}", report.ended);
    }

    #[test]
    fn a_generator_that_cannot_keep_up_ends_it() {
        let mut search = search(1_000.0, Limits::default());
        while let Some(rate) = search.next() {
            search.take(Trial {
                rate,
                held: rate < 3_000.0,
                valid: rate < 3_000.0,
                because: "no processor".to_owned(),
                ..Trial::default()
            });
        }
        let report = search.report();
        assert_eq!(report.found_rate, Some(2_000.0));
        assert!(report.ended.starts_with("the generator, not the target"));
        assert!(
            report.ended.contains("4,000/s (no processor)"),
            "{}",
            report.ended
        );
    }

    #[test]
    fn one_stall_is_not_believed() {
        let mut stalls = [2_000.0_f64].to_vec();
        let report = run(&mut search(1_000.0, Limits::default()), |rate| {
            let before = stalls.len();
            stalls.retain(|stall| !is_same(*stall, rate));
            if stalls.len() < before {
                return 1_000_000;
            }
            response_us(rate, 10_000.0)
        });
        let found = report.found_rate.expect("a thousand holds");
        assert!((8_571.0..=9_000.0).contains(&found), "{report:?}");
    }

    #[test]
    fn a_failure_below_what_held_is_tried_again_and_then_believed() {
        let mut search = search(1_000.0, Limits::default());
        let goal = search.goal().clone();
        search.take(trial(&goal, 1_000.0, 1));
        search.take(trial(&goal, 4_000.0, 1));
        search.take(trial(&goal, 2_000.0, 99_000));
        assert_eq!(search.next(), Some(2_000.0));
        let mut forgiven = search.clone();
        forgiven.take(trial(&goal, 2_000.0, 1));
        assert_eq!(forgiven.next(), Some(8_000.0));
        search.take(trial(&goal, 2_000.0, 99_000));
        assert_eq!(search.report().found_rate, Some(1_000.0));
        assert_eq!(search.next(), Some(1_500.0));
    }

    #[test]
    fn absurd_rates_are_refused_and_it_can_be_stopped() {
        let goal: Goal = "p99<10ms".parse().expect("it is a goal");
        for rate in [0.0, -1.0, f64::NAN, 1e300] {
            assert!(Search::new(goal.clone(), rate, Limits::default()).is_err());
        }
        let mut search = search(0.5, Limits::default());
        assert_eq!(search.next(), Some(0.5));
        search.stop("it was interrupted");
        assert_eq!(search.next(), None);
        assert_eq!(search.report().ended, "it was interrupted");
    }

    proptest! {
        #[test]
        fn it_finds_what_a_steady_server_can_do(
            capacity in 5.0..1e6_f64,
            start in 1.0..1e6_f64,
            within in 0.01..0.3_f64,
        ) {
            let limits = Limits { within, ..Limits::default() };
            let report = run(&mut search(start, limits), |rate| if rate <= capacity { 1 } else { 1_000_000 });
            let found = report.found_rate.expect("five a second can be done");
            prop_assert!(found <= capacity && capacity < found * (1.0 + within) + 1e-9, "{} of {}", found, capacity);
        }
    }

    #[test]
    fn noise_ends_it_too_and_mostly_near() {
        let mut near = 0;
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let report = run(&mut search(1_000.0, Limits::default()), |rate| {
                // A tenth more or less, and one trial in fifty stalls.
                let noise = 0.9 + f64::from(rng.next_u32()) / f64::from(u32::MAX) * 0.2;
                if rng.next_u32().is_multiple_of(50) {
                    return 1_000_000;
                }
                (response_us(rate, 10_000.0) as f64 * noise) as u64
            });
            let found = report.found_rate.expect("little is asked at first");
            assert!(report.trials.len() < 40 && found <= 9_200.0, "{report:?}");
            near += u32::from(found >= 8_400.0);
        }
        assert!(near >= 195, "{near} of 200");
    }
}
