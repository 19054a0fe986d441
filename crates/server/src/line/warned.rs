//! One warning for each thing that is wrong with the line, however often it comes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use office::Refusal;
use office::line::LineFault;

/// Warnings remembered: one for each of so many strangers.
const REMEMBERED_MAX: usize = 64;

/// What was warned of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Warned {
    told: Arc<Mutex<VecDeque<(String, String)>>>,
}

impl Warned {
    /// Warns of a Hello that was refused, with the address it came from, unless that was the last thing said of it.
    pub(crate) fn tell(&self, from: &str, refusal: &Refusal) {
        // How far a ledger is off changes with every step; what is wrong with it does not.
        let kind = match refusal {
            Refusal::Line(LineFault::Diverged { .. }) => "diverged".to_owned(),
            other => other.to_string(),
        };
        let host = from.rsplit_once(':').map_or(from, |(host, _)| host);
        let told = (host.to_owned(), kind);
        let mut known = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&told) {
            return;
        }
        if known.len() == REMEMBERED_MAX {
            known.pop_front();
        }
        known.push_back(told);
        tracing::warn!(from, why = %refusal, "a Hello was refused");
    }

    /// A Hello of that address has passed: what is refused next is news.
    pub(crate) fn forget(&self, from: &str) {
        let host = from.rsplit_once(':').map_or(from, |(host, _)| host);
        let mut known = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(other, _)| other != host);
    }
}
