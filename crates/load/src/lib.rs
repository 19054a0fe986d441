//! Open-loop load on the offices, or on any gRPC method.
//!
//! **The decision.** When each arrival is due is decided before the run, and nothing that the target does can change it. A
//! target that stalls is therefore measured from when its callers wanted an answer, not from when a generator that
//! waited for it got round to asking: three latencies are kept apart, *response* (intended to done), *service* (sent to
//! done) and *lag* (intended to sent).
//!
//! **The invariant.** Every arrival that was due is told: as answered, failed, or not sent, and a run whose generator could
//! not keep up says so and why. What is remembered does not grow with the number of results, but for one byte a request
//! where books are made up.
//!
//! ```
//! use std::time::Duration;
//! use load::{End, Schedule, Shape};
//!
//! let end = End::after(Duration::from_secs(30));
//! let mut schedule = Schedule::new(&Shape::Constant, 2_000.0, 1, end)?;
//! assert_eq!(schedule.total(), Some(60_000));
//! let third = schedule.nth(2).expect("there are as many");
//! assert_eq!(third.due, Duration::from_millis(1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
pub mod books;
mod generator;
mod mutations;
pub mod plan;
mod remaking;
pub mod schedule;
pub mod schema;
pub mod search;
pub mod transport;

pub use books::Accounts;
pub use generator::{
    Arrivals, Finished, Manner, Progress, RunError, START_AHEAD, Sample, Steering, Timing, run,
};
pub use mutations::{Known, Mutations, RunId};
pub use plan::{At, Plan, Sender, Single, Step, Workflow, shipped, shipped_text};
pub use remaking::{Outcome, Remade, Remaking};
pub use schedule::{Arrival, End, FaultyShape, Kind, Pace, Schedule, ScheduleError, Shape};
pub use search::{Limits, Search};
