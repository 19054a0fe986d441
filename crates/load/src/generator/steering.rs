//! What steers a run while it goes on.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use tokio::time::Instant;

/// What steers a run while it goes on.
#[derive(Debug, Default)]
pub struct Steering {
    paused: AtomicBool,
    stop: AtomicU8,
    stopped_at: OnceLock<Instant>,
    pub(crate) in_flight: AtomicU64,
}

impl Steering {
    /// Pauses, or goes on. What a pause takes is added to every due time after it.
    pub fn pause_or_resume(&self) {
        self.paused.fetch_xor(true, Ordering::Relaxed);
    }

    /// Lets nothing more go, and waits for what is under way; the second time it does not wait.
    pub fn stop(&self) {
        self.stopped_at.get_or_init(Instant::now);
        let _ = self
            .stop
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |it| {
                Some(it.saturating_add(1))
            });
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed) && !self.is_stopped()
    }

    /// Whether somebody has stopped it.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) > 0
    }

    /// When somebody stopped it.
    pub(crate) fn stopped_at(&self) -> Option<Instant> {
        self.stopped_at.get().copied()
    }

    /// Whether nothing is waited for any more.
    pub fn is_abandoned(&self) -> bool {
        self.stop.load(Ordering::Relaxed) > 1
    }

    /// Arrivals under way.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }
}
