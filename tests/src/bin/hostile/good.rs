//! A client that does what clients do, each thing once: what is refused or late is a failure.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use protocol::pb::ledger as ledger_pb;
use protocol::pb::office as pb;
use tokio::time::{Instant, sleep, timeout};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::offices::Offices;

use ledger_pb::ledger_service_client::LedgerServiceClient;
use pb::document_service_client::DocumentServiceClient;
use pb::office_service_client::OfficeServiceClient;

const DEADLINE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(2);
const UPLOADED_BYTES: usize = 2 * 1024 * 1024;

static REQUESTS: AtomicU64 = AtomicU64::new(1);

/// A request id that nobody else has.
pub(crate) fn request_id() -> String {
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    format!(
        "5eed{:04x}-0000-4000-8000-{number:012x}",
        std::process::id() & 0xffff
    )
}

pub(crate) fn document(subject: &str) -> pb::Document {
    pb::Document {
        form: pb::DocumentForm::Message.into(),
        subject: subject.to_owned(),
        body: vec![b'x'; 300].into(),
        ..Default::default()
    }
}

/// What came of its work.
#[derive(Debug, Default)]
pub(crate) struct Worked {
    pub(crate) took_us: Vec<u64>,
    pub(crate) failures: Vec<String>,
}

impl Worked {
    /// A percentile, in milliseconds.
    pub(crate) fn percentile_ms(&self, percent: usize) -> f64 {
        let mut sorted = self.took_us.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(at).map_or(0.0, |us| *us as f64 / 1_000.0)
    }
}

/// What failed, and why, down to the cause.
fn in_full(status: &Status) -> String {
    let mut told = format!("{:?}: {}", status.code(), status.message());
    let mut source = std::error::Error::source(status);
    while let Some(cause) = source {
        told = format!("{told}: {cause}");
        source = cause.source();
    }
    told
}

/// The client.
pub(crate) struct Good {
    channel: Channel,
}

impl Good {
    /// It is there before an attack: whoever comes in the second in which all places are taken is told to come again.
    pub(crate) async fn begin(offices: &Offices) -> Result<Self, String> {
        let endpoint = Endpoint::from_shared(format!("http://{}", offices.south()))
            .expect("an address makes an URI");
        let connecting = timeout(DEADLINE, endpoint.connect()).await;
        let channel = connecting
            .map_err(|_| format!("did not get in within {DEADLINE:?}"))?
            .map_err(|error| format!("did not get in: {error}"))?;
        Ok(Self { channel })
    }

    /// One thing after another, for so long.
    pub(crate) async fn work(self, time: Duration) -> Worked {
        let until = Instant::now() + time;
        let mut worked = Worked::default();
        let mut turn = 0_u64;
        while Instant::now() < until {
            let began = Instant::now();
            let done = timeout(DEADLINE, self.do_one(turn)).await;
            match done {
                Ok(Ok(())) => worked.took_us.push(began.elapsed().as_micros() as u64),
                Ok(Err(status)) => {
                    let what = format!("turn {turn}: {}", in_full(&status));
                    worked.failures.push(what);
                }
                Err(_) => worked
                    .failures
                    .push(format!("turn {turn}: no answer in {DEADLINE:?}")),
            }
            turn += 1;
            sleep(PAUSE).await;
        }
        worked
    }

    async fn do_one(&self, turn: u64) -> Result<(), Status> {
        let mut documents = DocumentServiceClient::new(self.channel.clone())
            .max_decoding_message_size(64 * 1024 * 1024);
        match turn % 60 {
            20 => self.upload(&mut documents).await,
            40 => self.download(&mut documents).await,
            10 => {
                let mut ledger = LedgerServiceClient::new(self.channel.clone());
                let request = ledger_pb::WatchEntriesRequest::default();
                let mut watching = ledger.watch_entries(request).await?.into_inner();
                watching.message().await.map(drop)
            }
            30 => {
                let requests = (0..20).map(|_| pb::SendDocumentsRequest {
                    request_id: request_id(),
                    document: Some(document("in a stream")),
                });
                let stream = tokio_stream::iter(requests.collect::<Vec<_>>());
                let mut receipts = documents.send_documents(stream).await?.into_inner();
                for _ in 0..20 {
                    let told = receipts.message().await?;
                    let told = told.and_then(|told| told.outcome);
                    if !matches!(told, Some(pb::send_documents_response::Outcome::Receipt(_))) {
                        return Err(Status::unknown(format!("{told:?}")));
                    }
                }
                Ok(())
            }
            turn if turn % 4 == 1 => {
                let name = "offices/south/documents/3".to_owned();
                documents
                    .get_document(pb::GetDocumentRequest { name })
                    .await
                    .map(drop)
            }
            turn if turn % 4 == 2 => {
                let request = pb::ListDocumentsRequest {
                    page_size: 5,
                    ..Default::default()
                };
                documents.list_documents(request).await.map(drop)
            }
            turn if turn % 4 == 3 => {
                let mut office = OfficeServiceClient::new(self.channel.clone());
                office.get_office(pb::GetOfficeRequest {}).await.map(drop)
            }
            _ => {
                let request = pb::SendDocumentRequest {
                    request_id: request_id(),
                    document: Some(document("a good one")),
                    wait: pb::Wait::Delivered.into(),
                };
                documents.send_document(request).await.map(drop)
            }
        }
    }

    async fn upload(&self, documents: &mut DocumentServiceClient<Channel>) -> Result<(), Status> {
        use pb::upload_document_request::Part;
        let header = pb::UploadHeader {
            request_id: request_id(),
            document: Some(pb::Document {
                body: bytes::Bytes::new(),
                ..document("a large one")
            }),
            ..Default::default()
        };
        let chunk = vec![b'y'; 256 * 1024];
        let chunks = (0..UPLOADED_BYTES / chunk.len()).map(|_| Part::Chunk(chunk.clone().into()));
        let parts = std::iter::once(Part::Header(header)).chain(chunks);
        let parts = parts.map(|part| pb::UploadDocumentRequest { part: Some(part) });
        let stream = tokio_stream::iter(parts.collect::<Vec<_>>());
        documents.upload_document(stream).await.map(drop)
    }

    async fn download(&self, documents: &mut DocumentServiceClient<Channel>) -> Result<(), Status> {
        let name = "offices/south/documents/3".to_owned();
        let request = pb::DownloadDocumentRequest { name, offset: 0 };
        let mut chunks = documents.download_document(request).await?.into_inner();
        while chunks.message().await?.is_some() {}
        Ok(())
    }
}
