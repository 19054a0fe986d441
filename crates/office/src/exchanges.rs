//! Everything the steps of both offices have come to: a fold that is the same at both ends.

use crate::call::Calls;
use crate::contact::{ContactKind, Contacts};
use crate::document::Documents;
use crate::meeting::Meetings;
use crate::place::Place;
use crate::step::{Content, Step, StepKind};
use crate::tally::{Count, Counted, Tally, day_of};
use serde::{Deserialize, Serialize};

/// What a recorded step is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The step was legal at its parent. An inert step stays in the ledger, and changes nothing.
    pub inert: bool,
    /// What counts from here.
    pub counted: Option<Count>,
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
        let (inert, counted) = self.fold(step);
        if let Some(count) = counted {
            self.tally.add(count);
        }
        Applied { inert, counted }
    }

    fn fold(&mut self, step: &Step) -> (bool, Option<Count>) {
        let Step {
            id,
            parent,
            kind,
            authored_at,
            content,
        } = *step;
        let count = |what| {
            Some(Count {
                day: day_of(authored_at),
                office: id.place,
                what,
            })
        };
        match (kind, content, parent) {
            (_, Content::Unreadable, _) => (true, None),
            (StepKind::DocumentSent, _, None) => {
                self.documents.send(id);
                (false, count(Counted::Document))
            }
            (
                StepKind::DocumentAcknowledged
                | StepKind::DocumentReceiptRefused
                | StepKind::DocumentExpired,
                _,
                Some(document),
            ) => (!self.documents.answer_with(id, kind, document), None),
            (StepKind::MeetingProposed, Content::Terms { kind, .. }, None) if kind.is_meeting() => {
                self.meetings.propose(id, kind, authored_at);
                (false, None)
            }
            (
                StepKind::MeetingCountered
                | StepKind::MeetingAccepted
                | StepKind::MeetingDeclined
                | StepKind::MeetingCancelled
                | StepKind::MeetingLapsed
                | StepKind::MeetingConvened
                | StepKind::MeetingClosed,
                content,
                parent,
            ) => {
                let offers = match content {
                    Content::Terms { kind, .. } if kind.is_meeting() => Some(kind),
                    _ => None,
                };
                let added = self.meetings.add(id, parent, kind, offers, authored_at);
                let counted = added
                    .counted
                    .map(|(kind, at, proposer)| contact(kind, at, proposer));
                (!added.taken, counted)
            }
            (StepKind::ContactRecorded, Content::Contact { kind, begun_at }, None)
                if !kind.is_meeting() =>
            {
                (
                    !self.contacts.record(id, (kind, begun_at), authored_at),
                    None,
                )
            }
            (StepKind::ContactConfirmed, _, Some(record)) => {
                match self.contacts.confirm(id.place, record) {
                    Some((kind, recorded_at)) => {
                        (false, Some(contact(kind, recorded_at, record.place)))
                    }
                    None => (true, None),
                }
            }
            (StepKind::CallRecorded, Content::Call(call), None) => {
                self.calls.call(id.place, &call);
                (false, count(Counted::Call))
            }
            (StepKind::LineDeclared, Content::Declaration(declaration), None) => {
                self.calls.declare(id.place, declaration);
                (false, None)
            }
            _ => (true, None),
        }
    }
}

fn contact(kind: ContactKind, at: jiff::Timestamp, office: Place) -> Count {
    Count {
        day: day_of(at),
        office,
        what: Counted::Contact(kind),
    }
}
