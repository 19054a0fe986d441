//! Meetings: a tree of steps that two offices grow at once, and one walk that both take through it.
//!
//! A step names its parent by id and is judged at that parent, not at the tip. An office authors at most one
//! child of a parent. The state is the walk from the root that takes, at every step, the winning child. So
//! both offices end alike whatever crossed, with no third party. What is counted is never undone, because a
//! close is legal only on a convening that nothing still on the line can unseat.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::contact::{ContactKind, Formality};
use crate::officer::{Officer, Rank};
use crate::place::{PerPlace, Place};
use crate::refusal::Refusal;
use crate::step::{Collection, StepId, StepKind};

/// What an offer offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeetingTerms {
    /// Government officials, working level, or chiefs.
    pub kind: ContactKind,
    /// The level within the kind.
    pub level: Option<Rank>,
    /// Who is to take part.
    pub participants: Vec<Officer>,
    /// Where.
    pub place: String,
    /// When it is to begin.
    pub begins_at: Option<Timestamp>,
    /// How long it is to last.
    pub duration: Option<Duration>,
    /// What about.
    pub topics: Vec<String>,
    /// Formality.
    pub formality: Option<Formality>,
    /// When the offer lapses unless it is answered.
    pub answer_by: Option<Timestamp>,
}

/// Where the winning walk ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are domain.md's own")]
pub enum MeetingState {
    Proposed,
    Countered,
    Accepted,
    Convened,
    Closed,
    Declined,
    Cancelled,
    Lapsed,
}

impl MeetingState {
    /// Whether the meeting may still move.
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Proposed | Self::Countered | Self::Accepted | Self::Convened
        )
    }

    /// The word people read.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proposed => "PROPOSED",
            Self::Countered => "COUNTERED",
            Self::Accepted => "ACCEPTED",
            Self::Convened => "CONVENED",
            Self::Closed => "CLOSED",
            Self::Declined => "DECLINED",
            Self::Cancelled => "CANCELLED",
            Self::Lapsed => "LAPSED",
        }
    }

    const fn after(kind: StepKind) -> Self {
        match kind {
            StepKind::MeetingCountered => Self::Countered,
            StepKind::MeetingAccepted => Self::Accepted,
            StepKind::MeetingConvened => Self::Convened,
            StepKind::MeetingClosed => Self::Closed,
            StepKind::MeetingDeclined => Self::Declined,
            StepKind::MeetingCancelled => Self::Cancelled,
            StepKind::MeetingLapsed => Self::Lapsed,
            _ => Self::Proposed,
        }
    }
}

/// The steps that may answer a step, by their author.
pub fn legal_after(parent: StepKind, parent_author: Place, author: Place) -> &'static [StepKind] {
    use StepKind as K;
    match parent {
        K::MeetingProposed | K::MeetingCountered if author == parent_author => {
            &[K::MeetingCancelled, K::MeetingLapsed]
        }
        K::MeetingProposed | K::MeetingCountered => &[
            K::MeetingCountered,
            K::MeetingAccepted,
            K::MeetingDeclined,
            K::MeetingCancelled,
        ],
        K::MeetingAccepted => &[K::MeetingCancelled, K::MeetingConvened],
        K::MeetingConvened => &[K::MeetingClosed],
        _ => &[],
    }
}

/// The lower rank wins a crossing; between equal verbs South's does.
const fn rank_at_crossing(kind: StepKind) -> u8 {
    match kind {
        StepKind::MeetingCancelled => 0,
        StepKind::MeetingDeclined => 1,
        StepKind::MeetingCountered => 2,
        StepKind::MeetingAccepted => 3,
        StepKind::MeetingConvened => 4,
        StepKind::MeetingClosed => 5,
        _ => 6,
    }
}

/// A step of a meeting, with its place in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The step.
    pub id: StepId,
    /// The step it answers.
    pub parent: Option<StepId>,
    /// What was done.
    pub kind: StepKind,
    /// When, by the author's clock.
    pub authored_at: Timestamp,
    /// The kind of contact offered, of an offer.
    offers: Option<ContactKind>,
    /// Found again by adding the steps in their order.
    #[serde(skip)]
    children: PerPlace<Option<u32>>,
}

/// One meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meeting {
    nodes: Vec<Node>,
    counted: bool,
}

impl Meeting {
    fn proposed(id: StepId, kind: ContactKind, authored_at: Timestamp) -> Self {
        let root = Node {
            id,
            parent: None,
            kind: StepKind::MeetingProposed,
            authored_at,
            offers: Some(kind),
            children: PerPlace::default(),
        };
        Self {
            nodes: vec![root],
            counted: false,
        }
    }

    /// The steps, in the order this office recorded them.
    pub fn steps(&self) -> &[Node] {
        &self.nodes
    }

    /// Whether it stands in the tally.
    pub fn is_counted(&self) -> bool {
        self.counted
    }

    /// The meeting as it stood when step `last` had been recorded here.
    #[must_use]
    pub fn as_of(&self, last: StepId) -> Self {
        let len = self
            .nodes
            .iter()
            .position(|node| node.id == last)
            .map_or(self.nodes.len(), |index| index + 1);
        let mut nodes = self.nodes[..len].to_vec();
        for node in &mut nodes {
            for place in Place::BOTH {
                node.children[place] = node.children[place].filter(|child| (*child as usize) < len);
            }
        }
        let mut meeting = Self {
            nodes,
            counted: false,
        };
        meeting.counted = meeting.state() == MeetingState::Closed;
        meeting
    }

    /// The winning walk, from the proposal to the tip.
    pub fn walk(&self) -> Vec<&Node> {
        let mut walk = vec![&self.nodes[0]];
        let mut at = &self.nodes[0];
        while let Some(next) = self.winning_child(at) {
            walk.push(next);
            at = next;
        }
        walk
    }

    /// The step where the walk ends.
    pub fn tip(&self) -> &Node {
        let mut at = &self.nodes[0];
        while let Some(next) = self.winning_child(at) {
            at = next;
        }
        at
    }

    /// Where the walk ends.
    pub fn state(&self) -> MeetingState {
        MeetingState::after(self.tip().kind)
    }

    /// What `author` may do next.
    pub fn allowed(&self, author: Place) -> &'static [StepKind] {
        let tip = self.tip();
        legal_after(tip.kind, tip.id.place, author)
    }

    fn winning_child(&self, node: &Node) -> Option<&Node> {
        // South's is looked at first, and `min_by_key` keeps the first of equals.
        Place::BOTH
            .iter()
            .filter_map(|place| node.children[*place].map(|child| &self.nodes[child as usize]))
            .min_by_key(|child| rank_at_crossing(child.kind))
    }

    fn index_of(&self, id: StepId) -> Option<usize> {
        // Late steps are the ones asked for.
        self.nodes.iter().rposition(|node| node.id == id)
    }

    /// Only the tip may be built upon.
    fn check_parent(&self, parent: StepId) -> Result<(), Refusal> {
        let tip = self.tip().id;
        if parent == tip {
            return Ok(());
        }
        Err(match self.index_of(parent) {
            Some(_) => Refusal::Superseded {
                subject: parent.to_string(),
                by: tip.to_string(),
            },
            None => Refusal::NotFound {
                kind: "step of the meeting",
                name: parent.to_string(),
            },
        })
    }

    fn add(
        &mut self,
        id: StepId,
        parent: StepId,
        kind: StepKind,
        offers: Option<ContactKind>,
        authored_at: Timestamp,
    ) -> bool {
        let Some(at) = self.index_of(parent) else {
            return false;
        };
        let child =
            u32::try_from(self.nodes.len()).expect("a meeting has fewer than 4 billion steps");
        let node = &mut self.nodes[at];
        let legal = legal_after(node.kind, node.id.place, id.place).contains(&kind);
        if !legal
            || node.children[id.place].is_some()
            || (kind == StepKind::MeetingCountered && offers.is_none())
        {
            return false;
        }
        node.children[id.place] = Some(child);
        self.nodes.push(Node {
            id,
            parent: Some(parent),
            kind,
            authored_at,
            offers,
            children: PerPlace::default(),
        });
        true
    }

    /// What is counted, if the walk has just come to its first CLOSE.
    fn count(&mut self) -> Option<(ContactKind, Timestamp, Place)> {
        if self.counted || self.state() != MeetingState::Closed {
            return None;
        }
        self.counted = true;
        let walk = self.walk();
        let kind = walk.iter().rev().find_map(|node| node.offers)?;
        let convened = walk
            .iter()
            .rev()
            .find(|node| node.kind == StepKind::MeetingConvened)?;
        Some((kind, convened.authored_at, walk[0].id.place))
    }
}

/// What adding a step to the meetings did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Added {
    /// False: the step is inert.
    pub(crate) taken: bool,
    /// Kind, day's time and proposer of the meeting that counts from here.
    pub(crate) counted: Option<(ContactKind, Timestamp, Place)>,
}

/// The meetings of both offices, folded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meetings {
    meetings: BTreeMap<StepId, Meeting>,
    meeting_of_step: BTreeMap<StepId, StepId>,
    open: u64,
}

impl Meetings {
    /// The meeting proposed by step `id`.
    pub fn get(&self, id: StepId) -> Option<&Meeting> {
        self.meetings.get(&id)
    }

    /// The meeting that step `step` belongs to.
    pub fn of_step(&self, step: StepId) -> Option<StepId> {
        self.meeting_of_step.get(&step).copied()
    }

    /// How many may still move.
    pub fn open(&self) -> u64 {
        self.open
    }

    /// Meetings after `after`, in the order of their names.
    pub fn after(&self, after: Option<StepId>) -> impl Iterator<Item = (StepId, &Meeting)> {
        let start = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        self.meetings
            .range((start, std::ops::Bound::Unbounded))
            .map(|(id, meeting)| (*id, meeting))
    }

    /// Judges a step of this office. `settled` tells whether an own step is settled on the line.
    pub(crate) fn check(
        &self,
        author: Place,
        meeting: StepId,
        parent: Option<StepId>,
        kind: StepKind,
        settled: impl Fn(StepId) -> bool,
    ) -> Result<StepId, Refusal> {
        let name = || meeting.name(Collection::Meetings);
        let found = self.get(meeting).ok_or_else(|| Refusal::NotFound {
            kind: "meeting",
            name: name(),
        })?;
        let tip = found.tip();
        if let Some(parent) = parent {
            found.check_parent(parent)?;
        }
        let allowed = legal_after(tip.kind, tip.id.place, author);
        if !allowed.contains(&kind) {
            let by = if tip.id.place == author {
                "this office"
            } else {
                "the peer"
            };
            return Err(Refusal::IllegalStep {
                subject: name(),
                state: format!("{} by {by}", found.state().word()),
                step: kind,
                allowed: words(allowed),
            });
        }
        if kind == StepKind::MeetingClosed && tip.id.place == author && !settled(tip.id) {
            return Err(Refusal::NotSettled { subject: name() });
        }
        Ok(tip.id)
    }

    pub(crate) fn propose(&mut self, id: StepId, kind: ContactKind, authored_at: Timestamp) {
        self.meetings
            .insert(id, Meeting::proposed(id, kind, authored_at));
        self.meeting_of_step.insert(id, id);
        self.open += 1;
    }

    /// Adds a step that was not inert. Returns false if it is now.
    fn add_again(&mut self, step: &Node) -> bool {
        let Node {
            id,
            parent,
            kind,
            authored_at,
            offers,
            ..
        } = *step;
        match (parent, offers) {
            (Some(parent), offers) => self.add(id, parent, kind, offers, authored_at).taken,
            (None, Some(offer)) => {
                self.propose(id, offer, authored_at);
                true
            }
            (None, None) => false,
        }
    }

    pub(crate) fn add(
        &mut self,
        id: StepId,
        parent: StepId,
        kind: StepKind,
        offers: Option<ContactKind>,
        authored_at: Timestamp,
    ) -> Added {
        const INERT: Added = Added {
            taken: false,
            counted: None,
        };
        let Some(root) = self.of_step(parent) else {
            return INERT;
        };
        let Some(meeting) = self.meetings.get_mut(&root) else {
            return INERT;
        };
        let was_open = meeting.state().is_open();
        if !meeting.add(id, parent, kind, offers, authored_at) {
            return INERT;
        }
        self.meeting_of_step.insert(id, root);
        self.open = self.open - u64::from(was_open) + u64::from(meeting.state().is_open());
        Added {
            taken: true,
            counted: meeting.count(),
        }
    }
}

/// A snapshot holds the steps. The rest is found again by adding them.
impl Serialize for Meetings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.meetings.values().map(Meeting::steps))
    }
}

impl<'de> Deserialize<'de> for Meetings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut meetings = Self::default();
        for steps in Vec::<Vec<Node>>::deserialize(deserializer)? {
            for step in steps {
                if !meetings.add_again(&step) {
                    return Err(D::Error::custom("a meeting has a step that is inert"));
                }
            }
        }
        Ok(meetings)
    }
}

fn words(kinds: &[StepKind]) -> String {
    if kinds.is_empty() {
        return "none".to_owned();
    }
    kinds
        .iter()
        .map(|kind| kind.words())
        .collect::<Vec<_>>()
        .join(", ")
}
