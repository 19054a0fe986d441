//! SendDocuments: the fast way. Documents come in as they will; receipts go out in their order, as the group
//! commits of both offices finish.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use office::Refusal;
use prost::Message as _;
use protocol::Original;
use protocol::pb::office as pb;
use protocol::pb::office::send_documents_response::Outcome as Answer;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::documents::{Documents, checked_sending};
use crate::boundary::in_own_words;
use crate::handle::{Author, Authored, Outcome, Progress};
use crate::line::ready_batch;
use crate::status::{status_of, stopped};

/// So many that the owner is asked seldom, and so few that a batch is a small piece of memory.
const BATCH_ITEMS_MAX: usize = 128;
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Documents without a receipt on one stream. Beyond it the stream is read no further.
const OPEN_MAX: usize = 8_192;
/// Batches of receipts made and not yet sent.
const RECEIPTS_MAX: usize = 4;
const DOCUMENT_FIELD: u32 = 2;

type Request = Original<pb::SendDocumentsRequest>;

/// Receipts, in the order of the documents.
pub(crate) struct Receipts {
    batches: mpsc::Receiver<Result<Vec<pb::SendDocumentsResponse>, Status>>,
    current: vec::IntoIter<pb::SendDocumentsResponse>,
}

impl Stream for Receipts {
    type Item = Result<pb::SendDocumentsResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(response) = self.current.next() {
                return Poll::Ready(Some(Ok(response)));
            }
            match self.batches.poll_recv(context) {
                Poll::Ready(Some(Ok(batch))) => self.current = batch.into_iter(),
                Poll::Ready(Some(Err(status))) => return Poll::Ready(Some(Err(status))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Serves one stream.
pub(super) fn serve(documents: Documents, inbound: Streaming<Request>) -> Receipts {
    let (receipts, batches) = mpsc::channel(RECEIPTS_MAX);
    let tasks = documents.desk.tasks.clone();
    let session = Session {
        progress: documents.desk.owner.progress(),
        documents,
        by: callers::author(),
        inbound: Some(inbound),
        receipts,
        judging: VecDeque::new(),
        open: VecDeque::new(),
        judging_len: 0,
    };
    tasks.spawn(session.run());
    Receipts {
        batches,
        current: Vec::new().into_iter(),
    }
}

/// A document whose receipt is due.
struct Open {
    request_id: String,
    outcome: Result<Authored, Refusal>,
}

/// Documents that the owner has, in their order: refused here already, or to be judged there.
struct Judging {
    items: Vec<(String, Option<Refusal>)>,
    outcomes: oneshot::Receiver<Vec<Outcome>>,
}

struct Session {
    documents: Documents,
    /// Who sends.
    by: Author,
    progress: watch::Receiver<Progress>,
    /// `None` once the client has sent all it will.
    inbound: Option<Streaming<Request>>,
    receipts: mpsc::Sender<Result<Vec<pb::SendDocumentsResponse>, Status>>,
    judging: VecDeque<Judging>,
    judging_len: usize,
    open: VecDeque<Open>,
}

impl Session {
    async fn run(mut self) {
        let receipts = self.receipts.clone();
        tokio::select! {
            biased;
            // A client that is gone ends the stream; what it sent stays recorded.
            () = receipts.closed() => {}
            outcome = self.carry() => {
                if let Err(status) = outcome {
                    let _ = receipts.send(Err(status)).await;
                }
            }
        }
    }

    async fn carry(&mut self) -> Result<(), Status> {
        let mut held = None;
        let mut draining = self.documents.desk.draining.clone();
        let peer = self.documents.desk.peer.clone();
        let peer_timeout = self.documents.desk.limits.peer_timeout;
        loop {
            self.emit().await?;
            if self.inbound.is_none() && self.judging.is_empty() && self.open.is_empty() {
                return Ok(());
            }
            if self.judging.is_empty() && self.open.is_empty() && *draining.borrow() {
                return Err(status_of(&crate::status::draining()));
            }
            let reads = self.inbound.is_some() && self.open.len() + self.judging_len < OPEN_MAX;
            tokio::select! {
                biased;
                outcomes = first_outcomes(&mut self.judging) => self.judged(outcomes)?,
                changed = self.progress.changed() => {
                    if changed.is_err() || self.progress.borrow().stopped {
                        return Err(status_of(&stopped()));
                    }
                }
                _ = draining.changed() => {}
                batch = next_batch(&mut self.inbound, &mut held), if reads => {
                    match batch {
                        Some(Ok(batch)) => self.take(batch).await?,
                        Some(Err(status)) => {
                            let limit = self.documents.desk.limits.client_message_bytes_max;
                            return Err(in_own_words(status, limit));
                        }
                        None => self.inbound = None,
                    }
                }
                refusal = peer.unreachable(peer_timeout), if !self.open.is_empty() => {
                    self.give_up(&refusal).await;
                }
            }
        }
    }

    async fn take(&mut self, batch: Vec<Request>) -> Result<(), Status> {
        let mut authorings = Vec::with_capacity(batch.len());
        let mut items = Vec::with_capacity(batch.len());
        for request in batch {
            let payload = request.field(DOCUMENT_FIELD);
            let pb::SendDocumentsRequest {
                request_id,
                document,
            } = request.into_message();
            let fields = &self.documents.fields;
            match checked_sending(&request_id, document, payload, 0, fields) {
                Ok(sending) => {
                    authorings.push(sending.authoring);
                    items.push((request_id, None));
                }
                Err(refusal) => items.push((request_id, Some(refusal))),
            }
        }
        let owner = &self.documents.desk.owner;
        let outcomes = owner
            .author_many(authorings, self.by.clone())
            .await
            .map_err(|refusal| status_of(&refusal))?;
        self.judging_len += items.len();
        self.judging.push_back(Judging { items, outcomes });
        Ok(())
    }

    fn judged(&mut self, outcomes: Option<Vec<Outcome>>) -> Result<(), Status> {
        let mut outcomes = outcomes.ok_or_else(|| status_of(&stopped()))?.into_iter();
        let Some(judging) = self.judging.pop_front() else {
            return Ok(());
        };
        self.judging_len -= judging.items.len();
        for (request_id, refused) in judging.items {
            let outcome = match refused {
                Some(refusal) => Err(refusal),
                None => outcomes.next().unwrap_or_else(|| Err(stopped())),
            };
            self.open.push_back(Open {
                request_id,
                outcome,
            });
        }
        Ok(())
    }

    /// Sends the receipts that are due: those in front that are refused, or delivered.
    async fn emit(&mut self) -> Result<(), Status> {
        let acknowledged = self.progress.borrow_and_update().acknowledged;
        let due = |open: &Open| match &open.outcome {
            Ok(authored) => authored.id.sequence <= acknowledged,
            Err(_) => true,
        };
        let count = self.open.iter().take_while(|open| due(open)).count();
        if count == 0 {
            return Ok(());
        }
        let mut batch = Vec::with_capacity(count);
        for Open {
            request_id,
            outcome,
        } in self.open.drain(..count)
        {
            let delivered = pb::DocumentState::Delivered;
            let receipt = outcome.and_then(|authored| {
                self.documents
                    .receipt(authored, delivered, request_id.clone())
            });
            batch.push(response(request_id, receipt));
        }
        // A client that is gone is noticed elsewhere.
        let _ = self.receipts.send(Ok(batch)).await;
        Ok(())
    }

    /// The peer is away: every open document is told so, and the stream goes on.
    async fn give_up(&mut self, refusal: &Refusal) {
        let batch = self
            .open
            .drain(..)
            .map(|open| response(open.request_id, open.outcome.and(Err(refusal.clone()))))
            .collect();
        let _ = self.receipts.send(Ok(batch)).await;
    }
}

fn response(
    request_id: String,
    receipt: Result<pb::Receipt, Refusal>,
) -> pb::SendDocumentsResponse {
    let answer = match receipt {
        Ok(receipt) => Answer::Receipt(receipt),
        Err(refusal) => Answer::Refusal(rich_status(&status_of(&refusal))),
    };
    pb::SendDocumentsResponse {
        outcome: Some(answer),
        request_id,
    }
}

/// A status as a message: its details are such a message already, when it has any.
fn rich_status(status: &Status) -> tonic_types::Status {
    tonic_types::Status::decode(status.details()).unwrap_or_else(|_| tonic_types::Status {
        code: status.code().into(),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}

async fn first_outcomes(judging: &mut VecDeque<Judging>) -> Option<Vec<Outcome>> {
    match judging.front_mut() {
        Some(first) => (&mut first.outcomes).await.ok(),
        None => std::future::pending().await,
    }
}

async fn next_batch(
    inbound: &mut Option<Streaming<Request>>,
    held: &mut Option<Status>,
) -> Option<Result<Vec<Request>, Status>> {
    match inbound {
        Some(inbound) => {
            ready_batch(inbound, held, BATCH_ITEMS_MAX, BATCH_BYTES_MAX, |request| {
                request.bytes().len()
            })
            .await
        }
        None => std::future::pending().await,
    }
}
