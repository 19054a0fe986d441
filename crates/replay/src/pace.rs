//! When each step is due. Times are absolute: `due = anchor + (t − t_anchor) / speed`, and the anchor moves only when
//! someone pauses, resumes, or changes the speed.

use std::time::Duration;

use jiff::Timestamp;

use crate::speed::Speed;

/// Turns recorded times, in their order, into recorded time passed since the beginning, with long gaps shortened.
#[derive(Debug, Clone)]
pub struct Rhythm {
    t0: Timestamp,
    last: Timestamp,
    gap_max: Option<Duration>,
    /// Recorded time that was left out.
    left_out: Duration,
}

impl Rhythm {
    /// From `t0` on, with no gap longer than `gap_max`.
    pub fn new(t0: Timestamp, gap_max: Option<Duration>) -> Self {
        Self {
            t0,
            last: t0,
            gap_max,
            left_out: Duration::ZERO,
        }
    }

    /// How much recorded time passes until a step of `time`. A time before an earlier one counts as that one.
    pub fn passed(&mut self, time: Timestamp) -> Duration {
        let gap = since(self.last, time);
        self.last = self.last.max(time);
        if let Some(gap_max) = self.gap_max {
            self.left_out += gap.saturating_sub(gap_max);
        }
        since(self.t0, self.last).saturating_sub(self.left_out)
    }
}

fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// What steers a replay while it runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Control {
    /// Nothing is made until it goes on.
    Pause,
    /// It goes on.
    Resume,
    /// The one or the other.
    PauseOrResume,
    /// Goes on, at once, to the next exchange or call: up to the step that begins it, which is made; then it is paused.
    Step,
    /// From now on twice as fast.
    Faster,
    /// From now on half as fast.
    Slower,
    /// From now on so fast.
    Speed(Speed),
    /// Ends: what is under way is finished, and nothing more is made.
    Stop,
}

/// What is to be done about the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is due at this time after the start.
    Due(Duration),
    /// Paused: only a control brings news.
    Wait,
    /// Nothing more is made.
    Stop,
}

/// The pace of a replay. Whoever plays asks it about one step after another, in the order of the plan, and says when it
/// lets one go; so nothing here can reorder or lose a step. Recorded times are those that [`Rhythm`] gives; all others
/// are times after the start.
#[derive(Debug, Clone)]
pub struct Pace {
    speed: Speed,
    anchor: Duration,
    t_anchor: Duration,
    paused: bool,
    stopped: bool,
    /// Exchanges that may still begin although it is paused.
    steps: u32,
    /// When the step let go last was due: due times never go back.
    last: Duration,
    /// The latest recorded time let go.
    reached: Duration,
}

impl Pace {
    /// A pace from the start on.
    pub fn new(speed: Speed) -> Self {
        Self {
            speed,
            anchor: Duration::ZERO,
            t_anchor: Duration::ZERO,
            paused: false,
            stopped: false,
            steps: 0,
            last: Duration::ZERO,
            reached: Duration::ZERO,
        }
    }

    /// How fast it goes when it goes.
    pub fn speed(&self) -> Speed {
        self.speed
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// What is to be done about the next step, of recorded time `t`.
    pub fn next(&self, t: Duration) -> Next {
        if self.stopped {
            return Next::Stop;
        }
        if self.paused && self.steps == 0 {
            return Next::Wait;
        }
        if self.paused {
            return Next::Due(self.anchor.max(self.last));
        }
        // A step from before the anchor was late by then, and stays as late.
        let takes = self.speed.takes(t.abs_diff(self.t_anchor));
        let due = if t >= self.t_anchor {
            self.anchor.saturating_add(takes)
        } else {
            self.anchor.saturating_sub(takes)
        };
        Next::Due(due.max(self.last))
    }

    /// The step of recorded time `t` that was due at `due` is let go; `begins` says whether it begins an exchange or call.
    pub fn let_go(&mut self, t: Duration, due: Duration, begins: bool) {
        self.last = self.last.max(due);
        self.reached = self.reached.max(t);
        if self.paused {
            self.t_anchor = self.t_anchor.max(t);
            self.steps = self.steps.saturating_sub(u32::from(begins));
        }
    }

    /// Takes a control at `now`.
    pub fn take(&mut self, control: Control, now: Duration) {
        match control {
            Control::Pause => self.pause(now),
            Control::Resume => self.resume(now),
            Control::PauseOrResume if self.paused => self.resume(now),
            Control::PauseOrResume => self.pause(now),
            Control::Step => {
                self.pause(now);
                self.anchor = self.anchor.max(now);
                self.steps = self.steps.saturating_add(1);
            }
            Control::Faster => self.change(self.speed.doubled(), now),
            Control::Slower => self.change(self.speed.halved(), now),
            Control::Speed(speed) => self.change(speed, now),
            Control::Stop => self.stopped = true,
        }
    }

    fn pause(&mut self, now: Duration) {
        self.anchor_at(now);
        self.paused = true;
    }

    fn resume(&mut self, now: Duration) {
        self.anchor_at(now);
        (self.paused, self.steps) = (false, 0);
    }

    fn change(&mut self, speed: Speed, now: Duration) {
        self.anchor_at(now);
        self.speed = speed;
    }

    fn anchor_at(&mut self, now: Duration) {
        if !self.paused {
            let passed = self.speed.passes(now.saturating_sub(self.anchor));
            // At full speed recorded time has come as far as what was let go.
            self.t_anchor = passed.map_or(self.reached, |it| self.t_anchor.saturating_add(it));
        }
        self.anchor = self.anchor.max(now);
    }
}

#[cfg(test)]
mod tests;
