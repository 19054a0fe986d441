//! The timeline: what is to happen, when, at which office.

use std::time::Duration;

use jiff::Timestamp;
use office::call::{Call, LineDeclaration};
use office::contact::Contact;
use office::document::Document;
use office::meeting::MeetingTerms;
use office::officer::Officer;
use office::{PerPlace, Place, StepKind};

/// What is to happen from `start` to `end`.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// Midnight, by the scenario's clock, at the start of the first day.
    pub start: Timestamp,
    /// Midnight at the end of the last day. Every event is before it.
    pub end: Timestamp,
    /// By time; of one instant, in the order in which they are to happen.
    pub events: Vec<Event>,
    /// What fails, and how long, by the time at which it begins.
    pub faults: Vec<FaultSpan>,
}

/// A fault, from when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultSpan {
    /// When it begins.
    pub from: Timestamp,
    /// When it is over.
    pub until: Timestamp,
    /// What fails.
    pub fault: Fault,
}

/// What can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The transport between the offices.
    LineCut,
    /// An office, which dies without warning.
    OfficeDown(Place),
    /// Every byte between the offices takes so much longer, each way.
    LineDelay(Duration),
    /// Nobody answers the telephone line: the calls of the timeline say so.
    CallsUnanswered,
    /// Nobody is at an office: its acts in the timeline come after the return.
    StaffWithdrawn(Place),
}

impl Timeline {
    /// The same, broken off: nothing is done at `until` or later.
    #[must_use]
    pub fn until(mut self, until: Timestamp) -> Self {
        let kept = self.events.partition_point(|event| event.at < until);
        self.events.truncate(kept);
        self.faults.retain(|fault| fault.from < until);
        self.end = self.end.min(until).max(self.start);
        self
    }
}

impl Timeline {
    /// The same from `begin` on, `speed` times as fast. Every time that an act names moves with it, but for the day
    /// of a call: that stays the day it opens or closes.
    #[must_use]
    pub fn moved(mut self, begin: Timestamp, speed: u32) -> Self {
        let first = self.events.first().map_or(self.start, |event| event.at);
        let moved = |time: Timestamp| {
            let after =
                time.duration_since(first) / i32::try_from(speed.max(1)).unwrap_or(i32::MAX);
            begin.saturating_add(after).unwrap_or(Timestamp::MAX)
        };
        let move_it = |time: &mut Timestamp| *time = moved(*time);
        let move_maybe = |time: &mut Option<Timestamp>| *time = time.map(moved);
        for event in &mut self.events {
            move_it(&mut event.at);
            match &mut event.act {
                Act::SendDocument { document, .. } => move_maybe(&mut document.deadline),
                Act::ProposeMeeting { terms, .. } | Act::CounterMeeting { terms, .. } => {
                    move_maybe(&mut terms.begins_at);
                    move_maybe(&mut terms.answer_by);
                }
                Act::RecordContact { contact, .. } => move_it(&mut contact.begun_at),
                _ => {}
            }
        }
        for span in &mut self.faults {
            move_it(&mut span.from);
            move_it(&mut span.until);
        }
        self.end = moved(self.end);
        self.start = begin;
        self
    }

    /// What `place` begins of its own accord, and its calls: all that it can do when people play the other office.
    #[must_use]
    pub fn begun_by(mut self, place: Place) -> Self {
        self.events.retain_mut(|event| {
            if let Act::SendDocument { in_reply_to, .. } = &mut event.act {
                *in_reply_to = None;
            }
            let begins = event.act.begins() || event.act.key().is_none();
            event.office == place && begins && event.refused.is_none()
        });
        self
    }
}

/// One act of one office.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, in whole seconds.
    pub at: Timestamp,
    /// The office that acts.
    pub office: Place,
    /// What it does.
    pub act: Act,
    /// The reason with which its office refuses it, if that is what is to happen.
    pub refused: Option<String>,
}

/// Names an exchange within its timeline, so that later acts can refer to it.
///
/// The exchange's own id is known only once its first step is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u32);

impl Key {
    /// Stands for a key that is given later.
    pub(crate) const FIRST: Self = Self(0);

    /// The how-manieth exchange of the timeline it is, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What an office does. `of` is an exchange that an earlier event began.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Sends a document.
    SendDocument {
        /// Names it.
        key: Key,
        /// The document; its `in_reply_to` is empty, since ids are not known in advance.
        document: Box<Document>,
        /// The document of the peer that it answers.
        in_reply_to: Option<Key>,
    },
    /// Acknowledges a document of the peer.
    AcknowledgeDocument {
        /// The document.
        of: Key,
        /// The officer who does.
        by: Officer,
        /// A remark.
        text: String,
    },
    /// Refuses receipt of a document of the peer.
    RefuseDocument {
        /// The document.
        of: Key,
        /// The officer who does.
        by: Officer,
        /// Why.
        reason: String,
    },
    /// Proposes a meeting.
    ProposeMeeting {
        /// Names it.
        key: Key,
        /// What is offered.
        terms: Box<MeetingTerms>,
    },
    /// Answers the peer's offer with another.
    CounterMeeting {
        /// The meeting.
        of: Key,
        /// What is offered instead.
        terms: Box<MeetingTerms>,
    },
    /// Accepts the peer's offer.
    AcceptMeeting {
        /// The meeting.
        of: Key,
        /// The officer who does.
        by: Officer,
        /// A remark.
        text: String,
    },
    /// Declines the peer's offer.
    DeclineMeeting {
        /// The meeting.
        of: Key,
        /// The officer who does.
        by: Officer,
        /// Why.
        reason: String,
    },
    /// Calls off a meeting that was accepted.
    CancelMeeting {
        /// The meeting.
        of: Key,
        /// The officer who does.
        by: Officer,
        /// Why.
        reason: String,
    },
    /// Convenes a meeting at the time agreed.
    ConveneMeeting {
        /// The meeting.
        of: Key,
        /// The officer who does.
        by: Officer,
        /// A remark.
        text: String,
    },
    /// Closes a meeting.
    CloseMeeting {
        /// The meeting.
        of: Key,
        /// The officer who does.
        by: Officer,
        /// A remark.
        text: String,
        /// How long it lasted.
        duration: Duration,
    },
    /// Records a consultation that has taken place.
    RecordContact {
        /// Names it.
        key: Key,
        /// The consultation.
        contact: Box<Contact>,
    },
    /// Confirms a consultation that the peer recorded.
    ConfirmContact {
        /// The consultation.
        of: Key,
        /// The officer who does.
        by: Officer,
        /// A remark.
        text: String,
    },
    /// Makes a call on the telephone line.
    RecordCall {
        /// The call.
        call: Call,
    },
    /// Declares the telephone line cut or restored.
    DeclareLine {
        /// What it declares.
        declaration: LineDeclaration,
    },
}

impl Act {
    /// The kind of step that it makes.
    pub const fn kind(&self) -> StepKind {
        match self {
            Self::SendDocument { .. } => StepKind::DocumentSent,
            Self::AcknowledgeDocument { .. } => StepKind::DocumentAcknowledged,
            Self::RefuseDocument { .. } => StepKind::DocumentReceiptRefused,
            Self::ProposeMeeting { .. } => StepKind::MeetingProposed,
            Self::CounterMeeting { .. } => StepKind::MeetingCountered,
            Self::AcceptMeeting { .. } => StepKind::MeetingAccepted,
            Self::DeclineMeeting { .. } => StepKind::MeetingDeclined,
            Self::CancelMeeting { .. } => StepKind::MeetingCancelled,
            Self::ConveneMeeting { .. } => StepKind::MeetingConvened,
            Self::CloseMeeting { .. } => StepKind::MeetingClosed,
            Self::RecordContact { .. } => StepKind::ContactRecorded,
            Self::ConfirmContact { .. } => StepKind::ContactConfirmed,
            Self::RecordCall { .. } => StepKind::CallRecorded,
            Self::DeclareLine { .. } => StepKind::LineDeclared,
        }
    }

    /// The exchange it begins or moves; a call is none.
    pub const fn key(&self) -> Option<Key> {
        match self {
            Self::SendDocument { key, .. }
            | Self::ProposeMeeting { key, .. }
            | Self::RecordContact { key, .. } => Some(*key),
            Self::AcknowledgeDocument { of, .. }
            | Self::RefuseDocument { of, .. }
            | Self::CounterMeeting { of, .. }
            | Self::AcceptMeeting { of, .. }
            | Self::DeclineMeeting { of, .. }
            | Self::CancelMeeting { of, .. }
            | Self::ConveneMeeting { of, .. }
            | Self::CloseMeeting { of, .. }
            | Self::ConfirmContact { of, .. } => Some(*of),
            Self::RecordCall { .. } | Self::DeclareLine { .. } => None,
        }
    }

    fn key_mut(&mut self) -> Option<&mut Key> {
        match self {
            Self::SendDocument { key, .. }
            | Self::ProposeMeeting { key, .. }
            | Self::RecordContact { key, .. } => Some(key),
            Self::AcknowledgeDocument { of, .. }
            | Self::RefuseDocument { of, .. }
            | Self::CounterMeeting { of, .. }
            | Self::AcceptMeeting { of, .. }
            | Self::DeclineMeeting { of, .. }
            | Self::CancelMeeting { of, .. }
            | Self::ConveneMeeting { of, .. }
            | Self::CloseMeeting { of, .. }
            | Self::ConfirmContact { of, .. } => Some(of),
            Self::RecordCall { .. } | Self::DeclareLine { .. } => None,
        }
    }

    /// Who does it, where somebody does.
    pub(crate) fn officer_mut(&mut self) -> Option<&mut Officer> {
        match self {
            Self::AcknowledgeDocument { by, .. }
            | Self::RefuseDocument { by, .. }
            | Self::AcceptMeeting { by, .. }
            | Self::DeclineMeeting { by, .. }
            | Self::CancelMeeting { by, .. }
            | Self::ConveneMeeting { by, .. }
            | Self::CloseMeeting { by, .. }
            | Self::ConfirmContact { by, .. } => Some(by),
            Self::SendDocument { .. }
            | Self::ProposeMeeting { .. }
            | Self::CounterMeeting { .. }
            | Self::RecordContact { .. }
            | Self::RecordCall { .. }
            | Self::DeclareLine { .. } => None,
        }
    }

    /// The same about the exchange `key`.
    pub(crate) fn with_key(mut self, key: Key) -> Self {
        if let Some(own) = self.key_mut() {
            *own = key;
        }
        self
    }

    /// The same, its keys counted from `first` instead of 0.
    pub(crate) fn with_keys_from(mut self, first: u32) -> Self {
        if let Some(Key(own)) = self.key_mut() {
            *own += first;
        }
        if let Self::SendDocument {
            in_reply_to: Some(Key(answered)),
            ..
        } = &mut self
        {
            *answered += first;
        }
        self
    }

    /// Whether it begins an exchange.
    pub const fn begins(&self) -> bool {
        self.kind().begins()
    }
}

/// Events while they are being drawn.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    events: Vec<Event>,
    keys: u32,
    /// Documents sent so far.
    sent: PerPlace<u64>,
    /// The how-manieth time the traffic is drawn, from 0.
    copy: u32,
}

impl Plan {
    /// A name for one more exchange.
    pub(crate) fn next_key(&mut self) -> Key {
        let key = Key(self.keys);
        self.keys = self
            .keys
            .checked_add(1)
            .expect("a scenario's totals are below 4 billion");
        key
    }

    /// The traffic is drawn once more.
    pub(crate) fn begin_copy(&mut self, copy: u32) {
        self.copy = copy;
    }

    /// Whether the traffic has been drawn before.
    pub(crate) const fn is_copy(&self) -> bool {
        self.copy > 0
    }

    /// A beginning that no other copy's consultation of the same kind has: such two would be one.
    pub(crate) fn own_instant(&self, at: Timestamp) -> Timestamp {
        at + Duration::from_micros(u64::from(self.copy))
    }

    /// The running number of one more document of `office`, from 1.
    pub(crate) fn next_number(&mut self, office: Place) -> u64 {
        self.sent[office] += 1;
        self.sent[office]
    }

    /// How many exchanges have been begun.
    pub(crate) const fn begun(&self) -> u32 {
        self.keys
    }

    /// Adds an event.
    pub(crate) fn add(&mut self, at: Timestamp, office: Place, act: Act) {
        self.add_expecting(at, office, act, None);
    }

    /// Adds an event that is to be refused for this reason, if one is given.
    pub(crate) fn add_expecting(
        &mut self,
        at: Timestamp,
        office: Place,
        act: Act,
        refused: Option<String>,
    ) {
        self.events.push(Event {
            at,
            office,
            act,
            refused,
        });
    }

    /// The events in order. The sort is stable: of one instant, the one added first comes first.
    pub(crate) fn into_timeline(mut self, start: Timestamp, end: Timestamp) -> Timeline {
        self.events.sort_by_key(|event| event.at);
        Timeline {
            start,
            end,
            events: self.events,
            faults: Vec::new(),
        }
    }
}
