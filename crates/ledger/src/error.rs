//! What can go wrong with a ledger.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use journal::JournalError;
use office::Place;

/// Why a ledger cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The disk refused.
    #[error("failed to {what} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Bytes that were once on disk are not what they were.
    #[error(
        "{} is damaged at offset {offset}: {what}. Nothing has been thrown away. Run `liaison ledger verify` to see the extent, \
         then `liaison ledger restore` to fetch what is missing from the peer", .file.display()
    )]
    Damaged {
        /// The segment.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// Entries that were once on disk are not there any more.
    #[error(
        "ledger {} ends at entry {found}, and entry {durable} was durable, as its {witness} says: {} are missing. Nothing has \
         been thrown away, and nothing is written. Put back the files that are missing, if there is a copy of them; or run \
         `liaison ledger restore` to fetch what is missing from the peer", .directory.display(), entries(durable - found)
    )]
    Shortened {
        /// The ledger.
        directory: PathBuf,
        /// Its last entry; 0 if it holds none.
        found: u64,
        /// The last entry that was durable.
        durable: u64,
        /// The file that says so.
        witness: &'static str,
    },
    /// The clock is so far off that what is written by it could not be read again, or would mean nothing.
    #[error(
        "the clock says {now}, which is outside the years 1900 to 2199: set it, and start again"
    )]
    Clock {
        /// What it says.
        now: Timestamp,
    },
    /// Another process has it.
    #[error("ledger {} is in use by another process; stop that office, or choose another --data", .directory.display())]
    Locked {
        /// The ledger.
        directory: PathBuf,
    },
    /// A format from the future.
    #[error("ledger {} has format {found}, and this software reads up to {known}; upgrade it", .directory.display())]
    NewerFormat {
        /// The ledger.
        directory: PathBuf,
        /// Its version.
        found: u32,
        /// The highest version known.
        known: u32,
    },
    /// A head mark from the future.
    #[error(
        "{} has format {found}, and this software reads up to {known}: a newer version wrote to this ledger. Use that version; \
         nothing is changed",
        .file.display()
    )]
    NewerHeadMark {
        /// The head mark.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The highest version known.
        known: u32,
    },
    /// A record that came into the format later than the ledger did.
    #[error(
        "ledger {} goes on in format {format}, in which it began, and what was to be written exists since format {since}. Nothing \
         of it was written. Make a ledger of it in the newest format with `liaison ledger convert`, and go on with that",
        .directory.display()
    )]
    FormatLacks {
        /// The ledger.
        directory: PathBuf,
        /// Its format.
        format: u32,
        /// The first format that has such a record.
        since: u32,
    },
    /// An entry from the future.
    #[error(
        "{} holds at offset {offset} what a newer version wrote: {what}. It is not damaged: open it with the newer version, \
         and do not restore it", .file.display()
    )]
    NewerEntry {
        /// The segment.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is not known.
        what: String,
    },
    /// Another office's ledger.
    #[error("ledger {} belongs to the {found} office, not to the {wanted} office; check --data", .directory.display())]
    WrongPlace {
        /// The ledger.
        directory: PathBuf,
        /// Whose it is.
        found: Place,
        /// Whose was wanted.
        wanted: Place,
    },
    /// No ledger there.
    #[error("{} holds no ledger (no *.segment file with an entry in it); check the path", .directory.display())]
    NotALedger {
        /// The directory.
        directory: PathBuf,
    },
    /// An entry that the ledger does not hold.
    #[error("ledger {} holds no entry {sequence}; it has entries 1 to {last}", .directory.display())]
    NoSuchEntry {
        /// The ledger.
        directory: PathBuf,
        /// The entry asked for.
        sequence: u64,
        /// Its last one.
        last: u64,
    },
    /// No office is restored so often.
    #[error(
        "the epoch of this office is {epoch}, and cannot be raised; was the ledger written by hand?"
    )]
    EpochExhausted {
        /// The epoch.
        epoch: u64,
    },
    /// A ledger where none may be.
    #[error("{} holds a ledger already; name an empty directory", .directory.display())]
    Occupied {
        /// The directory.
        directory: PathBuf,
    },
    /// A commit failed; nothing more is written.
    #[error(
        "the ledger has stopped after a failed commit ({reason}); start the office again to recover"
    )]
    Stopped {
        /// The commit's error.
        reason: String,
    },
}

fn entries(count: u64) -> String {
    if count == 1 {
        "1 entry".to_owned()
    } else {
        format!("{count} entries")
    }
}

impl From<JournalError> for LedgerError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Io { what, path, source } => Self::Io { what, path, source },
            JournalError::Damaged { file, offset, what } => Self::Damaged { file, offset, what },
            JournalError::Shortened {
                directory,
                found,
                durable,
                witness,
            } => Self::Shortened {
                directory,
                found,
                durable,
                witness,
            },
            JournalError::Locked { directory } => Self::Locked { directory },
            JournalError::NewerHeadMark { file, found, known } => {
                Self::NewerHeadMark { file, found, known }
            }
            JournalError::NewerEntry { file, offset, what } => {
                Self::NewerEntry { file, offset, what }
            }
            JournalError::NotAJournal { directory } => Self::NotALedger { directory },
            JournalError::Occupied { directory } => Self::Occupied { directory },
            JournalError::Stopped { reason } => Self::Stopped { reason },
        }
    }
}
