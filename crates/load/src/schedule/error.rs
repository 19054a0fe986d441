//! Why there is no schedule.

use replay::ReplayError;

use super::{RATE_MAX, RATE_MIN};

/// Why there is no schedule.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// The rate is none at which anything could be due.
    #[error(
        "{rate} is no rate for a schedule; give a number a second, from 1 a day (0.00001157) to 10000000"
    )]
    Rate {
        /// What was given.
        rate: f64,
    },
    /// It would last no time.
    #[error("a schedule that lasts 0 s has no arrival; give a duration such as 10s")]
    NoDuration,
    /// It would have no arrival.
    #[error("a schedule of 0 arrivals is none; give a total of 1 or more")]
    NoTotal,
    /// It would never end.
    #[error("the schedule would never end; give a duration, a total, or both")]
    NoEnd,
    /// It would outlast everybody.
    #[error(
        "the schedule would last longer than ten years; give a shorter duration or a higher rate"
    )]
    TooLong,
    /// A ramp must know how long it is to take.
    #[error(
        "a ramp takes a time to rise; give a duration, or write it behind, as in ramp:100..1000/30s"
    )]
    RampWithoutTime,
    /// A shape that was not parsed is none.
    #[error(transparent)]
    Shape(#[from] super::FaultyShape),
    /// The source begins no exchange and makes no call.
    #[error("nothing is ever due: no exchange is begun and no call made; take another source")]
    Empty,
    /// A mean rate cannot be given to what happens in one instant.
    #[error(
        "all {count} arrivals are of one instant, which no rate can spread; give a speed, or another source"
    )]
    OneInstant {
        /// How many there are.
        count: usize,
    },
    /// At this speed nothing is ever due at a time of its own.
    #[error(
        "max is no speed for a schedule: everything would be due at once; give a number such as 3600"
    )]
    SpeedMax,
    /// The recording cannot be read.
    #[error("failed to read the recording for its schedule")]
    Recording(#[from] ReplayError),
}

/// Refuses a rate at which nothing, or everything at once, would be due.
pub(crate) fn check_rate(rate: f64) -> Result<(), ScheduleError> {
    // Not a number is within no range.
    if (RATE_MIN..=RATE_MAX).contains(&rate) {
        return Ok(());
    }
    Err(ScheduleError::Rate { rate })
}
