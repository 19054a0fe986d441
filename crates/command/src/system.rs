//! What only the system knows: the time, and randomness for request ids.

use jiff::Timestamp;
use words::time::Moment;

use crate::failure::Failure;

/// The time now. It decides what a duration such as `2h` means, and when a new epoch is noted.
#[expect(
    clippy::disallowed_methods,
    reason = "an officer's command happens now; the offices keep their own clocks"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Bytes that nobody has drawn before.
#[expect(
    clippy::disallowed_methods,
    reason = "two commands must never share a request id, so no seed will do"
)]
pub fn fresh_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system gives 16 random bytes");
    bytes
}

/// A fresh request id: a UUID of version 4.
pub fn fresh_request_id() -> String {
    client::request_id(fresh_bytes())
}

/// Measures how long a command's own work takes.
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Begins to measure.
    #[expect(
        clippy::disallowed_methods,
        reason = "what is measured is the machine's own time, and reaches no ledger"
    )]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// How long it has been.
    pub fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }
}

/// The time that is meant, counted from now; a while is one of a play that goes so many times as fast as the clock.
pub fn time_of(moment: Moment, played_speed: u32) -> Result<prost_types::Timestamp, Failure> {
    let moment = moment.sped_up(played_speed);
    let time = moment.after(now()).map_err(Failure::Usage)?;
    Ok(protocol::timestamp_to_pb(time))
}
