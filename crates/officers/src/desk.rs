//! An act of a scenario as a gRPC call.

use bytes::Bytes;
use client::{About, Call, Office};
use office::Place;
use office::officer::Officer;
use prost::Message as _;
use protocol::pb::ledger as ledger_pb;
use protocol::pb::ledger::ledger_service_client::LedgerServiceClient;
use protocol::pb::office as pb;
use protocol::pb::office::meeting_service_client::MeetingServiceClient;
use protocol::pb::office::office_service_client::OfficeServiceClient;
use scenario::Act;
use tonic::Status;
use tonic::transport::Channel;

/// The clients of one office.
#[derive(Debug, Clone)]
pub struct Desk {
    place: Place,
    office: Office,
    meetings: MeetingServiceClient<Channel>,
    offices: OfficeServiceClient<Channel>,
    ledger: LedgerServiceClient<Channel>,
}

impl Desk {
    /// At the office of `place`, which is reached by `channel`.
    pub fn over(place: Place, channel: Channel) -> Self {
        Self {
            place,
            office: Office::new(channel.clone()),
            meetings: MeetingServiceClient::new(channel.clone()),
            offices: OfficeServiceClient::new(channel.clone()),
            ledger: LedgerServiceClient::new(channel),
        }
    }

    /// What the office says of itself.
    ///
    /// # Errors
    /// The office's refusal, as of all calls here.
    pub async fn office(&mut self) -> Result<pb::GetOfficeResponse, Status> {
        let response = self.offices.get_office(pb::GetOfficeRequest {}).await?;
        Ok(response.into_inner())
    }

    /// How the office sees a meeting.
    ///
    /// # Errors
    /// As of [`Self::office`].
    pub async fn meeting(&mut self, name: String) -> Result<pb::Meeting, Status> {
        let request = pb::GetMeetingRequest { name };
        let response = self.meetings.get_meeting(request).await?.into_inner();
        Ok(response.meeting.unwrap_or_default())
    }

    /// What the office has counted.
    ///
    /// # Errors
    /// As of [`Self::office`].
    pub async fn tally(&mut self) -> Result<ledger_pb::Tally, Status> {
        let request = ledger_pb::GetTallyRequest::default();
        let response = self.ledger.get_tally(request).await?.into_inner();
        Ok(response.tally.unwrap_or_default())
    }

    /// Does an act. `name` is the exchange that an earlier act began, and `reply_to` the document that a new one
    /// answers. Returns the name of what the act began.
    ///
    /// # Errors
    /// As of [`Self::office`].
    pub async fn act(
        &mut self,
        act: &Act,
        request_id: String,
        name: String,
        reply_to: String,
    ) -> Result<Option<String>, Status> {
        let kind = act.kind();
        let collection = kind.collection();
        let about = About {
            subject: collection.parse(&name).ok(),
            parent: None,
        };
        let call = Call::of(
            kind,
            &request_id,
            about,
            &Bytes::from(payload_of(act, reply_to)),
        )
        .ok_or_else(|| Status::internal(format!("{kind:?} is about nothing: {name:?}")))?;
        let answer = self.office.call(&call).await?;
        let begun = client::named(self.place, kind, &answer).filter(|_| kind.begins());
        Ok(begun.map(|id| id.name(collection)))
    }
}

/// The payload of the step that an act makes.
fn payload_of(act: &Act, reply_to: String) -> Vec<u8> {
    match act {
        Act::SendDocument { document, .. } => {
            let mut document = protocol::document_to_pb(document);
            document.in_reply_to = reply_to;
            document.encode_to_vec()
        }
        Act::AcknowledgeDocument { by, text, .. } => remark(by, text),
        Act::RefuseDocument { by, reason, .. } => {
            let refusal = pb::ReceiptRefusal {
                reason: reason.clone(),
                officer: Some(protocol::officer_to_pb(by)),
            };
            refusal.encode_to_vec()
        }
        Act::ProposeMeeting { terms, .. } => {
            let terms = protocol::terms_to_pb(terms);
            terms.encode_to_vec()
        }
        Act::CounterMeeting { terms, .. } => {
            let terms = protocol::terms_to_pb(terms);
            terms.encode_to_vec()
        }
        Act::AcceptMeeting { by, text, .. } => remark(by, text),
        Act::DeclineMeeting { by, reason, .. } => remark(by, reason),
        Act::CancelMeeting { by, reason, .. } => remark(by, reason),
        Act::ConveneMeeting { by, text, .. } => remark(by, text),
        Act::CloseMeeting {
            by, text, duration, ..
        } => {
            let closing = pb::MeetingClosing {
                remark: Some(remark_of(by, text)),
                duration: prost_types::Duration::try_from(*duration).ok(),
            };
            closing.encode_to_vec()
        }
        Act::RecordContact { contact, .. } => {
            let contact = protocol::contact_to_pb(contact);
            contact.encode_to_vec()
        }
        Act::ConfirmContact { by, text, .. } => remark(by, text),
        Act::RecordCall { call } => {
            let call = protocol::call_to_pb(call);
            call.encode_to_vec()
        }
        Act::DeclareLine { declaration } => {
            let declaration = protocol::declaration_to_pb(*declaration);
            declaration.encode_to_vec()
        }
    }
}

fn remark(by: &Officer, text: &str) -> Vec<u8> {
    remark_of(by, text).encode_to_vec()
}

fn remark_of(by: &Officer, text: &str) -> pb::Remark {
    pb::Remark {
        officer: Some(protocol::officer_to_pb(by)),
        text: text.to_owned(),
    }
}
