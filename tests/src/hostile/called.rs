//! A peer that answers as it likes when the office dials it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use protocol::pb::line as pb;
use protocol::pb::line::line_service_server::{LineService, LineServiceServer};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::place::Door;

/// How the next call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has all that it is told of.
    HasAll,
    /// It has none of the office's steps.
    HasNone,
    Silence,
    Unavailable,
    Disagreement,
    AcknowledgementFirst,
    Incomplete,
    WrongPlace,
    UnknownVersion,
    ClaimsMore,
    OtherHash,
}

impl Answer {
    /// Whether the office goes on with such a peer.
    pub(super) fn passes(self) -> bool {
        matches!(self, Self::HasAll | Self::HasNone)
    }

    /// Whether it proves that the ledgers disagree.
    pub(super) fn disagrees(self) -> bool {
        matches!(
            self,
            Self::Disagreement | Self::ClaimsMore | Self::OtherHash
        )
    }
}

type Says = mpsc::UnboundedSender<Result<pb::CarryResponse, Status>>;

/// The stream of the office that called last.
#[derive(Debug)]
pub(super) struct Call {
    number: u64,
    /// What the office said of itself.
    pub(super) hello: pb::Hello,
    /// How it was answered.
    pub(super) answer: Answer,
    pub(super) parcels: Vec<pb::Parcel>,
    say: Says,
}

impl Call {
    pub(super) fn say(&self, message: pb::carry_response::Message) {
        // The office may have ended the stream.
        let _ = self.say.send(Ok(response(message)));
    }

    /// Whether the office listens no more.
    pub(super) fn is_over(&self) -> bool {
        self.say.is_closed()
    }
}

#[derive(Debug)]
struct Desk {
    answer: Answer,
    epoch: u64,
    /// How often the office has called.
    calls: u64,
    call: Option<Call>,
}

/// The peer.
#[derive(Debug)]
pub(super) struct Called {
    desk: Arc<Mutex<Desk>>,
    serving: JoinHandle<()>,
}

impl Drop for Called {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Called {
    /// Has the peer answer at `door`.
    pub(super) fn at(door: &Door) -> Self {
        let desk = Arc::new(Mutex::new(Desk {
            answer: Answer::Unavailable,
            epoch: 1,
            calls: 0,
            call: None,
        }));
        let service = LineServiceServer::new(Peer(Arc::clone(&desk)));
        let incoming =
            ReceiverStream::new(door.open().0).map(|(io, _)| Ok::<_, std::io::Error>(io));
        let serving = tokio::spawn(async move {
            let served = Server::builder().serve_with_incoming(service, incoming);
            served.await.expect("pipes do not fail");
        });
        Self { desk, serving }
    }

    /// Ends the call that there is; the next ones are answered so.
    pub(super) fn answer(&self, answer: Answer, epoch: u64) {
        let mut desk = locked(&self.desk);
        (desk.answer, desk.epoch) = (answer, epoch);
        // Its stream ends with it.
        desk.call = None;
    }

    /// Answers the next calls as if nobody were there; the call that there is goes on.
    pub(super) fn answer_no_more(&self) {
        locked(&self.desk).answer = Answer::Unavailable;
    }

    /// Looks at the last call.
    pub(super) fn with_call<T>(&self, look: impl FnOnce(&Call) -> T) -> Option<T> {
        locked(&self.desk).call.as_ref().map(look)
    }
}

fn locked(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

fn response(message: pb::carry_response::Message) -> pb::CarryResponse {
    pb::CarryResponse {
        message: Some(message),
    }
}

struct Peer(Arc<Mutex<Desk>>);

#[tonic::async_trait]
impl LineService for Peer {
    type CarryStream = Pin<Box<dyn Stream<Item = Result<pb::CarryResponse, Status>> + Send>>;

    async fn carry(
        &self,
        request: Request<Streaming<pb::CarryRequest>>,
    ) -> Result<Response<Self::CarryStream>, Status> {
        let mut inbound = request.into_inner();
        let first = inbound.message().await?.and_then(|first| first.message);
        let Some(pb::carry_request::Message::Hello(hello)) = first else {
            panic!("the office says Hello first, and not {first:?}");
        };
        let (say, said) = mpsc::unbounded_channel();
        let mut desk = locked(&self.0);
        for message in opening(desk.answer, desk.epoch, &hello)? {
            let _ = say.send(Ok(response(message)));
        }
        desk.calls += 1;
        let number = desk.calls;
        desk.call = Some(Call {
            number,
            answer: desk.answer,
            hello,
            parcels: Vec::new(),
            say,
        });
        let desk = Arc::clone(&self.0);
        tokio::spawn(async move {
            while let Some(Ok(request)) = inbound.next().await {
                let Some(pb::carry_request::Message::Parcel(parcel)) = request.message else {
                    panic!("only parcels follow Hello, and not {request:?}");
                };
                match &mut locked(&desk).call {
                    Some(call) if call.number == number => call.parcels.push(parcel),
                    _ => return,
                }
            }
        });
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(said))))
    }
}

fn opening(
    answer: Answer,
    epoch: u64,
    heard: &pb::Hello,
) -> Result<Vec<pb::carry_response::Message>, Status> {
    use pb::carry_response::Message::{Acknowledgement, Hello};
    let none = pb::Mark {
        sequence: 0,
        hash: Bytes::from_static(&[0; 32]),
    };
    let mut hello = pb::Hello {
        place: protocol::place_to_pb(office::Place::North).into(),
        epoch,
        appended: heard.received.clone(),
        received: heard.appended.clone(),
        ..heard.clone()
    };
    let received = hello.received.get_or_insert_default();
    match answer {
        Answer::HasAll => {}
        Answer::HasNone => *received = none,
        Answer::Silence => return Ok(Vec::new()),
        Answer::Unavailable => return Err(Status::unavailable("not now")),
        Answer::Disagreement => {
            let mut details = ErrorDetails::new();
            details.set_error_info("LEDGERS_DISAGREE", protocol::reasons::DOMAIN, []);
            let status = Status::with_error_details(Code::DataLoss, "they disagree", details);
            return Err(status);
        }
        Answer::AcknowledgementFirst => {
            return Ok(vec![Acknowledgement(pb::Acknowledgement {
                through: Some(received.clone()),
                appended: 0,
            })]);
        }
        Answer::Incomplete => hello.received = None,
        Answer::WrongPlace => hello.place = protocol::place_to_pb(office::Place::South).into(),
        Answer::UnknownVersion => (hello.version_min, hello.version_max) = (90, 99),
        Answer::ClaimsMore => received.sequence += 1,
        Answer::OtherHash => received.hash = Bytes::from_static(&[7; 32]),
    }
    Ok(vec![Hello(hello)])
}
