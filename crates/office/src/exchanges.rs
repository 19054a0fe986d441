//! Everything the steps of both offices have come to: a fold that is the same at both ends.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::Calls;
use crate::contact::Contacts;
use crate::document::Documents;
use crate::meeting::Meetings;
use crate::place::Place;
use crate::step::{Content, Step, StepId, StepKind};
use crate::tally::{Count, Counted, Tally, day_of};

/// What a recorded step is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The step was legal at its parent. An inert step stays in the ledger, and changes nothing.
    pub inert: bool,
    /// What counts from here.
    pub counted: Option<Count>,
    /// When that was, by the author: the time that [`Count::day`] is the day of, at the offices.
    pub counted_at: Option<Timestamp>,
}

/// Documents, meetings, contacts, calls and their tally.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchanges {
    /// Documents.
    pub documents: Documents,
    /// Meetings.
    pub meetings: Meetings,
    /// Contacts that need no negotiation.
    pub contacts: Contacts,
    /// Calls and declarations.
    pub calls: Calls,
    /// The counts.
    pub tally: Tally,
}

impl Exchanges {
    /// Takes a step that is in the ledger. Never fails: what is illegal is inert.
    pub fn apply(&mut self, step: &Step) -> Applied {
        let applied = self.fold(step);
        if let Some(count) = applied.counted {
            self.tally.add(count);
        }
        applied
    }

    fn fold(&mut self, step: &Step) -> Applied {
        use StepKind as K;
        let Step {
            id,
            parent,
            kind,
            authored_at,
            content,
        } = *step;
        match (kind, content, parent) {
            (_, Content::Unreadable, _) => taken(false),
            (K::DocumentSent, _, None) => {
                self.documents.send(id);
                counted(authored_at, id.place, Counted::Document)
            }
            (
                K::DocumentAcknowledged | K::DocumentReceiptRefused | K::DocumentExpired,
                _,
                Some(document),
            ) => taken(self.documents.answer_with(id, kind, document)),
            (K::MeetingProposed, Content::Terms { kind, .. }, None) if kind.is_meeting() => {
                self.meetings.propose(id, kind, authored_at);
                taken(true)
            }
            (K::ContactRecorded, Content::Contact { kind, begun_at }, None)
                if !kind.is_meeting() =>
            {
                taken(self.contacts.record(id, (kind, begun_at), authored_at))
            }
            (K::ContactConfirmed, _, Some(record)) => self.confirm(id.place, record),
            (K::CallRecorded, Content::Call(call), None) => {
                self.calls.call(id.place, &call);
                counted(authored_at, id.place, Counted::Call)
            }
            (K::LineDeclared, Content::Declaration(declaration), None) => {
                self.calls.declare(id.place, declaration);
                taken(true)
            }
            // Any other step is one of a meeting, or illegal on every parent.
            (_, _, Some(parent)) => self.move_meeting(step, parent),
            (_, _, None) => taken(false),
        }
    }

    fn confirm(&mut self, author: Place, record: StepId) -> Applied {
        match self.contacts.confirm(author, record) {
            Some((kind, recorded_at)) => counted(recorded_at, record.place, Counted::Contact(kind)),
            None => taken(false),
        }
    }

    fn move_meeting(&mut self, step: &Step, parent: StepId) -> Applied {
        let offers = match step.content {
            Content::Terms { kind, .. } if kind.is_meeting() => Some(kind),
            _ => None,
        };
        let Step {
            id,
            kind,
            authored_at,
            ..
        } = *step;
        let added = self.meetings.add(id, parent, kind, offers, authored_at);
        match added.counted {
            Some((kind, at, proposer)) => counted(at, proposer, Counted::Contact(kind)),
            None => taken(added.taken),
        }
    }
}

/// A step that counts nothing, taken or inert.
fn taken(taken: bool) -> Applied {
    Applied {
        inert: !taken,
        counted: None,
        counted_at: None,
    }
}

/// A step that counts `what`, by the author's time `at`, for `office`.
fn counted(at: Timestamp, office: Place, what: Counted) -> Applied {
    let day = day_of(at);
    Applied {
        inert: false,
        counted: Some(Count { day, office, what }),
        counted_at: Some(at),
    }
}
