//! What can go wrong with a journal.

use std::io;
use std::path::PathBuf;

/// Why a journal cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
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
        "{} is damaged at offset {offset}: {what}. Nothing has been thrown away. Verify the journal to see the extent, then put \
         back a copy of it, or salvage what is whole", .file.display()
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
        "journal {} ends at entry {found}, and entry {durable} was durable, as its {witness} says. Nothing has been thrown away, \
         and nothing is written. Put back the files that are missing, if there is a copy of them, or salvage what is left",
        .directory.display()
    )]
    Shortened {
        /// The journal.
        directory: PathBuf,
        /// Its last entry; 0 if it holds none.
        found: u64,
        /// The last entry that was durable.
        durable: u64,
        /// The file that says so.
        witness: &'static str,
    },
    /// Another process has it.
    #[error("journal {} is in use by another process; stop that one, or choose another directory", .directory.display())]
    Locked {
        /// The journal.
        directory: PathBuf,
    },
    /// A head mark from the future.
    #[error(
        "{} has format {found}, and this software reads up to {known}: a newer version wrote to this journal. Use that version; \
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
    /// An entry from the future.
    #[error(
        "{} holds at offset {offset} what a newer version wrote: {what}. It is not damaged: open it with the newer version, \
         and do not salvage it", .file.display()
    )]
    NewerEntry {
        /// The segment.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is not known.
        what: String,
    },
    /// No journal there.
    #[error("{} holds no journal (no *.segment file with an entry in it); check the path", .directory.display())]
    NotAJournal {
        /// The directory.
        directory: PathBuf,
    },
    /// A journal where none may be.
    #[error("{} holds a journal already; name an empty directory", .directory.display())]
    Occupied {
        /// The directory.
        directory: PathBuf,
    },
    /// A commit failed; nothing more is written.
    #[error("the journal has stopped after a failed commit ({reason}); open it again to recover")]
    Stopped {
        /// The commit's error.
        reason: String,
    },
}

impl JournalError {
    /// What becomes of an error of the system, while `what` was done to `path`.
    pub fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
