//! What an office is asked to author.

use crate::call::{Call, LineDeclaration};
use crate::contact::Contact;
use crate::document::Document;
use crate::meeting::MeetingTerms;
use crate::request::RequestId;
use crate::step::{Content, StepId, StepKind};

/// What this office is asked to author.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Send a document.
    SendDocument(Document),
    /// Acknowledge a document of the peer.
    AcknowledgeDocument(StepId),
    /// Refuse receipt of a document of the peer.
    RefuseDocument(StepId),
    /// A deadline has passed.
    ExpireDocument(StepId),
    /// Propose a meeting.
    ProposeMeeting(MeetingTerms),
    /// Any later step of a meeting.
    MoveMeeting {
        /// The meeting.
        meeting: StepId,
        /// The step built upon; `None` means the tip as this office sees it.
        parent: Option<StepId>,
        /// What is done.
        kind: StepKind,
        /// The terms, of a counter.
        terms: Option<MeetingTerms>,
    },
    /// Record a contact.
    RecordContact(Contact),
    /// Confirm a contact that the peer recorded.
    ConfirmContact(StepId),
    /// Record a call.
    RecordCall(Call),
    /// Declare the telephone line cut or restored.
    DeclareLine(LineDeclaration),
}

impl Order {
    /// The step it asks for.
    pub fn kind(&self) -> StepKind {
        match self {
            Self::SendDocument(_) => StepKind::DocumentSent,
            Self::AcknowledgeDocument(_) => StepKind::DocumentAcknowledged,
            Self::RefuseDocument(_) => StepKind::DocumentReceiptRefused,
            Self::ExpireDocument(_) => StepKind::DocumentExpired,
            Self::ProposeMeeting(_) => StepKind::MeetingProposed,
            Self::MoveMeeting { kind, .. } => *kind,
            Self::RecordContact(_) => StepKind::ContactRecorded,
            Self::ConfirmContact(_) => StepKind::ContactConfirmed,
            Self::RecordCall(_) => StepKind::CallRecorded,
            Self::DeclareLine(_) => StepKind::LineDeclared,
        }
    }

    /// What it is about: the document, meeting or contact that the step answers.
    pub fn subject(&self) -> Option<StepId> {
        match self {
            Self::AcknowledgeDocument(id)
            | Self::RefuseDocument(id)
            | Self::ExpireDocument(id)
            | Self::ConfirmContact(id)
            | Self::MoveMeeting { meeting: id, .. } => Some(*id),
            _ => None,
        }
    }

    pub(crate) fn content(&self) -> Content {
        match self {
            Self::SendDocument(document) => Content::Document {
                deadline: document.deadline,
            },
            Self::ProposeMeeting(terms)
            | Self::MoveMeeting {
                terms: Some(terms), ..
            } => Content::Terms {
                kind: terms.kind,
                answer_by: terms.answer_by,
            },
            Self::RecordContact(contact) => Content::Contact {
                kind: contact.kind,
                begun_at: contact.begun_at,
            },
            Self::RecordCall(call) => Content::Call(*call),
            Self::DeclareLine(declaration) => Content::Declaration(*declaration),
            _ => Content::Plain,
        }
    }
}

/// What caused a recorded step, for idempotency.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mutation<'a> {
    /// The request; `None` when a clock or the peer caused the step.
    pub request_id: Option<RequestId>,
    /// The payload's bytes.
    pub payload: &'a [u8],
    /// Who made the step, as a certificate names them; empty if nobody did.
    pub author: &'a str,
}
