//! What crosses crates.
//!
//! Real offices run as processes of their own, on ports that the system picks, in temporary directories. Nothing
//! waits for time to pass: tests wait for a state or an event, up to a deadline that only a failure reaches.

mod architecture;
mod attacks;
mod bad_input;
mod bounds;
mod documented;
mod durability;
mod errors;
mod fits;
mod fixtures;
mod forking;
mod harness;
mod holding;
mod hostile;
mod loading;
mod processes;
mod replaying;
mod seen;
mod services;
mod simulated;
mod steering;
mod tapping;
