//! The head mark: how far the log was durable, told outside it.
//!
//! A log that is cut at a frame's end looks whole. So a file beside the segments names the last entry that was
//! synced: a log that ends before it has lost something, and is neither a torn tail nor a new journal.
//!
//! It has two slots. Each batch overwrites one of them without a sync, after the sync that it names; so it is exact
//! whenever the process ends, and behind by at most [`LAG_ENTRIES_MAX`] entries when the power fails. A slot that was
//! synced is left alone until the other one is, so that one of them is whole at any time.
//!
//! A slot, all numbers little-endian: the magic; the mark's format; the generation, which counts writes; the
//! sequence and the chain of the entry; the form's stamp; and a CRC-32C over all before it.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf as _, BufMut as _};

use crate::error::JournalError;
use crate::form::Chain;
use crate::storage::{Storage, StorageFile};

pub(crate) const NAME: &str = "head";
pub(crate) const MAGIC: [u8; 8] = *b"liahead\x1a";
const FORMAT_VERSION: u32 = 1;
const SLOT_BYTES: usize = 72;
/// Far enough apart that no write of the disk touches both.
const SLOT_SPACING_BYTES: u64 = 4096;
/// Entries that a power failure may take from the mark: one sync for so many is not felt.
pub(crate) const LAG_ENTRIES_MAX: u64 = 16_384;

/// The last entry that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) sequence: u64,
    pub(crate) chain: Chain,
    /// What the form has kept beside it.
    pub(crate) stamp: u64,
}

/// What became of the head mark at an opening.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum HeadUse {
    /// The journal is new.
    #[default]
    New,
    /// The log holds what it names.
    Held,
    /// There was none, though there are segments: a version before it wrote them, or somebody deleted it. It is
    /// written anew.
    Missing,
    /// It could not be read, and is written anew.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// A mark as it was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) head: Head,
    generation: u64,
    slot: u64,
}

impl Head {
    fn put(&self, generation: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SLOT_BYTES);
        bytes.put_slice(&MAGIC);
        bytes.put_u32_le(FORMAT_VERSION);
        bytes.put_u64_le(generation);
        bytes.put_u64_le(self.sequence);
        bytes.put_slice(&self.chain);
        bytes.put_u64_le(self.stamp);
        let crc = crc32c::crc32c(&bytes);
        bytes.put_u32_le(crc);
        bytes
    }

    fn take(mut rest: &[u8], slot: u64) -> Option<Found> {
        let generation = rest.try_get_u64_le().ok()?;
        let sequence = rest.try_get_u64_le().ok()?;
        let mut chain = Chain::default();
        rest.try_copy_to_slice(&mut chain).ok()?;
        let stamp = rest.try_get_u64_le().ok()?;
        let head = Self {
            sequence,
            chain,
            stamp,
        };
        Some(Found {
            head,
            generation,
            slot,
        })
    }
}

impl Found {
    /// The mark of a journal, if there is one; or why it cannot be read. Beside a writer it is read before the segments
    /// are listed: then they hold what it names.
    /// One of a newer format is an error: whoever wrote it anew would take away what it protects.
    pub(crate) fn read(
        storage: &dyn Storage,
    ) -> Result<Option<Result<Self, String>>, JournalError> {
        let file = match storage.open(NAME, false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Ok(Some(Err(format!("it cannot be opened: {error}")))),
        };
        let mut newest: Option<Self> = None;
        for slot in [0, 1] {
            let mut bytes = [0; SLOT_BYTES];
            let read = file.read_at(&mut bytes, slot * SLOT_SPACING_BYTES);
            let whole = read.is_ok_and(|read| read == SLOT_BYTES);
            let Some((format, rest)) = unsealed(&bytes).filter(|_| whole) else {
                continue;
            };
            if format > FORMAT_VERSION {
                return Err(JournalError::NewerHeadMark {
                    file: storage.path().join(NAME),
                    found: format,
                    known: FORMAT_VERSION,
                });
            }
            let found = Head::take(rest, slot);
            newest = newest
                .into_iter()
                .chain(found)
                .max_by_key(|found| found.generation);
        }
        Ok(Some(
            newest.ok_or_else(|| "neither of its slots is whole".to_owned()),
        ))
    }
}

/// The format of a slot whose checksum holds, and what follows. Every format keeps a slot's length and its checksum's
/// place, so that a newer one is never taken for a broken one.
fn unsealed(bytes: &[u8; SLOT_BYTES]) -> Option<(u32, &[u8])> {
    let (covered, crc) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(covered) != u32::from_le_bytes(*crc) {
        return None;
    }
    let mut rest = covered.strip_prefix(&MAGIC)?;
    let format = rest.try_get_u32_le().ok()?;
    Some((format, rest))
}

/// Keeps the mark of an open journal.
pub(crate) struct HeadMark {
    file: Arc<dyn StorageFile>,
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    head: Head,
    generation: u64,
    /// The slot that may be overwritten: the other one is durable.
    slot: u64,
    /// The sequence that the durable slot names; `None` if there is no such slot.
    synced: Option<u64>,
    /// Nothing is written yet: what stands there still protects a journal that is being salvaged.
    held_back: bool,
}

impl HeadMark {
    /// Takes up a mark, and has it name `head`, durably. With `held_back` the file stays as it is until
    /// [`Self::release`].
    pub(crate) fn take_up(
        storage: &dyn Storage,
        found: Option<Found>,
        head: Head,
        held_back: bool,
    ) -> Result<Self, JournalError> {
        let path = storage.path().join(NAME);
        let file = storage
            .open(NAME, true)
            .map_err(JournalError::io("create", path.clone()))?;
        let mark = Self {
            file,
            path,
            state: Mutex::new(State {
                head,
                generation: found.map_or(0, |found| found.generation),
                slot: found.map_or(0, |found| 1 - found.slot),
                synced: None,
                held_back,
            }),
        };
        if !held_back {
            mark.advance(head)?;
            storage
                .sync_directory()
                .map_err(JournalError::io("sync", storage.path()))?;
        }
        Ok(mark)
    }

    /// The log is durable through `head`.
    pub(crate) fn advance(&self, head: Head) -> Result<(), JournalError> {
        self.change(head, false)
    }

    /// Makes the mark exact on the disk, too.
    pub(crate) fn seal(&self) -> Result<(), JournalError> {
        let head = self.locked().head;
        self.change(head, true)
    }

    /// The journal protects itself from here on.
    pub(crate) fn release(&self, storage: &dyn Storage) -> Result<(), JournalError> {
        self.locked().held_back = false;
        self.seal()?;
        storage
            .sync_directory()
            .map_err(JournalError::io("sync", storage.path()))
    }

    fn change(&self, head: Head, exact: bool) -> Result<(), JournalError> {
        let mut state = self.locked();
        let state = &mut *state;
        state.head = head;
        if state.held_back || state.synced == Some(head.sequence) {
            return Ok(());
        }
        let io = |what| JournalError::io(what, self.path.clone());
        state.generation += 1;
        let bytes = head.put(state.generation);
        self.file
            .write_at(&bytes, state.slot * SLOT_SPACING_BYTES)
            .map_err(io("write"))?;
        let lag = state.synced.map(|synced| head.sequence - synced);
        if exact || lag.is_none_or(|lag| lag >= LAG_ENTRIES_MAX) {
            self.file.sync_data().map_err(io("sync"))?;
            state.synced = Some(head.sequence);
            state.slot = 1 - state.slot;
        }
        Ok(())
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        // Each change under the lock leaves a state that can be gone on from.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::faulty::{FaultyStorage, Unsynced};

    fn head(sequence: u64) -> Head {
        Head {
            sequence,
            chain: [sequence as u8; 32],
            stamp: 1,
        }
    }

    fn found(storage: &dyn Storage) -> Option<u64> {
        let found = Found::read(storage).expect("no newer version wrote it")?;
        let found = found.expect("one slot is whole at any time");
        assert_eq!(found.head, head(found.head.sequence));
        Some(found.head.sequence)
    }

    fn taken_up(storage: &dyn Storage) -> Option<Found> {
        let found = Found::read(storage).expect("no newer version wrote it");
        found.and_then(Result::ok)
    }

    #[test]
    fn whatever_the_power_takes_the_mark_is_behind_by_a_bounded_number_and_never_ahead() {
        let step = LAG_ENTRIES_MAX / 3 + 1;
        let storage = FaultyStorage::new(1);
        let mark = HeadMark::take_up(&storage, None, head(1), false).expect("nothing fails");
        for turn in 1..40 {
            mark.advance(head(turn * step)).expect("nothing fails");
            assert_eq!(found(&storage), Some(turn * step), "the process may end");
            for (seed, unsynced) in [
                (0, Unsynced::Lost),
                (0, Unsynced::Kept),
                (1, Unsynced::Torn),
                (2, Unsynced::Torn),
                (3, Unsynced::Torn),
            ] {
                let after = found(&storage.after_power_cut(unsynced, turn * 4 + seed));
                let after = after.expect("it was synced once");
                assert!(after <= turn * step, "{turn}, {unsynced:?}");
                assert!(
                    after + LAG_ENTRIES_MAX > turn * step,
                    "{turn}, {unsynced:?}"
                );
            }
        }
        mark.seal().expect("nothing fails");
        assert_eq!(
            found(&storage.after_power_cut(Unsynced::Lost, 1)),
            Some(39 * step)
        );
    }

    #[test]
    fn a_mark_is_taken_up_where_it_was_left() {
        let storage = FaultyStorage::new(1);
        drop(HeadMark::take_up(&storage, None, head(1), false).expect("nothing fails"));
        for sequence in 2..9 {
            let found = taken_up(&storage);
            let mark = HeadMark::take_up(&storage, found, head(sequence), false);
            mark.expect("nothing fails")
                .advance(head(sequence + 100))
                .expect("nothing fails");
        }
        assert_eq!(found(&storage), Some(108));
        assert_eq!(found(&storage.after_power_cut(Unsynced::Lost, 1)), Some(8));
    }

    #[test]
    fn a_mark_that_is_held_back_says_what_it_said() {
        let storage = FaultyStorage::new(1);
        drop(HeadMark::take_up(&storage, None, head(90), false).expect("nothing fails"));
        let before = taken_up(&storage);
        let mark = HeadMark::take_up(&storage, before, head(5), true).expect("nothing fails");
        mark.advance(head(6)).expect("nothing fails");
        assert_eq!(found(&storage), Some(90));
        mark.release(&storage).expect("nothing fails");
        assert_eq!(found(&storage.after_power_cut(Unsynced::Lost, 1)), Some(6));
    }

    #[test]
    fn a_mark_of_a_newer_format_is_told_as_that_and_a_broken_one_is_not() {
        for (breaks, is_newer) in [(false, true), (true, false)] {
            let storage = FaultyStorage::new(1);
            drop(HeadMark::take_up(&storage, None, head(7), false).expect("nothing fails"));
            let file = storage.open(NAME, false).expect("it is there");
            let mut bytes = head(9).put(2);
            bytes[MAGIC.len()] = FORMAT_VERSION as u8 + 1;
            if !breaks {
                let crc = crc32c::crc32c(&bytes[..SLOT_BYTES - 4]);
                bytes[SLOT_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
            }
            file.write_at(&bytes, SLOT_SPACING_BYTES)
                .expect("nothing fails");
            match Found::read(&storage) {
                Err(JournalError::NewerHeadMark { found: 2, .. }) => assert!(is_newer),
                Ok(Some(Ok(found))) => assert!(!is_newer && found.head == head(7)),
                other => panic!("{other:?}"),
            }
        }
    }
}
