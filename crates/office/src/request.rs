//! Request-id idempotency: the last mutations, by sequence.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use sha2::{Digest, Sha256};

use crate::step::{StepId, StepKind};

/// The UUID that a client gave its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub [u8; 16]);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// Tells one request's content from another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Of a step of `kind` about `subject` (the document, meeting or contact answered) with these payload bytes.
    pub fn of(kind: StepKind, subject: Option<StepId>, payload: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([kind as u8]);
        if let Some(subject) = subject {
            hasher.update([1, subject.place as u8]);
            hasher.update(subject.sequence.to_be_bytes());
        } else {
            hasher.update([0]);
        }
        hasher.update(payload);
        let digest = hasher.finalize();
        Self(digest[..16].try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// What a request id was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// For this step, with the same content: give the first answer again.
    Same(u64),
    /// For this step, with other content.
    Other(u64),
}

/// The last mutations of this office. Refusals are not remembered.
#[derive(Debug, Clone)]
pub struct Requests {
    // Looked up, never iterated: its order cannot reach a ledger.
    by_id: HashMap<RequestId, (u64, Fingerprint)>,
    order: VecDeque<RequestId>,
    window: usize,
}

impl Requests {
    /// Remembers `window` mutations.
    pub fn new(window: u64) -> Self {
        Self {
            by_id: HashMap::new(),
            order: VecDeque::new(),
            window: usize::try_from(window).unwrap_or(usize::MAX),
        }
    }

    /// Whether `id` was used within the window.
    pub fn seen(&self, id: RequestId, fingerprint: Fingerprint) -> Option<Seen> {
        let (sequence, first) = self.by_id.get(&id)?;
        Some(if *first == fingerprint {
            Seen::Same(*sequence)
        } else {
            Seen::Other(*sequence)
        })
    }

    pub(crate) fn remember(&mut self, id: RequestId, sequence: u64, fingerprint: Fingerprint) {
        if self.by_id.insert(id, (sequence, fingerprint)).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > self.window {
            if let Some(oldest) = self.order.pop_front() {
                self.by_id.remove(&oldest);
            }
        }
    }
}
