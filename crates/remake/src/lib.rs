//! Calls that were recorded, made again: what is sent and when, which values are other ones this time, and where the answers
//! differ from those of before.
//!
//! **The decision.** A value that an answer made (a name, a token, an id) is another one the next time, and the requests that
//! repeat it must repeat the new one: where each such value came from is found in the recording before anything is sent, and
//! a request that needs one waits for the answer that makes it. Everything else is sent as it passed, byte for byte.
//!
//! **The invariant.** What is sent depends on the recording, on the answers and on what new keys are drawn, and on nothing
//! else; a call that cannot be made again is told with why. No I/O, no clock.

mod compare;
mod leaf;
mod script;
mod values;

pub use compare::{Difference, Ignored, differences};
pub use leaf::Leaf;
pub use script::{Awaited, LeftOut, Planned, Say, Script, Taking};
pub use values::{Correlate, FaultyRekey, Fresh, Rekey, Source, Values};

/// How a call ended when it was made again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Played {
    /// gRPC's code.
    pub code: u32,
    /// What was said of it.
    pub message: String,
    /// Whether it was given up from here, as it was when it was recorded.
    pub was_given_up: bool,
    /// The answers, unpacked.
    pub answers: Vec<bytes::Bytes>,
}

#[cfg(test)]
mod tests;
