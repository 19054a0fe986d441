//! What the tests and benchmarks that cross crates share.

pub mod relay;
pub mod target;
