//! A plan that cannot be used.

use std::fmt;

use office::visible;
use scenario::{Mistake, ScenarioError};

/// A plan that cannot be used, with all its mistakes in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PlanError {
    /// The file, as the caller named it.
    pub source_name: String,
    /// The mistakes; at least one.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:{mistake}", visible::line(&self.source_name))?;
        }
        Ok(())
    }
}

impl From<ScenarioError> for PlanError {
    fn from(error: ScenarioError) -> Self {
        Self {
            source_name: error.source_name,
            mistakes: error.mistakes,
        }
    }
}
