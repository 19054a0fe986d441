//! What is logged of callers, so that nobody can fill a log by calling.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lines in a window.
const LINES_MAX: u32 = 16;
const WINDOW: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct State {
    began: Option<Instant>,
    lines: u32,
    left_out: u64,
}

/// Lets some lines pass in each window, and counts the rest.
#[derive(Debug, Clone)]
pub struct Told {
    lines_max: u32,
    state: Arc<Mutex<State>>,
}

impl Default for Told {
    fn default() -> Self {
        Self::with(LINES_MAX)
    }
}

impl Told {
    /// One line in each window, for what comes in crowds.
    pub fn once() -> Self {
        Self::with(1)
    }

    fn with(lines_max: u32) -> Self {
        Self {
            lines_max,
            state: Arc::default(),
        }
    }

    /// Has a line told if there is room for it, and how many were left out since the last that was told.
    pub fn tell(&self, line: impl FnOnce(u64)) {
        if let Some(left_out) = self.takes(Instant::now()) {
            line(left_out);
        }
    }

    fn takes(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.began.is_none_or(|began| now - began >= WINDOW) {
            (state.began, state.lines) = (Some(now), 0);
        }
        if state.lines == self.lines_max {
            state.left_out += 1;
            return None;
        }
        state.lines += 1;
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_some_lines_and_a_number() {
        let told = Told::default();
        let passed = (0..1_000).filter(|_| told.takes(Instant::now()).is_some());
        assert_eq!(passed.count(), 16);
        tokio::time::advance(WINDOW).await;
        assert_eq!(told.takes(Instant::now()), Some(984));
        assert_eq!(told.takes(Instant::now()), Some(0));
    }
}
