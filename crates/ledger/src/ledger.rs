//! The writer: appends records to the ledger of one office.

use std::sync::Arc;

use jiff::Timestamp;
use journal::{Journal, Options, Recovery, Shorter, Snapshots, Storage};
use office::Place;

use crate::entry::{Entry, FORMAT_VERSION, Record};
use crate::error::LedgerError;
use crate::form::LedgerForm;
use crate::opening::Check;
use crate::reader::Reader;

/// Entries that go to disk together.
pub type Batch = journal::Batch<LedgerForm>;
/// Writes snapshots of a ledger, from any thread.
pub type SnapshotWriter = journal::SnapshotWriter<LedgerForm>;
/// A snapshot that is being written. Dropped, it leaves the one before in its place.
pub type SnapshotDraft = journal::SnapshotDraft<LedgerForm>;

/// A ledger's writer. There is one for each directory.
pub struct Ledger {
    place: Place,
    journal: Journal<LedgerForm>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("path", &self.journal.storage().path())
            .field("next", &self.next_sequence())
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens the ledger of `place`, or begins one. Every entry is checked and given to `fold`, in order. A torn
    /// tail is cut and saved aside; damage is an error, and nothing is thrown away.
    pub fn open(
        storage: Arc<dyn Storage>,
        place: Place,
        options: Options,
        now: Timestamp,
        fold: impl FnMut(&Entry),
    ) -> Result<(Self, Recovery), LedgerError> {
        Self::open_with(storage, place, options, now, None, fold)
    }

    /// As [`Self::open`]; if there is a snapshot that fits, its state is taken up, and only the entries that follow
    /// are checked and given to `fold`.
    pub fn open_with(
        storage: Arc<dyn Storage>,
        place: Place,
        options: Options,
        now: Timestamp,
        snapshots: Option<Snapshots<'_>>,
        fold: impl FnMut(&Entry),
    ) -> Result<(Self, Recovery), LedgerError> {
        let refused = Shorter::Refused;
        Self::open_if(storage, place, options, now, snapshots, refused, fold)
    }

    /// As [`Self::open_with`]. A ledger that is being restored may be shorter than it was; then the head mark stays as it
    /// is until [`Self::protect`].
    pub(crate) fn open_if(
        storage: Arc<dyn Storage>,
        place: Place,
        options: Options,
        now: Timestamp,
        snapshots: Option<Snapshots<'_>>,
        shorter: Shorter,
        fold: impl FnMut(&Entry),
    ) -> Result<(Self, Recovery), LedgerError> {
        if !office::time::is_recordable(now) {
            return Err(LedgerError::Clock { now });
        }
        let check = Check {
            directory: storage.path(),
            wanted: Some(place),
        };
        let opening = Record::Opening {
            format_version: FORMAT_VERSION,
            place,
            epoch: 1,
        };
        let each = move |entry: &Entry| check.entry(entry);
        let first = (now, &opening);
        let (journal, recovery) =
            Journal::open(storage, options, first, snapshots, shorter, each, fold)?;
        Ok((Self { place, journal }, recovery))
    }

    /// An empty ledger of `place`, for entries that come from another one. It protects itself from [`Self::protect`] on.
    pub(crate) fn empty(storage: Arc<dyn Storage>, place: Place) -> Result<Self, LedgerError> {
        let journal = Journal::empty(storage, Options::default())?;
        Ok(Self { place, journal })
    }

    /// From here on the head mark names what is durable in this ledger.
    pub(crate) fn protect(&self) -> Result<(), LedgerError> {
        Ok(self.journal.protect()?)
    }

    /// Makes the head mark exact on the disk: for a writer that ends in good order.
    pub fn seal(&self) -> Result<(), LedgerError> {
        Ok(self.journal.seal()?)
    }

    /// Reads what is durable, beside this writer.
    pub fn reader(&self) -> Reader {
        Reader::new(self.place, self.journal.reader())
    }

    /// Writes snapshots, also from another thread.
    pub fn snapshot_writer(&self) -> SnapshotWriter {
        self.journal.snapshot_writer()
    }

    /// The sequence that the next entry gets.
    pub fn next_sequence(&self) -> u64 {
        self.journal.next_sequence()
    }

    /// The format that it began with. It goes on in that one: see [`Record::since_format`].
    pub fn format_version(&self) -> u32 {
        self.journal.form().format()
    }

    /// Free bytes where the ledger lies, if that can be told.
    pub fn free_bytes(&self) -> Option<u64> {
        self.journal.storage().free_bytes()
    }

    /// Bytes appended and not taken yet.
    pub fn batch_bytes(&self) -> usize {
        self.journal.batch_bytes()
    }

    /// Adds an entry to the batch; returns its sequence. It is durable once the batch is committed. A time outside the
    /// years 1900 to 2199, or a record that the ledger's format lacks, is refused when that is tried, with the whole batch.
    pub fn append(&mut self, recorded_at: Timestamp, record: &Record) -> u64 {
        if let Some(error) = self.refusal(recorded_at, record) {
            self.journal.refuse(error);
        }
        self.journal.append((recorded_at, record))
    }

    /// Why this must not be written: nobody could read it again, or not those who know this ledger's format.
    fn refusal(&self, recorded_at: Timestamp, record: &Record) -> Option<LedgerError> {
        if !office::time::is_recordable(recorded_at) {
            return Some(LedgerError::Clock { now: recorded_at });
        }
        let (since, format) = (record.since_format(), self.format_version());
        (since > format).then(|| LedgerError::FormatLacks {
            directory: self.journal.storage().path(),
            format,
            since,
        })
    }

    /// Takes the batch, to be committed here or on another thread. Further batches may be taken before it is
    /// committed; each must be committed after the one taken before it, and is refused otherwise.
    pub fn take_batch(&mut self) -> Option<Batch> {
        self.journal.take_batch()
    }
}
