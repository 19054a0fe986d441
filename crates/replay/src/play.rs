//! The replay itself: a pacer lets each office's steps go when they are due, and its lane makes them in their order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use client::{Awaited, Patience};
use jiff::{SignedDuration, Timestamp};
use office::{PerPlace, Place, StepId, StepKind};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;
use tonic::Code;
use tonic::transport::Channel;

use crate::Names;
use crate::lag::Lag;
use crate::lane::Officers;
use crate::pace::Pace;
use crate::pacer::{Clock, Door, Pacer};
use crate::plan::Plan;
use crate::recording::ReplayError;
use crate::speed::Speed;

/// Steps of meetings whose meeting is remembered.
const MEETING_STEPS_MAX: usize = 1 << 18;
/// Refusals that are listed.
const REFUSALS_MAX: usize = 100;

/// Of officers at running offices.
pub const LIVE: Patience = Patience {
    first: Duration::from_millis(1),
    longest: Duration::from_millis(500),
    awaited: Awaited::Named,
};

/// How a replay is played.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Where request ids come from: another seed is another replay.
    pub seed: u64,
    /// Documents that are due one after another go by SendDocuments.
    pub streams: bool,
    /// How long to wait between tries: for what a step answers, too, which may not have come yet.
    pub patience: Patience,
    /// The whole time given to one step.
    pub timeout: Duration,
    /// The time at the offices when the replay begins; deadlines that have passed are moved by as much.
    pub now: Timestamp,
}

/// How far a replay is, for who waits.
#[derive(Debug, Default)]
pub struct Progress {
    made: AtomicU64,
    refused: AtomicU64,
    at_ms: AtomicU64,
    speed: Mutex<Option<Speed>>,
    paused: AtomicBool,
}

impl Progress {
    /// Steps made.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Steps that were refused or could not be made.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// How much recorded time has passed, long gaps shortened.
    pub fn at(&self) -> Duration {
        Duration::from_millis(self.at_ms.load(Ordering::Relaxed))
    }

    /// The speed to which someone has changed it; `None` if nobody has.
    pub fn speed(&self) -> Option<Speed> {
        *self.speed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    pub(crate) fn steer(&self, pace: &Pace) {
        self.paused.store(pace.is_paused(), Ordering::Relaxed);
        *self.speed.lock().unwrap_or_else(PoisonError::into_inner) = Some(pace.speed());
    }
}

/// A step that an office would not make again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepRefused {
    /// The step as recorded.
    pub step: String,
    /// What it is.
    pub kind: &'static str,
    /// The gRPC code.
    pub code: String,
    /// Why.
    pub message: String,
}

/// What a replay came to.
#[derive(Debug, Clone, Default)]
pub struct Played {
    /// Steps made.
    pub made: u64,
    /// Expiries and lapses: an office's clock makes them, no officer.
    pub by_clock: u64,
    /// Steps that the selection leaves out.
    pub not_wanted: u64,
    /// Steps that an office refused.
    pub refused: u64,
    /// Steps not tried: what they answer was not replayed.
    pub orphaned: u64,
    /// Deadlines moved, since they had passed.
    pub deadlines_moved: u64,
    /// Contacts recorded with other nanoseconds, since the office held them already.
    pub contacts_rekeyed: u64,
    /// The refusals, at most 100.
    pub refusals: Vec<StepRefused>,
    /// How far behind the schedule steps were sent.
    pub lag: Lag,
    /// It was stopped before its end: the last recorded step of each office that it came to.
    pub stopped_at: Option<PerPlace<u64>>,
}

impl Played {
    /// Adds what another lane or pass came to.
    pub fn add(&mut self, other: &Self) {
        self.made += other.made;
        self.by_clock += other.by_clock;
        self.not_wanted += other.not_wanted;
        self.refused += other.refused;
        self.orphaned += other.orphaned;
        self.deadlines_moved += other.deadlines_moved;
        self.contacts_rekeyed += other.contacts_rekeyed;
        self.lag.add(&other.lag);
        self.stopped_at = self.stopped_at.or(other.stopped_at);
        let room = REFUSALS_MAX.saturating_sub(self.refusals.len());
        self.refusals
            .extend(other.refusals.iter().take(room).cloned());
    }

    pub(crate) fn refuse(&mut self, id: StepId, kind: StepKind, code: Code, message: &str) {
        if self.refusals.len() < REFUSALS_MAX {
            self.refusals.push(StepRefused {
                step: id.to_string(),
                kind: kind.words(),
                code: format!("{code:?}"),
                message: message.to_owned(),
            });
        }
    }
}

/// What both lanes know.
#[derive(Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    news: Notify,
    pub(crate) progress: Arc<Progress>,
}

#[derive(Default)]
struct State {
    names: Names,
    /// Every recorded step up to here has been made, refused or left out.
    dealt: PerPlace<u64>,
    meetings: BTreeMap<StepId, StepId>,
    meeting_steps: VecDeque<StepId>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Each guarded change is one step: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step has been dealt with; `given` is the name it has now.
    pub(crate) fn deal(&self, recorded: StepId, given: Option<StepId>) {
        let mut state = self.state();
        if let Some(given) = given {
            state.names.give(recorded, given);
        }
        state.dealt[recorded.place] = recorded.sequence;
        drop(state);
        self.news.notify_waiters();
    }

    /// Waits until a recorded step has been dealt with. Its name now; `None` if it was not replayed.
    pub(crate) async fn given(&self, recorded: StepId) -> Option<StepId> {
        loop {
            let news = self.news.notified();
            {
                let state = self.state();
                if state.dealt[recorded.place] >= recorded.sequence {
                    return state.names.get(recorded);
                }
            }
            news.await;
        }
    }

    /// `step` belongs to the same recorded meeting as `parent`, or begins one. Returns the recorded proposal.
    pub(crate) fn meeting(&self, step: StepId, parent: Option<StepId>) -> Option<StepId> {
        let mut state = self.state();
        let meeting = match parent {
            None => step,
            Some(parent) => *state.meetings.get(&parent)?,
        };
        if state.meeting_steps.len() == MEETING_STEPS_MAX
            && let Some(oldest) = state.meeting_steps.pop_front()
        {
            state.meetings.remove(&oldest);
        }
        state.meeting_steps.push_back(step);
        state.meetings.insert(step, meeting);
        Some(meeting)
    }

    pub(crate) fn tell(&self, at: Duration, made: bool) {
        let counter = if made {
            &self.progress.made
        } else {
            &self.progress.refused
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.progress.at_ms.fetch_max(at_ms, Ordering::Relaxed);
    }
}

/// Plays a plan at the offices behind `channels`, from now on, by `clock`.
pub async fn play(
    mut plan: Plan,
    channels: PerPlace<Channel>,
    manner: Manner,
    clock: Clock,
    progress: Arc<Progress>,
) -> Result<Played, ReplayError> {
    let shared = Arc::new(Shared {
        progress: Arc::clone(&progress),
        ..Shared::default()
    });
    let start = Instant::now();
    let first = plan.peek_wanted()?;
    let shift = first.map_or(SignedDuration::ZERO, |first| {
        manner.now.duration_since(first)
    });
    let lane = |place: Place| {
        let (door, steps) = Door::new();
        let channel = channels[place].clone();
        let officers = Officers::new(place, channel, manner, shift, Arc::clone(&shared));
        (door, tokio::spawn(officers.act(steps, start)))
    };
    let (south, south_lane) = lane(Place::South);
    let (north, north_lane) = lane(Place::North);
    let doors = PerPlace::new(south, north);
    let pacer = Pacer::new(plan, doors, progress, start);
    let let_go = pacer.run(clock).await;
    let mut played = Played::default();
    for lane in [south_lane, north_lane] {
        match lane.await {
            Ok(lane) => played.add(&lane),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    let let_go = let_go?;
    played.stopped_at = let_go.stopped.then_some(let_go.last);
    Ok(played)
}
