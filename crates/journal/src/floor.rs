//! What a journal must hold at least, by what stands outside its segments.

use crate::error::JournalError;
use crate::form::{Chain, Form, Link};
use crate::head::{self, Found, HeadUse};
use crate::segments::segments_in;
use crate::snapshot::{self, Snapshot};
use crate::storage::Storage;

/// The last entry that is known to have been durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Floor {
    pub(crate) sequence: u64,
    /// The file that says so.
    pub(crate) witness: &'static str,
    /// The mark names its entry's chain, too.
    head: Option<(u64, Chain)>,
}

/// The head mark and the snapshot of a journal, read before its segments are listed: beside a writer they must not be
/// newer than those.
pub(crate) struct Witnesses<M> {
    head: Option<Result<Found, String>>,
    /// Only if its state is wanted: it may be long.
    pub(crate) snapshot: Option<Result<Snapshot<M>, String>>,
    /// The last entry that the snapshot covers; 0 without a whole one.
    pub(crate) by_snapshot: u64,
}

impl<M> Witnesses<M> {
    /// Reads them; of the snapshot only how far it goes, unless its state is wanted.
    pub(crate) fn read<F: Form<Mark = M>>(
        storage: &dyn Storage,
        wants_state: bool,
    ) -> Result<Self, JournalError> {
        let head = Found::read(storage)?;
        let snapshot = wants_state.then(|| Snapshot::read::<F>(storage)).flatten();
        let by_snapshot = match &snapshot {
            Some(Ok(snapshot)) => snapshot.sequence,
            Some(Err(_)) => 0,
            None => snapshot::covered(storage),
        };
        Ok(Self {
            head,
            snapshot,
            by_snapshot,
        })
    }

    pub(crate) fn found(&self) -> Option<Found> {
        self.head.as_ref()?.as_ref().ok().copied()
    }

    pub(crate) fn head_use(&self, created: bool) -> HeadUse {
        match &self.head {
            Some(Ok(_)) => HeadUse::Held,
            Some(Err(why)) => HeadUse::Unreadable { why: why.clone() },
            None if created => HeadUse::New,
            None => HeadUse::Missing,
        }
    }

    pub(crate) fn floor(&self) -> Floor {
        let head = self.found().map(|found| found.head);
        let by_head = head.map_or(0, |head| head.sequence);
        Floor {
            sequence: by_head.max(self.by_snapshot),
            witness: if self.by_snapshot > by_head {
                snapshot::NAME
            } else {
                head::NAME
            },
            head: head.map(|head| (head.sequence, head.chain)),
        }
    }
}

impl Floor {
    /// Nothing is known to have been durable.
    pub(crate) const NONE: Self = Self {
        sequence: 0,
        witness: head::NAME,
        head: None,
    };

    /// Whether a log that ends with entry `last` holds all of it.
    pub(crate) fn check(&self, storage: &dyn Storage, last: u64) -> Result<(), JournalError> {
        if last >= self.sequence {
            return Ok(());
        }
        Err(JournalError::Shortened {
            directory: storage.path(),
            found: last,
            durable: self.sequence,
            witness: self.witness,
        })
    }

    /// What is wrong with an entry, if the mark names it and it is another one.
    pub(crate) fn other_than_named(&self, link: &Link) -> Option<String> {
        let (sequence, chain) = self.head?;
        (link.sequence == sequence && link.chain != chain).then(|| {
            format!("entry {sequence} is not the one that the head mark says was durable here")
        })
    }
}

/// Whether there is a journal in `storage`, or what is left of one: a segment, a head mark or a snapshot.
pub fn is_journal(storage: &dyn Storage) -> bool {
    let begins_with = |name: &str, magic: &[u8]| {
        let mut bytes = vec![0; magic.len()];
        let read = storage
            .open(name, false)
            .and_then(|file| file.read_at(&mut bytes, 0));
        read.is_ok() && bytes == magic
    };
    segments_in(storage).is_ok_and(|firsts| !firsts.is_empty())
        || begins_with(head::NAME, &head::MAGIC)
        || begins_with(snapshot::NAME, &snapshot::MAGIC)
}
