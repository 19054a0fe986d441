//! How a run is made.

use std::time::Duration;

use crate::mutations::RunId;
use crate::transport::PoolLimits;

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Manner {
    /// The seed of all draws.
    pub seed: u64,
    /// What its request ids begin with.
    pub run_id: RunId,
    /// The first part of the schedule is not measured.
    pub warmup: Duration,
    /// Arrivals under way at most; who comes then waits, and that is lag.
    pub in_flight_max: usize,
    /// How long a call may take, where the plan does not say.
    pub deadline: Duration,
    /// Threads that make calls.
    pub threads: usize,
    /// At 10,000 arrivals a second of a thread and more it wakes no sooner than so long after the last time, and lets go
    /// on one wake-up what was due meanwhile; at lower rates proportionally sooner. A wake-up costs more than a call.
    pub tick: Duration,
    /// Connections to each target, of each thread.
    pub pool: PoolLimits,
    /// The 99th percentile of the lag above which the run is not valid.
    pub lag_max: Duration,
}
