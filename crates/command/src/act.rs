//! An officer's act: one call that makes a step, and the office's answer.

use client::{About, Call};
use office::{Place, StepKind};
use prost::Message;
use protocol::pb::office as pb;

use crate::connect::{Connection, Offices, block_on};
use crate::failure::Failure;
use crate::request::RequestArgs;

/// A step that is to be made.
#[derive(Debug, Clone)]
pub struct Act {
    /// Completes "failed to …".
    doing: &'static str,
    request_id: String,
    /// `None` for what only a clock does.
    call: Option<Call>,
}

impl Act {
    /// The act that makes a step of this kind: what it is about, and what it says.
    pub fn new(kind: StepKind, about: About, payload: &impl Message, request: RequestArgs) -> Self {
        let request_id = request.id();
        let payload = payload.encode_to_vec().into();
        Self {
            doing: doing(kind),
            call: Call::of(kind, &request_id, about, &payload),
            request_id,
        }
    }

    /// The same, of a document that is sent: answered once it has come so far.
    #[must_use]
    pub fn waiting(mut self, wait: pb::Wait) -> Self {
        self.call = self.call.map(|call| call.waiting(wait));
        self
    }

    /// Does it, a close as soon as its convening is final: the office's answer, of the type that its method answers with.
    pub async fn at<A: Message + Default>(&self, connection: &Connection) -> Result<A, Failure> {
        let failed = |why: &str| Failure::Failed(format!("failed to {}: {why}", self.doing));
        let call = self.call.as_ref();
        let call = call.ok_or_else(|| failed("only an office's clock does that"))?;
        let mut caller = connection.caller();
        let outcome = caller.call_once_settled(call, connection.timeout()).await;
        let answer = connection.answer_to(self.doing, &self.request_id, outcome)?;
        A::decode(answer.bytes().clone())
            .map_err(|error| failed(&format!("the answer cannot be read: {error}")))
    }
}

impl Offices {
    /// Has `act` done at `place`: the office's answer.
    pub fn act<A: Message + Default>(&self, place: Place, act: &Act) -> Result<A, Failure> {
        block_on(async { act.at(&self.dial(place).await?).await })
    }
}

/// What completes "failed to …".
const fn doing(kind: StepKind) -> &'static str {
    match kind {
        StepKind::DocumentSent => "send the document",
        StepKind::DocumentAcknowledged => "acknowledge the document",
        StepKind::DocumentReceiptRefused => "refuse receipt of the document",
        StepKind::DocumentExpired => "have the document expire",
        StepKind::MeetingProposed => "propose the meeting",
        StepKind::MeetingCountered => "counter the meeting",
        StepKind::MeetingAccepted => "accept the meeting",
        StepKind::MeetingDeclined => "decline the meeting",
        StepKind::MeetingCancelled => "cancel the meeting",
        StepKind::MeetingLapsed => "have the offer lapse",
        StepKind::MeetingConvened => "convene the meeting",
        StepKind::MeetingClosed => "close the meeting",
        StepKind::ContactRecorded => "record the contact",
        StepKind::ContactConfirmed => "confirm the contact",
        StepKind::CallRecorded => "record the call",
        StepKind::LineDeclared => "declare the line",
    }
}
