//! What is to be played, and over how many threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use scenario::{Scenario, Timeline};
use simulator::Faults;

use command::progress::Progress;

/// Apart from each other, whatever the seed: the golden ratio of 2^64.
const SEEDS_APART: u64 = 0x9E37_79B9_7F4A_7C15;
const ROUND: Duration = Duration::from_secs(1);

/// How a scenario is played.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// Times the traffic, in each pair.
    pub(super) scale: u32,
    /// Pairs side by side.
    pub(super) pairs: u64,
    /// Nothing is done later.
    pub(super) until: Option<Timestamp>,
    /// Whether the scenario's own faults befall it.
    pub(super) timetable: bool,
    /// What befalls it beside them, drawn from the seed.
    pub(super) faults: Faults,
}

impl Plan {
    /// The seed of a pair, counted from 0.
    pub(super) fn seed_of(&self, pair: u64) -> u64 {
        self.seed.wrapping_add(pair.wrapping_mul(SEEDS_APART))
    }

    pub(super) fn timeline(&self, scenario: &Scenario, seed: u64) -> Timeline {
        let timeline = if self.timetable {
            scenario.scaled_timeline(seed, self.scale)
        } else {
            let calm = scenario.clone().without_faults();
            calm.scaled_timeline(seed, self.scale)
        };
        match self.until {
            Some(until) => timeline.until(until),
            None => timeline,
        }
    }
}

/// Does `work` for each number below `count`, on all processors. `told` says how far it has come.
pub(super) fn on_all_processors(
    count: u64,
    work: impl Fn(u64) + Sync,
    told: impl Fn(u64) -> String,
) {
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (finished, news) = mpsc::channel();
    let mut progress = Progress::start();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (finished, next, work) = (finished.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    work(number);
                    // It is gone only when a panic is under way.
                    let _ = finished.send(());
                }
            });
        }
        drop(finished);
        let mut done = 0;
        loop {
            match news.recv_timeout(ROUND) {
                Ok(()) => done += 1,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            progress.tell(|| told(done));
        }
    });
}
