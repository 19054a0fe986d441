//! SendDocuments, the fast way.

use office::Place;
use protocol::pb::office as pb;
use protocol::pb::office::send_documents_response::Outcome;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

use crate::harness::{Clients, Pair, document, known, message, request_id};

/// A stream of documents, open at both ends.
struct Sending {
    documents: mpsc::Sender<pb::SendDocumentsRequest>,
    receipts: Streaming<pb::SendDocumentsResponse>,
}

impl Sending {
    async fn open(clients: &Clients) -> Self {
        let (documents, receiver) = mpsc::channel(4096);
        let stream = ReceiverStream::new(receiver);
        let receipts = clients.documents.clone().send_documents(stream).await;
        let receipts = receipts.expect("it is taken").into_inner();
        Self {
            documents,
            receipts,
        }
    }

    fn send(&self, request: &pb::SendDocumentsRequest) {
        self.documents
            .try_send(request.clone())
            .expect("there is room");
    }

    async fn next(&mut self) -> Option<pb::SendDocumentsResponse> {
        message(&mut self.receipts)
            .await
            .expect("the stream goes on")
    }

    async fn name(&mut self) -> String {
        let response = self.next().await.expect("a receipt");
        match response.outcome.expect("an outcome") {
            Outcome::Receipt(receipt) => {
                assert_eq!(receipt.state(), pb::DocumentState::Delivered);
                assert_eq!(receipt.request_id, response.request_id);
                receipt.name
            }
            Outcome::Refusal(refusal) => panic!("{refusal:?}"),
        }
    }
}

fn request(subject: &str) -> pb::SendDocumentsRequest {
    pb::SendDocumentsRequest {
        request_id: request_id(),
        document: Some(document(subject)),
    }
}

#[tokio::test]
async fn receipts_come_in_the_order_of_the_documents_and_a_refusal_ends_nothing() {
    let pair = Pair::start().await;
    let (south, north) = pair.both();
    let mut sending = Sending::open(&south).await;
    let mut requests: Vec<_> = (0..1000)
        .map(|number| request(&format!("number {number}")))
        .collect();
    for number in (7..1000).step_by(100) {
        requests[number]
            .document
            .as_mut()
            .expect("there is one")
            .subject = String::new();
    }
    requests[500].request_id = "500".to_owned();
    for request in &requests {
        sending.send(request);
    }
    drop(std::mem::replace(
        &mut sending.documents,
        mpsc::channel(1).0,
    ));
    let mut delivered = 0;
    for (number, request) in requests.iter().enumerate() {
        let response = sending.next().await.expect("an answer to each");
        assert_eq!(response.request_id, request.request_id, "in order");
        match response.outcome.expect("an outcome") {
            Outcome::Receipt(receipt) => {
                delivered += 1;
                assert_eq!(receipt.name, format!("offices/south/documents/{delivered}"));
            }
            Outcome::Refusal(refusal) => {
                assert!(number % 100 == 7 || number == 500, "{refusal:?}");
                assert_eq!(refusal.code, i32::from(Code::InvalidArgument));
                let types: Vec<_> = refusal.details.iter().map(|any| &*any.type_url).collect();
                assert!(
                    types
                        .iter()
                        .any(|name| name.ends_with("google.rpc.BadRequest")),
                    "{types:?}"
                );
                assert!(
                    types
                        .iter()
                        .any(|name| name.ends_with("google.rpc.ErrorInfo")),
                    "{types:?}"
                );
            }
        }
    }
    assert_eq!(
        sending.next().await,
        None,
        "the stream ends when all is answered"
    );
    assert_eq!(delivered, 989);
    let last = known(&north, "offices/south/documents/989").await;
    assert_eq!(
        last.expect("North has it")
            .document
            .expect("it is there")
            .subject,
        "number 999"
    );
    assert_eq!(pair.finish().await.documents(), 989);
}

#[tokio::test]
async fn a_stream_outlives_its_peer_and_its_documents_are_delivered_once() {
    let mut pair = Pair::start().await;
    let south = pair.clients(Place::South);
    let mut sending = Sending::open(&south).await;
    for round in 0..3 {
        for number in 0..100 {
            sending.send(&request(&format!("{round}: {number}")));
        }
        for number in 1..=50 {
            assert_eq!(
                sending.name().await,
                format!("offices/south/documents/{}", round * 100 + number)
            );
        }
        pair.kill(Place::North);
        pair.start_office(Place::North).await;
        for number in 51..=100 {
            assert_eq!(
                sending.name().await,
                format!("offices/south/documents/{}", round * 100 + number)
            );
        }
    }
    drop(sending);
    assert_eq!(pair.finish().await.documents(), 300);
}

#[tokio::test]
async fn a_stream_is_told_that_the_peer_is_away_and_goes_on_when_it_is_back() {
    let mut pair = Pair::idle(&["--limit", "peer_timeout=100"]).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    let mut sending = Sending::open(&south).await;
    let first = request("is anybody there?");
    sending.send(&first);
    let response = sending.next().await.expect("an answer");
    let Some(Outcome::Refusal(refusal)) = response.outcome else {
        panic!("nobody is there: {response:?}");
    };
    assert_eq!(refusal.code, i32::from(Code::Unavailable));
    assert!(
        refusal.message.contains("will be delivered"),
        "{}",
        refusal.message
    );
    pair.start_office(Place::North).await;
    pair.connected(Place::South).await;
    sending.send(&first);
    assert_eq!(sending.name().await, "offices/south/documents/1");
    sending.send(&request("good"));
    assert_eq!(sending.name().await, "offices/south/documents/2");
    drop(sending);
    assert_eq!(pair.finish().await.documents(), 2);
}

#[tokio::test]
async fn one_request_id_many_times_on_one_stream_is_one_document() {
    let pair = Pair::start().await;
    let south = pair.clients(Place::South);
    let mut sending = Sending::open(&south).await;
    let one = request("the one");
    for _ in 0..20 {
        sending.send(&one);
    }
    let mut other = request("the other");
    other.request_id.clone_from(&one.request_id);
    sending.send(&other);
    for _ in 0..20 {
        assert_eq!(sending.name().await, "offices/south/documents/1");
    }
    let response = sending.next().await.expect("an answer");
    let Some(Outcome::Refusal(refusal)) = response.outcome else {
        panic!("it is another document: {response:?}");
    };
    assert_eq!(refusal.code, i32::from(Code::AlreadyExists));
    drop(sending);
    assert_eq!(pair.finish().await.documents(), 1);
}
