//! Holds a snapshot against the log before anything of it is believed.

use std::sync::Arc;

use crate::error::JournalError;
use crate::form::Form;
use crate::scan::{ChainCheck, Scanned, Scanner};
use crate::snapshot::{Snapshot, SnapshotUse, Snapshots};
use crate::walk::Opened;

/// The entries that a snapshot covers, for a form that goes on among them or behind them.
pub struct Covered<'a, M> {
    pub(crate) snapshot: &'a Snapshot<M>,
    pub(crate) opened: &'a [Opened],
}

impl<M> std::fmt::Debug for Covered<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Covered")
            .field("through", &self.snapshot.sequence)
            .finish_non_exhaustive()
    }
}

impl<M> Covered<'_, M> {
    /// Gives `each` the entries from the last place in the index that `wanted` takes, by what was counted before it, up to
    /// the next place: little is read, however long the journal is. `wanted` holds up to some place, and no further.
    pub fn stretch<F: Form<Mark = M>>(
        &self,
        wanted: impl Fn(&M) -> bool,
        mut each: impl FnMut(&F::Entry),
    ) -> Result<(), JournalError> {
        for (known, found) in self.snapshot.segments.iter().zip(self.opened).rev() {
            let next = known.points.partition_point(|point| wanted(&point.before));
            let Some(begin) = next.checked_sub(1) else {
                continue;
            };
            let end = known.points.get(next).map_or(known.len, |next| next.offset);
            let (file, path) = (Arc::clone(&found.file), found.path.clone());
            let (check, form) = (ChainCheck::Joints, F::default());
            let mut scanner = Scanner::<F>::new(file, path, known.first, None, check, form)?;
            scanner.resume(known.points[begin].offset, None);
            while scanner.offset() < end {
                match scanner.scan()? {
                    Scanned::Entry(entry, _) => each(&entry),
                    Scanned::End => break,
                    Scanned::Fault(fault) => return Err(scanner.error(&fault)),
                }
            }
            found.file.rest();
            break;
        }
        Ok(())
    }
}

/// Takes up a snapshot, if it is wanted, whole, of this fold, and the log holds the entry it names.
pub(crate) fn take_snapshot<F: Form>(
    read: Option<Result<Snapshot<F::Mark>, String>>,
    snapshots: Option<Snapshots<'_>>,
    opened: &[Opened],
) -> (Option<Snapshot<F::Mark>>, SnapshotUse) {
    let (Some(wanted), Some(read)) = (snapshots, read) else {
        return (None, SnapshotUse::None);
    };
    let taken = read.and_then(|snapshot| {
        if snapshot.fold_version != wanted.fold_version {
            return Err(format!(
                "it is of fold version {}, and {} is in use",
                snapshot.fold_version, wanted.fold_version
            ));
        }
        confirm::<F>(&snapshot, opened)?;
        if (wanted.restore)(snapshot.state()) {
            Ok(snapshot)
        } else {
            Err("its state cannot be taken up".to_owned())
        }
    });
    match taken {
        Ok(snapshot) => {
            let sequence = snapshot.sequence;
            (Some(snapshot), SnapshotUse::Taken { sequence })
        }
        Err(why) => (None, SnapshotUse::Ignored { why }),
    }
}

/// Holds a snapshot against the log: the same segments, and the entry it names, with its chain, where it says.
fn confirm<F: Form>(snapshot: &Snapshot<F::Mark>, opened: &[Opened]) -> Result<(), String> {
    let other = || format!("it is of another {}, or of one that was cut", F::NOUN);
    let known = &snapshot.segments;
    if known.len() > opened.len() {
        return Err(other());
    }
    for (known, found) in known.iter().zip(opened) {
        let len = found.file.len().map_err(|error| error.to_string())?;
        let last = known.first == snapshot.segment;
        if known.first != found.first || len < known.len || (len > known.len && !last) {
            return Err(other());
        }
    }
    let (Some(at), Some(found)) = (known.last(), opened.get(known.len().wrapping_sub(1))) else {
        return Err(other());
    };
    let point = at.points.last().filter(|_| at.first == snapshot.segment);
    let point = point.ok_or_else(other)?;
    let (file, path) = (Arc::clone(&found.file), found.path.clone());
    let mut form = F::default();
    form.go_on_behind(&point.before, &Covered { snapshot, opened })
        .map_err(|error| error.to_string())?;
    let mut scanner = Scanner::new(file, path, found.first, None, ChainCheck::All, form)
        .map_err(|error| error.to_string())?;
    scanner.resume(point.offset, None);
    while let Scanned::Entry(entry, _) = scanner.scan().map_err(|error| error.to_string())? {
        let link = F::link(&entry);
        if link.sequence == snapshot.sequence {
            let same = (scanner.offset(), link.chain) == (snapshot.offset, snapshot.chain);
            return same.then_some(()).ok_or_else(other);
        }
        if link.sequence > snapshot.sequence {
            break;
        }
    }
    Err(other())
}
