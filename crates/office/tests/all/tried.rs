//! Rules that were tried, and fail; and the shipped rule as a model, told once more.

use office::line::Acknowledgement;
use office::{Content, Place, Step, StepId, StepKind};

use crate::pair::{Outcome, Rules, day};
use crate::tree::{Branch, VERBS, may_follow};

/// When a meeting may be closed, and when it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counting {
    /// Close when the convening is final; count at the close. This is shipped.
    Final,
    /// Close and count at once.
    AtOnce,
    /// Close at once; count a close of one's own once it is settled.
    WhenSettled,
}

/// How far one office knows its own steps to be beyond every crossing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settlement {
    pub(crate) received: u64,
    /// (through, mark) of every acknowledgement taken.
    pub(crate) taken: Vec<(u64, u64)>,
}

impl Settlement {
    pub(crate) fn through(&self) -> u64 {
        let settled = self.taken.iter().filter(|(_, mark)| *mark <= self.received);
        settled.map(|(through, _)| *through).max().unwrap_or(0)
    }
}

/// A tree of steps, with one way of counting.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    place: Place,
    counting: Counting,
    tree: Option<Branch>,
    line: Settlement,
}

impl Tree {
    fn new(place: Place, counting: Counting) -> Self {
        Self {
            place,
            counting,
            tree: None,
            line: Settlement::default(),
        }
    }

    pub(crate) fn counting_when_final(place: Place) -> Self {
        Self::new(place, Counting::Final)
    }

    pub(crate) fn counting_at_once(place: Place) -> Self {
        Self::new(place, Counting::AtOnce)
    }

    pub(crate) fn counting_when_settled(place: Place) -> Self {
        Self::new(place, Counting::WhenSettled)
    }

    fn is_settled(&self, id: StepId) -> bool {
        id.place != self.place || id.sequence <= self.line.through()
    }
}

impl Rules for Tree {
    const NEVER_INERT: bool = true;

    fn next(&self, _meeting: StepId, sequence: u64) -> Vec<Step> {
        let Some(tree) = &self.tree else {
            return Vec::new();
        };
        let tip = *tree.walk().last().expect("a walk begins at the proposal");
        let legal = VERBS.into_iter().filter(|kind| {
            let close = *kind == StepKind::MeetingClosed;
            let waits = close && self.counting == Counting::Final && !self.is_settled(tip.id);
            may_follow(&tip, self.place, *kind) && !waits
        });
        legal
            .map(|kind| step(self.place, sequence, Some(tip.id), kind))
            .collect()
    }

    fn record(&mut self, step: &Step) -> bool {
        self.line.received += u64::from(step.id.place != self.place);
        match &mut self.tree {
            None => {
                self.tree = Some(Branch::new(*step));
                true
            }
            Some(tree) => tree.graft(step),
        }
    }

    fn record_acknowledgement(&mut self, acknowledgement: &Acknowledgement) {
        let through = acknowledgement.through.sequence;
        self.line.taken.push((through, acknowledgement.appended));
    }

    fn outcome(&self, _meeting: StepId) -> Option<Outcome> {
        let walk = self.tree.as_ref()?.walk();
        let tip = walk.last()?;
        let closed = tip.kind == StepKind::MeetingClosed;
        let counts = closed && (self.counting != Counting::WhenSettled || self.is_settled(tip.id));
        Some(outcome(&walk, counts))
    }
}

/// A chain in which a step names the revision it makes, and a crossing is won revision by revision.
#[derive(Debug, Clone)]
pub(crate) struct Revisions {
    place: Place,
    /// The steps that stand, the first being revision 1.
    standing: Vec<Step>,
}

impl Revisions {
    pub(crate) fn at(place: Place) -> Self {
        Self {
            place,
            standing: Vec::new(),
        }
    }
}

impl Rules for Revisions {
    // What loses its revision is dropped: that is this rule.
    const NEVER_INERT: bool = false;

    fn next(&self, meeting: StepId, sequence: u64) -> Vec<Step> {
        let Some(tip) = self.standing.last() else {
            return Vec::new();
        };
        let legal = VERBS
            .into_iter()
            .filter(|kind| may_follow(tip, self.place, *kind));
        // The revision stands where a parent's id would stand.
        let revision = StepId::new(meeting.place, self.standing.len() as u64);
        legal
            .map(|kind| step(self.place, sequence, Some(revision), kind))
            .collect()
    }

    fn record(&mut self, step: &Step) -> bool {
        let revision = step.parent.map_or(0, |revision| revision.sequence as usize);
        match self.standing.get(revision) {
            Some(other) if !beats(step, other) => return false,
            _ => self.standing.truncate(revision),
        }
        let follows = self
            .standing
            .last()
            .is_none_or(|tip| may_follow(tip, step.id.place, step.kind));
        if follows && self.standing.len() == revision {
            self.standing.push(*step);
        }
        follows
    }

    fn record_acknowledgement(&mut self, _: &Acknowledgement) {}

    fn outcome(&self, _meeting: StepId) -> Option<Outcome> {
        let closed = self.standing.last()?.kind == StepKind::MeetingClosed;
        Some(outcome(&self.standing, closed))
    }
}

fn beats(step: &Step, other: &Step) -> bool {
    let rank = |step: &Step| {
        let verb = VERBS.iter().position(|kind| *kind == step.kind);
        (verb, step.id.place != Place::South)
    };
    rank(step) < rank(other)
}

fn outcome(walk: &[Step], counts: bool) -> Outcome {
    let convening = walk
        .iter()
        .rfind(|step| step.kind == StepKind::MeetingConvened);
    Outcome {
        walk: walk.iter().map(|step| step.id).collect(),
        closed: walk
            .last()
            .is_some_and(|step| step.kind == StepKind::MeetingClosed),
        counted: convening.map(|step| step.id).filter(|_| counts),
    }
}

fn step(place: Place, sequence: u64, parent: Option<StepId>, kind: StepKind) -> Step {
    let id = StepId::new(place, sequence);
    let content = match kind {
        StepKind::MeetingCountered => crate::pair::proposal(place).content,
        _ => Content::Plain,
    };
    Step {
        id,
        parent,
        kind,
        authored_at: day(id),
        content,
    }
}
