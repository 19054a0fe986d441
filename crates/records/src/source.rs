//! Ledgers as arguments name them: a directory, a directory with both of a pair inside, or a running office.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use ledger::{DiskStorage, LedgerError, Reader, Storage};
use office::Place;
use protocol::pb::ledger as pb;

use command::connect::{Address, Connection, Offices};
use command::failure::Failure;

const PAGE_ENTRIES: i32 = 1_000;

/// A ledger as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// A running office, by its word.
    Office(Place),
    /// A running office, by its address.
    Address(Address),
    /// A directory.
    Directory(PathBuf),
}

/// Reads an argument. What exists on disk is a path; `south` and `north` are offices all the same.
pub(crate) fn parse(text: &str) -> Result<Named, String> {
    if text.is_empty() {
        return Err(
            "it names nothing; write a directory, south, north, or an office's address".to_owned(),
        );
    }
    if let Ok(place) = text.parse::<Place>() {
        return Ok(Named::Office(place));
    }
    let path = PathBuf::from(text);
    match text.parse::<Address>() {
        Ok(address) if !path.exists() => Ok(Named::Address(address)),
        _ => Ok(Named::Directory(path)),
    }
}

/// The ledgers at `path`: one, or the two of a pair, South first.
pub fn ledgers_in(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if is_ledger(path) {
        return Ok(vec![path.to_owned()]);
    }
    let inside: Vec<PathBuf> = Place::BOTH
        .iter()
        .map(|place| path.join(place.word()))
        .filter(|inside| is_ledger(inside))
        .collect();
    if inside.is_empty() {
        return Err(no_ledger(path));
    }
    Ok(inside)
}

/// The one ledger at `path`.
pub(crate) fn ledger_in(path: &Path) -> Result<PathBuf, Failure> {
    let mut found = ledgers_in(path)?;
    if found.len() > 1 {
        return Err(Failure::Usage(format!(
            "{} holds both ledgers of a pair; name one: {} or {}",
            path.display(),
            found[0].display(),
            found[1].display()
        )));
    }
    found.pop().ok_or_else(|| no_ledger(path))
}

fn no_ledger(path: &Path) -> Failure {
    if !path.exists() {
        return Failure::Failed(format!(
            "failed to read the ledger {}: there is no such directory; name a directory that an office or \
             `liaison simulate` wrote, or a running office: south, north or its address",
            path.display()
        ));
    }
    LedgerError::NotALedger {
        directory: path.to_owned(),
    }
    .into()
}

/// Whether `path` is a ledger's directory, or what is left of one.
pub(crate) fn is_ledger(path: &Path) -> bool {
    ledger::is_ledger(&DiskStorage::existing(path))
}

/// Opens a ledger on disk for reading.
pub(crate) fn read(path: &Path) -> Result<Reader, Failure> {
    Ok(ledger::read(&DiskStorage::existing(path))?)
}

/// Opens what a replay is made of: both ledgers of a pair, or one, which holds both offices' steps.
pub fn recording(path: &Path) -> Result<replay::Recording, Failure> {
    match ledgers_in(path)?.as_slice() {
        [one, other] => pair(one, other),
        found => {
            let one = found.first().ok_or_else(|| no_ledger(path))?;
            Ok(replay::Recording::of_one(read(one)?))
        }
    }
}

/// Opens the two ledgers of a pair.
pub(crate) fn pair(one: &Path, other: &Path) -> Result<replay::Recording, Failure> {
    replay::Recording::of_pair(read(one)?, read(other)?)
        .map_err(|error| Failure::Failed(error.to_string()))
}

/// The files of a ledger on disk.
pub fn storage(path: &Path) -> Arc<dyn Storage> {
    Arc::new(DiskStorage::existing(path))
}

/// Which entries are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Range {
    /// Those after this sequence.
    pub(crate) after: u64,
    /// Those recorded at or after this time.
    pub(crate) from: Option<Timestamp>,
    /// So many at most.
    pub(crate) limit: Option<u64>,
}

/// A ledger that entries are read from.
pub(crate) enum Source {
    /// On disk.
    Disk(Reader),
    /// Of a running office.
    Running(Box<Connection>),
}

impl Source {
    /// Opens what an argument names.
    pub(crate) async fn open(named: &Named, offices: &Offices) -> Result<Self, Failure> {
        Ok(match named {
            Named::Directory(path) => Self::Disk(read(&ledger_in(path)?)?),
            running => Self::Running(Box::new(dial(running, offices).await?)),
        })
    }

    /// Gives each entry of the range to `take`, in order.
    pub(crate) async fn entries(
        &self,
        range: Range,
        take: impl FnMut(pb::Entry) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match self {
            Self::Disk(reader) => disk_entries(reader, range, take),
            Self::Running(connection) => running_entries(connection, range, take).await,
        }
    }

    /// One entry.
    pub(crate) async fn entry(&self, sequence: u64) -> Result<pb::Entry, Failure> {
        match self {
            Self::Disk(reader) => match reader.get(sequence)? {
                Some(entry) => Ok(entry.to_pb()),
                None => Err(Failure::Failed(format!(
                    "the ledger holds no entry {sequence}; it has entries 1 to {}",
                    reader.sequence()
                ))),
            },
            Self::Running(connection) => {
                let request = connection.request(pb::GetEntryRequest { sequence });
                let doing = format!("read entry {sequence}");
                let outcome = connection.ledger().get_entry(request).await;
                let entry = connection.answer(&doing, outcome)?.entry;
                entry.ok_or_else(|| Failure::Failed(format!("failed to {doing}: an empty answer")))
            }
        }
    }
}

/// Connects to the running office that an argument names.
pub(crate) async fn dial(named: &Named, offices: &Offices) -> Result<Connection, Failure> {
    match named {
        Named::Office(place) => offices.dial(*place).await,
        Named::Address(address) => {
            let office = format!("the office at {address}");
            offices.dial_at(office, address, None).await
        }
        Named::Directory(path) => Err(Failure::Usage(format!(
            "{} is a directory; name a running office",
            path.display()
        ))),
    }
}

fn disk_entries(
    reader: &Reader,
    range: Range,
    mut take: impl FnMut(pb::Entry) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut cursor = match range.from {
        Some(time) => reader.from_time(time),
        None => reader.after(range.after),
    };
    let mut left = range.limit.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(entry) = cursor.next_entry()? else {
            return Ok(());
        };
        if entry.sequence > range.after {
            take(entry.to_pb())?;
            left -= 1;
        }
    }
    Ok(())
}

async fn running_entries(
    connection: &Connection,
    range: Range,
    mut take: impl FnMut(pb::Entry) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut left = range.limit.unwrap_or(u64::MAX);
    let mut page_token = String::new();
    while left > 0 {
        let request = connection.request(pb::ListEntriesRequest {
            page_size: i32::try_from(left)
                .unwrap_or(PAGE_ENTRIES)
                .min(PAGE_ENTRIES),
            page_token,
            after_sequence: range.after,
            from_time: range.from.map(protocol::timestamp_to_pb),
        });
        let outcome = connection.ledger().list_entries(request).await;
        let page = connection.answer("list the ledger's entries", outcome)?;
        for entry in page
            .entries
            .into_iter()
            .take(usize::try_from(left).unwrap_or(usize::MAX))
        {
            take(entry)?;
            left -= 1;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_an_office_an_address_or_a_directory() {
        assert_eq!(parse("south"), Ok(Named::Office(Place::South)));
        assert!(matches!(parse("127.0.0.1:50051"), Ok(Named::Address(_))));
        assert!(parse("").is_err());
        assert_eq!(parse("./south"), Ok(Named::Directory("./south".into())));
    }

    #[test]
    fn a_pair_is_found_by_what_lies_inside() {
        let directory = tempfile::tempdir().expect("a directory");
        for place in ["south", "north"] {
            let ledger = directory.path().join(place);
            std::fs::create_dir(&ledger).expect("it is new");
            std::fs::write(ledger.join("00000000000000000001.segment"), b"").expect("it is ours");
        }
        let found = ledgers_in(directory.path()).expect("there are two");
        assert_eq!(
            found,
            [
                directory.path().join("south"),
                directory.path().join("north")
            ]
        );
        assert!(ledger_in(directory.path()).is_err());
        assert!(ledger_in(&directory.path().join("south")).is_ok());
        assert!(ledgers_in(&directory.path().join("west")).is_err());
    }
}
