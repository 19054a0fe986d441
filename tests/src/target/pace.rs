//! When answers go out: after their delay, and not while the target stalls.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::delay::Delay;
use super::spread::Spread;
use super::timer::Timer;

/// A while in which nothing is answered. Times are since the first call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
}

impl Stall {
    /// When it is over, and everything that was held goes out at once.
    pub fn end(&self) -> Duration {
        self.at + self.lasts
    }
}

/// When a call is answered that came at `arrival` and takes `delay`: all three since the first call.
pub fn answered_at(arrival: Duration, delay: Duration, stall: Option<Stall>) -> Duration {
    let answered = arrival + delay;
    match stall {
        Some(stall) if (stall.at..stall.end()).contains(&answered) => stall.end(),
        _ => answered,
    }
}

/// Times the answers of all calls of a target.
#[derive(Debug)]
pub(super) struct Pace {
    delay: Delay,
    stall: Option<Stall>,
    quantiles: Mutex<Spread>,
    begun: OnceLock<Instant>,
    timer: Timer,
}

/// When an answer goes out; `None` is at once.
pub(super) type Due = Option<Instant>;

impl Pace {
    /// A pace whose delays come in the order that the seed decides.
    pub(super) fn start(delay: Delay, stall: Option<Stall>, seed: u64) -> std::io::Result<Self> {
        Ok(Self {
            delay,
            stall,
            quantiles: Mutex::new(Spread::new(seed)),
            begun: OnceLock::new(),
            timer: Timer::start()?,
        })
    }

    /// Whether there is any answer that does not go out at once.
    pub(super) fn waits(&self) -> bool {
        self.delay != Delay::None || self.stall.is_some()
    }

    /// Takes the time of a call that has just come.
    pub(super) fn arrive(&self) -> Due {
        if !self.waits() {
            return None;
        }
        let now = Instant::now();
        let begun = *self.begun.get_or_init(|| now);
        let arrival = now.saturating_duration_since(begun);
        let answered = answered_at(arrival, self.draw(), self.stall);
        (answered > arrival).then(|| begun + answered)
    }

    fn draw(&self) -> Duration {
        if self.delay == Delay::None {
            return Duration::ZERO;
        }
        let mut quantiles = self
            .quantiles
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.delay.at(quantiles.next().expect("it is endless"))
    }

    /// Comes back when the answer may go out.
    pub(super) async fn until(&self, due: Due) {
        if let Some(due) = due {
            self.timer.until(due).await;
        }
    }
}
