//! When the runtime's clock shows a time of the timeline.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A start, and what the runtime's clock has passed since. Made inside the runtime.
#[derive(Debug, Clone, Copy)]
pub struct Timetable {
    start: Timestamp,
    origin: Instant,
}

impl Timetable {
    /// It is `start` now.
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            start,
            origin: Instant::now(),
        }
    }

    /// The moment at which it is `time`; the start, if that is past.
    pub fn at(&self, time: Timestamp) -> Instant {
        let since = time.duration_since(self.start);
        self.origin + since.try_into().unwrap_or_default()
    }

    /// The time that it is.
    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.origin.elapsed()).unwrap_or(SignedDuration::MAX);
        self.start.saturating_add(passed).unwrap_or(Timestamp::MAX)
    }
}
