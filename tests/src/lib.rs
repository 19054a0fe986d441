//! What the tests and benchmarks that cross crates share.

pub mod binaries;
pub mod memory;
pub mod relay;
pub mod secured;
pub mod target;
