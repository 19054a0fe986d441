//! The generator: threads that let arrivals go when they are due, and a collector that adds up what they saw.

mod collector;
mod cpu;
mod exchange;
mod intervals;
mod run;
mod ticker;
mod worker;

pub use run::{Arrivals, Finished, Manner, Progress, RunError, START_AHEAD, SoFar, Steering, run};
pub use worker::{Sample, Timing};
