//! What can go wrong with a ledger.

use std::io;
use std::path::PathBuf;

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

impl LedgerError {
    pub(crate) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
