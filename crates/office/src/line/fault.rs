//! Why the line stays down, or a stream breaks.

use crate::place::Place;

/// Why the line stays down, or a stream breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// The caller says it is the called office, or a stranger.
    #[error(
        "the caller says it is the {said} office; the {wanted} office was expected. Check --peer on both sides"
    )]
    WrongPlace {
        /// Who it says it is.
        said: Place,
        /// Who was expected.
        wanted: Place,
    },
    /// No protocol version that both know.
    #[error(
        "no common protocol version: this office speaks {min} to {max}; upgrade the older office"
    )]
    UnsupportedVersion {
        /// Lowest here.
        min: u32,
        /// Highest here.
        max: u32,
    },
    /// The peer speaks from before a restore.
    #[error(
        "the peer speaks with epoch {said}, but its epoch {known} is known: a ledger from before a restore is in use"
    )]
    StaleEpoch {
        /// The epoch it speaks with.
        said: u64,
        /// The epoch known.
        known: u64,
    },
    /// No office can have such an epoch.
    #[error("the caller speaks with epoch {said}, and no office has one above {max}")]
    EpochOutOfRange {
        /// The epoch it speaks with.
        said: u64,
        /// The highest there can be.
        max: u64,
    },
    /// A caller says what only the answer to this office's own Hello can establish.
    #[error(
        "{what}; this office asks the address of its peer itself (--peer), and takes it from the answer. Call again"
    )]
    Unconfirmed {
        /// What it says.
        what: String,
    },
    /// A newer Hello has ended this stream.
    #[error("a newer Hello has ended this stream; dial again at once")]
    Superseded,
    /// The ledgers disagree.
    #[error(
        "the two ledgers disagree: {what}. Run `liaison ledger restore` on the office that lost data"
    )]
    Diverged {
        /// What disagrees.
        what: String,
    },
    /// The peer found that the ledgers disagree, and said so in answer to this office's Hello.
    #[error("the peer does not take this office's Hello: {said}")]
    Refused {
        /// What it said.
        said: String,
    },
    /// A parcel that is not the next one.
    #[error("parcel {got} came where {expected} was expected")]
    Gap {
        /// The sequence that was expected.
        expected: u64,
        /// The sequence that came.
        got: u64,
    },
    /// A known sequence with other content, or a wrong hash.
    #[error("parcel {sequence} came with other content than its sequence or hash says")]
    Conflict {
        /// Its sequence.
        sequence: u64,
    },
    /// An envelope that cannot be read.
    #[error("parcel {sequence} has a faulty envelope: {what}")]
    FaultyEnvelope {
        /// Its sequence.
        sequence: u64,
        /// What is wrong.
        what: String,
    },
    /// An acknowledgement that cannot be.
    #[error("the peer acknowledged {through}, with {what}")]
    FalseAcknowledgement {
        /// What it acknowledged.
        through: u64,
        /// What is wrong.
        what: String,
    },
    /// Hello was missing, or came twice.
    #[error("{what}")]
    Order {
        /// What came out of order.
        what: String,
    },
}
