//! The running hash of one direction of the line.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 over everything one direction of the line has carried.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LineHash(pub [u8; 32]);

impl LineHash {
    /// The hash before the first parcel.
    pub const ZERO: Self = Self([0; 32]);

    /// The hash after one more parcel.
    #[must_use]
    pub fn next(&self, sequence: u64, envelope: &[u8], payload: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update(sequence.to_be_bytes());
        hasher.update(
            u32::try_from(envelope.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
        );
        hasher.update(envelope);
        hasher.update(payload);
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for LineHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(6)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LineHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LineHash({self}…)")
    }
}

/// A position in one direction of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mark {
    /// The line sequence; 0 before the first parcel.
    pub sequence: u64,
    /// The line hash there.
    pub hash: LineHash,
}
