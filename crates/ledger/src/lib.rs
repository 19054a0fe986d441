//! The ledger: the shared counting crate. It logs each exchange durably, and counts it.
//!
//! **The decision.** One append-only log is the only truth. Documents, meetings, outbox, remembered requests
//! and counts are folds of it, so there is nothing to keep in step with it, and nothing is written twice.
//!
//! **The invariant.** What was once on disk is never dropped in silence. Each batch names the durable point
//! before it: a fault below any such point is damage, an error that names file, offset and remedy; only what
//! lies above is a torn tail, which is cut and saved aside. Every entry is chained to the one before it. A head mark beside
//! the segments says how far the log was durable, so that one that ends early is damage, too. A snapshot is a shortcut
//! past entries that the log still holds, and may be deleted at any time.
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

mod ahead;
mod aside;
mod backup;
mod batch;
mod codec;
mod commit;
mod conformance;
mod convert;
mod entry;
mod error;
mod floor;
mod fold;
mod fork;
mod frame;
mod head;
mod journal;
mod log;
mod names;
mod newer;
mod opening;
mod reader;
mod reconcile;
mod report;
mod restore;
mod resume;
mod scan;
mod segments;
mod snapshot;
mod storage;
mod verify;
mod walk;

pub use backup::{BackedUp, backup};
pub use batch::Batch;
pub use commit::{Committed, Committer};
pub use conformance::{Nonconformance, conformance};
pub use convert::{Converted, convert};
pub use entry::{
    CHAIN_START, Chain, DurablePoint, Entry, FORMAT_VERSION, FaultyFrame, NewerEntry, Parcel,
    Record,
};
pub use error::LedgerError;
pub use floor::is_ledger;
pub use fold::{count_entry, fold, fold_entry, payload_of, step_of, tally};
pub use fork::{Forked, common_point, fork, fork_pair};
pub use frame::{BODY_BYTES_MAX, FRAME_HEADER_BYTES, decode_frame, encode_frame};
pub use head::HeadUse;
pub use journal::{Ledger, LedgerOptions};
pub use log::{Log, MemoryLog};
pub use names::Names;
pub use opening::{Recovery, read, read_with};
pub use reader::{Cursor, Reader, Steps};
pub use reconcile::{Reconciliation, reconcile, reconcile_and_count};
pub use report::{ConsultationsReport, ContactsReport, MeetingsReport, TallyReport};
pub use restore::{Restored, restore};
pub use snapshot::{SnapshotDraft, SnapshotUse, SnapshotWriter, Snapshots};
pub use storage::{DiskStorage, MemoryStorage, Storage, StorageFile, faulty};
pub use verify::{Fault, Verification, verify};
