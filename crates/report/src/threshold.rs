//! Thresholds: what makes a run fail, and what must hold for a rate to count as held.
//!
//! Both are conditions on figures of the report, such as `p99>5ms`. A [`Threshold`] is what must *not* be; a [`Goal`]
//! is what *must* be. A figure that the report does not have satisfies neither: what could not be checked did not pass.
//!
//! A bound may be the same figure of a run that was saved, the *baseline*, and more or less of it: `p99>baseline+10%`.
//!
//! Latencies are known to three digits: a response of 5.001 ms may count as one of 5.003 ms.
//!
//! ```
//! use report::{Report, Threshold};
//!
//! let threshold: Threshold = "errors>0.1%".parse()?;
//! let report = Report { calls: 1_000, errors: 2, ..Report::default() };
//! let checked = threshold.check(&report);
//! assert!(checked.failed);
//! assert_eq!(checked.seen, "0.2 %");
//!
//! let error = "p999>5ms".parse::<Threshold>().unwrap_err();
//! assert!(error.to_string().ends_with("did you mean p99.9?"));
//! # Ok::<(), report::FaultyThreshold>(())
//! ```

mod condition;
mod figure;

use std::str::FromStr;

use crate::report::{Report, ThresholdReport, Trial};
use condition::Condition;
use figure::Figure;

/// A text that is no threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no threshold: at character {at}, {what}; {remedy}")]
pub struct FaultyThreshold {
    /// What was written.
    pub text: String,
    /// Where in it, from 1.
    pub at: usize,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
}

/// What a run will measure, so that a threshold on anything else is refused before it begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// The plan's workflows, each with the names of its steps.
    pub workflows: Vec<(String, Vec<String>)>,
    /// Whether there are streams.
    pub streams: bool,
    /// Whether books are made up: `lost`, `doubled` and `unknown`.
    pub books: bool,
}

/// A condition that makes the run fail, such as `p99>5ms`.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold(Condition);

impl Threshold {
    /// Refuses a figure that a run with `measured` will not have.
    pub fn expect(&self, measured: &Measured) -> Result<(), FaultyThreshold> {
        self.0.expect(measured)
    }

    /// How it fared, where there is no baseline. What cannot be checked has failed, and says so.
    pub fn check(&self, report: &Report) -> ThresholdReport {
        self.check_against(report, None)
    }

    /// How it fared beside a run that was saved before.
    pub fn check_against(&self, report: &Report, baseline: Option<&Report>) -> ThresholdReport {
        let checked = self.0.check(report, baseline);
        ThresholdReport {
            text: self.0.text.clone(),
            failed: checked.is_true.unwrap_or(true),
            seen: checked.seen,
        }
    }

    /// Whether its bound is a figure of a baseline.
    pub fn needs_baseline(&self) -> bool {
        self.0.needs_baseline()
    }

    /// Whether it says how many calls may fail. Where none does, none may.
    pub fn allows_errors(&self) -> bool {
        self.0.figure == Figure::Errors
    }
}

impl FromStr for Threshold {
    type Err = FaultyThreshold;

    fn from_str(text: &str) -> Result<Self, FaultyThreshold> {
        Condition::parse(text, 0, text).map(Self)
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.text)
    }
}

/// What must hold for a rate to count as held, such as `p99<10ms,errors<0.1%`.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    text: String,
    conditions: Vec<Condition>,
}

impl Goal {
    /// Refuses a figure that a run with `measured` will not have.
    pub fn expect(&self, measured: &Measured) -> Result<(), FaultyThreshold> {
        self.conditions
            .iter()
            .try_for_each(|condition| condition.expect(measured))
    }

    /// Whether it says how many calls may fail. Where it does not, none may.
    pub fn allows_errors(&self) -> bool {
        let mut figures = self.conditions.iter().map(|condition| &condition.figure);
        figures.any(|figure| *figure == Figure::Errors)
    }

    /// What does not hold, in words; nothing if all does.
    fn misses(&self, report: &Report) -> Vec<String> {
        let mut misses = Vec::new();
        for condition in &self.conditions {
            let checked = condition.check(report, None);
            if checked.is_true != Some(true) {
                misses.push(format!("{}: {}", condition.text, checked.seen));
            }
        }
        if report.errors > 0 && !self.allows_errors() {
            let (errors, calls) = (report.errors, report.calls);
            misses.push(format!("{errors} of {calls} calls failed"));
        }
        misses
    }

    /// What one rate came to, for a search for the highest rate.
    ///
    /// A goal that is missed while nothing but the most calls in flight held the generator back is the target's doing:
    /// calls pile up where answers are slow. Such a trial counts as valid.
    pub fn trial(&self, rate: f64, report: &Report) -> Trial {
        let misses = self.misses(report);
        let held = misses.is_empty();
        let mut shortfalls = report.invalid_because.iter();
        let is_piled_up = !held
            && !report.invalid_because.is_empty()
            && shortfalls.all(|shortfall| shortfall.resource == "in flight");
        let valid = report.valid || is_piled_up;
        let shortfalls = report.invalid_because.iter().map(|it| it.text.clone());
        Trial {
            rate,
            achieved_rate: report.achieved_rate,
            held,
            because: if valid {
                misses.join("; ")
            } else {
                shortfalls.collect::<Vec<_>>().join("; ")
            },
            response: report.response.clone(),
            calls: report.calls,
            errors: report.errors,
            valid,
        }
    }
}

impl FromStr for Goal {
    type Err = FaultyThreshold;

    fn from_str(text: &str) -> Result<Self, FaultyThreshold> {
        let mut conditions = Vec::new();
        let mut offset = 0;
        for part in text.split(',') {
            let condition = Condition::parse(text, offset, part)?;
            if condition.needs_baseline() {
                return Err(FaultyThreshold {
                    text: text.to_owned(),
                    at: text.get(..offset).unwrap_or(text).chars().count() + 1,
                    what: "a search for a rate has no baseline".to_owned(),
                    remedy: format!("write {}", condition.figure.bounds()),
                });
            }
            conditions.push(condition);
            offset += part.len() + 1;
        }
        Ok(Self {
            text: text.to_owned(),
            conditions,
        })
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
