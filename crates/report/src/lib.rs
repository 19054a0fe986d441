//! What a load run has come to: measured, judged, merged, compared, saved, and shown.
//!
//! **The decision.** A report is one value. A generator hands out what it measured ([`Run`]), one function makes the report of it
//! ([`Report::of_run`]), and all else is made of the report alone: so a run that was saved years ago, or that five generators
//! made together, is judged and shown like one that has just ended.
//!
//! **The invariant.** What is remembered does not grow with the number of results, and histograms are added exactly. Text that
//! came from elsewhere comes out visible, and in HTML escaped. No file, no clock, no socket, no runtime, no terminal.
//!
//! ```
//! use std::time::Duration;
//! use report::{LatencyHistogram, Report, Threshold};
//!
//! let mut response = LatencyHistogram::default();
//! (1..=1_000).for_each(|us| response.record(Duration::from_micros(us)));
//! let report = Report { calls: 1_000, response: response.summary(), ..Report::default() };
//!
//! let threshold: Threshold = "p99>5ms".parse()?;
//! assert!(!threshold.check(&report).failed);
//! assert!(report::show::text(&report, 100).contains("990 µs"));
//! assert_eq!(report::saved::read(&report::saved::save(&report))?, report);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compare;
mod interval;
mod intervals;
mod latency;
mod merge;
mod recorder;
mod report;
mod run;
pub mod saved;
mod shard;
pub mod show;
mod threshold;

pub use compare::compare;
pub use interval::{HEAT_PER_OCTAVE, Interval, IntervalLatency, heat_bucket, heat_floor_us};
pub use intervals::{Intervals, interval};
pub use latency::{Latencies, LatencyHistogram};
pub use merge::{MergeError, merge, repeated};
pub use recorder::{Ended, Failures, Recorder, StepRecorder, StreamRecorder, WorkflowRecorder};
pub use report::{
    Books, Breakdown, ComparisonReport, FailureCount, FigureComparison, GeneratorReport,
    RepeatReport, Report, SearchReport, Setup, Shortfall, Spread, Stage, StepReport, StreamsReport,
    ThresholdReport, Trial, WorkflowReport,
};
pub use run::{Run, SoFar, Thread, WorkflowNames};
pub use saved::SavedError;
pub use shard::{FaultyShard, Shard};
pub use threshold::{FaultyThreshold, Goal, Measured, Threshold};
