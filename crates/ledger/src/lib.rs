//! The ledger: the shared counting crate. It logs each exchange durably, and counts it.
//!
//! **The decision.** One append-only log is the only truth. Documents, meetings, outbox, remembered requests
//! and counts are folds of it, so there is nothing to keep in step with it, and nothing is written twice. How bytes become
//! durable and are found again is the [`journal`]'s business; here is what they say.
//!
//! **The invariant.** What was once on disk is never dropped in silence (the journal holds that), and each step stands in it
//! exactly once, with the bytes as they came in, under a line hash that both offices compute.
//!
//! ```
//! use std::sync::Arc;
//! use ledger::{Ledger, LedgerOptions, MemoryStorage, Record};
//! use office::Place;
//!
//! let now = "2018-09-14T00:00:00Z".parse()?;
//! let storage = Arc::new(MemoryStorage::default());
//! let (mut ledger, _) = Ledger::open(storage, Place::South, LedgerOptions::default(), now, |_| {})?;
//! ledger.append(now, &Record::EpochRaised { place: Place::North, epoch: 1, restoring: false });
//! ledger.take_batch().expect("there is an entry").commit()?;
//! assert_eq!(ledger.reader().sequence(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backup;
mod codec;
mod convert;
mod entry;
mod error;
mod fold;
mod fork;
mod form;
mod frame;
mod ledger;
mod names;
mod opening;
mod reader;
mod reconcile;
mod report;
mod restore;
mod verify;

pub use crate::ledger::{Batch, Ledger, SnapshotDraft, SnapshotWriter};
pub use backup::{BackedUp, backup};
pub use convert::{Converted, convert};
pub use entry::{AUTHORS_SINCE, Entry, FORMAT_VERSION, Parcel, Record};
pub use error::LedgerError;
pub use fold::{count_entry, fold, fold_entry, payload_of, step_of, tally, tally_in};
pub use fork::{Forked, common_point, fork, fork_pair};
pub use form::{BODY_BYTES_MAX, LedgerForm, Progress};
pub use frame::{decode_frame, encode_frame};
pub use journal::{
    CHAIN_START, Chain, DiskStorage, DurablePoint, FRAME_HEADER_BYTES, Fault, FaultyFrame, HeadUse,
    MemoryStorage, Options as LedgerOptions, Recovery, SnapshotUse, Snapshots, Storage,
    StorageFile, faulty, is_journal as is_ledger,
};
pub use names::Names;
pub use opening::{read, read_with};
pub use reader::{Cursor, Reader, Steps};
pub use reconcile::{Reconciliation, reconcile, reconcile_and_count};
pub use report::{ConsultationsReport, ContactsReport, MeetingsReport, TallyReport};
pub use restore::{Restored, restore};
pub use verify::{Verification, verify};
