//! The journal: an append-only log of opaque entries.
//!
//! **The decision.** What an entry is, the journal does not know: a [`Form`] tells how one lies in a frame, which of its
//! bytes the chain hashes, and what is counted from entry to entry. All else is here, once, for every log of the house:
//! segments and frames, the chain, batches that become durable together, recovery, and verification.
//!
//! **The invariant.** What was once on disk is never dropped in silence. Each batch names the durable point before it: a
//! fault below any such point is damage, an error that names file, offset and remedy; only what lies above is a torn tail,
//! which is cut and saved aside. Every entry is chained to the one before it. A head mark beside the segments says how far
//! the log was durable, so that one that ends early is damage, too. A snapshot is a shortcut past entries that the log
//! still holds, and may be deleted at any time.
//!
//! ```
//! use std::sync::Arc;
//! use journal::{Journal, JournalError, MemoryStorage, Options, Plain, Shorter};
//!
//! let storage = Arc::new(MemoryStorage::default());
//! let open = |read: &mut Vec<Vec<u8>>| {
//!     let (options, first) = (Options::default(), &b"a log of things said"[..]);
//!     Journal::<Plain>::open(storage.clone(), options, first, None, Shorter::Refused, |_| Ok(()), |entry| {
//!         read.push(entry.bytes.to_vec());
//!     })
//! };
//! let (mut journal, recovery) = open(&mut Vec::new())?;
//! assert!(recovery.created);
//! journal.append(b"hello");
//! journal.append(b"and good day");
//! assert_eq!(journal.take_batch().expect("two entries").commit()?, 3);
//! drop(journal);
//!
//! let mut read = Vec::new();
//! open(&mut read)?;
//! assert_eq!(read, [&b"a log of things said"[..], b"hello", b"and good day"]);
//! # Ok::<(), JournalError>(())
//! ```

mod ahead;
mod aside;
mod batch;
mod behind;
mod conformance;
mod copy;
mod cursor;
mod error;
mod floor;
mod form;
mod frame;
mod head;
mod index;
mod journal;
mod newer;
mod opening;
mod plain;
mod reader;
mod resume;
mod salvage;
mod scan;
mod segments;
mod snapshot;
mod storage;
mod verify;
mod walk;

pub use crate::journal::{Journal, Options};
pub use batch::Batch;
pub use conformance::{Nonconformance, conformance};
pub use copy::{claim, copy};
pub use cursor::Cursor;
pub use error::JournalError;
pub use floor::is_journal;
pub use form::{CHAIN_START, Chain, DurablePoint, FaultyFrame, Form, Link};
pub use frame::{FRAME_HEADER_BYTES, decode_frame, encode_frame};
pub use head::HeadUse;
pub use opening::{Recovery, Shorter, first_entry, read};
pub use plain::{Plain, PlainEntry};
pub use reader::Reader;
pub use resume::Covered;
pub use salvage::{Salvage, each_saved_aside};
pub use segments::segment_name;
pub use snapshot::{SnapshotDraft, SnapshotUse, SnapshotWriter, Snapshots};
pub use storage::{DiskStorage, MemoryStorage, Storage, StorageFile, faulty};
pub use verify::{Fault, Seen, Verification, verify};
