//! Keeps what a newer version wrote from being cut off as if it were damage.

use crate::behind::{FAULTS_MAX, go_on};
use crate::error::JournalError;
use crate::form::Form;
use crate::scan::{ChainCheck, Expected, FaultKind, Scanned, Scanner};
use crate::segments::{segment_name, segments_in};
use crate::storage::Storage;

/// Looks for an entry of a newer version anywhere in a journal, also behind damage, before anything of it is changed.
pub(crate) fn refuse_newer<F: Form>(storage: &dyn Storage) -> Result<(), JournalError> {
    let (mut expected, mut form) = (Some(Expected::FIRST), F::default());
    for first in segments_in(storage)? {
        let name = segment_name(first);
        let path = storage.path().join(&name);
        let file = storage
            .open(&name, false)
            .map_err(JournalError::io("open", path.clone()))?;
        let follows = expected.filter(|expected| expected.sequence == first);
        let mut scanner = Scanner::new(file, path, first, follows, ChainCheck::Chain, form)?;
        refuse_in(&mut scanner)?;
        expected = scanner.expected();
        form = scanner.form().clone();
    }
    Ok(())
}

fn refuse_in<F: Form>(scanner: &mut Scanner<F>) -> Result<(), JournalError> {
    let mut faults = 0;
    // An entry that does not follow is read again for what it is: it may say anything.
    let mut misplaced = None;
    loop {
        let fault = match scanner.scan()? {
            Scanned::Entry(..) => continue,
            Scanned::End => return Ok(()),
            Scanned::Fault(fault) => fault,
        };
        match fault.behind {
            Some((behind, expected)) if misplaced == Some(scanner.offset()) => {
                scanner.pass(behind, expected);
                continue;
            }
            Some(_) => return Err(scanner.error(&fault)),
            None => {}
        }
        if fault.kind == FaultKind::Misplaced {
            misplaced = Some(scanner.offset());
        }
        faults += 1;
        let (resumed, _) = go_on(scanner, fault, false)?;
        if !resumed || faults >= FAULTS_MAX {
            return Ok(());
        }
    }
}
