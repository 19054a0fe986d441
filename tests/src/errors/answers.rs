//! A stranger who is called: what South makes of a peer that answers its Hello, and then says what cannot be.

use bytes::Bytes;
use office::Place;
use office::line::{LineHash, VERSION_MAX, VERSION_MIN};
use protocol::pb::line::line_service_server::{LineService, LineServiceServer};
use protocol::pb::line::{self as pb, carry_response};
use protocol::pb::office as office_pb;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use crate::harness::{Clients, Pair, Process, send, until};

/// Says one thing to whoever calls, after Hello, and listens from then on.
struct Stranger {
    says: carry_response::Message,
}

fn mark(sequence: u64) -> pb::Mark {
    pb::Mark {
        sequence,
        hash: Bytes::copy_from_slice(&LineHash::ZERO.0),
    }
}

#[tonic::async_trait]
impl LineService for Stranger {
    type CarryStream = ReceiverStream<Result<pb::CarryResponse, Status>>;

    async fn carry(
        &self,
        request: Request<Streaming<pb::CarryRequest>>,
    ) -> Result<Response<Self::CarryStream>, Status> {
        let hello = pb::Hello {
            place: office_pb::Place::North.into(),
            epoch: 1,
            version_min: VERSION_MIN,
            version_max: VERSION_MAX,
            appended: Some(mark(0)),
            received: Some(mark(0)),
            restoring: false,
        };
        let (answers, stream) = mpsc::channel(2);
        for message in [carry_response::Message::Hello(hello), self.says.clone()] {
            let answer = pb::CarryResponse {
                message: Some(message),
            };
            answers.try_send(Ok(answer)).expect("there is room");
        }
        tokio::spawn(async move {
            let mut inbound = request.into_inner();
            // Until South hangs up.
            while let Ok(Some(_)) = inbound.message().await {}
            drop(answers);
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// South with one document, calling a stranger who says `says`.
async fn south_calling(says: carry_response::Message) -> (Pair, Process, Clients) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let stranger = LineServiceServer::new(Stranger { says });
    let pair = Pair::idle(&[]).await;
    let process = pair.office_towards(Place::South, &address).await;
    let south = Clients::of(process.address);
    send(&south, "to whom?", office_pb::Wait::Recorded).await;
    let north = tests::secured::identity(&pair.identities(), Place::North);
    let incoming = tests::secured::incoming(listener, north.expect("South has made it"));
    tokio::spawn(Server::builder().serve_with_incoming(stranger, incoming));
    (pair, process, south)
}

async fn breaks_with(says: carry_response::Message, told: &str) {
    let (_pair, _process, south) = south_calling(says).await;
    until(&format!("a line broken with {told:?}"), async || {
        let reason = south.office().await.connection_reason;
        reason.contains(told).then_some(())
    })
    .await;
    assert_eq!(south.marks().await.acknowledged, 0, "nothing was believed");
    assert_eq!(south.tally().await.documents, 1);
}

fn acknowledgement(through: pb::Mark) -> carry_response::Message {
    carry_response::Message::Acknowledgement(pb::Acknowledgement {
        through: Some(through),
        appended: 0,
    })
}

#[tokio::test]
async fn an_acknowledgement_of_what_was_never_sent_is_not_believed() {
    breaks_with(acknowledgement(mark(9)), "only 1 steps sent").await;
}

#[tokio::test]
async fn an_acknowledgement_of_other_bytes_is_not_believed() {
    breaks_with(acknowledgement(mark(1)), "another line hash").await;
}

#[tokio::test]
async fn a_parcel_given_back_to_an_office_that_lost_nothing_is_not_taken() {
    let parcel = pb::Parcel {
        sequence: 2,
        envelope: Bytes::new(),
        payload: Bytes::new(),
        hash: mark(0).hash,
    };
    let returned = carry_response::Message::Returned(parcel);
    breaks_with(returned, "not being restored").await;
}
