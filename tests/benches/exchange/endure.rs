//! What a long ledger costs: memory while it grows and while the peer is away, and the time of a start.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ledger::DiskStorage;
use protocol::pb::ledger as ledger_pb;
use protocol::pb::ledger::ledger_service_client::LedgerServiceClient;
use protocol::pb::office as pb;
use protocol::pb::office::document_service_client::DocumentServiceClient;
use protocol::pb::office::office_service_client::OfficeServiceClient;
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Streaming};
use tonic_types::StatusExt as _;

use crate::pair::{Pair, document, line_up, one_stream, request_id};
use crate::process::{Binaries, Process};

/// Large enough that the outbox's bytes are filled soon.
const LARGE_BODY_BYTES: usize = 64 * 1024;
const CALLERS: u64 = 16;
/// The last start of an office and the end of a delivery are asked for so often.
const ASKED: Duration = Duration::from_millis(10);

/// What was found, by phase.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    documents: u64,
    stream_per_s: f64,
    full_rate: [Memory; 2],
    accepted_while_away: u64,
    refused_with_retry: bool,
    outbox_bytes: u64,
    away: Memory,
    delivered_after: u64,
    caught_up_s: f64,
    caught_up: [Memory; 2],
    ledger_bytes: u64,
    entries: u64,
    start_with_snapshot_s: f64,
    start_without_s: f64,
    started: [Memory; 2],
    tally_s: f64,
    verify_s: f64,
    verify_mb_per_s: f64,
}

/// Resident bytes: now, and the most since the process began.
#[derive(Debug, Default, Clone, Copy)]
struct Memory {
    now: u64,
    peak: u64,
}

impl Memory {
    fn of(process: &Process) -> Self {
        Self {
            now: process.memory(),
            peak: process.memory_peak(),
        }
    }

    fn to_json(self) -> Value {
        json!({"now_mb": mb(self.now), "peak_mb": mb(self.peak)})
    }
}

/// Millions of bytes, to a tenth.
fn mb(bytes: u64) -> f64 {
    (bytes as f64 / 1e5).round() / 10.0
}

impl Figures {
    pub(crate) fn to_json(&self) -> Value {
        let both = |[south, north]: [Memory; 2]| json!({"south": south.to_json(), "north": north.to_json()});
        let [with_snapshot, without] = self.started;
        json!({
            "documents": self.documents,
            "stream_per_s": self.stream_per_s.round(),
            "memory_at_full_rate": both(self.full_rate),
            "peer_away": {
                "accepted": self.accepted_while_away,
                "outbox_mb": mb(self.outbox_bytes),
                "refused_with_retry_info": self.refused_with_retry,
                "south": self.away.to_json(),
            },
            "peer_back": {
                "delivered": self.delivered_after,
                "seconds": seconds(self.caught_up_s),
                "memory": both(self.caught_up),
            },
            "ledger": {"entries": self.entries, "mb": mb(self.ledger_bytes)},
            "start": {
                "with_snapshot_s": seconds(self.start_with_snapshot_s),
                "with_snapshot": with_snapshot.to_json(),
                "without_s": seconds(self.start_without_s),
                "without": without.to_json(),
            },
            "tally_s": seconds(self.tally_s),
            "verify_s": seconds(self.verify_s),
            "verify_mb_per_s": self.verify_mb_per_s.round(),
        })
    }
}

/// To a thousandth.
fn seconds(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

/// Carries `documents` from South to North, and goes through what may come after.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the machine's time"
)]
pub(crate) async fn measure(
    documents: u64,
    binaries: &Binaries,
) -> Result<Figures, Box<dyn Error>> {
    let mut figures = Figures {
        documents,
        ..Figures::default()
    };
    let mut pair = Pair::start(binaries)?;
    let channel = pair.channel().await?;
    line_up(&channel).await?;

    eprintln!(
        "{documents} documents at full rate, beside a reader at each office that never reads"
    );
    let unread = [
        unread(&channel).await?,
        unread(&pair.north_channel().await?).await?,
    ];
    figures.stream_per_s = documents as f64 / carry(documents, &channel).await?;
    figures.full_rate = [Memory::of(&pair.south), Memory::of(&pair.north)];
    drop(unread);

    eprintln!("the peer is away, and the outbox fills");
    pair.north.kill()?;
    fill(&channel, &mut figures).await?;
    figures.outbox_bytes = office(&channel).await?.outbox_bytes;
    figures.away = Memory::of(&pair.south);

    eprintln!("the peer is back");
    let begun = Instant::now();
    pair.start_north(binaries)?;
    while office(&channel).await?.outbox_bytes > 0 {
        tokio::time::sleep(ASKED).await;
    }
    figures.caught_up_s = begun.elapsed().as_secs_f64();
    figures.caught_up = [Memory::of(&pair.south), Memory::of(&pair.north)];
    let held = counted(&pair.north_channel().await?).await?;
    figures.delivered_after = held - documents;
    figures.entries = office(&channel).await?.ledger_sequence;

    eprintln!("South starts again, with a snapshot and without");
    pair.south.drain()?;
    figures.start_with_snapshot_s = started(&mut pair, binaries).await?;
    figures.started[0] = Memory::of(&pair.south);
    pair.south.drain()?;
    fs::remove_file(pair.south_data().join("snapshot"))?;
    figures.start_without_s = started(&mut pair, binaries).await?;
    figures.started[1] = Memory::of(&pair.south);
    let begun = Instant::now();
    let recounted = counted(&pair.channel().await?).await?;
    figures.tally_s = begun.elapsed().as_secs_f64();
    if recounted != held {
        return Err(format!("South counts {recounted} documents, and North {held}").into());
    }
    pair.south.drain()?;

    eprintln!("South's ledger is verified");
    let data = pair.south_data();
    figures.ledger_bytes = bytes_in(&data)?;
    let begun = Instant::now();
    let verified = tokio::task::spawn_blocking(move || verify(&data)).await?;
    verified?;
    figures.verify_s = begun.elapsed().as_secs_f64();
    figures.verify_mb_per_s = figures.ledger_bytes as f64 / 1e6 / figures.verify_s;
    Ok(figures)
}

/// Carries `documents`, a million in a stream, and tells in how many seconds.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the machine's time"
)]
async fn carry(documents: u64, channel: &Channel) -> Result<f64, Box<dyn Error>> {
    let begun = Instant::now();
    let mut delivered = 0;
    while delivered < documents {
        let count = (documents - delivered).min(1_000_000);
        delivered += one_stream(channel.clone(), delivered, move |index| index < count).await?;
        eprintln!(
            "{delivered} delivered in {:.0} s",
            begun.elapsed().as_secs_f64()
        );
    }
    Ok(begun.elapsed().as_secs_f64())
}

fn verify(data: &Path) -> Result<(), String> {
    let storage = DiskStorage::existing(data);
    let verified = ledger::verify(&storage).map_err(|error| error.to_string())?;
    match verified.faults.first() {
        Some(fault) => Err(format!("{fault:?}")),
        None => Ok(()),
    }
}

fn bytes_in(directory: &Path) -> std::io::Result<u64> {
    fs::read_dir(directory)?.try_fold(0, |sum, entry| Ok(sum + entry?.metadata()?.len()))
}

/// A watch from the ledger's beginning that nobody reads.
async fn unread(
    channel: &Channel,
) -> Result<Streaming<ledger_pb::WatchEntriesResponse>, Box<dyn Error>> {
    let request = ledger_pb::WatchEntriesRequest {
        after_sequence: 0,
        line_events: true,
    };
    let mut client = LedgerServiceClient::new(channel.clone());
    Ok(client.watch_entries(request).await?.into_inner())
}

/// Sends large documents until one is refused.
async fn fill(channel: &Channel, figures: &mut Figures) -> Result<(), Box<dyn Error>> {
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let mut client = DocumentServiceClient::new(channel.clone());
        callers.push(tokio::spawn(async move {
            let body = bytes::Bytes::from(vec![7; LARGE_BODY_BYTES]);
            for accepted in 0.. {
                let request = pb::SendDocumentRequest {
                    request_id: request_id((1 + caller) << 41 | accepted),
                    document: Some(document(accepted, &body)),
                    wait: pb::Wait::Recorded.into(),
                };
                if let Err(status) = client.send_document(request).await {
                    return (accepted, status);
                }
            }
            unreachable!("it is refused before")
        }));
    }
    figures.refused_with_retry = true;
    for caller in callers {
        let (accepted, status) = caller.await?;
        figures.accepted_while_away += accepted;
        let retry = status.get_error_details().retry_info().is_some();
        figures.refused_with_retry &= retry && status.code() == Code::ResourceExhausted;
    }
    Ok(())
}

async fn office(channel: &Channel) -> Result<pb::GetOfficeResponse, tonic::Status> {
    let mut client = OfficeServiceClient::new(channel.clone());
    let response = client.get_office(pb::GetOfficeRequest {}).await?;
    Ok(response.into_inner())
}

/// Documents that the office counts.
async fn counted(channel: &Channel) -> Result<u64, tonic::Status> {
    let mut client = LedgerServiceClient::new(channel.clone());
    let request = ledger_pb::GetTallyRequest::default();
    let tally = client.get_tally(request).await?.into_inner().tally;
    Ok(tally.unwrap_or_default().documents)
}

/// Starts South, and waits until it answers. Returns how long that took.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the machine's time"
)]
async fn started(pair: &mut Pair, binaries: &Binaries) -> Result<f64, Box<dyn Error>> {
    let begun = Instant::now();
    pair.start_south(binaries)?;
    loop {
        let endpoint = Endpoint::from_shared(format!("http://{}", pair.south.address))?;
        if let Ok(channel) = endpoint.connect().await
            && office(&channel).await.is_ok()
        {
            return Ok(begun.elapsed().as_secs_f64());
        }
        tokio::time::sleep(ASKED).await;
    }
}
