//! Contacts that need no negotiation, calls, and what is declared of the telephone line.

use office::contact::ContactState;
use office::{Collection, Office, Order, Refusal, StepId};
use protocol::pb::office as pb;
use protocol::pb::office::contact_service_server::ContactService;
use protocol::{Checked, Fields, Original};
use tonic::{Request, Response, Status};

use super::gathered::{Gathered, page_size, wrong_page_token};
use super::measured::page_of;
use crate::desk::Desk;
use crate::handle::{Authored, Authoring};
use crate::read;
use crate::status::{invalid, status_of};

const CONTENT_FIELD: u32 = 2;
const CONFIRMATION_FIELD: u32 = 3;

/// The contact service.
#[derive(Clone)]
pub(crate) struct Contacts {
    pub(crate) desk: Desk,
}

impl Contacts {
    fn record(&self, id: StepId, state: ContactState) -> Result<pb::ContactRecord, Refusal> {
        let recorded = read::step(&self.desk.owner.reader, id)?;
        Ok(pb::ContactRecord {
            name: id.name(Collection::Contacts),
            state: protocol::contact_state_to_pb(state).into(),
            contact: Some(recorded.message()),
            recorded_at: Some(protocol::timestamp_to_pb(recorded.step.authored_at)),
        })
    }

    /// Has a step authored whose request is an id and a content.
    async fn fact<T, M>(
        &self,
        request_id: &str,
        content: (&str, Option<M>),
        payload: bytes::Bytes,
        order: impl FnOnce(T) -> Order,
    ) -> Result<Authored, Status>
    where
        T: Checked<M>,
    {
        let mut gathered = Gathered::default();
        let request_id = gathered.request_id(request_id);
        let (field, content) = content;
        let content = gathered.required(field, content, &Fields::of(field, &self.desk.limits));
        let (request_id, content) = gathered
            .done(request_id.zip(content))
            .map_err(|refusal| status_of(&refusal))?;
        let authoring = Authoring {
            order: order(content),
            payload,
            request_id,
        };
        self.desk.author(authoring).await
    }

    fn recorded_at(&self, authored: Authored) -> Result<Option<prost_types::Timestamp>, Status> {
        let at = self.desk.authored_at(authored);
        at.map(Some).map_err(|refusal| status_of(&refusal))
    }

    async fn list(
        &self,
        request: pb::ListContactsRequest,
    ) -> Result<pb::ListContactsResponse, Refusal> {
        let state = pb::ContactState::try_from(request.state).map_err(|_| {
            invalid(
                "state",
                &format!("{} is not a known value; see its enum", request.state),
            )
        })?;
        let size = page_size(request.page_size)?;
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(
                Collection::Contacts
                    .parse(token)
                    .map_err(|_| wrong_page_token())?,
            ),
        };
        let page = move |office: &Office| -> Vec<(StepId, ContactState)> {
            let contacts = office.exchanges().contacts.after(after);
            contacts
                .filter(|(_, found)| {
                    state == pb::ContactState::Unspecified
                        || protocol::contact_state_to_pb(*found) == state
                })
                .take(size + 1)
                .collect()
        };
        let mut page = self.desk.owner.read(page).await?;
        let found = page.len();
        page.truncate(size);
        let (contacts, count) = page_of(&page, |(id, state)| self.record(*id, *state)).await?;
        let last = count.checked_sub(1).filter(|_| count < found);
        let next = last.map(|last| page[last].0);
        Ok(pb::ListContactsResponse {
            contacts,
            next_page_token: next
                .map(|id| id.name(Collection::Contacts))
                .unwrap_or_default(),
        })
    }
}

#[tonic::async_trait]
impl ContactService for Contacts {
    async fn record_contact(
        &self,
        request: Request<Original<pb::RecordContactRequest>>,
    ) -> Result<Response<pb::RecordContactResponse>, Status> {
        let request = request.into_inner();
        let payload = request.field(CONTENT_FIELD);
        let pb::RecordContactRequest {
            request_id,
            contact,
        } = request.into_message();
        let content = ("contact", contact);
        let authored = self
            .fact(&request_id, content, payload, Order::RecordContact)
            .await?;
        let record = self.record(authored.id, ContactState::Recorded);
        let contact = Some(record.map_err(|refusal| status_of(&refusal))?);
        Ok(Response::new(pb::RecordContactResponse { contact }))
    }

    async fn confirm_contact(
        &self,
        request: Request<Original<pb::ConfirmContactRequest>>,
    ) -> Result<Response<pb::ConfirmContactResponse>, Status> {
        let request = request.into_inner();
        let payload = request.field(CONFIRMATION_FIELD);
        let pb::ConfirmContactRequest {
            request_id,
            name,
            confirmation,
        } = request.into_message();
        let fields = |path| Fields::of(path, &self.desk.limits);
        let mut gathered = Gathered::default();
        let request_id = gathered.request_id(&request_id);
        let id = gathered.checked((name.as_str(), Collection::Contacts), &fields("name"));
        gathered.optional(confirmation, &fields("confirmation"));
        let (request_id, id): (_, StepId) = gathered
            .done(request_id.zip(id))
            .map_err(|refusal| status_of(&refusal))?;
        let authoring = Authoring {
            order: Order::ConfirmContact(id),
            payload,
            request_id,
        };
        self.desk.author(authoring).await?;
        let record = self.record(id, ContactState::Confirmed);
        let contact = Some(record.map_err(|refusal| status_of(&refusal))?);
        Ok(Response::new(pb::ConfirmContactResponse { contact }))
    }

    async fn list_contacts(
        &self,
        request: Request<pb::ListContactsRequest>,
    ) -> Result<Response<pb::ListContactsResponse>, Status> {
        let list = self.list(request.into_inner()).await;
        list.map(Response::new)
            .map_err(|refusal| status_of(&refusal))
    }

    async fn record_call(
        &self,
        request: Request<Original<pb::RecordCallRequest>>,
    ) -> Result<Response<pb::RecordCallResponse>, Status> {
        let request = request.into_inner();
        let payload = request.field(CONTENT_FIELD);
        let pb::RecordCallRequest { request_id, call } = request.into_message();
        let content = ("call", call);
        let authored = self
            .fact(&request_id, content, payload, Order::RecordCall)
            .await?;
        Ok(Response::new(pb::RecordCallResponse {
            name: authored.id.name(Collection::Calls),
            recorded_at: self.recorded_at(authored)?,
        }))
    }

    async fn declare_line(
        &self,
        request: Request<Original<pb::DeclareLineRequest>>,
    ) -> Result<Response<pb::DeclareLineResponse>, Status> {
        let request = request.into_inner();
        let payload = request.field(CONTENT_FIELD);
        let pb::DeclareLineRequest {
            request_id,
            declaration,
        } = request.into_message();
        let content = ("declaration", declaration);
        let authored = self
            .fact(&request_id, content, payload, Order::DeclareLine)
            .await?;
        Ok(Response::new(pb::DeclareLineResponse {
            name: authored.id.name(Collection::Steps),
            recorded_at: self.recorded_at(authored)?,
            place: protocol::place_to_pb(authored.id.place).into(),
        }))
    }
}
