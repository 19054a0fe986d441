//! Answers that are asked for and never read.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::SendRequest;
use prost::Message as _;
use protocol::pb::ledger as ledger_pb;
use protocol::pb::office as pb;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const STREAMS: usize = 100;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Unread {
    Entries,
    Document,
    Documents,
    Download,
    Watch,
    Meetings,
    Reflection,
}

/// A gRPC frame.
pub(crate) fn framed(flag: u8, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(flag);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    frame.freeze()
}

pub(crate) fn request(path: &str) -> http::Request<()> {
    http::Request::post(format!("http://office{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .expect("it is a request")
}

/// A connection whose answers wait where they are: nothing is ever released.
pub(crate) async fn connect(south: SocketAddr) -> Option<SendRequest<Bytes>> {
    let io = timeout(Duration::from_secs(1), TcpStream::connect(south)).await;
    let io = io.ok()?.ok()?;
    let (send, connection) = h2::client::handshake(io).await.ok()?;
    tokio::spawn(async move {
        // However it ends: the next one is opened.
        let _ = connection.await;
    });
    Some(send)
}

impl Unread {
    fn call(self) -> (&'static str, Vec<u8>) {
        let name = "offices/south/documents/3".to_owned();
        match self {
            Self::Entries => {
                let request = ledger_pb::ListEntriesRequest {
                    page_size: 1_000,
                    ..Default::default()
                };
                (
                    "/liaison.ledger.v1.LedgerService/ListEntries",
                    request.encode_to_vec(),
                )
            }
            Self::Document => {
                let request = pb::GetDocumentRequest { name };
                (
                    "/liaison.office.v1.DocumentService/GetDocument",
                    request.encode_to_vec(),
                )
            }
            Self::Documents => {
                let request = pb::ListDocumentsRequest {
                    page_size: 1_000,
                    ..Default::default()
                };
                (
                    "/liaison.office.v1.DocumentService/ListDocuments",
                    request.encode_to_vec(),
                )
            }
            Self::Download => {
                let request = pb::DownloadDocumentRequest { name, offset: 0 };
                (
                    "/liaison.office.v1.DocumentService/DownloadDocument",
                    request.encode_to_vec(),
                )
            }
            Self::Watch => {
                let request = ledger_pb::WatchEntriesRequest::default();
                (
                    "/liaison.ledger.v1.LedgerService/WatchEntries",
                    request.encode_to_vec(),
                )
            }
            Self::Meetings => {
                let request = pb::WatchMeetingsRequest::default();
                (
                    "/liaison.office.v1.MeetingService/WatchMeetings",
                    request.encode_to_vec(),
                )
            }
            // file_containing_symbol
            Self::Reflection => {
                let symbol = b"liaison.office.v1.DocumentService";
                let mut request = vec![0x22, symbol.len() as u8];
                request.extend(symbol);
                (
                    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                    request,
                )
            }
        }
    }

    pub(crate) async fn run(
        self,
        south: SocketAddr,
        connections: usize,
        time: Duration,
    ) -> Result<(), String> {
        let until = Instant::now() + time;
        let mut attackers = JoinSet::new();
        for _ in 0..connections {
            attackers.spawn(async move {
                while Instant::now() < until {
                    if let Some(send) = connect(south).await {
                        self.hold(send, until).await;
                    }
                    sleep(Duration::from_millis(100)).await;
                }
            });
        }
        while attackers.join_next().await.is_some() {}
        Ok(())
    }

    /// Asks on every stream, and holds the answers until the office has enough.
    async fn hold(self, send: SendRequest<Bytes>, until: Instant) {
        let (path, message) = self.call();
        let times = if matches!(self, Self::Reflection) {
            50
        } else {
            1
        };
        let body: Bytes = framed(0, &message).repeat(times).into();
        let mut held = Vec::new();
        for _ in 0..STREAMS {
            let Ok(Ok(mut ready)) = timeout(Duration::from_millis(200), send.clone().ready()).await
            else {
                break;
            };
            let Ok((response, mut stream)) = ready.send_request(request(path), false) else {
                break;
            };
            let ends = !matches!(self, Self::Reflection);
            let _ = stream.send_data(body.clone(), ends);
            held.push((response, stream));
        }
        let mut gone = send.clone();
        while Instant::now() < until {
            // Ready with an error once the connection is over.
            if let Ok(Err(_)) = timeout(Duration::from_millis(100), gone.clone().ready()).await {
                return;
            }
            gone = send.clone();
            sleep(Duration::from_millis(100)).await;
        }
        drop(held);
    }
}
