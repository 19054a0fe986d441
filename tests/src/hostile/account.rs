//! What honest clients asked of the office, and what it told them: a promise is kept whatever comes after.

use prost::Message as _;
use protocol::pb::office as pb;
use tokio::task::JoinHandle;
use tonic::Status;
use uuid::Uuid;

use super::truth::Truth;
use crate::harness::{Clients, document, refused, request_id};

/// A document that a client sent.
#[derive(Debug)]
struct Sent {
    request: pb::SendDocumentRequest,
    /// The line sequence that the client was told.
    told: Option<u64>,
    delivered: bool,
}

#[derive(Debug)]
struct Asked {
    which: usize,
    wait: pb::Wait,
    /// Another document than the first time.
    other: bool,
    answering: JoinHandle<Result<pb::Receipt, Status>>,
}

#[derive(Debug, Default)]
pub(super) struct Account {
    sent: Vec<Sent>,
    asked: Vec<Asked>,
}

impl Account {
    /// Asks for a new document to be sent.
    pub(super) fn send(&mut self, clients: &Clients, wait: pb::Wait) {
        let request = pb::SendDocumentRequest {
            request_id: request_id(),
            document: Some(document(&format!("document {}", self.sent.len()))),
            wait: pb::Wait::Recorded.into(),
        };
        self.sent.push(Sent {
            request: request.clone(),
            told: None,
            delivered: false,
        });
        self.ask(clients, self.sent.len() - 1, wait, request, false);
    }

    /// Repeats a request, as it was or with another document.
    pub(super) fn repeat(&mut self, clients: &Clients, which: usize, other: bool) {
        let Some(which) = which.checked_rem(self.sent.len()) else {
            return;
        };
        let mut request = self.sent[which].request.clone();
        // What nobody was told of may be recorded or not: it may not come in two ways.
        let other = other && self.sent[which].told.is_some();
        if other {
            request.document = Some(document("another document"));
        }
        self.ask(clients, which, pb::Wait::Recorded, request, other);
    }

    fn ask(
        &mut self,
        clients: &Clients,
        which: usize,
        wait: pb::Wait,
        mut request: pb::SendDocumentRequest,
        other: bool,
    ) {
        request.wait = wait.into();
        let mut documents = clients.documents.clone();
        let answering = tokio::spawn(async move {
            let sent = documents.send_document(request).await?.into_inner();
            Ok(sent.receipt.expect("there is a receipt"))
        });
        self.asked.push(Asked {
            which,
            wait,
            other,
            answering,
        });
    }

    /// Takes the answers that have come. `may_disagree` is whether the ledgers may have seemed to disagree, and
    /// `is_gone` whether the office ended, and took with it what was under way.
    pub(super) async fn take_answers(&mut self, may_disagree: bool, is_gone: bool) {
        for asked in std::mem::take(&mut self.asked) {
            if !asked.answering.is_finished() {
                assert!(
                    asked.wait == pb::Wait::Delivered && !is_gone,
                    "only a delivery is waited for: {asked:?}"
                );
                self.asked.push(asked);
                continue;
            }
            let answer = asked.answering.await.expect("no panic");
            let sent = &mut self.sent[asked.which];
            match answer {
                Ok(receipt) => {
                    assert!(!asked.other, "{receipt:?} answers another document");
                    let sequence = sequence_of(&receipt);
                    let told = sent.told.replace(sequence);
                    assert!(told.is_none_or(|told| told == sequence), "{receipt:?}");
                    sent.delivered |= asked.wait == pb::Wait::Delivered;
                }
                Err(status) if is_gone && status.details().is_empty() => {}
                Err(status) => {
                    let refused = refused(&status);
                    let (code, reason) = refused.why();
                    let documented = match reason {
                        "IDEMPOTENCY_CONFLICT" => asked.other && code == tonic::Code::AlreadyExists,
                        "LEDGERS_DISAGREE" => may_disagree && code == tonic::Code::DataLoss,
                        "PEER_UNREACHABLE" | "DEADLINE_EXCEEDED" => {
                            asked.wait == pb::Wait::Delivered
                        }
                        "STOPPED" | "DRAINING" => is_gone,
                        _ => false,
                    };
                    assert!(documented, "{refused:?}");
                }
            }
        }
    }

    /// The machine has died. DELIVERED is told once the step is durable at both offices; what the office noted of that may
    /// have gone with its memory, until the peer says it again.
    pub(super) fn forget_deliveries(&mut self, truth: &Truth) {
        for sent in &mut self.sent {
            sent.delivered &= sent.told.is_some_and(|told| told <= truth.acknowledged());
        }
    }

    /// What was told stands once, and nothing stands twice.
    pub(super) fn check(&self, truth: &Truth) {
        for sent in &self.sent {
            let id = Uuid::try_parse(&sent.request.request_id).expect("it is one");
            let payload = sent.request.document.as_ref().expect("there is one");
            let payload = payload.encode_to_vec();
            let stands: Vec<_> = truth
                .own
                .iter()
                .filter(|parcel| {
                    let step = protocol::decode_envelope(&parcel.envelope, &parcel.payload);
                    let (_, found) = step.expect("it can be read");
                    found.is_some_and(|found| found.0 == *id.as_bytes())
                })
                .collect();
            assert!(stands.len() <= 1, "{sent:?} stands as {stands:?}");
            assert!(stands.iter().all(|parcel| parcel.payload == payload));
            let Some(told) = sent.told else { continue };
            assert_eq!(
                stands.first().map(|parcel| parcel.sequence),
                Some(told),
                "what was told stands: {sent:?}"
            );
            assert!(
                !sent.delivered || told <= truth.acknowledged(),
                "what was told to be delivered is acknowledged: {sent:?}"
            );
        }
    }
}

fn sequence_of(receipt: &pb::Receipt) -> u64 {
    let named = office::Collection::Documents.parse(&receipt.name);
    let named = named.expect("it is a document's name");
    assert_eq!(named.place, office::Place::South);
    named.sequence
}
