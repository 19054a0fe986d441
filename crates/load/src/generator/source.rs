//! Where a thread's arrivals come from.

use std::time::Duration;

use crate::schedule::{Arrival, Schedule};

/// Where a thread's arrivals come from.
pub(crate) enum Source {
    /// A schedule, of which it takes every how-manieth.
    Open {
        schedule: Box<dyn Iterator<Item = Arrival> + Send>,
        length: Duration,
    },
    /// Each after the one before, so many at a time.
    Closed {
        loops: usize,
        indexes: Box<dyn Iterator<Item = u64> + Send>,
        length: Option<Duration>,
    },
}

impl Source {
    /// A thread's part of a schedule.
    pub(crate) fn of_schedule(
        schedule: Schedule,
        thread: usize,
        threads: usize,
        length: Duration,
    ) -> Self {
        let own = schedule.skip(thread).step_by(threads);
        Self::Open {
            schedule: Box::new(own),
            length,
        }
    }
}
