//! Whose days and hours a ledger's are: those at UTC+9, or what a file beside its segments says.
//!
//! Entries hold times, which know no zone. Where the days of a scenario, or of other people's records, are not those at
//! UTC+9, the file `time-zone` in the ledger's directory says whose they are; without it nothing has changed.

use std::fs;
use std::io;
use std::path::Path;

use jiff::tz::{Offset, TimeZone};
use office::tally::OFFICE_TIME;
use reading::offset_text;
use words::time;

use command::failure::Failure;
use command::zone::{ZoneArgs, parse_either};

use crate::labels;
use crate::source::{self, Named};

const NAME: &str = "time-zone";
/// The name of a zone is shorter.
const NAME_BYTES_MAX: usize = 128;

/// The zone that was named, else that of the ledger, else that of the clocks.
pub(crate) fn of(named: &ZoneArgs, ledger: &Named) -> Result<TimeZone, Failure> {
    match (named.named(), ledger) {
        (Some(zone), _) => Ok(zone),
        (None, Named::Directory(path)) => of_ledgers(path),
        (None, _) => Ok(time::clocks()),
    }
}

/// Whether a zone is that of the offices.
pub(crate) fn is_office_time(zone: &TimeZone) -> bool {
    *zone == TimeZone::fixed(OFFICE_TIME)
}

/// The zone of the ledgers at `path`: one, or a pair.
pub(crate) fn of_ledgers(path: &Path) -> Result<TimeZone, Failure> {
    for ledger in source::ledgers_in(path)? {
        if let Some(zone) = read(&ledger)? {
            return Ok(zone);
        }
    }
    Ok(TimeZone::fixed(OFFICE_TIME))
}

fn read(ledger: &Path) -> Result<Option<TimeZone>, Failure> {
    let path = ledger.join(NAME);
    let wrong = |what: &str| {
        Failure::Failed(format!(
            "failed to read {}: {what}; write +09:00 or Europe/Berlin there, or say --utc-offset",
            path.display()
        ))
    };
    let text = match fs::read(&path) {
        Ok(bytes) if bytes.len() <= NAME_BYTES_MAX => String::from_utf8_lossy(&bytes).into_owned(),
        Ok(_) => return Err(wrong("it is too long")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(&error.to_string())),
    };
    let text = text.trim();
    let zone = parse_either(text)
        .ok_or_else(|| wrong(&format!("this system knows no time zone {text:?}")))?;
    Ok(Some(zone))
}

/// Writes beside each ledger at `out` whose days its are, if not those of the offices.
pub fn keep(out: &Path, zone: &TimeZone) -> Result<(), Failure> {
    if is_office_time(zone) {
        return Ok(());
    }
    let offset = || offset_text(zone.to_fixed_offset().unwrap_or(Offset::UTC));
    let words = zone.iana_name().map_or_else(offset, str::to_owned);
    for ledger in source::ledgers_in(out)? {
        let path = ledger.join(NAME);
        fs::write(&path, format!("{words}\n")).map_err(|error| {
            Failure::Failed(format!("failed to write {}: {error}", path.display()))
        })?;
    }
    Ok(())
}

/// Gives what was made of the ledgers at `read` the same zone and labels.
pub(crate) fn carry(read: &Path, out: &Path) -> Result<(), Failure> {
    labels::keep(out, &labels::of_ledgers(read))?;
    keep(out, &of_ledgers(read)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_keeps_whose_days_its_are_if_not_those_of_the_offices() {
        for (zone, kept) in [
            (TimeZone::fixed(OFFICE_TIME), None),
            (TimeZone::fixed(Offset::constant(-7)), Some("-07:00\n")),
            (
                TimeZone::get("Asia/Kolkata").expect("it is known"),
                Some("Asia/Kolkata\n"),
            ),
        ] {
            let directory = tempfile::tempdir().expect("a directory");
            let ledger = directory.path().join("south");
            fs::create_dir(&ledger).expect("it is new");
            fs::write(ledger.join("00000000000000000001.segment"), b"").expect("it is ours");
            keep(directory.path(), &zone).expect("there is room");
            let text = fs::read_to_string(ledger.join(NAME)).ok();
            assert_eq!(text.as_deref(), kept);
            assert_eq!(of_ledgers(directory.path()).ok(), Some(zone));
        }
    }
}
