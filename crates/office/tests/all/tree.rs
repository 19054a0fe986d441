//! A meeting as domain.md tells it: a recursive tree, and nothing clever.

use office::{Content, Place, Step, StepId, StepKind};

/// Who wins a crossing, first to last.
const PRECEDENCE: [StepKind; 7] = [
    StepKind::MeetingCancelled,
    StepKind::MeetingDeclined,
    StepKind::MeetingCountered,
    StepKind::MeetingAccepted,
    StepKind::MeetingConvened,
    StepKind::MeetingClosed,
    StepKind::MeetingLapsed,
];

/// Every step that may follow a proposal.
pub(crate) const VERBS: [StepKind; 7] = PRECEDENCE;

/// A step, and what was built upon it.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    pub(crate) step: Step,
    pub(crate) children: Vec<Branch>,
}

impl Branch {
    pub(crate) fn new(step: Step) -> Self {
        Self {
            step,
            children: Vec::new(),
        }
    }

    /// Adds `step` below its parent. False: illegal there, or no such parent here.
    pub(crate) fn graft(&mut self, step: &Step) -> bool {
        if step.parent != Some(self.step.id) {
            return self.children.iter_mut().any(|child| child.graft(step));
        }
        let author = step.id.place;
        let second = self.children.iter().any(|c| c.step.id.place == author);
        if second || !may_follow(&self.step, author, step.kind) {
            return false;
        }
        let terms = matches!(step.content, Content::Terms { kind, .. } if kind.is_meeting());
        if step.kind == StepKind::MeetingCountered && !terms {
            return false;
        }
        self.children.push(Self::new(*step));
        true
    }

    /// The winning walk from here.
    pub(crate) fn walk(&self) -> Vec<Step> {
        let winner = self.children.iter().min_by_key(|child| {
            let verb = PRECEDENCE.iter().position(|kind| *kind == child.step.kind);
            (verb, child.step.id.place != Place::South)
        });
        let mut walk = vec![self.step];
        walk.extend(winner.into_iter().flat_map(Self::walk));
        walk
    }

    /// Every step from here on.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = vec![self.step];
        steps.extend(self.children.iter().flat_map(Self::steps));
        steps
    }

    /// The branches that hang beside the walk.
    pub(crate) fn losing_branches(&self) -> Vec<&Self> {
        let on_walk: Vec<StepId> = self.walk().iter().map(|step| step.id).collect();
        let mut losing = Vec::new();
        self.collect_losing(&on_walk, &mut losing);
        losing
    }

    fn collect_losing<'a>(&'a self, on_walk: &[StepId], losing: &mut Vec<&'a Self>) {
        for child in &self.children {
            if on_walk.contains(&child.step.id) {
                child.collect_losing(on_walk, losing);
            } else {
                losing.push(child);
            }
        }
    }
}

/// Who may do what on which parent.
pub(crate) fn may_follow(parent: &Step, author: Place, kind: StepKind) -> bool {
    use StepKind as K;
    let own = parent.id.place == author;
    match parent.kind {
        K::MeetingProposed | K::MeetingCountered if own => {
            matches!(kind, K::MeetingCancelled | K::MeetingLapsed)
        }
        K::MeetingProposed | K::MeetingCountered => matches!(
            kind,
            K::MeetingCountered | K::MeetingAccepted | K::MeetingDeclined | K::MeetingCancelled
        ),
        K::MeetingAccepted => matches!(kind, K::MeetingCancelled | K::MeetingConvened),
        K::MeetingConvened => kind == K::MeetingClosed,
        _ => false,
    }
}
