//! The generator: threads that let arrivals go when they are due, and a collector that adds up what they saw.

mod collector;
mod cpu;
mod exchange;
mod manner;
mod run;
mod sample;
mod source;
mod steering;
mod stream;
mod thread;
mod ticker;
mod worker;

pub use manner::Manner;
pub use run::{Arrivals, Finished, Progress, RunError, START_AHEAD, run};
pub use sample::{Sample, Timing};
pub use steering::Steering;
