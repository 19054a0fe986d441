//! Request-id idempotency: the last mutations, by sequence.

use std::fmt;

use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Deserialize, Serialize, Serializer};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::raw::Raw;
use crate::slots::Slots;
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
    ///
    /// It tells a client's mistake, not an attack: who makes two bodies collide deceives only himself. So it
    /// is XXH3, a twentieth of the cost of SHA-256, with 128 bits.
    pub fn of(kind: StepKind, subject: Option<StepId>, payload: &[u8]) -> Self {
        let subject = subject.map_or(0, |id| (id.sequence << 2) | (id.place as u64 + 1));
        let seed = (subject << 8) | kind as u64;
        Self(xxh3_128_with_seed(payload, seed).to_be_bytes())
    }

    /// The same, made by `author`; by nobody who has a name if that is empty.
    #[must_use]
    pub fn by(self, author: &str) -> Self {
        if author.is_empty() {
            return self;
        }
        let content = u128::from_be_bytes(self.0);
        let seed = content as u64;
        Self((content ^ xxh3_128_with_seed(author.as_bytes(), seed)).to_be_bytes())
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

/// One mutation, as it is remembered.
#[derive(Debug, Clone, Copy)]
struct Remembered {
    id: RequestId,
    fingerprint: Fingerprint,
    sequence: u64,
}

/// The last mutations of this office. Refusals are not remembered.
///
/// A ring of 40 bytes each, and an index of 16 beside it: 59 MB for the full window of 1,048,576.
#[derive(Debug, Clone)]
pub struct Requests {
    ring: Vec<Remembered>,
    /// Where the oldest is, once the ring is full.
    oldest: usize,
    /// Slots of the ring by the hash of the id.
    index: Slots,
    window: usize,
}

impl Requests {
    /// Remembers `window` mutations, at most 4,294,967,294.
    pub fn new(window: u64) -> Self {
        Self {
            ring: Vec::new(),
            oldest: 0,
            index: Slots::default(),
            window: window.min(u64::from(u32::MAX) - 1) as usize,
        }
    }

    /// Whether `id` was used within the window.
    pub fn seen(&self, id: RequestId, fingerprint: Fingerprint) -> Option<Seen> {
        let found = self.find(id)?;
        Some(if found.fingerprint == fingerprint {
            Seen::Same(found.sequence)
        } else {
            Seen::Other(found.sequence)
        })
    }

    /// Remembers one more; the first use of an id stands.
    pub(crate) fn remember(&mut self, id: RequestId, sequence: u64, fingerprint: Fingerprint) {
        if self.window == 0 || self.find(id).is_some() {
            return;
        }
        let one = Remembered {
            id,
            fingerprint,
            sequence,
        };
        let slot = if self.ring.len() < self.window {
            self.ring.push(one);
            self.ring.len() - 1
        } else {
            self.forget_oldest();
            let slot = self.oldest;
            self.ring[slot] = one;
            self.oldest = (slot + 1) % self.window;
            slot
        };
        self.index.insert(hash(id), slot as u32);
        debug_assert_eq!(
            self.index.len(),
            self.ring.len(),
            "what is forgotten is not indexed"
        );
    }

    fn find(&self, id: RequestId) -> Option<&Remembered> {
        let is_it = |slot: u32| self.ring[slot as usize].id == id;
        let slot = self.index.find(hash(id), is_it)?;
        Some(&self.ring[slot as usize])
    }

    /// Takes the oldest out of the index; its place in the ring is taken next.
    fn forget_oldest(&mut self) {
        let id = self.ring[self.oldest].id;
        self.index.remove(hash(id), self.oldest as u32);
    }

    fn in_order(&self) -> impl Iterator<Item = &Remembered> {
        let (newer, older) = self.ring.split_at(self.oldest);
        older.iter().chain(newer)
    }
}

/// Spreads ids over the index. Equal hashes cost a comparison, and never a wrong answer.
fn hash(RequestId(id): RequestId) -> u32 {
    let (halves, _) = id.as_chunks();
    let [first, second] = [halves[0], halves[1]].map(u64::from_le_bytes);
    // Two odd constants without structure: the fractions of the square roots of 2 and 3.
    let product =
        u128::from(first ^ 0x6a09_e667_f3bc_c909) * u128::from(second ^ 0xbb67_ae85_84ca_a73b);
    let folded = (product >> 64) as u64 ^ product as u64;
    (folded >> 32) as u32
}

/// Bytes of one mutation in a snapshot.
const REMEMBERED_BYTES: usize = 40;
/// Mutations that a snapshot holds together.
const CHUNK_LEN: usize = 1024;

/// What a snapshot holds of the window: its length, and the mutations from the oldest on.
#[derive(Serialize, Deserialize)]
pub(crate) struct Window<'a> {
    len: u64,
    #[serde(borrow)]
    chunks: Vec<Raw<'a>>,
}

impl Serialize for Requests {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut window = serializer.serialize_struct("Window", 2)?;
        window.serialize_field("len", &(self.window as u64))?;
        window.serialize_field("chunks", &Chunks(self))?;
        window.end()
    }
}

struct Chunks<'a>(&'a Requests);

impl Serialize for Chunks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let count = self.0.ring.len().div_ceil(CHUNK_LEN);
        let mut in_order = self.0.in_order();
        let mut chunks = serializer.serialize_seq(Some(count))?;
        for _ in 0..count {
            let mut bytes = Vec::with_capacity(CHUNK_LEN * REMEMBERED_BYTES);
            for one in in_order.by_ref().take(CHUNK_LEN) {
                bytes.extend_from_slice(&one.id.0);
                bytes.extend_from_slice(&one.fingerprint.0);
                bytes.extend_from_slice(&one.sequence.to_le_bytes());
            }
            chunks.serialize_element(&Raw(bytes.into()))?;
        }
        chunks.end()
    }
}

impl Window<'_> {
    /// The mutations again, for a window of `window`. `None` if that many are not all here.
    pub(crate) fn open(&self, window: u64) -> Option<Requests> {
        let mut requests = Requests::new(window);
        let mut held = 0;
        for Raw(bytes) in &self.chunks {
            let (entries, rest) = bytes.as_chunks::<REMEMBERED_BYTES>();
            if !rest.is_empty() {
                return None;
            }
            for entry in entries {
                held += 1;
                let (halves, _) = entry[..32].as_chunks();
                let (sequence, _) = entry[32..].as_chunks();
                let sequence = u64::from_le_bytes(sequence[0]);
                requests.remember(RequestId(halves[0]), sequence, Fingerprint(halves[1]));
            }
        }
        // A window that was not full has forgotten nothing.
        (window <= self.len || held < self.len).then_some(requests)
    }
}
