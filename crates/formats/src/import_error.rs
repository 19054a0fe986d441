//! Why an import does not come to its end.

use std::io;

use reading::Mistake;
use reading::visible;

use crate::pair::PairError;

/// Why nothing was imported, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("failed to read {file}: {source}")]
    Read {
        /// The file, as the caller named it.
        file: String,
        /// The system's reason.
        source: io::Error,
    },
    /// There is a mistake that ends it: in the header, or in what all else depends on, or the first one if no row may
    /// be left out.
    #[error("{}:{mistake}", visible::line(file))]
    Mistake {
        /// The file, as the caller named it.
        file: String,
        /// What is wrong, and where.
        mistake: Mistake,
    },
    /// Nothing is left to write.
    #[error("{file} gives no exchange ({skipped} of {rows} rows are skipped{first}); {remedy}")]
    Nothing {
        /// The file, as the caller named it.
        file: String,
        /// Rows found.
        rows: u64,
        /// Rows skipped.
        skipped: u64,
        /// The first of them, as `, the first: …`; empty if there is none.
        first: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The sorted rows find no room.
    #[error(
        "failed to sort the rows in the temporary directory: {0}; make room there, or name another with TMPDIR"
    )]
    Sort(#[source] io::Error),
    /// The pair cannot be written.
    #[error(transparent)]
    Pair(#[from] PairError),
}
