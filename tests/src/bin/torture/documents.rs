//! Clients that send documents: one by one, or streamed.

use std::collections::VecDeque;
use std::time::Duration;

use office::Place;
use prost::Message as _;
use protocol::pb::office as pb;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use pb::document_service_client::DocumentServiceClient;
use pb::send_documents_response::Outcome;

use crate::account::Flight;
use crate::client::{Client, is_passing};
use crate::draw::Draw;
use crate::mutation::Mutation;

/// Documents of a stream without a receipt.
const WINDOW: usize = 16;
const PATIENCE: Duration = Duration::from_secs(60);

/// A document to send.
pub(crate) fn sending(draw: &mut Draw, wait: pb::Wait) -> pb::SendDocumentRequest {
    let len = draw.within(0, 600) as usize;
    pb::SendDocumentRequest {
        request_id: draw.request_id().to_string(),
        document: Some(pb::Document {
            form: pb::DocumentForm::Message.into(),
            subject: format!("On item {}", draw.within(1, 1_000_000)),
            body: draw.bytes(len).into(),
            media_type: "application/octet-stream".to_owned(),
            ..Default::default()
        }),
        wait: wait.into(),
    }
}

/// Sends one after another, half of them waiting for delivery; some of those are answered by the peer's officers.
pub(crate) async fn one_by_one(client: Client, place: Place, mut draw: Draw, documents_max: u64) {
    let lane = client.account.new_lane();
    let answers_lane = client.account.new_lane();
    for order in 0..documents_max {
        if client.has_enough() {
            return;
        }
        let delivered = draw.percent(50);
        let wait = if delivered {
            pb::Wait::Delivered
        } else {
            pb::Wait::Recorded
        };
        let answered = delivered && draw.percent(30);
        let mutation = sending(&mut draw, wait).into();
        let Ok(answer) = expect_answer(&client, place, lane, order, &mutation).await else {
            return;
        };
        if answered {
            let receipt = pb::SendDocumentResponse::decode(answer).unwrap_or_default();
            let name = receipt.receipt.unwrap_or_default().name;
            let mutation = officer_answers(&mut draw, name);
            let peer = place.peer();
            let _ = expect_answer(&client, peer, answers_lane, order, &mutation).await;
        }
    }
}

/// Nothing about a document can be refused here.
async fn expect_answer(
    client: &Client,
    place: Place,
    lane: u64,
    order: u64,
    mutation: &Mutation,
) -> Result<bytes::Bytes, ()> {
    client
        .ask(place, lane, order, mutation)
        .await
        .map_err(|refused| {
            let name = mutation.name();
            client
                .account
                .wrong(format!("{place} refused {name}: {refused:?}"));
        })
}

fn officer_answers(draw: &mut Draw, name: String) -> Mutation {
    let request_id = draw.request_id().to_string();
    if draw.percent(80) {
        let acknowledgement = Some(pb::Remark {
            text: "Received.".to_owned(),
            ..Default::default()
        });
        pb::AcknowledgeDocumentRequest {
            request_id,
            name,
            acknowledgement,
        }
        .into()
    } else {
        let refusal = Some(pb::ReceiptRefusal {
            reason: "It bears the wrong name.".to_owned(),
            ..Default::default()
        });
        pb::RefuseDocumentRequest {
            request_id,
            name,
            refusal,
        }
        .into()
    }
}

/// A document of a stream, and the flight it is on.
struct Waiting<'a> {
    request: pb::SendDocumentRequest,
    flight: Option<Flight<'a>>,
}

/// Streams documents. When the stream breaks, what has no receipt is streamed again, in the same order.
pub(crate) async fn streamed(client: Client, place: Place, mut draw: Draw, documents_max: u64) {
    let lane = client.account.new_lane();
    let mut waiting = VecDeque::new();
    let mut order = 0;
    let mut deadline = Instant::now() + PATIENCE;
    loop {
        let before = waiting.len() as u64 + documents_max - order;
        let ended = stream(
            &client,
            place,
            lane,
            &mut draw,
            &mut waiting,
            &mut order,
            documents_max,
        );
        match ended.await {
            Ok(()) => return,
            Err(status) if !is_passing(&status) && status.code() != Code::Ok => {
                client
                    .account
                    .wrong(format!("{place} ended a stream of documents: {status}"));
                return;
            }
            Err(status) if Instant::now() >= deadline => {
                client
                    .account
                    .wrong(format!("{place} takes no stream of documents: {status}"));
                return;
            }
            Err(_) => {}
        }
        if waiting.len() as u64 + documents_max - order < before {
            deadline = Instant::now() + PATIENCE;
        }
        for document in &mut waiting {
            document.flight = None;
        }
        sleep(Duration::from_millis(2)).await;
    }
}

async fn stream<'a>(
    client: &'a Client,
    place: Place,
    lane: u64,
    draw: &mut Draw,
    waiting: &mut VecDeque<Waiting<'a>>,
    order: &mut u64,
    documents_max: u64,
) -> Result<(), Status> {
    let channel = client.doors.channel(place).await;
    let (sender, requests) = mpsc::channel(WINDOW * 2);
    for document in waiting.iter_mut() {
        document.flight = Some(client.account.depart(place));
        // There is room: the window is smaller.
        let _ = sender.try_send(streamed_form(&document.request));
    }
    let mut sender = Some(sender);
    let mut receipts: Option<Streaming<pb::SendDocumentsResponse>> = None;
    let mut documents = DocumentServiceClient::new(channel);
    let opening = documents.send_documents(ReceiverStream::new(requests));
    tokio::pin!(opening);
    loop {
        while waiting.len() < WINDOW && *order < documents_max && !client.has_enough() {
            let Some(sender) = &sender else { break };
            let request = sending(draw, pb::Wait::Delivered);
            client
                .account
                .note(place, lane, *order, &request.clone().into());
            *order += 1;
            let _ = sender.try_send(streamed_form(&request));
            let flight = Some(client.account.depart(place));
            waiting.push_back(Waiting { request, flight });
        }
        if waiting.is_empty() {
            // Nothing more is sent: the office ends the stream, too.
            sender = None;
        }
        let Some(open) = &mut receipts else {
            receipts = Some((&mut opening).await?.into_inner());
            continue;
        };
        match open.message().await? {
            Some(response) => {
                settle(client, waiting.front(), response)?;
                waiting.pop_front();
            }
            None if waiting.is_empty() => return Ok(()),
            None => return Err(Status::unavailable("the stream ended before its receipts")),
        }
    }
}

fn streamed_form(request: &pb::SendDocumentRequest) -> pb::SendDocumentsRequest {
    pb::SendDocumentsRequest {
        request_id: request.request_id.clone(),
        document: request.document.clone(),
    }
}

/// Receipts come in the order of the documents.
fn settle(
    client: &Client,
    document: Option<&Waiting<'_>>,
    response: pb::SendDocumentsResponse,
) -> Result<(), Status> {
    let Some(Waiting { request, .. }) = document else {
        return Err(Status::data_loss("a receipt came for no document"));
    };
    if response.request_id != request.request_id {
        return Err(Status::data_loss("receipts came in another order"));
    }
    match response.outcome {
        Some(Outcome::Receipt(receipt)) => {
            let answer = pb::SendDocumentResponse {
                receipt: Some(receipt),
            };
            let id = Mutation::from(request.clone()).id();
            client
                .account
                .acknowledge(id, answer.encode_to_vec().into());
            Ok(())
        }
        Some(Outcome::Refusal(refusal)) => {
            let code = Code::from_i32(refusal.code);
            // A passing refusal breaks the stream here: the document is sent again with those behind it.
            Err(Status::new(code, refusal.message))
        }
        None => Err(Status::data_loss("a receipt without an outcome")),
    }
}
