//! Places that are taken and not used.

use std::net::SocketAddr;
use std::time::Duration;

use prost::Message as _;
use protocol::pb::ledger as ledger_pb;
use protocol::pb::office as pb;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tonic::transport::{Channel, Endpoint};

use crate::good::{document, request_id};
use crate::unread::{connect, framed, request};

const IDLE: usize = 1_500;
/// What every client of HTTP/2 begins with: the preface, and SETTINGS.
const BEGINNING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[derive(Debug, Clone, Copy)]
pub(crate) enum Crowd {
    Silent,
    Idle,
    Uploads,
    Watchers,
    Proposals,
}

impl Crowd {
    pub(crate) async fn run(self, south: SocketAddr, time: Duration) -> Result<(), String> {
        let until = Instant::now() + time;
        match self {
            Self::Silent => idle(south, until, &[]).await,
            Self::Idle => idle(south, until, BEGINNING).await,
            Self::Uploads => uploads(south, until).await,
            Self::Watchers => watchers(south, until).await,
            Self::Proposals => proposals(south, until).await,
        }
    }
}

async fn channel(south: SocketAddr) -> Result<Channel, String> {
    let endpoint =
        Endpoint::from_shared(format!("http://{south}")).map_err(|error| error.to_string())?;
    let connecting = timeout(Duration::from_secs(5), endpoint.connect());
    connecting
        .await
        .map_err(|_| "a new client did not get in within 5 s".to_owned())?
        .map_err(|error| format!("a new client did not get in: {error}"))
}

/// Connections that begin with what is said, and answer PING.
async fn idle(south: SocketAddr, until: Instant, beginning: &'static [u8]) -> Result<(), String> {
    let mut crowd = JoinSet::new();
    for _ in 0..IDLE {
        crowd.spawn(async move {
            let Ok(mut io) = TcpStream::connect(south).await else {
                return;
            };
            let _ = io.write_all(beginning).await;
            let _ = timeout(until - Instant::now(), answer_pings(io)).await;
        });
    }
    // Those who were there first have been silent for a while.
    sleep(Duration::from_millis(1_500)).await;
    let mut entered = Ok(());
    while Instant::now() + Duration::from_millis(500) < until && entered.is_ok() {
        entered = one_call(south).await;
        sleep(Duration::from_millis(100)).await;
    }
    crowd.abort_all();
    entered
}

async fn answer_pings(mut io: TcpStream) {
    let mut head = [0; 9];
    while io.read_exact(&mut head).await.is_ok() {
        let len = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; len];
        if io.read_exact(&mut payload).await.is_err() {
            return;
        }
        let acknowledged = match head[3] {
            6 if head[4] & 1 == 0 => [&[0, 0, 8, 6, 1, 0, 0, 0, 0][..], &payload].concat(),
            4 if head[4] & 1 == 0 => vec![0, 0, 0, 4, 1, 0, 0, 0, 0],
            _ => continue,
        };
        if io.write_all(&acknowledged).await.is_err() {
            return;
        }
    }
}

async fn one_call(south: SocketAddr) -> Result<(), String> {
    let mut office = pb::office_service_client::OfficeServiceClient::new(channel(south).await?);
    let asked = office.get_office(pb::GetOfficeRequest {});
    let asked = timeout(Duration::from_secs(5), asked).await;
    asked
        .map_err(|_| "a new client was not answered within 5 s".to_owned())?
        .map(drop)
        .map_err(|status| format!("a new client was refused: {status}"))
}

/// Uploads that send their header and no more.
async fn uploads(south: SocketAddr, until: Instant) -> Result<(), String> {
    let mut held = Vec::new();
    for _ in 0..16 {
        let Some(send) = connect(south).await else {
            continue;
        };
        let part = pb::upload_document_request::Part::Header(pb::UploadHeader {
            request_id: request_id(),
            document: Some(document("never")),
            ..Default::default()
        });
        let header = pb::UploadDocumentRequest { part: Some(part) };
        let path = "/liaison.office.v1.DocumentService/UploadDocument";
        if let Ok(mut ready) = send.ready().await
            && let Ok((response, mut stream)) = ready.send_request(request(path), false)
        {
            let _ = stream.send_data(framed(0, &header.encode_to_vec()), false);
            held.push((ready, response, stream));
        }
    }
    sleep_until(until).await;
    Ok(())
}

/// As many watchers as a few clients get.
async fn watchers(south: SocketAddr, until: Instant) -> Result<(), String> {
    let mut held = Vec::new();
    for _ in 0..6 {
        let Ok(channel) = channel(south).await else {
            continue;
        };
        for _ in 0..50 {
            let mut ledger =
                ledger_pb::ledger_service_client::LedgerServiceClient::new(channel.clone());
            let watching = ledger.watch_entries(ledger_pb::WatchEntriesRequest::default());
            if let Ok(Ok(stream)) = timeout(Duration::from_millis(500), watching).await {
                held.push(stream.into_inner());
            }
        }
    }
    sleep_until(until).await;
    drop(held);
    Ok(())
}

/// Proposals over one connection until they are refused; somebody else's is taken.
async fn proposals(south: SocketAddr, until: Instant) -> Result<(), String> {
    let greedy = channel(south).await?;
    let mut asking = JoinSet::new();
    for _ in 0..16 {
        let greedy = greedy.clone();
        asking.spawn(async move {
            for _ in 0..700 {
                if Instant::now() >= until || propose(greedy.clone()).await.is_err() {
                    return;
                }
            }
        });
    }
    while asking.join_next().await.is_some() {}
    let refused = propose(greedy).await.is_err();
    propose(channel(south).await?)
        .await
        .map_err(|status| format!("another client's proposal was refused: {status}"))?;
    // A slow machine may not come so far in the time there is.
    if Instant::now() < until && !refused {
        return Err("one client may propose without end".to_owned());
    }
    sleep_until(until).await;
    Ok(())
}

async fn propose(channel: Channel) -> Result<(), tonic::Status> {
    let mut meetings = pb::meeting_service_client::MeetingServiceClient::new(channel);
    let request = pb::ProposeMeetingRequest {
        request_id: request_id(),
        terms: Some(pb::MeetingTerms {
            kind: pb::ContactKind::Chiefs.into(),
            topics: vec!["too many".to_owned()],
            ..Default::default()
        }),
    };
    meetings.propose_meeting(request).await.map(drop)
}
