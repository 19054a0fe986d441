//! What a journal must be told of its entries, and nothing more.

use std::fmt::Display;

use bytes::{Bytes, BytesMut};

use crate::error::JournalError;
use crate::resume::Covered;

/// SHA-256 over everything a journal holds up to an entry, as far as its form has it hashed.
pub type Chain = [u8; 32];

/// The chain before the first entry.
pub const CHAIN_START: Chain = [0; 32];

/// How far a journal was on disk when a batch began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct DurablePoint {
    /// The segment's first sequence.
    pub segment: u64,
    /// The offset in it.
    pub offset: u64,
}

/// How an entry hangs together with what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Gapless, from 1.
    pub sequence: u64,
    /// In a batch's first entry: what was durable before it.
    pub durable: Option<DurablePoint>,
    /// The chain through it.
    pub chain: Chain,
}

/// Why bytes are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct FaultyFrame {
    /// What is wrong.
    pub what: String,
    /// It is an entry, of which this version does not know what it says: what can be told of it all the same.
    pub newer: Option<Link>,
}

impl FaultyFrame {
    /// Bytes that are no entry of any version.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            newer: None,
        }
    }
}

/// What the entries of a journal look like. A value of it stands for one journal, and learns from its entries what they
/// say of the journal itself; before the first one it is the default.
///
/// A frame's body is the form's own: it begins with [`Self::BODY_BEGIN`], tells its sequence and, in the first entry of a
/// batch, the durable point before it; and it ends with [`Self::CHAIN_KEY`] and the chain, which the journal puts there.
pub trait Form: Clone + Default + Send + Sync + 'static {
    /// An entry as it is read.
    type Entry: Send;
    /// What an entry says, as it is appended.
    type Content<'a>: Copy;
    /// What is counted from entry to entry, and kept in the index beside an entry's place; the default stands before the
    /// first.
    type Mark: Copy + Default + Send + Sync;
    /// How whoever uses the journal is told what went wrong.
    type Error: From<JournalError> + Display + Send;

    /// What such a journal is called in messages.
    const NOUN: &'static str;
    /// The longest body, in bytes. What comes from outside is held to less before it gets here.
    const BODY_BYTES_MAX: usize;
    /// The first byte of every body.
    const BODY_BEGIN: u8;
    /// What stands before the chain.
    const CHAIN_KEY: [u8; 2];

    /// Writes a body up to its chain.
    fn encode(
        &self,
        body: &mut BytesMut,
        sequence: u64,
        content: Self::Content<'_>,
        durable: Option<DurablePoint>,
    );

    /// Reads a body.
    fn decode(body: Bytes) -> Result<Self::Entry, FaultyFrame>;

    /// The parts of a body, given up to its chain, that the chain hashes: all of it, but for what another hash in the same
    /// body covers.
    fn hashed<'a>(&self, body: &'a [u8]) -> [&'a [u8]; 2] {
        [body, &[]]
    }

    /// Follows the entries that are read, in order, for the sake of what the chain leaves out of them. If it `checks`, it
    /// holds that against the hash that covers it, and says what is wrong.
    fn follow(&mut self, _: &Self::Entry, _checks: bool) -> Result<(), String> {
        Ok(())
    }

    /// Goes on at a place that a snapshot covers, before which so much was counted: takes up what [`Self::follow`] would
    /// know there.
    fn go_on_behind(
        &mut self,
        _: &Self::Mark,
        _: &Covered<'_, Self::Mark>,
    ) -> Result<(), JournalError> {
        Ok(())
    }

    /// The other form that the journal may have, as long as the entry that says which is not read, or lost: a chain of
    /// either holds.
    fn otherwise(&self) -> Option<Self> {
        None
    }

    /// How an entry hangs together with what stands before it.
    fn link(entry: &Self::Entry) -> Link;

    /// What an entry says.
    fn content(entry: &Self::Entry) -> Self::Content<'_>;

    /// Bytes that an entry keeps in memory, beside itself.
    fn kept_bytes(entry: &Self::Entry) -> usize;

    /// Takes up what an entry says of the journal itself.
    fn learn(&mut self, content: Self::Content<'_>);

    /// A number that the head mark keeps beside the last entry.
    fn stamp(&self) -> u64;

    /// Takes up what [`Self::stamp`] gave, where the entries that say so are not read.
    fn take_stamp(&mut self, stamp: u64);

    /// Counts an entry.
    fn count(mark: &mut Self::Mark, content: Self::Content<'_>);

    /// Writes a mark as a snapshot keeps it.
    fn put_mark(mark: &Self::Mark, bytes: &mut Vec<u8>);

    /// Reads a mark; or says why it cannot.
    fn take_mark(rest: &mut &[u8]) -> Result<Self::Mark, String>;
}
