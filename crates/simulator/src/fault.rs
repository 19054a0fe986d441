//! Faults drawn from the seed: the line cut, an office that dies and comes back, officers who get in each other's way.

use std::time::Duration;

use office::Place;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use scenario::Timeline;

/// How many faults a run has; when and how long is drawn from the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// The line is cut, and later restored.
    pub cuts: u32,
    /// An office dies without warning, and is started again.
    pub crashes: u32,
    /// Both offices act at once on a meeting that the scenario does not have.
    pub crossings: u32,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Cut,
    Crash(Place),
    Delay(Duration),
}

/// A fault, when it begins, and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// After the start.
    pub(crate) after: Duration,
    pub(crate) lasts: Duration,
    pub(crate) fault: Fault,
}

impl Faults {
    /// None at all.
    pub const NONE: Self = Self {
        cuts: 0,
        crashes: 0,
        crossings: 0,
    };

    /// The cuts and crashes of one run, by time. Most begin just after an event, while its step is under way.
    pub(crate) fn draw(self, timeline: &Timeline, seed: u64) -> Vec<Due> {
        let mut draws = ChaCha8Rng::seed_from_u64(seed);
        draws.set_stream(2);
        let mut below = |bound: u64| draws.next_u64() % bound.max(1);
        let mut due = Vec::new();
        let kinds = (0..self.cuts)
            .map(|_| true)
            .chain((0..self.crashes).map(|_| false));
        for cut in kinds {
            let event = below(timeline.events.len() as u64) as usize;
            let Some(event) = timeline.events.get(event) else {
                break;
            };
            let at = event.at.duration_since(timeline.start).unsigned_abs();
            // The step that comes at that moment is under way by then.
            let after = at + Duration::from_millis(below(100));
            let place = Place::BOTH[below(2) as usize];
            let lasts_ms = match below(4) {
                0 => below(200),
                1 => below(5_000),
                2 => below(600_000),
                _ => below(20_000_000),
            };
            due.push(Due {
                after,
                lasts: Duration::from_millis(lasts_ms + 1),
                fault: if cut { Fault::Cut } else { Fault::Crash(place) },
            });
        }
        due.sort_by_key(|due| due.after);
        due
    }
}
