//! The generator: threads that let arrivals go when they are due, and a collector that adds up what they saw.

mod collector;
mod cpu;
mod exchange;
mod run;
mod ticker;
mod worker;

pub use run::{Arrivals, Finished, Manner, Progress, RunError, START_AHEAD, Steering, run};
pub use worker::{Sample, Timing};
