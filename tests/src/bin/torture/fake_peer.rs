//! A peer that lies: a caller with a script, and a called office with another.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use identity::Tls;
use protocol::pb::line as pb;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::tokio_stream::{Stream, StreamExt as _};
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::StatusExt as _;

use pb::carry_request::Message as Says;
use pb::carry_response::Message as Answers;
use pb::line_service_client::LineServiceClient;
use pb::line_service_server::{LineService, LineServiceServer};

use crate::Failed;
use crate::draw::Draw;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    acknowledged: Option<u64>,
    ended: Option<Status>,
}

impl Outcome {
    /// Whether the honest peer's Hello ended the stream.
    pub(crate) fn is_forestalled(&self) -> bool {
        let ended = self.ended.as_ref();
        ended.is_some_and(|status| status.message().contains("a newer Hello"))
    }
}

/// What a call must come to.
#[derive(Debug)]
pub(crate) enum Expected {
    Status(Code, &'static str),
    Acknowledged(u64),
    AnyRefusal,
}

/// Calls an office and says `says`; then listens until it is refused, or acknowledged twice (once for Hello).
pub(crate) async fn call(office: Channel, says: Vec<Says>) -> Outcome {
    let mut outcome = Outcome {
        acknowledged: None,
        ended: None,
    };
    let conversation = async {
        let (sender, requests) = mpsc::channel(256);
        let saying = tokio::spawn(async move {
            for message in says {
                let message = Some(message);
                if sender.send(pb::CarryRequest { message }).await.is_err() {
                    return;
                }
            }
            // The stream stays open until the office ends it.
            sender.closed().await;
        });
        let mut client = LineServiceClient::new(office);
        let ended = async {
            let mut answers = client
                .carry(ReceiverStream::new(requests))
                .await?
                .into_inner();
            let mut acknowledgements = 0;
            while let Some(answer) = answers.message().await? {
                if let Some(Answers::Acknowledgement(acknowledgement)) = answer.message {
                    outcome.acknowledged = acknowledgement.through.map(|mark| mark.sequence);
                    acknowledgements += 1;
                }
                if acknowledgements == 2 {
                    return Ok(());
                }
            }
            Err(Status::ok("the stream ended"))
        };
        let ended: Result<(), Status> = ended.await;
        saying.abort();
        ended
    };
    outcome.ended = match timeout(ANSWER_TIMEOUT, conversation).await {
        Ok(Ok(())) => None,
        Ok(Err(status)) => Some(status),
        Err(_) => Some(Status::deadline_exceeded("the office says nothing")),
    };
    outcome
}

/// Compares.
pub(crate) fn expect(outcome: &Outcome, expected: &Expected) -> Result<(), String> {
    let met = match (expected, &outcome.ended) {
        (Expected::Acknowledged(through), None) => outcome.acknowledged == Some(*through),
        (Expected::AnyRefusal, Some(status)) => {
            !matches!(status.code(), Code::Ok | Code::DeadlineExceeded)
        }
        (Expected::Status(code, reason), Some(status)) => {
            let details = status.get_error_details();
            let info = details.error_info();
            status.code() == *code
                && info.is_some_and(|info| info.reason == *reason && info.domain == "liaison")
        }
        _ => false,
    };
    if met {
        Ok(())
    } else {
        Err(format!("{expected:?} was due, and this came: {outcome:?}"))
    }
}

/// Connections that send no HTTP/2, or nothing at all.
pub(crate) async fn garbage(address: SocketAddr, draw: &mut Draw) {
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.extend(TcpStream::connect(address).await);
        let Ok(mut stream) = TcpStream::connect(address).await else {
            continue;
        };
        let len = draw.within(1, 4_000) as usize;
        // The office may close while it is written to.
        let _ = stream.write_all(&draw.bytes(len)).await;
        let _ = timeout(Duration::from_millis(200), stream.read(&mut [0; 64])).await;
    }
}

/// How a called peer is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Called {
    Nothing,
    EndlessHello,
    AcknowledgementBeforeHello,
    AcknowledgesWhatWasNotSent,
    AcknowledgesAnotherHash,
    GivesBackUninvited,
    UnknownVersion,
    HasLessThanItHad,
    Refuses,
}

/// A wrong peer that is called.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    calls: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Fake {
    pub(crate) async fn start(
        tls: &Arc<Tls>,
        called: Called,
        hello: pb::Hello,
        parcel: pb::Parcel,
    ) -> Result<Self, Failed> {
        let failed = |error: std::io::Error| Failed(format!("failed to listen: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let calls = Arc::new(AtomicU64::new(0));
        let service = LineServiceServer::new(Liar {
            called,
            hello,
            parcel,
            calls: Arc::clone(&calls),
        });
        let incoming = tests::secured::incoming(listener, Arc::clone(tls));
        let serving = tokio::spawn(async move {
            // It is aborted, or fails with the cycle.
            let _ = Server::builder()
                .serve_with_incoming(service, incoming)
                .await;
        });
        Ok(Self {
            address,
            calls,
            serving,
        })
    }

    /// How often it has been called.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

struct Liar {
    called: Called,
    hello: pb::Hello,
    parcel: pb::Parcel,
    calls: Arc<AtomicU64>,
}

type Lies = Pin<Box<dyn Stream<Item = Result<pb::CarryResponse, Status>> + Send>>;

#[tonic::async_trait]
impl LineService for Liar {
    type CarryStream = Lies;

    async fn carry(
        &self,
        request: Request<Streaming<pb::CarryRequest>>,
    ) -> Result<Response<Lies>, Status> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut inbound = request.into_inner();
        let first = inbound.message().await?;
        let Some(Says::Hello(heard)) = first.and_then(|first| first.message) else {
            return Err(Status::invalid_argument("no Hello"));
        };
        let lies = self.lies(&heard)?;
        let endless = self.called == Called::EndlessHello;
        let (sender, responses) = mpsc::channel(16);
        tokio::spawn(async move {
            loop {
                for message in &lies {
                    let message = Some(message.clone());
                    if sender
                        .send(Ok(pb::CarryResponse { message }))
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
                if !endless {
                    break;
                }
            }
            // It stays on the line, and takes whatever comes.
            tokio::select! {
                () = sender.closed() => {}
                () = async { while let Some(Ok(_)) = inbound.next().await {} } => {}
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(responses))))
    }
}

impl Liar {
    fn lies(&self, heard: &pb::Hello) -> Result<Vec<Answers>, Status> {
        let mut hello = self.hello.clone();
        // An honest Hello of this moment: it has all that it is told of.
        hello.received.clone_from(&heard.appended);
        let appended = heard.appended.clone().unwrap_or_default();
        let acknowledgement = |sequence, hash| {
            Answers::Acknowledgement(pb::Acknowledgement {
                through: Some(pb::Mark { sequence, hash }),
                appended: self.parcel.sequence,
            })
        };
        Ok(match self.called {
            Called::Nothing => Vec::new(),
            Called::EndlessHello => vec![Answers::Hello(hello)],
            Called::AcknowledgementBeforeHello => {
                vec![acknowledgement(appended.sequence, appended.hash)]
            }
            Called::AcknowledgesWhatWasNotSent => vec![
                Answers::Hello(hello),
                acknowledgement(appended.sequence + 1_000, appended.hash),
            ],
            Called::AcknowledgesAnotherHash => vec![
                Answers::Hello(hello),
                acknowledgement(appended.sequence, vec![7; 32].into()),
            ],
            Called::GivesBackUninvited => {
                let mut parcel = self.parcel.clone();
                // One that the office has is a repeat, and no fault: a restore may just have ended.
                parcel.sequence = appended.sequence + 1;
                vec![Answers::Hello(hello), Answers::Returned(parcel)]
            }
            Called::UnknownVersion => {
                (hello.version_min, hello.version_max) = (90, 99);
                vec![Answers::Hello(hello)]
            }
            Called::HasLessThanItHad => {
                hello.appended = Some(pb::Mark {
                    sequence: 0,
                    hash: vec![0; 32].into(),
                });
                vec![Answers::Hello(hello)]
            }
            Called::Refuses => return Err(Status::unavailable("not now")),
        })
    }
}
