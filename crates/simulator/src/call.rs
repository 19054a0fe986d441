//! An act of a scenario as a gRPC call.

use office::Place;
use office::call::Call;
use office::officer::Officer;
use protocol::pb::ledger::ledger_service_client::LedgerServiceClient;
use protocol::pb::office as pb;
use protocol::pb::office::contact_service_client::ContactServiceClient;
use protocol::pb::office::document_service_client::DocumentServiceClient;
use protocol::pb::office::meeting_service_client::MeetingServiceClient;
use protocol::pb::office::office_service_client::OfficeServiceClient;
use scenario::Act;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::network::{Cable, Network};

/// The clients of one office.
#[derive(Clone)]
pub(crate) struct Desk {
    documents: DocumentServiceClient<Channel>,
    meetings: MeetingServiceClient<Channel>,
    contacts: ContactServiceClient<Channel>,
    offices: OfficeServiceClient<Channel>,
    pub(crate) ledger: LedgerServiceClient<Channel>,
}

impl Desk {
    pub(crate) fn at(network: &Network, place: Place) -> Self {
        Self::over(Self::channel(network, place))
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

    /// At an office that is reached by `channel`.
    pub(crate) fn over(channel: Channel) -> Self {
        Self {
            documents: DocumentServiceClient::new(channel.clone()),
            meetings: MeetingServiceClient::new(channel.clone()),
            contacts: ContactServiceClient::new(channel.clone()),
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
        let parent = String::new();
        match act {
            Act::SendDocument { document, .. } => {
                let mut document = protocol::document_to_pb(document);
                document.in_reply_to = reply_to;
                let request = pb::SendDocumentRequest {
                    request_id,
                    document: Some(document),
                    wait: pb::Wait::Recorded.into(),
                };
                let response = self.documents.send_document(request).await?.into_inner();
                return Ok(response.receipt.map(|receipt| receipt.name));
            }
            Act::AcknowledgeDocument { by, text, .. } => {
                let acknowledgement = Some(remark(by, text));
                let request = pb::AcknowledgeDocumentRequest {
                    request_id,
                    name,
                    acknowledgement,
                };
                self.documents.acknowledge_document(request).await?;
            }
            Act::RefuseDocument { by, reason, .. } => {
                let refusal = pb::ReceiptRefusal {
                    reason: reason.clone(),
                    officer: Some(protocol::officer_to_pb(by)),
                };
                let refusal = Some(refusal);
                let request = pb::RefuseDocumentRequest {
                    request_id,
                    name,
                    refusal,
                };
                self.documents.refuse_document(request).await?;
            }
            Act::ProposeMeeting { terms, .. } => {
                let terms = Some(protocol::terms_to_pb(terms));
                let request = pb::ProposeMeetingRequest { request_id, terms };
                let response = self.meetings.propose_meeting(request).await?.into_inner();
                return Ok(response.meeting.map(|meeting| meeting.name));
            }
            Act::CounterMeeting { terms, .. } => {
                let terms = Some(protocol::terms_to_pb(terms));
                let request = pb::CounterMeetingRequest {
                    request_id,
                    name,
                    parent,
                    terms,
                };
                self.meetings.counter_meeting(request).await?;
            }
            Act::AcceptMeeting { by, text, .. } => {
                let remark = Some(remark(by, text));
                let request = pb::AcceptMeetingRequest {
                    request_id,
                    name,
                    parent,
                    remark,
                };
                self.meetings.accept_meeting(request).await?;
            }
            Act::DeclineMeeting { by, reason, .. } => {
                let remark = Some(remark(by, reason));
                let request = pb::DeclineMeetingRequest {
                    request_id,
                    name,
                    parent,
                    remark,
                };
                self.meetings.decline_meeting(request).await?;
            }
            Act::CancelMeeting { by, reason, .. } => {
                let remark = Some(remark(by, reason));
                let request = pb::CancelMeetingRequest {
                    request_id,
                    name,
                    parent,
                    remark,
                };
                self.meetings.cancel_meeting(request).await?;
            }
            Act::ConveneMeeting { by, text, .. } => {
                let remark = Some(remark(by, text));
                let request = pb::ConveneMeetingRequest {
                    request_id,
                    name,
                    parent,
                    remark,
                };
                self.meetings.convene_meeting(request).await?;
            }
            Act::CloseMeeting {
                by, text, duration, ..
            } => {
                let closing = pb::MeetingClosing {
                    remark: Some(remark(by, text)),
                    duration: prost_types::Duration::try_from(*duration).ok(),
                };
                let closing = Some(closing);
                let request = pb::CloseMeetingRequest {
                    request_id,
                    name,
                    parent,
                    closing,
                };
                self.meetings.close_meeting(request).await?;
            }
            Act::RecordContact { contact, .. } => {
                let contact = Some(protocol::contact_to_pb(contact));
                let request = pb::RecordContactRequest {
                    request_id,
                    contact,
                };
                let response = self.contacts.record_contact(request).await?.into_inner();
                return Ok(response.contact.map(|contact| contact.name));
            }
            Act::ConfirmContact { by, text, .. } => {
                let confirmation = Some(remark(by, text));
                let request = pb::ConfirmContactRequest {
                    request_id,
                    name,
                    confirmation,
                };
                self.contacts.confirm_contact(request).await?;
            }
            Act::RecordCall { call } => self.record_call(call, request_id).await?,
            Act::DeclareLine { declaration } => {
                let declaration = Some(protocol::declaration_to_pb(*declaration));
                let request = pb::DeclareLineRequest {
                    request_id,
                    declaration,
                };
                self.contacts.declare_line(request).await?;
            }
        }
        Ok(None)
    }

    async fn record_call(&mut self, call: &Call, request_id: String) -> Result<(), Status> {
        let call = Some(protocol::call_to_pb(call));
        let request = pb::RecordCallRequest { request_id, call };
        self.contacts.record_call(request).await?;
        Ok(())
    }
}

fn remark(by: &Officer, text: &str) -> pb::Remark {
    pb::Remark {
        officer: Some(protocol::officer_to_pb(by)),
        text: text.to_owned(),
    }
}
