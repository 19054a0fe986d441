//! An officer's act: one call that makes a step, and the office's answer.

use std::time::Duration;

use client::{About, Call};
use office::{Place, StepKind};
use prost::Message;
use protocol::pb::office as pb;

use crate::connect::{Connection, Offices, block_on};
use crate::failure::Failure;
use crate::output::note;
use crate::request::RequestArgs;

/// So long it is waited without a word.
const SILENT: Duration = Duration::from_secs(2);

/// A step that is to be made.
#[derive(Debug, Clone)]
pub struct Act {
    /// Completes "failed to …".
    doing: &'static str,
    request_id: String,
    /// `None` for what only a clock does.
    call: Option<Call>,
    /// What has to happen before it is answered; completes "waiting until …".
    awaits: Option<String>,
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
            awaits: (kind == StepKind::MeetingClosed).then(|| {
                "the convening is final, as it is once the line is at rest; `liaison status` tells of the line".to_owned()
            }),
        }
    }

    /// The same, of a document that is sent to `peer`: answered once it has come so far.
    #[must_use]
    pub fn waiting(mut self, wait: pb::Wait, peer: Place) -> Self {
        self.call = self.call.map(|call| call.waiting(wait));
        self.awaits = match wait {
            pb::Wait::Delivered => Some(format!(
                "the {peer} office has it on disk; `liaison status` tells of the line"
            )),
            pb::Wait::Acknowledged => Some(format!(
                "an officer of the {peer} office acknowledges it or refuses receipt; `liaison inbox --office {peer}` \
                 lists it"
            )),
            _ => None,
        };
        self
    }

    /// Does it, a close as soon as its convening is final: the office's answer, of the type that its method answers with.
    pub async fn at<A: Message + Default>(&self, connection: &Connection) -> Result<A, Failure> {
        let failed = |why: &str| Failure::Failed(format!("failed to {}: {why}", self.doing));
        let call = self.call.as_ref();
        let call = call.ok_or_else(|| failed("only an office's clock does that"))?;
        let mut caller = connection.caller();
        let answered = caller.call_once_settled(call, connection.timeout());
        let outcome = self.telling(answered).await;
        let answer = connection.answer_to(self.doing, &self.request_id, outcome);
        let answer = answer.map_err(|failure| self.with_what_it_waits_for(failure))?;
        A::decode(answer.bytes().clone())
            .map_err(|error| failed(&format!("the answer cannot be read: {error}")))
    }
}

impl Act {
    /// Says what is waited for, once it takes long.
    async fn telling<T>(&self, answered: impl Future<Output = T>) -> T {
        let mut answered = std::pin::pin!(answered);
        if let Some(awaits) = &self.awaits {
            tokio::select! {
                answered = answered.as_mut() => return answered,
                () = tokio::time::sleep(SILENT) => note(&format!("waiting until {awaits}")),
            }
        }
        answered.await
    }

    /// A deadline that passed, with what did not happen before it.
    fn with_what_it_waits_for(&self, failure: Failure) -> Failure {
        match (failure, &self.awaits) {
            (Failure::Refused(refused), Some(awaits))
                if refused.code() == tonic::Code::DeadlineExceeded =>
            {
                let hint = format!("it was waited until {awaits}");
                Failure::Refused(Box::new(refused.with_hint(hint)))
            }
            (failure, _) => failure,
        }
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
