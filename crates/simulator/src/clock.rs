//! Simulated time: what the paused clock shows.

use jiff::Timestamp;
use officers::Timetable;
use server::Clock;

/// The time of a simulation. Made inside its runtime.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SimulatedClock(pub(crate) Timetable);

impl SimulatedClock {
    pub(crate) fn starting_at(start: Timestamp) -> Self {
        Self(Timetable::starting_at(start))
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}
