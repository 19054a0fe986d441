//! Arrivals that are read: from a scenario's timeline, or from a recording.

use std::time::Duration;

use office::StepKind;
use replay::{Plan, Recording, Selection, Speed, Verdict};
use scenario::{Act, Scenario};
use words::figures;

use super::error::check_rate;
use super::{End, Kind, ScheduleError};

/// How fast what was read is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So that the mean rate, a second, is this: over all of it, or over its first arrivals if a total is given.
    Rate(f64),
    /// So many times as fast as it was written or recorded.
    Speed(Speed),
}

impl From<Speed> for Pace {
    fn from(speed: Speed) -> Self {
        Self::Speed(speed)
    }
}

impl std::fmt::Display for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rate(rate) => f.write_str(&figures::rate(*rate)),
            Self::Speed(Speed::Times(factor)) if (factor - 1.0).abs() < f64::EPSILON => {
                f.write_str("at its own speed")
            }
            Self::Speed(Speed::Times(factor)) => {
                write!(f, "{} times as fast", figures::number(*factor, 3))
            }
            Self::Speed(Speed::Max) => f.write_str("as fast as can be"),
        }
    }
}

impl Pace {
    fn check(self) -> Result<Self, ScheduleError> {
        match self {
            Self::Rate(rate) => check_rate(rate)?,
            Self::Speed(Speed::Max) => return Err(ScheduleError::SpeedMax),
            Self::Speed(Speed::Times(_)) => {}
        }
        Ok(self)
    }
}

/// One arrival: kept small, for a recording may hold millions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) nanos: u64,
    pub(super) kind: Kind,
}

/// Takes arrivals in the order of their time, as far as they are wanted.
#[derive(Debug)]
struct Taking {
    pace: Pace,
    end: End,
    taken: Vec<Due>,
}

impl Taking {
    fn new(pace: Pace, end: End) -> Result<Self, ScheduleError> {
        Ok(Self {
            pace: pace.check()?,
            end,
            taken: Vec::new(),
        })
    }

    /// Takes the arrival of a time after the first; whether more are wanted.
    fn take(&mut self, at: Duration, kind: Kind) -> bool {
        let due = match self.pace {
            Pace::Speed(speed) => speed.takes(at),
            // Scaled once the last is known.
            Pace::Rate(_) => at,
        };
        let is_late = matches!(self.pace, Pace::Speed(_))
            && self.end.duration.is_some_and(|duration| due >= duration);
        if is_late {
            return false;
        }
        let nanos = u64::try_from(due.as_nanos()).unwrap_or(u64::MAX);
        self.taken.push(Due { nanos, kind });
        self.end
            .total
            .is_none_or(|total| (self.taken.len() as u64) < total)
    }

    fn finish(mut self) -> Result<Vec<Due>, ScheduleError> {
        let last = self.taken.last().ok_or(ScheduleError::Empty)?.nanos;
        if let Pace::Rate(rate) = self.pace {
            let count = self.taken.len();
            if last == 0 && count > 1 {
                return Err(ScheduleError::OneInstant { count });
            }
            // The mean gap between two is 1 / rate.
            let takes = u128::from(((count - 1) as f64 / rate * 1e9) as u64);
            for due in &mut self.taken {
                let scaled = u128::from(due.nanos) * takes / u128::from(last.max(1));
                due.nanos = u64::try_from(scaled).expect("none is later than the last");
            }
        }
        self.taken.shrink_to_fit();
        Ok(self.taken)
    }
}

pub(super) fn of_scenario(
    scenario: &Scenario,
    seed: u64,
    pace: Pace,
    end: End,
) -> Result<Vec<Due>, ScheduleError> {
    let mut taking = Taking::new(pace, end)?;
    let mut first = None;
    for event in scenario.timeline(seed).events {
        let Some(kind) = kind_of_act(&event.act).filter(|_| event.refused.is_none()) else {
            continue;
        };
        let after = event.at.duration_since(*first.get_or_insert(event.at));
        let after = Duration::try_from(after).unwrap_or_default();
        if !taking.take(after, kind) {
            break;
        }
    }
    taking.finish()
}

pub(super) fn of_recording(
    recording: &Recording,
    pace: Pace,
    end: End,
) -> Result<Vec<Due>, ScheduleError> {
    let mut taking = Taking::new(pace, end)?;
    let selection = Selection {
        only: StepKind::ALL
            .into_iter()
            .filter(|kind| kind_of_step(*kind).is_some())
            .collect(),
        ..Selection::default()
    };
    let mut plan = Plan::new(recording, selection);
    while let Some(intended) = plan.next_step()? {
        let kind = kind_of_step(intended.recorded.step.kind);
        let (Verdict::Make, Some(kind)) = (intended.verdict, kind) else {
            continue;
        };
        if !taking.take(intended.at, kind) {
            break;
        }
    }
    taking.finish()
}

fn kind_of_act(act: &Act) -> Option<Kind> {
    match act {
        Act::SendDocument { .. } => Some(Kind::Document),
        Act::ProposeMeeting { .. } => Some(Kind::Meeting),
        Act::RecordContact { .. } => Some(Kind::Contact),
        Act::RecordCall { .. } => Some(Kind::Call),
        Act::AcknowledgeDocument { .. }
        | Act::RefuseDocument { .. }
        | Act::CounterMeeting { .. }
        | Act::AcceptMeeting { .. }
        | Act::DeclineMeeting { .. }
        | Act::CancelMeeting { .. }
        | Act::ConveneMeeting { .. }
        | Act::CloseMeeting { .. }
        | Act::ConfirmContact { .. }
        | Act::DeclareLine { .. } => None,
    }
}

fn kind_of_step(kind: StepKind) -> Option<Kind> {
    match kind {
        StepKind::DocumentSent => Some(Kind::Document),
        StepKind::MeetingProposed => Some(Kind::Meeting),
        StepKind::ContactRecorded => Some(Kind::Contact),
        StepKind::CallRecorded => Some(Kind::Call),
        StepKind::DocumentAcknowledged
        | StepKind::DocumentReceiptRefused
        | StepKind::DocumentExpired
        | StepKind::MeetingCountered
        | StepKind::MeetingAccepted
        | StepKind::MeetingDeclined
        | StepKind::MeetingCancelled
        | StepKind::MeetingLapsed
        | StepKind::MeetingConvened
        | StepKind::MeetingClosed
        | StepKind::ContactConfirmed
        | StepKind::LineDeclared => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrival_takes_sixteen_bytes() {
        assert!(size_of::<Due>() <= 16);
    }
}
