//! Documents: sent, answered, read.

use std::pin::Pin;

use bytes::Bytes;
use office::document::{Document, DocumentState};
use office::{Collection, Office, Order, Place, Refusal, StepId};
use protocol::pb::office as pb;
use protocol::pb::office::document_service_server::DocumentService;
use protocol::{Fields, Original};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::gathered::{Gathered, page_size, wrong_page_token};
use super::measured::{measured, page_of};
use super::{stream, upload};
use crate::desk::{Desk, waited};
use crate::handle::{Authored, Authoring};
use crate::read::{self, Read};
use crate::status::{invalid, status_of};
use callers::{room, turn};

/// Bodies above this are left out of GetDocument.
const BODY_SHOWN_BYTES_MAX: usize = 1024 * 1024;
/// Sequences that a list looks at for one page.
const SCANNED_MAX: u64 = 100_000;
const SEND_DOCUMENT_FIELD: u32 = 2;
const ANSWER_FIELD: u32 = 3;

/// The document service.
#[derive(Clone)]
pub(crate) struct Documents {
    pub(super) desk: Desk,
    pub(super) fields: Fields,
}

impl Documents {
    pub(crate) fn new(desk: Desk) -> Self {
        let fields = Fields::of("document", &desk.limits);
        Self { desk, fields }
    }

    /// Has a document sent, and waits as asked.
    pub(super) async fn send(&self, sending: Sending) -> Result<pb::Receipt, Status> {
        let Sending { authoring, wait } = sending;
        let request_id = authoring.request_id;
        let authored = match wait {
            pb::Wait::Unspecified | pb::Wait::Recorded => self.desk.author(authoring).await?,
            pb::Wait::Delivered | pb::Wait::Acknowledged => self.desk.deliver(authoring).await?,
        };
        let state = match wait {
            pb::Wait::Unspecified | pb::Wait::Recorded => pb::DocumentState::Sent,
            pb::Wait::Delivered => pb::DocumentState::Delivered,
            pb::Wait::Acknowledged => self.answered(authored.id).await?,
        };
        self.receipt(authored, state, request_id.to_string())
            .map_err(|refusal| status_of(&refusal))
    }

    async fn answered(&self, document: StepId) -> Result<pb::DocumentState, Status> {
        let timeout = self.desk.limits.wait_timeout;
        let state = async {
            self.desk.owner.answered(document).await?;
            let state = move |office: &Office| office.exchanges().documents.state(document);
            self.desk.owner.read(state).await
        };
        let state = tokio::select! {
            biased;
            state = state => state,
            () = tokio::time::sleep(timeout) => Err(waited(timeout, "an officer's answer")),
        };
        let state = state.map_err(|refusal| status_of(&refusal))?;
        let state = state.unwrap_or(DocumentState::Sent);
        Ok(protocol::document_state_to_pb(state, true))
    }

    pub(super) fn receipt(
        &self,
        authored: Authored,
        state: pb::DocumentState,
        request_id: String,
    ) -> Result<pb::Receipt, Refusal> {
        Ok(pb::Receipt {
            name: authored.id.name(Collection::Documents),
            state: state.into(),
            recorded_at: Some(self.desk.authored_at(authored)?),
            request_id,
        })
    }

    /// A document with what has become of it.
    async fn record(&self, name: &str) -> Result<pb::DocumentRecord, Refusal> {
        let id = document_id("name", name)?;
        let known = self
            .desk
            .owner
            .read(move |office| Known::of(office, id))
            .await?
            .ok_or_else(|| not_found(id))?;
        measured(|| {
            let mut record = self.whole(&known)?;
            if let Some(document) = &mut record.document
                && document.body.len() > BODY_SHOWN_BYTES_MAX
            {
                document.body = Bytes::new();
            }
            Ok(record)
        })
        .await
    }

    fn whole(&self, known: &Known) -> Result<pb::DocumentRecord, Refusal> {
        let reader = &self.desk.owner.reader;
        let sent = read::step(reader, known.id)?;
        let answer = known
            .answer
            .map(|answer| read::step(reader, answer))
            .transpose()?;
        Ok(record(&sent, known.state, known.delivered, answer.as_ref()))
    }

    async fn answer(
        &self,
        request_id: &str,
        name: &str,
        payload: Bytes,
        mut gathered: Gathered,
        order: fn(StepId) -> Order,
    ) -> Result<pb::DocumentRecord, Status> {
        let request_id = gathered.request_id(request_id);
        let id = gathered.checked(
            (name, Collection::Documents),
            &Fields::of("name", &self.desk.limits),
        );
        let (request_id, id): (_, StepId) = gathered
            .done(request_id.zip(id))
            .map_err(|refusal| status_of(&refusal))?;
        let authoring = Authoring {
            order: order(id),
            payload,
            request_id,
        };
        let authored = self.desk.author(authoring).await?;
        // The answer derives from the step alone, so a repeat is told the same.
        let reader = &self.desk.owner.reader;
        let told = || {
            let answer = read::step(reader, authored.id)?;
            let sent = read::step(reader, id)?;
            let state = match answer.step.kind {
                office::StepKind::DocumentReceiptRefused => DocumentState::ReceiptRefused,
                _ => DocumentState::Acknowledged,
            };
            let mut record = record(&sent, state, true, Some(&answer));
            leave_body_out(&mut record);
            Ok::<_, Refusal>(record)
        };
        told().map_err(|refusal| status_of(&refusal))
    }
}

/// A document to be sent.
pub(super) struct Sending {
    pub(super) authoring: Authoring,
    pub(super) wait: pb::Wait,
}

/// Checks a request to send, and gathers all that is wrong with it.
pub(super) fn checked_sending(
    request_id: &str,
    document: Option<pb::Document>,
    payload: Bytes,
    wait: i32,
    fields: &Fields,
) -> Result<Sending, Refusal> {
    let mut gathered = Gathered::default();
    let request_id = gathered.request_id(request_id);
    let document: Option<Document> = gathered.required("document", document, fields);
    let wait = pb::Wait::try_from(wait)
        .map_err(|_| {
            let known = "is not a known value; the known ones are 1 (recorded), 2 (delivered), 3 (acknowledged)";
            gathered.add("wait", format!("{wait} {known}"));
        })
        .ok();
    let parts = request_id.zip(document).zip(wait);
    let ((request_id, document), wait) = gathered.done(parts)?;
    let authoring = Authoring {
        order: Order::SendDocument(document),
        payload,
        request_id,
    };
    Ok(Sending { authoring, wait })
}

/// What the office knows of a document.
struct Known {
    id: StepId,
    state: DocumentState,
    delivered: bool,
    answer: Option<StepId>,
}

impl Known {
    fn of(office: &Office, id: StepId) -> Option<Self> {
        let documents = &office.exchanges().documents;
        Some(Self {
            id,
            state: documents.state(id)?,
            // What stands in this ledger from the peer was delivered to it.
            delivered: id.place != office.place() || id.sequence <= office.line().acknowledged(),
            answer: documents.answer(id),
        })
    }

    fn pb_state(&self) -> pb::DocumentState {
        protocol::document_state_to_pb(self.state, self.delivered)
    }
}

fn record(
    sent: &Read,
    state: DocumentState,
    delivered: bool,
    answer: Option<&Read>,
) -> pb::DocumentRecord {
    let document: pb::Document = sent.message();
    let mut record = pb::DocumentRecord {
        name: sent.step.id.name(Collection::Documents),
        sender: protocol::place_to_pb(sent.step.id.place).into(),
        state: protocol::document_state_to_pb(state, delivered).into(),
        body_bytes: document.body.len() as u64,
        document: Some(document),
        sent_at: Some(protocol::timestamp_to_pb(sent.step.authored_at)),
        ..Default::default()
    };
    if let Some(answer) = answer {
        record.answered_at = Some(protocol::timestamp_to_pb(answer.step.authored_at));
        match state {
            DocumentState::Acknowledged => {
                let remark: pb::Remark = answer.message();
                (record.answered_by, record.answer) = (remark.officer, remark.text);
            }
            DocumentState::ReceiptRefused => {
                let refusal: pb::ReceiptRefusal = answer.message();
                (record.answered_by, record.answer) = (refusal.officer, refusal.reason);
            }
            DocumentState::Sent | DocumentState::Expired => {}
        }
    }
    record
}

fn leave_body_out(record: &mut pb::DocumentRecord) {
    if let Some(document) = &mut record.document {
        document.body = Bytes::new();
    }
}

fn document_id(field: &str, name: &str) -> Result<StepId, Refusal> {
    Collection::Documents
        .parse(name)
        .map_err(|error| invalid(field, &error.to_string()))
}

fn not_found(id: StepId) -> Refusal {
    Refusal::NotFound {
        kind: "document",
        name: id.name(Collection::Documents),
    }
}

/// What a list asks for.
struct Wanted {
    senders: Vec<Place>,
    state: Option<pb::DocumentState>,
    after: Option<StepId>,
    size: usize,
}

impl Wanted {
    fn of(request: &pb::ListDocumentsRequest) -> Result<Self, Refusal> {
        let unknown = |field: &str, value: i32| {
            invalid(
                field,
                &format!("{value} is not a known value; see its enum"),
            )
        };
        let senders = match request.sender {
            0 => Place::BOTH.to_vec(),
            sender => {
                vec![protocol::place_from_pb(sender).ok_or_else(|| unknown("sender", sender))?]
            }
        };
        let state = pb::DocumentState::try_from(request.state)
            .map_err(|_| unknown("state", request.state))?;
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(
                Collection::Documents
                    .parse(token)
                    .map_err(|_| wrong_page_token())?,
            ),
        };
        Ok(Self {
            senders,
            state: Some(state).filter(|state| *state != pb::DocumentState::Unspecified),
            after,
            size: page_size(request.page_size)?,
        })
    }

    /// One page, and the name after which the next one begins.
    fn page(&self, office: &Office) -> (Vec<Known>, Option<StepId>) {
        let mut page = Vec::new();
        for sender in &self.senders {
            let after = match self.after {
                Some(after) if after.place > *sender => continue,
                Some(after) if after.place == *sender => after.sequence,
                _ => 0,
            };
            let documents = &office.exchanges().documents;
            for (id, _) in documents.after(*sender, after, SCANNED_MAX) {
                let Some(known) = Known::of(office, id) else {
                    continue;
                };
                if self.state.is_none_or(|wanted| wanted == known.pb_state()) {
                    page.push(known);
                }
                if page.len() == self.size {
                    return (page, Some(id));
                }
            }
            let scanned = after.saturating_add(SCANNED_MAX);
            let end = office_end(office, *sender);
            if scanned < end {
                return (page, Some(StepId::new(*sender, scanned)));
            }
        }
        (page, None)
    }
}

fn office_end(office: &Office, sender: Place) -> u64 {
    let line = office.line();
    if sender == office.place() {
        line.appended().sequence
    } else {
        line.received().sequence
    }
}

type Downloads = Pin<Box<dyn Stream<Item = Result<pb::DownloadDocumentResponse, Status>> + Send>>;

#[tonic::async_trait]
impl DocumentService for Documents {
    type SendDocumentsStream = stream::Receipts;
    type DownloadDocumentStream = Downloads;

    async fn send_document(
        &self,
        request: Request<Original<pb::SendDocumentRequest>>,
    ) -> Result<Response<pb::SendDocumentResponse>, Status> {
        let request = request.into_inner();
        let payload = request.field(SEND_DOCUMENT_FIELD);
        let pb::SendDocumentRequest {
            request_id,
            document,
            wait,
        } = request.into_message();
        let sending = checked_sending(&request_id, document, payload, wait, &self.fields)
            .map_err(|refusal| status_of(&refusal))?;
        let receipt = Some(self.send(sending).await?);
        Ok(Response::new(pb::SendDocumentResponse { receipt }))
    }

    async fn send_documents(
        &self,
        request: Request<Streaming<Original<pb::SendDocumentsRequest>>>,
    ) -> Result<Response<stream::Receipts>, Status> {
        Ok(Response::new(stream::serve(
            self.clone(),
            request.into_inner(),
        )))
    }

    async fn upload_document(
        &self,
        request: Request<Streaming<Original<pb::UploadDocumentRequest>>>,
    ) -> Result<Response<pb::UploadDocumentResponse>, Status> {
        let receipt = Some(upload::receive(self, request.into_inner()).await?);
        Ok(Response::new(pb::UploadDocumentResponse { receipt }))
    }

    async fn download_document(
        &self,
        request: Request<pb::DownloadDocumentRequest>,
    ) -> Result<Response<Downloads>, Status> {
        let pb::DownloadDocumentRequest { name, offset } = request.into_inner();
        let chunks = upload::download(self, &name, offset)
            .await
            .map_err(|refusal| status_of(&refusal))?;
        Ok(Response::new(Box::pin(chunks)))
    }

    async fn get_document(
        &self,
        request: Request<pb::GetDocumentRequest>,
    ) -> Result<Response<pb::GetDocumentResponse>, Status> {
        let record = self.record(&request.into_inner().name).await;
        let document = Some(record.map_err(|refusal| status_of(&refusal))?);
        Ok(Response::new(pb::GetDocumentResponse { document }))
    }

    async fn list_documents(
        &self,
        request: Request<pb::ListDocumentsRequest>,
    ) -> Result<Response<pb::ListDocumentsResponse>, Status> {
        let list = async {
            let wanted = Wanted::of(&request.into_inner())?;
            let (page, next) = self
                .desk
                .owner
                .read(move |office| wanted.page(office))
                .await?;
            let made = page_of(&page, |known| {
                let mut record = self.whole(known)?;
                leave_body_out(&mut record);
                Ok(record)
            });
            let (documents, count) = made.await?;
            // A page that is full of bytes before it is full of documents goes on behind its last one.
            let next = match count.checked_sub(1) {
                Some(last) if count < page.len() => Some(page[last].id),
                _ => next,
            };
            Ok::<_, Refusal>(pb::ListDocumentsResponse {
                documents,
                next_page_token: next
                    .map(|id| id.name(Collection::Documents))
                    .unwrap_or_default(),
            })
        };
        list.await
            .map(Response::new)
            .map_err(|refusal| status_of(&refusal))
    }

    async fn acknowledge_document(
        &self,
        request: Request<Original<pb::AcknowledgeDocumentRequest>>,
    ) -> Result<Response<pb::AcknowledgeDocumentResponse>, Status> {
        let request = request.into_inner();
        let payload = request.field(ANSWER_FIELD);
        let pb::AcknowledgeDocumentRequest {
            request_id,
            name,
            acknowledgement,
        } = request.into_message();
        let mut gathered = Gathered::default();
        gathered.optional(
            acknowledgement,
            &Fields::of("acknowledgement", &self.desk.limits),
        );
        let order = Order::AcknowledgeDocument;
        let answer = self.answer(&request_id, &name, payload, gathered, order);
        let document = Some(answer.await?);
        Ok(Response::new(pb::AcknowledgeDocumentResponse { document }))
    }

    async fn refuse_document(
        &self,
        request: Request<Original<pb::RefuseDocumentRequest>>,
    ) -> Result<Response<pb::RefuseDocumentResponse>, Status> {
        let request = request.into_inner();
        let payload = request.field(ANSWER_FIELD);
        let pb::RefuseDocumentRequest {
            request_id,
            name,
            refusal,
        } = request.into_message();
        let mut gathered = Gathered::default();
        let _: Option<()> = gathered.required(
            "refusal",
            refusal,
            &Fields::of("refusal", &self.desk.limits),
        );
        let order = Order::RefuseDocument;
        let answer = self.answer(&request_id, &name, payload, gathered, order);
        let document = Some(answer.await?);
        Ok(Response::new(pb::RefuseDocumentResponse { document }))
    }
}

/// The body of a document that the office knows, for a download.
pub(super) async fn body(documents: &Documents, name: &str) -> Result<Bytes, Refusal> {
    let id = document_id("name", name)?;
    let known = move |office: &Office| office.exchanges().documents.state(id);
    documents
        .desk
        .owner
        .read(known)
        .await?
        .ok_or_else(|| not_found(id))?;
    let read = || {
        let sent = read::step(&documents.desk.owner.reader, id)?;
        Ok::<_, Refusal>((
            sent.payload.len() as u64,
            sent.message::<pb::Document>().body,
        ))
    };
    // Read once to know how much it is; held only once there is memory for it.
    let turn_to_look = turn().await;
    let bytes = read()?.0;
    drop(turn_to_look);
    room(bytes).await?.took(bytes);
    let _turn = turn().await;
    Ok(read()?.1)
}
