//! Simulated time: a start, and what the paused clock has passed since.

use jiff::{SignedDuration, Timestamp};
use server::Clock;
use tokio::time::Instant;

/// The time of a simulation. Made inside its runtime.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SimulatedClock {
    start: Timestamp,
    origin: Instant,
}

impl SimulatedClock {
    pub(crate) fn starting_at(start: Timestamp) -> Self {
        Self {
            start,
            origin: Instant::now(),
        }
    }

    /// The moment at which it is `time`; the start, if that is past.
    pub(crate) fn at(&self, time: Timestamp) -> Instant {
        let since = time.duration_since(self.start);
        self.origin + since.try_into().unwrap_or_default()
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.origin.elapsed()).unwrap_or(SignedDuration::MAX);
        self.start.saturating_add(passed).unwrap_or(Timestamp::MAX)
    }
}
