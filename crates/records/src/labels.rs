//! What the offices of a ledger and their ranks are called: the file `labels` in its directory, if there is one.

use std::fs;
use std::path::Path;

use command::failure::Failure;
use words::labels::{BYTES_MAX, Labels};

use crate::source;

const NAME: &str = "labels";

/// The labels of the ledgers at `path`: one, or a pair. What cannot be read is not there: no figure stands on it.
pub(crate) fn of_ledgers(path: &Path) -> Labels {
    let read = |ledger: &Path| {
        let bytes = fs::read(ledger.join(NAME)).ok()?;
        (bytes.len() <= BYTES_MAX).then(|| Labels::parse(&String::from_utf8_lossy(&bytes)))
    };
    let ledgers = source::ledgers_in(path).unwrap_or_default();
    let mut found = ledgers.iter().filter_map(|ledger| read(ledger));
    found.next().unwrap_or_default()
}

/// Has all told under the labels of the ledgers at `path`.
pub(crate) fn heed(path: &Path) {
    words::labels::set(of_ledgers(path));
}

/// Writes beside each ledger at `out` what its offices and their ranks are called, if not as usual.
pub fn keep(out: &Path, labels: &Labels) -> Result<(), Failure> {
    if labels.is_empty() {
        return Ok(());
    }
    for ledger in source::ledgers_in(out)? {
        let path = ledger.join(NAME);
        fs::write(&path, labels.to_text()).map_err(|error| {
            Failure::Failed(format!("failed to write {}: {error}", path.display()))
        })?;
    }
    Ok(())
}
