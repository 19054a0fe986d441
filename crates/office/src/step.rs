//! Steps: one move in the life of an exchange or call.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::{Call, LineDeclaration};
use crate::contact::ContactKind;
use crate::place::Place;

/// Names a step for ever: its author, and the how-manieth of its author's steps it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepId {
    /// The author.
    pub place: Place,
    /// The line sequence: gapless for each author, from 1.
    pub sequence: u64,
}

impl StepId {
    /// The step of `place` with the line sequence `sequence`.
    pub const fn new(place: Place, sequence: u64) -> Self {
        Self { place, sequence }
    }

    /// The resource name, such as `offices/south/documents/17`.
    pub fn name(self, collection: Collection) -> String {
        use fmt::Write as _;
        let mut name = String::with_capacity(NAME_BYTES_MAX);
        name.push_str("offices/");
        name.push_str(self.place.word());
        name.push('/');
        name.push_str(collection.word());
        let _ = write!(name, "/{}", self.sequence);
        name
    }
}

/// The longest name: `offices/south/documents/` and 20 digits.
const NAME_BYTES_MAX: usize = 44;

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name(Collection::Steps))
    }
}

/// What a resource name names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// `offices/*/documents/*`
    Documents,
    /// `offices/*/meetings/*`
    Meetings,
    /// `offices/*/contacts/*`
    Contacts,
    /// `offices/*/calls/*`
    Calls,
    /// `offices/*/steps/*`
    Steps,
}

impl Collection {
    /// The word in the name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::Meetings => "meetings",
            Self::Contacts => "contacts",
            Self::Calls => "calls",
            Self::Steps => "steps",
        }
    }

    /// Reads a name of this collection.
    pub fn parse(self, name: &str) -> Result<StepId, MalformedName> {
        let malformed = || MalformedName {
            name: name.chars().take(128).collect(),
            collection: self,
        };
        let mut parts = name.split('/');
        let (Some("offices"), Some(place), Some(word), Some(digits), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(malformed());
        };
        let place = Place::from_str(place).map_err(|_| malformed())?;
        let canonical = !digits.starts_with(['0', '+']);
        match digits.parse::<u64>() {
            Ok(sequence) if word == self.word() && canonical => Ok(StepId { place, sequence }),
            _ => Err(malformed()),
        }
    }
}

/// A text that is no resource name of the collection wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a name: write offices/south/{word}/1 or offices/north/{word}/1", word = .collection.word())]
pub struct MalformedName {
    /// The text, at most 128 characters of it.
    pub name: String,
    /// What was wanted.
    pub collection: Collection,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are domain.md's own")]
pub enum StepKind {
    DocumentSent,
    DocumentAcknowledged,
    DocumentReceiptRefused,
    DocumentExpired,
    MeetingProposed,
    MeetingCountered,
    MeetingAccepted,
    MeetingDeclined,
    MeetingCancelled,
    MeetingLapsed,
    MeetingConvened,
    MeetingClosed,
    ContactRecorded,
    ContactConfirmed,
    CallRecorded,
    LineDeclared,
}

impl StepKind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::DocumentSent,
        Self::DocumentAcknowledged,
        Self::DocumentReceiptRefused,
        Self::DocumentExpired,
        Self::MeetingProposed,
        Self::MeetingCountered,
        Self::MeetingAccepted,
        Self::MeetingDeclined,
        Self::MeetingCancelled,
        Self::MeetingLapsed,
        Self::MeetingConvened,
        Self::MeetingClosed,
        Self::ContactRecorded,
        Self::ContactConfirmed,
        Self::CallRecorded,
        Self::LineDeclared,
    ];

    /// Among which nouns the step stands.
    pub const fn collection(self) -> Collection {
        match self {
            Self::DocumentSent
            | Self::DocumentAcknowledged
            | Self::DocumentReceiptRefused
            | Self::DocumentExpired => Collection::Documents,
            Self::MeetingProposed
            | Self::MeetingCountered
            | Self::MeetingAccepted
            | Self::MeetingDeclined
            | Self::MeetingCancelled
            | Self::MeetingLapsed
            | Self::MeetingConvened
            | Self::MeetingClosed => Collection::Meetings,
            Self::ContactRecorded | Self::ContactConfirmed => Collection::Contacts,
            Self::CallRecorded | Self::LineDeclared => Collection::Calls,
        }
    }

    /// Whether it begins an exchange, which later steps are about.
    pub const fn begins(self) -> bool {
        matches!(
            self,
            Self::DocumentSent | Self::MeetingProposed | Self::ContactRecorded
        )
    }

    /// The words people read.
    pub const fn words(self) -> &'static str {
        match self {
            Self::DocumentSent => "document sent",
            Self::DocumentAcknowledged => "document acknowledged",
            Self::DocumentReceiptRefused => "receipt refused",
            Self::DocumentExpired => "document expired",
            Self::MeetingProposed => "meeting proposed",
            Self::MeetingCountered => "meeting countered",
            Self::MeetingAccepted => "meeting accepted",
            Self::MeetingDeclined => "meeting declined",
            Self::MeetingCancelled => "meeting cancelled",
            Self::MeetingLapsed => "meeting lapsed",
            Self::MeetingConvened => "meeting convened",
            Self::MeetingClosed => "meeting closed",
            Self::ContactRecorded => "contact recorded",
            Self::ContactConfirmed => "contact confirmed",
            Self::CallRecorded => "call recorded",
            Self::LineDeclared => "line declared",
        }
    }
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// What a step says, as far as the rules need to know it. The rest stays in the payload's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A document that is sent.
    Document {
        /// When it expires.
        deadline: Option<Timestamp>,
    },
    /// The terms of a proposal or counter.
    Terms {
        /// The kind of meeting offered.
        kind: ContactKind,
        /// When the offer lapses.
        answer_by: Option<Timestamp>,
    },
    /// A contact that is recorded: its key.
    Contact {
        /// Its kind.
        kind: ContactKind,
        /// When it began.
        begun_at: Timestamp,
    },
    /// A call.
    Call(Call),
    /// What an office states of the telephone line.
    Declaration(LineDeclaration),
    /// The rules need not know more than the kind.
    Plain,
    /// The payload could not be read: the step is inert.
    Unreadable,
}

/// One move in the life of an exchange or call, as a ledger holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// The step it answers.
    pub parent: Option<StepId>,
    /// What was done.
    pub kind: StepKind,
    /// When, by the author's clock. It orders nothing; reports by day use it.
    pub authored_at: Timestamp,
    /// What it says.
    pub content: Content,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back() {
        for (place, name) in [
            (Place::South, "offices/south/meetings/4"),
            (Place::North, "offices/north/meetings/4"),
        ] {
            let id = StepId::new(place, 4);
            assert_eq!(id.name(Collection::Meetings), name);
            assert_eq!(Collection::Meetings.parse(name), Ok(id));
        }
    }

    #[test]
    fn one_step_has_one_name() {
        for name in [
            "offices/north/documents/4",
            "offices/north/meetings/04",
            "offices/north/meetings/+4",
            "offices/north/meetings/0",
            "offices/west/meetings/4",
            "offices/north/meetings/4/",
            "",
        ] {
            assert!(
                Collection::Meetings.parse(name).is_err(),
                "{name:?} was taken"
            );
        }
    }
}
