//! The calls that change an office, as values: made once, asked as often as it takes.

use bytes::Bytes;
use prost::Message as _;
use protocol::pb::office as pb;
use tonic::Status;
use tonic::transport::Channel;

use pb::contact_service_client::ContactServiceClient;
use pb::document_service_client::DocumentServiceClient;
use pb::meeting_service_client::MeetingServiceClient;

macro_rules! mutations {
    ($($call:ident($request:ident, $client:ident, $method:ident, $payload:ident);)*) => {
        /// A call that changes an office.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum Mutation {
            $($call(pb::$request),)*
        }

        impl Mutation {
            /// The method.
            pub(crate) fn name(&self) -> &'static str {
                match self {
                    $(Self::$call(_) => stringify!($call),)*
                }
            }

            fn request_id(&self) -> &str {
                match self {
                    $(Self::$call(request) => &request.request_id,)*
                }
            }

            /// The bytes that a ledger must keep of it.
            pub(crate) fn payload(&self) -> Bytes {
                match self {
                    $(Self::$call(request) => request
                        .$payload
                        .as_ref()
                        .map(|payload| payload.encode_to_vec().into())
                        .unwrap_or_default(),)*
                }
            }

            /// Makes the call, and gives back the bytes of its answer.
            pub(crate) async fn call(&self, channel: Channel) -> Result<Bytes, Status> {
                match self {
                    $(Self::$call(request) => {
                        let answer = $client::new(channel).$method(request.clone()).await?;
                        Ok(answer.into_inner().encode_to_vec().into())
                    })*
                }
            }
        }

        $(impl From<pb::$request> for Mutation {
            fn from(request: pb::$request) -> Self {
                Self::$call(request)
            }
        })*
    };
}

mutations! {
    SendDocument(SendDocumentRequest, DocumentServiceClient, send_document, document);
    AcknowledgeDocument(AcknowledgeDocumentRequest, DocumentServiceClient, acknowledge_document, acknowledgement);
    RefuseDocument(RefuseDocumentRequest, DocumentServiceClient, refuse_document, refusal);
    ProposeMeeting(ProposeMeetingRequest, MeetingServiceClient, propose_meeting, terms);
    CounterMeeting(CounterMeetingRequest, MeetingServiceClient, counter_meeting, terms);
    AcceptMeeting(AcceptMeetingRequest, MeetingServiceClient, accept_meeting, remark);
    DeclineMeeting(DeclineMeetingRequest, MeetingServiceClient, decline_meeting, remark);
    CancelMeeting(CancelMeetingRequest, MeetingServiceClient, cancel_meeting, remark);
    ConveneMeeting(ConveneMeetingRequest, MeetingServiceClient, convene_meeting, remark);
    CloseMeeting(CloseMeetingRequest, MeetingServiceClient, close_meeting, closing);
    RecordContact(RecordContactRequest, ContactServiceClient, record_contact, contact);
    ConfirmContact(ConfirmContactRequest, ContactServiceClient, confirm_contact, confirmation);
    RecordCall(RecordCallRequest, ContactServiceClient, record_call, call);
}

impl Mutation {
    /// The request id, as an envelope carries it.
    pub(crate) fn id(&self) -> [u8; 16] {
        let id = uuid::Uuid::try_parse(self.request_id());
        id.expect("every request here is given a UUID").into_bytes()
    }
}
