//! An act of a scenario as a gRPC call.

use bytes::Bytes;
use client::{About, Call, Office};
use office::officer::Officer;
use office::Place;
use prost::Message as _;
use protocol::pb::ledger::ledger_service_client::LedgerServiceClient;
use protocol::pb::office as pb;
use protocol::pb::office::meeting_service_client::MeetingServiceClient;
use protocol::pb::office::office_service_client::OfficeServiceClient;
use scenario::Act;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::network::{Cable, Network};

/// The clients of one office.
#[derive(Clone)]
pub(crate) struct Desk {
    place: Place,
    office: Office,
    meetings: MeetingServiceClient<Channel>,
    offices: OfficeServiceClient<Channel>,
    pub(crate) ledger: LedgerServiceClient<Channel>,
}

impl Desk {
    pub(crate) fn at(network: &Network, place: Place) -> Self {
        Self::over(place, Self::channel(network, place))
    }

    /// The way to an office from a desk in it; it is connected by the first call.
    pub(crate) fn channel(network: &Network, place: Place) -> Channel {
        let network = network.clone();
        let connector = tower::service_fn(move |_: http::Uri| {
            let connected = network.connect(place, Cable::Desk);
            std::future::ready(connected.map(hyper_util::rt::TokioIo::new))
        });
        Endpoint::from_static("http://office").connect_with_connector_lazy(connector)
    }

    /// At the office of `place`, which is reached by `channel`.
    pub(crate) fn over(place: Place, channel: Channel) -> Self {
        Self {
            place,
            office: Office::new(channel.clone()),
            meetings: MeetingServiceClient::new(channel.clone()),
            offices: OfficeServiceClient::new(channel.clone()),
            ledger: LedgerServiceClient::new(channel),
        }
    }

    pub(crate) async fn office(&mut self) -> Result<pb::GetOfficeResponse, Status> {
        let response = self.offices.get_office(pb::GetOfficeRequest {}).await?;
        Ok(response.into_inner())
    }

    pub(crate) async fn meeting(&mut self, name: String) -> Result<pb::Meeting, Status> {
        let request = pb::GetMeetingRequest { name };
        let response = self.meetings.get_meeting(request).await?.into_inner();
        Ok(response.meeting.unwrap_or_default())
    }

    /// Does an act. `name` is the exchange that an earlier act began, and `reply_to` the document that a new one
    /// answers. Returns the name of what the act began.
    pub(crate) async fn act(
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
