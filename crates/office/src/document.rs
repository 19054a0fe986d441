//! Documents: SENT, DELIVERED, then ACKNOWLEDGED, RECEIPT_REFUSED or EXPIRED.
//!
//! Ids carry place and sequence, so a document's state is a byte in a page, not an object, and its answer
//! four more: ten million answered documents take 50 MB.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::answers::Answers;
use crate::officer::Officer;
use crate::pages::Pages;
use crate::place::{PerPlace, Place};
use crate::refusal::Refusal;
use crate::step::{Collection, StepId, StepKind};

/// The form of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are domain.md's own")]
pub enum Form {
    Message,
    Notice,
    Note,
    Document,
}

/// Delivery speed asked for; it says nothing of importance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are domain.md's own")]
pub enum Precedence {
    Flash,
    Immediate,
    Priority,
    Routine,
}

/// A message or document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The form.
    pub form: Form,
    /// The subject, 1 byte to 1 KiB.
    pub subject: String,
    /// The body.
    pub body: Bytes,
    /// The body's media type.
    pub media_type: String,
    /// In whose name.
    pub signatory: Option<Officer>,
    /// To whom.
    pub addressee: Option<Officer>,
    /// The document it answers.
    pub in_reply_to: Option<StepId>,
    /// The sender's own reference for people.
    pub reference: String,
    /// The delivery speed asked for.
    pub precedence: Option<Precedence>,
    /// When it expires unless it has been answered.
    pub deadline: Option<Timestamp>,
}

/// How far a document has come, by the steps recorded. DELIVERED is the line's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocumentState {
    /// Recorded, and not answered.
    Sent,
    /// The deadline passed without an answer.
    Expired,
    /// Receipt refused; stands over EXPIRED.
    ReceiptRefused,
    /// Acknowledged; stands over both.
    Acknowledged,
}

impl DocumentState {
    const fn byte(self) -> u8 {
        match self {
            Self::Sent => 1,
            Self::Expired => 2,
            Self::ReceiptRefused => 3,
            Self::Acknowledged => 4,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Sent),
            2 => Some(Self::Expired),
            3 => Some(Self::ReceiptRefused),
            4 => Some(Self::Acknowledged),
            _ => None,
        }
    }

    /// The word people read.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sent => "SENT",
            Self::Expired => "EXPIRED",
            Self::ReceiptRefused => "RECEIPT_REFUSED",
            Self::Acknowledged => "ACKNOWLEDGED",
        }
    }
}

/// The documents of both offices, folded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Documents {
    states: PerPlace<Pages<u8>>,
    /// The line sequence of the step that made the state: the receiver's, or of an expiry the sender's.
    answers: PerPlace<Answers>,
}

impl Documents {
    /// How far the document sent by step `id` has come.
    pub fn state(&self, id: StepId) -> Option<DocumentState> {
        DocumentState::from_byte(self.states[id.place].get(id.sequence))
    }

    /// The step that made the document's state, unless that is SENT.
    pub fn answer(&self, id: StepId) -> Option<StepId> {
        let author = match self.state(id)? {
            DocumentState::Sent => return None,
            DocumentState::Expired => id.place,
            DocumentState::ReceiptRefused | DocumentState::Acknowledged => id.place.peer(),
        };
        Some(StepId::new(author, self.answers[id.place].get(id.sequence)))
    }

    /// Documents of `place` with sequences above `after`, at most `scan_max` sequences further on.
    pub fn after(
        &self,
        place: Place,
        after: u64,
        scan_max: u64,
    ) -> impl Iterator<Item = (StepId, DocumentState)> + '_ {
        let end = self.states[place]
            .len()
            .min(after.saturating_add(1).saturating_add(scan_max));
        (after + 1..end).filter_map(move |sequence| {
            let id = StepId::new(place, sequence);
            self.state(id).map(|state| (id, state))
        })
    }

    pub(crate) fn check_answer(
        &self,
        author: Place,
        kind: StepKind,
        id: StepId,
    ) -> Result<(), Refusal> {
        let state = self.state(id).ok_or_else(|| Refusal::NotFound {
            kind: "document",
            name: id.name(Collection::Documents),
        })?;
        let expiry = kind == StepKind::DocumentExpired;
        let own = author == id.place;
        // An answer stands over an expiry: officers may answer late.
        let legal = match state {
            DocumentState::Sent => expiry == own,
            DocumentState::Expired => !expiry && !own,
            DocumentState::ReceiptRefused | DocumentState::Acknowledged => false,
        };
        if legal {
            return Ok(());
        }
        let allowed = match state {
            DocumentState::Sent | DocumentState::Expired => {
                "the receiving office acknowledges it or refuses receipt"
            }
            DocumentState::ReceiptRefused => "none; the sender may reissue the document",
            DocumentState::Acknowledged => "none",
        };
        let sender = if own { "this office" } else { "the peer" };
        Err(Refusal::IllegalStep {
            subject: id.name(Collection::Documents),
            state: format!("{}, sent by {sender}", state.word()),
            step: kind,
            allowed: allowed.to_owned(),
        })
    }

    pub(crate) fn send(&mut self, id: StepId) {
        self.states[id.place].set(id.sequence, DocumentState::Sent.byte());
    }

    /// Takes an answer or expiry. Returns false if it is inert.
    pub(crate) fn answer_with(&mut self, step: StepId, kind: StepKind, document: StepId) -> bool {
        let Some(state) = self.state(document) else {
            return false;
        };
        let by_sender = step.place == document.place;
        let next = match kind {
            StepKind::DocumentAcknowledged if !by_sender => DocumentState::Acknowledged,
            StepKind::DocumentReceiptRefused if !by_sender => DocumentState::ReceiptRefused,
            StepKind::DocumentExpired if by_sender => DocumentState::Expired,
            _ => return false,
        };
        // Each office answers once; its second word is inert. An expiry that crossed an answer is
        // legal, and changes nothing.
        match state {
            DocumentState::Sent | DocumentState::Expired if next > state => {
                self.states[document.place].set(document.sequence, next.byte());
                self.answers[document.place].set(document.sequence, step.sequence);
                true
            }
            DocumentState::Acknowledged | DocumentState::ReceiptRefused => {
                next == DocumentState::Expired
            }
            _ => false,
        }
    }
}
