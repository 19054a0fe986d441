//! Goes on behind a fault, for whoever looks at all of a journal.

use crate::error::JournalError;
use crate::form::Form;
use crate::frame::{CHAIN_FIELD_BYTES, FRAME_HEADER_BYTES};
use crate::scan::{Fault, FaultKind, Scanner, Whole};

/// Faults that are listed; more are not looked for.
pub(crate) const FAULTS_MAX: usize = 1_000;

/// Goes on with the next whole entry behind a fault. Says whether there is one, and what is wrong.
pub(crate) fn go_on<F: Form>(
    scanner: &mut Scanner<F>,
    fault: Fault,
    torn: bool,
) -> Result<(bool, String), JournalError> {
    let at = scanner.offset();
    if fault.kind == FaultKind::Misplaced {
        scanner.resume(at, None);
        return Ok((true, fault.what));
    }
    let next = scanner.expected().map(|expected| expected.sequence);
    let follows = |whole: &Whole<F::Entry>, offset: u64| {
        let room = (offset - at) / (FRAME_HEADER_BYTES + CHAIN_FIELD_BYTES) as u64;
        let found = whole.link.sequence;
        next.is_none_or(|next| (next..=next.saturating_add(room)).contains(&found))
    };
    if let Some((offset, whole)) = scanner.find(at + 1, follows)? {
        scanner.resume(offset, None);
        let found = whole.link.sequence;
        let lost = match next {
            Some(next) if next + 1 == found => format!("entry {next} is unreadable"),
            Some(next) if next < found => {
                format!("entries {next} to {} are unreadable", found - 1)
            }
            _ => format!("reading goes on with entry {found}"),
        };
        return Ok((true, format!("{}; {lost}", fault.what)));
    }
    let rest = format!("{} bytes follow that are no entry", scanner.left());
    let torn = if torn {
        let noun = F::NOUN;
        format!(" (a torn tail, which opening the {noun} saves aside and cuts)")
    } else {
        String::new()
    };
    Ok((false, format!("{}; {rest}{torn}", fault.what)))
}
