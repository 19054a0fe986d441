//! Connections that have begun and said nothing yet that could be answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::caller::Caller;

/// Whoever has not said a byte for so long gives way to another.
const SILENT_MIN: Duration = Duration::from_millis(20);
/// Whoever has begun has so long to get on with it.
const BEGUN_MIN: Duration = Duration::from_millis(250);

/// Room for so many unfinished handshakes. When there is none, the oldest gives way: first of those who have not said a byte.
#[derive(Debug, Clone)]
pub(crate) struct Handshakes {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    max: usize,
    under_way: Mutex<BTreeMap<u64, UnderWay>>,
    finished: Notify,
}

#[derive(Debug)]
struct UnderWay {
    caller: Arc<Caller>,
    since: Instant,
    has_begun: bool,
}

impl UnderWay {
    /// From when on it gives way.
    fn gives_way_at(&self) -> Instant {
        let least = if self.has_begun {
            BEGUN_MIN
        } else {
            SILENT_MIN
        };
        self.since + least
    }
}

/// A handshake under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Handshake {
    number: u64,
    shared: Arc<Shared>,
}

impl Handshakes {
    /// Room for `max`, and at least for one.
    pub(crate) fn new(max: u64) -> Self {
        Self {
            shared: Arc::new(Shared {
                max: usize::try_from(max).unwrap_or(usize::MAX).max(1),
                under_way: Mutex::default(),
                finished: Notify::new(),
            }),
        }
    }

    /// Waits until there is room for another, and makes some if nobody finishes.
    pub(crate) async fn room(&self) {
        loop {
            let finished = self.shared.finished.notified();
            let Some(at) = self.shared.make_room(Instant::now()) else {
                return;
            };
            tokio::select! {
                biased;
                () = finished => {}
                () = tokio::time::sleep_until(at) => {}
            }
        }
    }

    /// A caller begins.
    #[must_use]
    pub(crate) fn begin(&self, caller: &Arc<Caller>) -> Handshake {
        let under_way = UnderWay {
            caller: Arc::clone(caller),
            since: Instant::now(),
            has_begun: false,
        };
        self.shared.locked().insert(caller.number, under_way);
        Handshake {
            number: caller.number,
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Shared {
    /// `None` if there is room now; otherwise when to look again.
    fn make_room(&self, now: Instant) -> Option<Instant> {
        let mut under_way = self.locked();
        if under_way.len() < self.max {
            return None;
        }
        // Numbers rise with time: the first is the oldest.
        let silent = under_way.iter().find(|(_, it)| !it.has_begun);
        let (number, oldest) = silent.or_else(|| under_way.iter().next())?;
        let (number, at) = (*number, oldest.gives_way_at());
        if at > now {
            return Some(at);
        }
        if let Some(gone) = under_way.remove(&number) {
            gone.caller.cut.cancel();
        }
        None
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<u64, UnderWay>> {
        // Each change is one step.
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handshake {
    /// It has said something.
    pub(crate) fn has_begun(&self) {
        if let Some(it) = self.shared.locked().get_mut(&self.number) {
            it.has_begun = true;
        }
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.shared.locked().remove(&self.number);
        self.shared.finished.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers(count: u64) -> Vec<Arc<Caller>> {
        (1..=count)
            .map(|it| Arc::new(Caller::new(it, None)))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_who_said_nothing_gives_way_and_whoever_has_begun_has_longer() {
        let handshakes = Handshakes::new(3);
        let callers = callers(5);
        let held: Vec<_> = callers[..3].iter().map(|it| handshakes.begin(it)).collect();
        held[0].has_begun();
        let began = Instant::now();
        handshakes.room().await;
        assert_eq!(began.elapsed(), SILENT_MIN);
        let cut = |it: usize| callers[it].cut.is_cancelled();
        assert!(!cut(0) && cut(1) && !cut(2));
        let fourth = handshakes.begin(&callers[3]);
        fourth.has_begun();
        held[2].has_begun();
        handshakes.room().await;
        assert_eq!(began.elapsed(), BEGUN_MIN);
        assert!(cut(0) && !cut(2) && !cut(3));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_finishes_makes_room_at_once() {
        let handshakes = Handshakes::new(1);
        let callers = callers(2);
        let first = handshakes.begin(&callers[0]);
        let began = Instant::now();
        let waiting = tokio::spawn({
            let handshakes = handshakes.clone();
            async move { handshakes.room().await }
        });
        tokio::task::yield_now().await;
        drop(first);
        waiting.await.expect("there is room");
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!(!callers[0].cut.is_cancelled());
    }
}
