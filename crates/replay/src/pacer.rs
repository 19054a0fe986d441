//! Lets each step go when it is due: one after another, in the plan's order, whatever is pressed meanwhile.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use office::{PerPlace, Place};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::pace::{Control, Next, Pace};
use crate::plan::{Intended, Plan, Verdict};
use crate::play::Progress;
use crate::recording::ReplayError;

/// Steps of one office that were let go and not made yet, and the bytes of their payloads. Few, so that a pause is one
/// also when a replay is behind; what a step answers is let go before it, so no bound here can stop both lanes.
const AHEAD_MAX: usize = 256;
const AHEAD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Whoever waits longer looks whether anyone still plays.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Which clock a replay goes by.
#[derive(Debug)]
pub enum Clock {
    /// The runtime's, which may be simulated. Its grain is a millisecond.
    Runtime,
    /// The system's, on a thread of its own that wakes to the tenth of a millisecond, steered by what comes this way.
    /// Once nobody can steer any more, it goes on.
    System(Receiver<Control>),
}

/// A step that was let go, with the room that its bytes take up.
pub(crate) struct Ahead {
    pub(crate) intended: Intended,
    /// When it was due, after the start.
    pub(crate) due: Duration,
    _room: OwnedSemaphorePermit,
}

/// How far a pacer came.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LetGo {
    /// The last recorded step let go, of each office.
    pub(crate) last: PerPlace<u64>,
    /// It was stopped before the plan's end.
    pub(crate) stopped: bool,
}

/// The way into one lane.
pub(crate) struct Door {
    ahead: mpsc::Sender<Ahead>,
    room: Arc<Semaphore>,
}

impl Door {
    /// A way in, and where it leads.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Ahead>) {
        let (ahead, steps) = mpsc::channel(AHEAD_MAX);
        let room = Arc::new(Semaphore::new(AHEAD_BYTES_MAX));
        (Self { ahead, room }, steps)
    }
}

/// Lets the steps of a plan go.
pub(crate) struct Pacer {
    plan: Plan,
    pace: Pace,
    doors: PerPlace<Door>,
    let_go: LetGo,
    progress: Arc<Progress>,
    start: Instant,
}

impl Pacer {
    pub(crate) fn new(
        plan: Plan,
        doors: PerPlace<Door>,
        progress: Arc<Progress>,
        start: Instant,
    ) -> Self {
        Self {
            pace: Pace::new(plan.speed()),
            plan,
            doors,
            let_go: LetGo::default(),
            progress,
            start,
        }
    }

    /// Goes by `clock` to the plan's end.
    pub(crate) async fn run(self, clock: Clock) -> Result<LetGo, ReplayError> {
        let Clock::System(controls) = clock else {
            return self.by_the_runtime().await;
        };
        let runtime = Handle::current();
        let thread = tokio::task::spawn_blocking(move || self.by_the_system(&controls, &runtime));
        match thread.await {
            Ok(let_go) => let_go,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    async fn by_the_runtime(mut self) -> Result<LetGo, ReplayError> {
        while let Some(intended) = self.plan.next_step()? {
            let mut due = Duration::ZERO;
            if intended.verdict == Verdict::Make {
                let Next::Due(when) = self.pace.next(intended.at) else {
                    break;
                };
                due = when;
                sleep_until(self.start + due).await;
            }
            if !self.hand_over(intended, due).await {
                break;
            }
        }
        Ok(self.let_go)
    }

    fn by_the_system(
        mut self,
        controls: &Receiver<Control>,
        runtime: &Handle,
    ) -> Result<LetGo, ReplayError> {
        while let Some(intended) = self.plan.next_step()? {
            let mut due = Duration::ZERO;
            if intended.verdict == Verdict::Make {
                let Some(when) = self.wait(intended.at, controls) else {
                    break;
                };
                due = when;
            }
            if !runtime.block_on(self.hand_over(intended, due)) {
                break;
            }
        }
        Ok(self.let_go)
    }

    /// Waits until a step of recorded time `t` is due, and tells when that was; `None` if it is not to be made any more.
    fn wait(&mut self, t: Duration, controls: &Receiver<Control>) -> Option<Duration> {
        loop {
            let now = self.start.elapsed();
            let wait = match self.pace.next(t) {
                Next::Stop => {
                    self.let_go.stopped = true;
                    return None;
                }
                Next::Due(due) if due <= now => match controls.try_recv() {
                    Ok(control) => {
                        self.take(control);
                        continue;
                    }
                    Err(_) => return Some(due),
                },
                Next::Due(due) => due.saturating_sub(now).min(LOOK_AGAIN),
                Next::Wait => LOOK_AGAIN,
            };
            match controls.recv_timeout(wait) {
                Ok(control) => self.take(control),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) if self.pace.is_paused() => {
                    self.take(Control::Resume);
                }
                Err(RecvTimeoutError::Disconnected) => std::thread::park_timeout(wait),
            }
            if self.doors[Place::South].ahead.is_closed() {
                return None;
            }
        }
    }

    fn take(&mut self, control: Control) {
        self.pace.take(control, self.start.elapsed());
        self.progress.steer(&self.pace);
    }

    /// Hands a step to its lane; false if nobody plays any more.
    async fn hand_over(&mut self, mut intended: Intended, due: Duration) -> bool {
        let recorded = &mut intended.recorded;
        let id = recorded.step.id;
        if intended.verdict == Verdict::Make {
            let begins = recorded.step.parent.is_none();
            self.pace.let_go(intended.at, due, begins);
        } else {
            recorded.payload.clear();
        }
        let door = &self.doors[id.place];
        let bytes = recorded.payload.len().clamp(1, AHEAD_BYTES_MAX) as u32;
        let room = Arc::clone(&door.room).acquire_many_owned(bytes).await;
        let step = Ahead {
            intended,
            due,
            _room: room.expect("nobody closes it"),
        };
        self.let_go.last[id.place] = id.sequence;
        door.ahead.send(step).await.is_ok()
    }
}
