//! Opening: takes up what an earlier writer left, cuts a torn tail, and refuses damage.

use std::sync::Arc;

use crate::ahead::fold_behind;
use crate::aside::{copy_range, save_aside};
use crate::error::JournalError;
use crate::floor::{Floor, Witnesses};
use crate::form::Form;
use crate::head::{Found, HeadUse};
use crate::reader::Reader;
use crate::resume::take_snapshot;
use crate::scan::{ChainCheck, Expected, Scanned, Scanner};
use crate::segments::{segment_name, segments_in};
use crate::snapshot::{SnapshotUse, Snapshots};
use crate::storage::{Storage, StorageFile};
use crate::walk::{Opened, Walk, Walked, bytes_of, open_all};

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// The journal was new.
    pub created: bool,
    /// Entries read: all of them, or those behind the snapshot.
    pub entries: u64,
    /// A torn tail that was cut: the file it was saved in, and its bytes.
    pub torn: Option<(String, u64)>,
    /// What became of the snapshot.
    pub snapshot: SnapshotUse,
    /// What became of the head mark.
    pub head: HeadUse,
}

/// What is done about a journal that ends before what was durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shorter {
    /// It is an error.
    Refused,
    /// It is being salvaged: the head mark stays as it is until [`crate::Journal::protect`].
    Taken,
}

/// A journal that was walked over for a writer.
pub(crate) struct Recovered<F: Form> {
    pub(crate) walk: Walk<F>,
    pub(crate) recovery: Recovery,
    /// The head mark that stands.
    pub(crate) found: Option<Found>,
}

/// Walks over a journal for a writer, and makes what is whole durable again.
pub(crate) fn recover<F: Form>(
    storage: &Arc<dyn Storage>,
    snapshots: Option<Snapshots<'_>>,
    shorter: Shorter,
    mut check: impl FnMut(&F::Entry) -> Result<(), F::Error> + Send,
    fold: &mut impl FnMut(&F::Entry),
) -> Result<Recovered<F>, F::Error> {
    let storage = &**storage;
    let witnesses = Witnesses::read::<F>(storage, snapshots.is_some())?;
    let floor = match shorter {
        Shorter::Refused => witnesses.floor(),
        Shorter::Taken => Floor::NONE,
    };
    let mut firsts = segments_in(storage)?;
    let mut recovery = Recovery {
        created: firsts.is_empty(),
        head: witnesses.head_use(firsts.is_empty()),
        ..Recovery::default()
    };
    if recovery.created {
        // Before anything is made: what is left says that there was a journal.
        floor.check(storage, 0)?;
        firsts.push(1);
    }
    let mut opened = open_all(storage, &firsts, recovery.created)?;
    let found = witnesses.found();
    let (snapshot, used) = take_snapshot::<F>(witnesses.snapshot, snapshots, &opened);
    recovery.snapshot = used;
    let mut walk = Walk::<F>::new();
    if let Some(snapshot) = snapshot {
        // The mark tells the stamp; a version before it left none, and then all entries are asked once.
        let through = found.map_or(snapshot.sequence, |_| 1);
        learn_covered(&opened, &mut check, &mut walk, through)?;
        if let Some(found) = found {
            walk.form.take_stamp(found.head.stamp);
        }
        opened = walk.begin_behind(snapshot, opened)?;
    }
    let mut torn = None;
    let end = |segment: &Opened, walked: &Walked<F>| {
        torn = make_durable(storage, segment, walked)?;
        Ok(())
    };
    let (walk, entries) = fold_over(storage, opened, walk, &floor, check, fold, end)?;
    Ok(Recovered {
        walk,
        recovery: Recovery {
            entries,
            torn,
            ..recovery
        },
        found,
    })
}

/// Reads the segments from where the walk has come to, and folds their entries; says how many they held.
fn fold_over<F: Form>(
    storage: &dyn Storage,
    opened: Vec<Opened>,
    mut walk: Walk<F>,
    floor: &Floor,
    mut check: impl FnMut(&F::Entry) -> Result<(), F::Error> + Send,
    mut fold: impl FnMut(&F::Entry),
    end: impl FnMut(&Opened, &Walked<F>) -> Result<(), JournalError> + Send,
) -> Result<(Walk<F>, u64), F::Error> {
    fold_behind(
        bytes_of(&opened),
        F::kept_bytes,
        |entry| fold(&entry),
        move |each| {
            walk_over(storage, opened, &mut walk, floor, &mut check, each, end)
                .map(|entries| (walk, entries))
        },
    )
}

/// Reads the segments from where the walk has come to; returns how many entries they held. The end of the last one is
/// held against what was durable, and then given to `end`, before anything is cut: a tail that was durable is not torn.
fn walk_over<F: Form>(
    storage: &dyn Storage,
    opened: Vec<Opened>,
    walk: &mut Walk<F>,
    floor: &Floor,
    check: &mut impl FnMut(&F::Entry) -> Result<(), F::Error>,
    each: &mut dyn FnMut(F::Entry),
    mut end: impl FnMut(&Opened, &Walked<F>) -> Result<(), JournalError>,
) -> Result<u64, F::Error> {
    let (count, mut entries) = (opened.len(), 0);
    for (index, segment) in opened.into_iter().enumerate() {
        let is_last = index + 1 == count;
        let walked = walk.segment(&segment, is_last, |entry| {
            if let Some(what) = floor.other_than_named(&F::link(&entry)) {
                let file = segment.path.clone();
                let offset = 0;
                return Err(JournalError::Damaged { file, offset, what }.into());
            }
            check(&entry)?;
            entries += 1;
            each(entry);
            Ok(())
        })?;
        if is_last {
            check_end(floor, storage, walk.next - 1, &walked)?;
            end(&segment, &walked)?;
        }
        walk.add(segment, walked);
    }
    Ok(entries)
}

/// Holds the last whole entry against what was durable. If bytes follow it, they are what it was.
fn check_end<F: Form>(
    floor: &Floor,
    storage: &dyn Storage,
    last: u64,
    walked: &Walked<F>,
) -> Result<(), JournalError> {
    floor.check(storage, last).map_err(|short| {
        if !walked.torn {
            return short;
        }
        let witness = floor.witness;
        walked.scanner.damaged(format!(
            "entry {} cannot be read, and the {witness} says that it was durable",
            last + 1
        ))
    })
}

/// Cuts a torn tail, after it is saved aside, and writes again what stands above the last durable point: it may
/// lie in the page cache only, and after a failed sync its pages look clean.
fn make_durable<F: Form>(
    storage: &dyn Storage,
    segment: &Opened,
    walked: &Walked<F>,
) -> Result<Option<(String, u64)>, JournalError> {
    let (file, first): (&dyn StorageFile, _) = (&*segment.file, segment.first);
    let len = walked.scanner.offset();
    let io = |what| JournalError::io(what, walked.scanner.path());
    let saved = if walked.torn {
        let stem = format!("{first:020}.torn-at-{len}");
        Some(save_aside(storage, file, len, &stem)?)
    } else {
        None
    };
    if walked.scanner.left() > 0 {
        file.set_len(len).map_err(io("truncate"))?;
    }
    copy_range(
        file,
        walked.durable,
        file,
        walked.durable,
        len - walked.durable,
    )
    .map_err(io("write"))?;
    file.sync_data().map_err(io("sync"))?;
    storage
        .sync_directory()
        .map_err(JournalError::io("sync", storage.path()))?;
    Ok(saved)
}

/// Opens a journal for reading, beside any writer: what is whole is read, a torn tail is left alone. What the writer adds
/// later is not seen. Every entry is given to `check`, which may refuse it, and to `fold`; if there is a snapshot that
/// fits, its state is taken up, and only the entries that follow are.
pub fn read<F: Form>(
    storage: &dyn Storage,
    snapshots: Option<Snapshots<'_>>,
    mut check: impl FnMut(&F::Entry) -> Result<(), F::Error> + Send,
    fold: impl FnMut(&F::Entry),
) -> Result<(Reader<F>, F, SnapshotUse), F::Error> {
    let directory = storage.path();
    let witnesses = Witnesses::read::<F>(storage, snapshots.is_some())?;
    let floor = witnesses.floor();
    let firsts = match segments_in(storage) {
        Ok(firsts) => firsts,
        Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(JournalError::NotAJournal { directory }.into());
        }
        Err(error) => return Err(error.into()),
    };
    let mut opened = open_all(storage, &firsts, false)?;
    let (snapshot, used) = take_snapshot::<F>(witnesses.snapshot, snapshots, &opened);
    let mut walk = Walk::<F>::new();
    if let Some(snapshot) = snapshot {
        learn_covered(&opened, &mut check, &mut walk, 1)?;
        opened = walk.begin_behind(snapshot, opened)?;
    }
    let (walk, _) = fold_over(storage, opened, walk, &floor, check, fold, |_, _| Ok(()))?;
    // There may be no segment.
    floor.check(storage, walk.next - 1)?;
    if walk.next == 1 {
        return Err(JournalError::NotAJournal { directory }.into());
    }
    let form = walk.form.clone();
    Ok((walk.into_reader(), form, used))
}

/// The first entry of a journal, if it is whole and begins one. Nothing else is read.
pub fn first_entry<F: Form>(storage: &dyn Storage) -> Result<Option<F::Entry>, JournalError> {
    let name = segment_name(Expected::FIRST.sequence);
    let path = storage.path().join(&name);
    let file = match storage.open(&name, false) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(JournalError::io("open", path.clone()))?,
    };
    let (expected, check, form) = (Some(Expected::FIRST), ChainCheck::Chain, F::default());
    let mut scanner = Scanner::<F>::new(file, path, 1, expected, check, form)?;
    Ok(match scanner.scan()? {
        Scanned::Entry(entry, _) => Some(entry),
        Scanned::End | Scanned::Fault(_) => None,
    })
}

/// What the entries through `through` say of the journal itself. The first one, which says whose it is, is read also when
/// a snapshot covers it.
fn learn_covered<F: Form>(
    opened: &[Opened],
    check: &mut impl FnMut(&F::Entry) -> Result<(), F::Error>,
    walk: &mut Walk<F>,
    through: u64,
) -> Result<(), F::Error> {
    for Opened { first, file, path } in opened {
        let (file, path, form) = (Arc::clone(file), path.clone(), walk.form.clone());
        let mut scanner = Scanner::new(file, path, *first, None, ChainCheck::Joints, form)?;
        loop {
            match scanner.scan()? {
                Scanned::Entry(entry, _) => {
                    check(&entry)?;
                    walk.form = scanner.form().clone();
                    if F::link(&entry).sequence >= through {
                        return Ok(());
                    }
                }
                Scanned::End => break,
                Scanned::Fault(fault) => return Err(scanner.error(&fault).into()),
            }
        }
    }
    Ok(())
}
