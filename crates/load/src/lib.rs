//! Open-loop load on the offices, or on any gRPC method.
//!
//! **The decision.** When each arrival is due is decided before the run, and nothing that the target does can change it. A
//! target that stalls is therefore measured from when its callers wanted an answer, not from when a generator that
//! waited for it got round to asking: three latencies are kept apart, *response* (intended to done), *service* (sent to
//! done) and *lag* (intended to sent).
//!
//! **The invariant.** Every arrival that was due is told: as answered, failed, or not sent, and a run whose generator could
//! not keep up says so and why. What is remembered does not grow with the number of results.

pub mod keep;
pub mod latency;
pub mod plan;
pub mod report;
pub mod schedule;
pub mod schema;
pub mod template;
mod units;
mod wire;
mod words;

pub use keep::{Keep, KeepError, Kept};
pub use latency::{Latencies, LatencyHistogram};
pub use schedule::{Arrival, End, Kind, Pace, Schedule, ScheduleError, Shape, Shard};
pub use plan::{At, Plan, PlanError, Sender, Single, Step, Workflow};
pub use schema::{CallKind, Method, Schema, SchemaError};
pub use template::{Csv, Scope, Template, TemplateError, TemplateMistake, Text, Values};
pub use units::duration;
