//! The one place that asks the system what time it is, and for randomness.

use jiff::Timestamp;

/// Tells the time. It decides when a step is authored, and nothing else.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A seed from the system, for jitter between offices that start at once.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn system_seed() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness jitter is merely the same everywhere.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
