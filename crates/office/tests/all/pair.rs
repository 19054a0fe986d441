//! Two offices, the line between them, and every way it can go.
//!
//! A [`World`] holds both offices with their ledgers. Parcels of one author arrive in order; how late is
//! open, and so is how late an acknowledgement arrives. [`explore`] takes every enabled [`Action`] in every
//! state, once, and judges each state by what domain.md promises.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use jiff::{Timestamp, ToSpan};
use office::contact::ContactKind;
use office::line::{Acknowledgement, LineHash, Mark};
use office::meeting::{Meeting, MeetingState, MeetingTerms};
use office::tally::day_of;
use office::{
    Content, Count, Counted, Limits, Mutation, Office, Order, PerPlace, Place, Step, StepId,
    StepKind,
};

use crate::tree::{Branch, VERBS};

/// How a meeting stands at one office.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Outcome {
    /// The steps that stand.
    pub(crate) walk: Vec<StepId>,
    pub(crate) closed: bool,
    /// The convening by whose day it counts.
    pub(crate) counted: Option<StepId>,
}

/// The rules under test.
pub(crate) trait Rules: Clone {
    /// Whether no honest step may ever be inert.
    const NEVER_INERT: bool;

    /// What this office may author next in `meeting`, with the line sequence `sequence`.
    fn next(&self, meeting: StepId, sequence: u64) -> Vec<Step>;
    /// Takes a step from the ledger. False: it is inert.
    fn record(&mut self, step: &Step) -> bool;
    fn record_acknowledgement(&mut self, acknowledgement: &Acknowledgement);
    fn outcome(&self, meeting: StepId) -> Option<Outcome>;
}

/// The rules as they are shipped.
impl Rules for Office {
    const NEVER_INERT: bool = true;

    fn next(&self, meeting: StepId, sequence: u64) -> Vec<Step> {
        let planned = VERBS.iter().filter_map(|kind| {
            let order = Order::MoveMeeting {
                meeting,
                parent: None,
                kind: *kind,
                terms: (*kind == StepKind::MeetingCountered).then(terms),
            };
            self.plan(day(StepId::new(self.place(), sequence)), &order)
                .ok()
        });
        planned
            .inspect(|step| assert_eq!(step.id.sequence, sequence))
            .collect()
    }

    fn record(&mut self, step: &Step) -> bool {
        let applied = Self::record(self, step, LineHash::ZERO, Mutation::default());
        !applied.inert
    }

    fn record_acknowledgement(&mut self, acknowledgement: &Acknowledgement) {
        Self::record_acknowledgement(self, acknowledgement);
    }

    fn outcome(&self, meeting: StepId) -> Option<Outcome> {
        let found = self.exchanges().meetings.get(meeting)?;
        Some(Outcome {
            walk: found.walk().iter().map(|node| node.id).collect(),
            closed: found.state() == MeetingState::Closed,
            counted: self.counted_by(meeting, found),
        })
    }
}

trait CountedBy {
    fn counted_by(&self, meeting: StepId, found: &Meeting) -> Option<StepId>;
}

impl CountedBy for Office {
    /// Only one meeting is explored, so the tally tells the convening that it counts by.
    fn counted_by(&self, meeting: StepId, found: &Meeting) -> Option<StepId> {
        let cells: Vec<_> = self.exchanges().tally.cells().collect();
        assert_eq!(!cells.is_empty(), found.is_counted());
        let (cell, times) = cells.first()?;
        assert_eq!((cells.len(), *times), (1, 1), "a meeting counts once");
        let convening = found.steps().iter().find(|node| {
            let count = Count {
                day: day_of(node.authored_at),
                office: meeting.place,
                what: Counted::Contact(ContactKind::Chiefs),
            };
            node.kind == StepKind::MeetingConvened && count == *cell
        });
        Some(convening.expect("it counts on the day of a convening").id)
    }
}

/// An office under the shipped rules.
pub(crate) fn shipped(place: Place) -> Office {
    Office::new(place, Limits::default())
}

/// The terms of every offer here.
pub(crate) fn terms() -> MeetingTerms {
    MeetingTerms {
        kind: ContactKind::Chiefs,
        level: None,
        participants: Vec::new(),
        place: String::new(),
        begins_at: None,
        duration: None,
        topics: Vec::new(),
        formality: None,
        answer_by: None,
    }
}

/// Each step has a day of its own, so that a tally tells which step it counted.
pub(crate) fn day(id: StepId) -> Timestamp {
    let start: Timestamp = "2018-09-14T00:00:00Z".parse().expect("a time");
    let days = id.sequence as i64 * 2 + i64::from(id.place == Place::North);
    start + (days * 24).hours()
}

/// A step that opens a meeting.
pub(crate) fn proposal(place: Place) -> Step {
    let id = StepId::new(place, 1);
    Step {
        id,
        parent: None,
        kind: StepKind::MeetingProposed,
        authored_at: day(id),
        content: Content::Terms {
            kind: ContactKind::Chiefs,
            answer_by: None,
        },
    }
}

/// What can happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// An office authors a step.
    Author(Step),
    /// The next parcel reaches this office.
    Carry(Place),
    /// The next acknowledgement reaches this office.
    Acknowledge(Place),
    /// This office stops and starts; what was under way both ways is lost, and sent again.
    Restart(Place),
}

/// A promise that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Violation {
    /// An office counts less than before, or another day than before.
    CountUndone,
    /// A meeting counts and is not closed.
    CountedButNotClosed,
    /// A step that its author held for legal is inert somewhere.
    Inert,
    /// With nothing under way, the offices see the meeting differently.
    EndedUnalike,
    /// With nothing under way, a ledger read cold, without acknowledgements, counts differently.
    ColdReadingDiffers,
    /// A ledger read again, acknowledgements and all, is not the office that wrote it.
    WarmReadingDiffers,
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    Step(Step),
    Acknowledgement(Acknowledgement),
}

/// One office, with what it wrote down.
#[derive(Clone)]
struct Desk<R> {
    running: R,
    /// The same steps, and none of the acknowledgements.
    cold: R,
    ledger: Vec<Entry>,
    own: Vec<Step>,
    received: u64,
    /// (through, mark) of the acknowledgements taken that something may still cross.
    unsettled: Vec<(u64, u64)>,
    settled: u64,
    asked: Asked,
}

/// What a desk was asked since it last changed.
#[derive(Clone, Default)]
struct Asked {
    running: OnceCell<Option<Outcome>>,
    cold: OnceCell<Option<Outcome>>,
    next: OnceCell<Vec<Step>>,
}

impl<R: Rules> Desk<R> {
    fn record(&mut self, step: &Step) -> bool {
        self.ledger.push(Entry::Step(*step));
        self.cold.record(step);
        self.running.record(step)
    }

    fn settle(&mut self) {
        let received = self.received;
        for (through, _) in self.unsettled.extract_if(.., |(_, mark)| *mark <= received) {
            self.settled = self.settled.max(through);
        }
    }

    fn read_again(&self, empty: R) -> R {
        let mut office = empty;
        for entry in &self.ledger {
            match entry {
                Entry::Step(step) => {
                    office.record(step);
                }
                Entry::Acknowledgement(acknowledgement) => {
                    office.record_acknowledgement(acknowledgement);
                }
            }
        }
        office
    }
}

#[derive(Debug)]
struct Trace {
    action: Action,
    before: Option<Rc<Trace>>,
}

/// Both offices, and what is under way between them.
pub(crate) struct World<R> {
    empty: fn(Place) -> R,
    meeting: StepId,
    desks: PerPlace<Rc<Desk<R>>>,
    /// On their way to this office.
    acknowledgements: PerPlace<VecDeque<Acknowledgement>>,
    restarts_left: u8,
    marks: Marks,
    trace: Option<Rc<Trace>>,
}

impl<R: Rules> Clone for World<R> {
    fn clone(&self) -> Self {
        Self {
            desks: self.desks.clone(),
            acknowledgements: self.acknowledgements.clone(),
            trace: self.trace.clone(),
            ..*self
        }
    }
}

impl<R: Rules> World<R> {
    /// An office has just proposed a meeting.
    pub(crate) fn after_proposal(empty: fn(Place) -> R, proposer: Place, bounds: &Bounds) -> Self {
        let desk = |place| {
            Rc::new(Desk {
                running: empty(place),
                cold: empty(place),
                ledger: Vec::new(),
                own: Vec::new(),
                received: 0,
                unsettled: Vec::new(),
                settled: 0,
                asked: Asked::default(),
            })
        };
        let step = proposal(proposer);
        let mut world = Self {
            empty,
            meeting: step.id,
            desks: PerPlace::new(desk(Place::South), desk(Place::North)),
            acknowledgements: PerPlace::default(),
            restarts_left: bounds.restarts,
            marks: bounds.marks,
            trace: None,
        };
        world.author(&step);
        world
    }

    /// An office, to change it.
    fn desk(&mut self, place: Place) -> &mut Desk<R> {
        let desk = Rc::make_mut(&mut self.desks[place]);
        desk.asked = Asked::default();
        desk
    }

    fn under_way_to(&self, place: Place) -> Option<Step> {
        let received = self.desks[place].received as usize;
        self.desks[place.peer()].own.get(received).copied()
    }

    fn is_quiescent(&self) -> bool {
        Place::BOTH.iter().all(|place| {
            self.under_way_to(*place).is_none() && self.acknowledgements[*place].is_empty()
        })
    }

    /// Steps authored so far, of both offices.
    fn len(&self) -> usize {
        let [south, north] = Place::BOTH.map(|place| self.desks[place].own.len());
        south + north
    }

    fn counters(&self) -> usize {
        let own = Place::BOTH
            .into_iter()
            .flat_map(|place| &self.desks[place].own);
        own.filter(|step| step.kind == StepKind::MeetingCountered)
            .count()
    }

    /// Everything that can happen next.
    pub(crate) fn actions(&self, bounds: &Bounds) -> Vec<Action> {
        let mut actions = Vec::new();
        for place in Place::BOTH {
            if self.under_way_to(place).is_some() {
                actions.push(Action::Carry(place));
            }
            if !self.acknowledgements[place].is_empty() {
                actions.push(Action::Acknowledge(place));
            }
            if self.restarts_left > 0 {
                actions.push(Action::Restart(place));
            }
            if self.len() < bounds.steps_max {
                let room = self.counters() < bounds.counters_max;
                let next = self.next(place).iter().copied();
                let next = next.filter(|step| room || step.kind != StepKind::MeetingCountered);
                actions.extend(next.map(Action::Author));
            }
        }
        actions
    }

    fn take(&mut self, action: Action) -> bool {
        let before = self.trace.take();
        self.trace = Some(Rc::new(Trace { action, before }));
        match action {
            Action::Author(step) => return self.author(&step),
            Action::Carry(place) => {
                let step = self.under_way_to(place).expect("a parcel is under way");
                let desk = self.desk(place);
                desk.received += 1;
                let taken = desk.record(&step);
                desk.settle();
                self.send_acknowledgement(place);
                return taken;
            }
            Action::Acknowledge(place) => {
                let acknowledgement = self.acknowledgements[place].pop_front();
                let acknowledgement = acknowledgement.expect("an acknowledgement is under way");
                let desk = self.desk(place);
                desk.ledger.push(Entry::Acknowledgement(acknowledgement));
                desk.running.record_acknowledgement(&acknowledgement);
                let through = acknowledgement.through.sequence;
                desk.unsettled.push((through, acknowledgement.appended));
                desk.settle();
            }
            Action::Restart(place) => {
                self.restarts_left -= 1;
                let empty = (self.empty)(place);
                let desk = self.desk(place);
                desk.running = desk.read_again(empty);
                for place in Place::BOTH {
                    // Hello resumes after the receiver's mark; the first repeat is acknowledged again.
                    self.acknowledgements[place.peer()].clear();
                    if self.desks[place].received > 0 {
                        self.send_acknowledgement(place);
                    }
                }
            }
        }
        true
    }

    fn author(&mut self, step: &Step) -> bool {
        let desk = self.desk(step.id.place);
        desk.own.push(*step);
        desk.record(step)
    }

    fn send_acknowledgement(&mut self, by: Place) {
        let desk = &self.desks[by];
        let appended = desk.own.len() as u64;
        let acknowledgement = Acknowledgement {
            through: Mark {
                sequence: desk.received,
                hash: LineHash::ZERO,
            },
            appended: match self.marks {
                Marks::WithTheBatch => appended,
                Marks::BeforeTheBatch => appended.saturating_sub(1),
            },
        };
        self.acknowledgements[by.peer()].push_back(acknowledgement);
    }

    fn outcome(&self, place: Place) -> Option<&Outcome> {
        let desk = &self.desks[place];
        let ask = || desk.running.outcome(self.meeting);
        desk.asked.running.get_or_init(ask).as_ref()
    }

    fn cold_outcome(&self, place: Place) -> Option<&Outcome> {
        let desk = &self.desks[place];
        let ask = || desk.cold.outcome(self.meeting);
        desk.asked.cold.get_or_init(ask).as_ref()
    }

    fn next(&self, place: Place) -> &[Step] {
        let desk = &self.desks[place];
        let sequence = desk.own.len() as u64 + 1;
        desk.asked
            .next
            .get_or_init(|| desk.running.next(self.meeting, sequence))
    }

    /// Takes `action`; tells what it broke.
    pub(crate) fn step(&mut self, action: Action) -> Vec<Violation> {
        let before = Place::BOTH.map(|place| self.outcome(place).and_then(|seen| seen.counted));
        let taken = self.take(action);
        let mut broken = Vec::new();
        for (place, before) in Place::BOTH.into_iter().zip(before) {
            let outcome = self.outcome(place);
            let counted = outcome.and_then(|seen| seen.counted);
            if before.is_some() && before != counted {
                broken.push(Violation::CountUndone);
            }
            if counted.is_some() && outcome.is_some_and(|seen| !seen.closed) {
                broken.push(Violation::CountedButNotClosed);
            }
        }
        if R::NEVER_INERT && !taken {
            broken.push(Violation::Inert);
        }
        if self.is_quiescent() {
            self.judge_quiescent(&mut broken);
        }
        broken
    }

    fn judge_quiescent(&self, broken: &mut Vec<Violation>) {
        let [south, north] = Place::BOTH.map(|place| self.outcome(place));
        if south != north {
            broken.push(Violation::EndedUnalike);
        }
        for place in Place::BOTH {
            let desk = &self.desks[place];
            let running = self.outcome(place);
            if self.cold_outcome(place) != running {
                broken.push(Violation::ColdReadingDiffers);
            }
            let again = desk.read_again((self.empty)(place));
            if again.outcome(self.meeting).as_ref() != running {
                broken.push(Violation::WarmReadingDiffers);
            }
        }
    }

    /// Two worlds with one key have one future: who wrote what, who holds how much of it, what is under
    /// way, and what each office makes of it, running and read cold.
    fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.restarts_left.hash(&mut hasher);
        for place in Place::BOTH {
            let desk = &self.desks[place];
            for step in &desk.own {
                (step.kind as u8, step.parent).hash(&mut hasher);
            }
            (0xff_u8, desk.received, desk.settled).hash(&mut hasher);
            desk.unsettled.hash(&mut hasher);
            self.outcome(place).hash(&mut hasher);
            self.cold_outcome(place).hash(&mut hasher);
            for acknowledgement in &self.acknowledgements[place] {
                (acknowledgement.through.sequence, acknowledgement.appended).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// The two steps on the parent of `step`, if both offices have built upon it.
    fn crossing(&self, step: &Step) -> Option<Crossing> {
        let peer = &self.desks[step.id.place.peer()].own;
        let other = peer.iter().find(|other| other.parent == step.parent)?;
        let parent = step.parent?;
        let parent = &self.desks[parent.place]
            .own
            .get(parent.sequence as usize - 1)?;
        let (south, north) = match step.id.place {
            Place::South => (step, other),
            Place::North => (other, step),
        };
        Some((parent.kind, parent.id.place, south.kind, north.kind))
    }

    /// Takes whatever is under way, until nothing is.
    pub(crate) fn settle_down(&mut self) -> Vec<Violation> {
        let mut broken = Vec::new();
        let quiet = Bounds {
            steps_max: 0,
            ..Bounds::default()
        };
        self.restarts_left = 0;
        while let Some(action) = self.actions(&quiet).first() {
            broken.extend(self.step(*action));
        }
        broken
    }

    /// The meeting as a tree of all that both offices wrote.
    fn tree(&self) -> Branch {
        let mut steps: Vec<Step> = Place::BOTH
            .into_iter()
            .flat_map(|place| self.desks[place].own.iter().copied())
            .filter(|step| step.id != self.meeting)
            .collect();
        let mut tree = Branch::new(proposal(self.meeting.place));
        while !steps.is_empty() {
            let left = steps.len();
            steps.retain(|step| !tree.graft(step));
            assert!(steps.len() < left, "{steps:?} belong nowhere");
        }
        tree
    }
}

/// When an acknowledging office reads how much it has appended itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Marks {
    /// As it records what it acknowledges: as early as allowed. A later mark only settles later, as a
    /// later acknowledgement does.
    #[default]
    WithTheBatch,
    /// One own step too early, which is not allowed.
    BeforeTheBatch,
}

/// How far to go.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounds {
    /// Steps of both offices together, the proposal included.
    pub(crate) steps_max: usize,
    /// Counter-proposals among them.
    pub(crate) counters_max: usize,
    pub(crate) restarts: u8,
    pub(crate) marks: Marks,
}

/// Two steps that crossed: kind of the parent and its author, South's step, North's step.
pub(crate) type Crossing = (StepKind, Place, StepKind, StepKind);

/// What [`explore`] found.
#[derive(Default)]
pub(crate) struct Explored {
    pub(crate) states: usize,
    pub(crate) quiescent: usize,
    /// The first way to each violation.
    pub(crate) violations: BTreeMap<Violation, String>,
    pub(crate) crossings: BTreeSet<Crossing>,
    /// Chains of verbs that hang beside the walk, from the losing step down.
    pub(crate) losing_chains: BTreeSet<Vec<StepKind>>,
    pub(crate) counted: usize,
}

/// Everything that two offices can do within `bounds` after `proposer` proposed.
pub(crate) fn explore<R: Rules>(
    empty: fn(Place) -> R,
    proposer: Place,
    bounds: &Bounds,
) -> Explored {
    let first = World::after_proposal(empty, proposer, bounds);
    let mut explored = Explored::default();
    // Asked for membership only.
    let mut seen = HashSet::from([first.key()]);
    let mut open = vec![first];
    while let Some(world) = open.pop() {
        explored.look_at(&world);
        for action in world.actions(bounds) {
            let mut next = world.clone();
            for violation in next.step(action) {
                let told = explored.violations.entry(violation);
                told.or_insert_with(|| tell(next.trace.as_deref()));
            }
            if let Action::Author(step) = action {
                explored.crossings.extend(next.crossing(&step));
            }
            if seen.insert(next.key()) {
                open.push(next);
            }
        }
    }
    explored
}

impl Explored {
    fn look_at<R: Rules>(&mut self, world: &World<R>) {
        self.states += 1;
        if !world.is_quiescent() {
            return;
        }
        self.quiescent += 1;
        let outcome = world.outcome(Place::South);
        self.counted += usize::from(outcome.is_some_and(|seen| seen.counted.is_some()));
        if R::NEVER_INERT {
            for branch in world.tree().losing_branches() {
                let chain = branch.steps().iter().map(|step| step.kind).collect();
                self.losing_chains.insert(chain);
            }
        }
    }
}

fn tell(trace: Option<&Trace>) -> String {
    let mut lines = Vec::new();
    let mut at = trace;
    while let Some(Trace { action, before }) = at {
        lines.push(match action {
            Action::Author(step) => {
                let parent = step
                    .parent
                    .map_or("nothing".to_owned(), |id| id.to_string());
                format!(
                    "{} writes {:?} as {} on {parent}",
                    step.id.place,
                    step.kind.words(),
                    step.id
                )
            }
            other => format!("{other:?}"),
        });
        at = before.as_deref();
    }
    lines.reverse();
    lines.join("\n")
}
