//! An office as bytes, so that a start need not read the whole ledger again.
//!
//! The ledger is the truth: a snapshot may be thrown away at any time, and is never mended. The same
//! office always gives the same bytes.

use postcard::ser_flavors::Flavor;

use crate::deadlines::Deadlines;
use crate::exchanges::Exchanges;
use crate::limits::Limits;
use crate::line::Line;
use crate::office::Office;
use crate::place::Place;
use crate::request::Window;

/// How steps are folded, and what a snapshot looks like. Raise it with any change of either: a snapshot of
/// another version is not read.
pub const FOLD_VERSION: u32 = 2;

/// Why a snapshot cannot be used. The remedy is always the same: fold the ledger from its beginning.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Folded by other rules.
    #[error(
        "the snapshot has fold version {found}, and this software folds by version {FOLD_VERSION}"
    )]
    OtherVersion {
        /// The version it was written by.
        found: u32,
    },
    /// Not the bytes of a snapshot.
    #[error("the snapshot cannot be read")]
    Unreadable(#[source] postcard::Error),
    /// Fewer request ids than the limits ask for.
    #[error("the snapshot remembers fewer requests than the idempotency window of {window}")]
    WindowTooShort {
        /// The window asked for.
        window: u64,
    },
}

/// What a snapshot holds, in this order, behind the fold version.
type Held<'a> = (Place, Exchanges, Line, Deadlines, Window<'a>);

impl Office {
    /// This office as bytes. What was only heard on the line (a fault) is left out: a new Hello tells it.
    pub fn to_snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let Ok(()) = self.write_snapshot(|part| {
            bytes.extend_from_slice(part);
            Ok::<_, std::convert::Infallible>(())
        });
        bytes
    }

    /// This office as bytes, given to `write` in parts of a few kilobytes at most, so that a second copy
    /// of a large office is never held. The first error ends it.
    pub fn write_snapshot<E>(
        &self,
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        write(&FOLD_VERSION.to_le_bytes())?;
        let held = (
            self.place(),
            self.exchanges(),
            self.line(),
            self.deadlines(),
            self.requests(),
        );
        let mut failed = None;
        let parts = Parts {
            write,
            failed: &mut failed,
            part: Vec::with_capacity(PART_BYTES),
        };
        let written = postcard::serialize_with_flavor(&held, parts);
        if let Some(error) = failed {
            return Err(error);
        }
        written.expect("every part of an office has a length and an encoding");
        Ok(())
    }

    /// The office that a snapshot holds.
    pub fn from_snapshot(bytes: &[u8], limits: Limits) -> Result<Self, SnapshotError> {
        let unreadable = SnapshotError::Unreadable;
        let Some((version, held)) = bytes.split_first_chunk() else {
            return Err(unreadable(postcard::Error::DeserializeUnexpectedEnd));
        };
        let found = u32::from_le_bytes(*version);
        if found != FOLD_VERSION {
            return Err(SnapshotError::OtherVersion { found });
        }
        let ((place, exchanges, line, deadlines, window), rest): (Held<'_>, _) =
            postcard::take_from_bytes(held).map_err(unreadable)?;
        if !rest.is_empty() {
            return Err(unreadable(postcard::Error::SerdeDeCustom));
        }
        let requests =
            window
                .open(limits.idempotency_window)
                .ok_or(SnapshotError::WindowTooShort {
                    window: limits.idempotency_window,
                })?;
        Ok(Self::from_parts(
            place, limits, exchanges, line, requests, deadlines,
        ))
    }
}

/// Bytes gathered before they are handed on.
const PART_BYTES: usize = 8 * 1024;

/// Hands what postcard writes to a function, in parts.
struct Parts<'a, W, E> {
    write: W,
    failed: &'a mut Option<E>,
    part: Vec<u8>,
}

impl<E, W: FnMut(&[u8]) -> Result<(), E>> Parts<'_, W, E> {
    fn hand_on(&mut self) -> postcard::Result<()> {
        if let Err(error) = (self.write)(&self.part) {
            *self.failed = Some(error);
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.part.clear();
        Ok(())
    }
}

impl<E, W: FnMut(&[u8]) -> Result<(), E>> Flavor for Parts<'_, W, E> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.part.extend_from_slice(bytes);
        if self.part.len() < PART_BYTES {
            return Ok(());
        }
        self.hand_on()
    }

    fn finalize(mut self) -> postcard::Result<()> {
        self.hand_on()
    }
}
