//! Lanes: clients that each send documents at moments fixed beforehand, however late the answers are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use office::Place;
use prost::Message as _;
use protocol::pb::office as pb;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use pb::document_service_client::DocumentServiceClient;
use pb::send_documents_response::Outcome;

use super::document::Origin;
use super::report::SoakReport;
use crate::client::{Client, Refused, is_passing};
use crate::mutation::Mutation;

/// Documents of a stream without a receipt: 20 s of a cut line at 400 a second.
const WINDOW: u64 = 8_192;
/// A lane that gets no receipt for so long fails.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// How a lane sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// All on one SendDocuments stream.
    Streamed,
    /// A call each; every second one waits for delivery.
    Unary,
}

impl Share {
    /// Parts of the load.
    const fn weight(self) -> u64 {
        match self {
            Self::Streamed => 64,
            Self::Unary => 1,
        }
    }
}

const STREAMS: usize = 2;
/// Each has time for a slow disk, and soon catches up after a fault.
const CALLERS: usize = 32;
/// Of both offices together.
const WEIGHTS: u64 =
    2 * (STREAMS as u64 * Share::Streamed.weight() + CALLERS as u64 * Share::Unary.weight());
const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Where each lane sends, and how.
pub(crate) fn shares() -> impl Iterator<Item = (Place, Share)> {
    Place::BOTH.into_iter().flat_map(|place| {
        let streams = std::iter::repeat_n((place, Share::Streamed), STREAMS);
        streams.chain(std::iter::repeat_n((place, Share::Unary), CALLERS))
    })
}

/// One client, and all it remembers of what it sent: answers come in order, so a count tells which have come.
#[derive(Debug)]
pub(crate) struct Lane {
    seed: u64,
    pub(crate) number: u32,
    pub(crate) place: Place,
    pub(crate) share: Share,
    rate: u64,
    total: u64,
    began: Instant,
    /// When the last answer came.
    answered: Instant,
    /// The documents below it have been sent at least once.
    pub(crate) sent: u64,
    /// The documents below it are acknowledged.
    pub(crate) acknowledged: u64,
    /// The sum over the receipts.
    pub(crate) receipts: u64,
}

impl Lane {
    pub(crate) fn new(
        report: &SoakReport,
        number: u32,
        place: Place,
        share: Share,
        began: Instant,
    ) -> Self {
        let rate = report.rate_asked * share.weight();
        Self {
            seed: report.seed,
            number,
            place,
            share,
            rate,
            total: report.minutes * 60 * rate / WEIGHTS,
            began,
            answered: began,
            sent: 0,
            acknowledged: 0,
            receipts: 0,
        }
    }

    /// When a document is due, whatever became of those before it.
    fn due(&self, order: u64) -> Instant {
        let nanos = u128::from(order) * u128::from(WEIGHTS) * NANOS_PER_SECOND;
        self.began + Duration::from_nanos((nanos / u128::from(self.rate)) as u64)
    }

    fn origin(&self, order: u64) -> Origin {
        Origin {
            lane: self.number,
            order,
        }
    }

    /// Sends all there is, and gives back what it knows.
    pub(crate) async fn work(mut self, client: Client, acknowledged: Arc<AtomicU64>) -> Self {
        let worked = match self.share {
            Share::Streamed => self.streams(&client, &acknowledged).await,
            Share::Unary => self.calls(&client, &acknowledged).await,
        };
        if let Err(what) = worked {
            let Self { number, place, .. } = self;
            client
                .account
                .wrong(format!("lane {number} at {place}: {what}"));
        }
        self
    }

    async fn calls(&mut self, client: &Client, acknowledged: &AtomicU64) -> Result<(), String> {
        while self.acknowledged < self.total {
            let order = self.acknowledged;
            sleep_until(self.due(order)).await;
            let (request_id, document) = self.origin(order).document(self.seed);
            let wait = if order.is_multiple_of(2) {
                pb::Wait::Recorded
            } else {
                pb::Wait::Delivered
            };
            let mutation = Mutation::from(pb::SendDocumentRequest {
                request_id: request_id.to_string(),
                document: Some(document),
                wait: wait.into(),
            });
            self.sent = order + 1;
            let answer = client.insist(self.place, &mutation).await;
            let answer = answer.map_err(|refused| match refused {
                Refused::ForGood(status) => status.to_string(),
                Refused::Silence(what) => what,
            })?;
            let answer = pb::SendDocumentResponse::decode(answer).unwrap_or_default();
            self.take(&answer.receipt.unwrap_or_default(), acknowledged)?;
        }
        Ok(())
    }

    /// Streams; when a stream breaks, what has no receipt is streamed again.
    async fn streams(&mut self, client: &Client, acknowledged: &AtomicU64) -> Result<(), String> {
        loop {
            match self.stream(client, acknowledged).await {
                Ok(()) => return Ok(()),
                Err(status) if !is_passing(&status) => return Err(status.to_string()),
                Err(status) if self.answered.elapsed() >= PATIENCE => {
                    return Err(format!("no receipt for {PATIENCE:?}: {status}"));
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    async fn stream(&mut self, client: &Client, acknowledged: &AtomicU64) -> Result<(), Status> {
        let late = || Status::deadline_exceeded("nothing came in time");
        let channel = client.doors.channel(self.place).await;
        let (sender, requests) = mpsc::channel(WINDOW as usize);
        let mut documents = DocumentServiceClient::new(channel);
        let opening = documents.send_documents(ReceiverStream::new(requests));
        let opened = timeout(PATIENCE, opening).await.map_err(|_| late())?;
        let mut receipts = opened?.into_inner();
        let mut next = self.acknowledged;
        while self.acknowledged < self.total {
            let may_send = next < self.total && next - self.acknowledged < WINDOW;
            tokio::select! {
                biased;
                response = receipts.message() => match response? {
                    Some(response) => self.settle(response, acknowledged)?,
                    None => return Err(Status::unavailable("the stream ended before its receipts")),
                },
                () = sleep_until(self.due(next)), if may_send => {
                    let request = self.request(next);
                    // There is room: the channel holds no more than the window.
                    let _ = sender.try_send(request);
                    next += 1;
                    self.sent = self.sent.max(next);
                }
                () = sleep_until(self.answered + PATIENCE) => return Err(late()),
            }
        }
        Ok(())
    }

    fn request(&self, order: u64) -> pb::SendDocumentsRequest {
        let (request_id, document) = self.origin(order).document(self.seed);
        pb::SendDocumentsRequest {
            request_id: request_id.to_string(),
            document: Some(document),
        }
    }

    /// Receipts come in the order of the documents.
    fn settle(
        &mut self,
        response: pb::SendDocumentsResponse,
        acknowledged: &AtomicU64,
    ) -> Result<(), Status> {
        let (request_id, _) = self.origin(self.acknowledged).document(self.seed);
        if response.request_id != request_id.to_string() {
            return Err(Status::data_loss("receipts came in another order"));
        }
        match response.outcome {
            Some(Outcome::Receipt(receipt)) => {
                self.take(&receipt, acknowledged).map_err(Status::data_loss)
            }
            // A passing refusal breaks the stream here: the document is sent again with those behind it.
            Some(Outcome::Refusal(refusal)) => {
                Err(Status::new(Code::from_i32(refusal.code), refusal.message))
            }
            None => Err(Status::data_loss("a receipt without an outcome")),
        }
    }

    /// Takes the receipt that is due next.
    fn take(&mut self, receipt: &pb::Receipt, acknowledged: &AtomicU64) -> Result<(), String> {
        let origin = self.origin(self.acknowledged);
        let sequence = receipt.name.rsplit('/').next();
        let sequence = sequence.and_then(|sequence| sequence.parse().ok());
        let sequence = sequence.ok_or_else(|| format!("a receipt names {:?}", receipt.name))?;
        self.receipts = self.receipts.wrapping_add(origin.receipt(sequence));
        self.acknowledged += 1;
        self.answered = Instant::now();
        acknowledged.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
