//! Checks a ledger from the first byte to the last.

use bytes::Bytes;
use office::Place;
use office::line::LineHash;
use serde::Serialize;

use crate::ahead::{Ahead, fold_behind};
use crate::entry::{CHAIN_START, DurablePoint, Entry, FORMAT_VERSION, Parcel, Record};
use crate::error::LedgerError;
use crate::floor::{Floor, Witnesses};
use crate::frame::{CHAIN_FIELD_BYTES, FRAME_HEADER_BYTES};
use crate::scan::{self, ChainCheck, Expected, FaultKind, Scanned, Scanner, Whole};
use crate::segments::{segment_name, segments_in};
use crate::storage::Storage;

/// Faults that are listed; more are not looked for.
pub(crate) const FAULTS_MAX: usize = 1_000;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Files.
    pub segments: u64,
    /// Entries whose frame, checksum, sequence, chain and line hash hold.
    pub entries: u64,
    /// Of them, this office's steps.
    pub outbound: u64,
    /// Of them, the peer's steps.
    pub inbound: u64,
    /// Entries whose frame, checksum, sequence and chain hold, of which this version does not know what they say: a newer
    /// one wrote them.
    pub newer: u64,
    /// Entries that were once durable, by the head mark or the snapshot, and are missing at the end.
    pub missing: u64,
    /// Everything that does not hold: file, offset, what. Empty if the ledger is sound.
    pub faults: Vec<Fault>,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// Where in it.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
}

/// Reads every byte of a ledger and checks everything that can be checked. After a fault it goes on with the next
/// whole entry. Beside a writer, a batch that is being written may show as a torn tail.
pub fn verify(storage: &dyn Storage) -> Result<Verification, LedgerError> {
    let floor = Witnesses::read(storage, false)?.floor();
    let firsts = match segments_in(storage) {
        Ok(firsts) if !firsts.is_empty() => firsts,
        Err(LedgerError::Io { source, .. }) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(LedgerError::io("list", storage.path())(source));
        }
        Ok(_) if floor.sequence > 0 => Vec::new(),
        _ => {
            return Err(LedgerError::NotALedger {
                directory: storage.path(),
            });
        }
    };
    let found = Verification {
        segments: firsts.len() as u64,
        ..Verification::default()
    };
    let mut checked = Checked {
        found,
        place: None,
        directions: [Direction::default(); 2],
        floor,
        last: 0,
    };
    let bytes = firsts
        .iter()
        .filter_map(|first| storage.open(&segment_name(*first), false).ok()?.len().ok())
        .sum();
    let mut walker = Walker {
        storage,
        expected: Some(Expected {
            sequence: 1,
            chain: CHAIN_START,
        }),
        faults: 0,
        durable: floor.sequence,
    };
    // One thread computes the chain, the other the line hashes.
    fold_behind(
        bytes,
        |seen| checked.take(seen),
        move |give| {
            for (index, first) in firsts.iter().enumerate() {
                walker.segment(*first, index + 1 == firsts.len(), give)?;
            }
            Ok(())
        },
    )?;
    checked.end();
    Ok(checked.found)
}

/// What stands in the files, front to back.
enum Seen {
    Entry(Entry, DurablePoint),
    /// Something that is no entry, or not the next one: what follows is taken as it comes.
    Fault(Fault),
    /// An entry of a newer version, by its sequence.
    Newer(u64),
}

impl Ahead for Seen {
    fn bytes(&self) -> usize {
        match self {
            Self::Entry(entry, _) => entry.bytes(),
            Self::Fault(_) | Self::Newer(_) => 0,
        }
    }
}

/// Checks frames, sequences and the chain.
struct Walker<'a> {
    storage: &'a dyn Storage,
    expected: Option<Expected>,
    faults: usize,
    /// The last entry that is known to have been durable.
    durable: u64,
}

impl Walker<'_> {
    fn segment(
        &mut self,
        first: u64,
        last: bool,
        give: &mut dyn FnMut(Seen),
    ) -> Result<(), LedgerError> {
        let name = segment_name(first);
        let path = self.storage.path().join(&name);
        let file = self
            .storage
            .open(&name, false)
            .map_err(LedgerError::io("open", path.clone()))?;
        let fault = |offset, what| {
            Seen::Fault(Fault {
                file: name.clone(),
                offset,
                what,
            })
        };
        if let Some(expected) = self.expected.filter(|expected| expected.sequence != first) {
            give(fault(
                0,
                format!(
                    "the segment begins with {first} where {} belongs",
                    expected.sequence
                ),
            ));
            self.expected = None;
        }
        let mut scanner = Scanner::new(file, path, first, self.expected, ChainCheck::All)?;
        loop {
            match scanner.scan()? {
                Scanned::Entry(entry, offset) => {
                    let here = DurablePoint {
                        segment: first,
                        offset,
                    };
                    give(Seen::Entry(entry, here));
                }
                Scanned::End => break,
                Scanned::Fault(scan::Fault {
                    behind: Some((behind, expected)),
                    ..
                }) => {
                    give(Seen::Newer(expected.sequence - 1));
                    scanner.pass(behind, expected);
                }
                // A writer may have made room before it was stopped.
                Scanned::Fault(_) if last && scanner.only_zeros_left()? => break,
                Scanned::Fault(found) => {
                    let offset = scanner.offset();
                    let torn = last && self.may_be_torn(&scanner)?;
                    let (resumed, what) = resume(&mut scanner, found, torn)?;
                    give(fault(offset, what));
                    self.faults += 1;
                    if !resumed || self.faults >= FAULTS_MAX {
                        self.expected = None;
                        return Ok(());
                    }
                }
            }
        }
        self.expected = scanner.expected();
        Ok(())
    }

    /// Whether opening the ledger would cut what stands here: nothing says that it was durable.
    fn may_be_torn(&self, scanner: &Scanner) -> Result<bool, LedgerError> {
        let next = scanner.expected().map_or(1, |expected| expected.sequence);
        Ok(next > self.durable && !scanner.is_below_a_durable_point()?)
    }
}

/// How far the steps of one author have come; `None` behind a gap.
#[derive(Debug, Clone, Copy)]
struct Direction {
    hash: Option<LineHash>,
    sequence: Option<u64>,
}

impl Default for Direction {
    fn default() -> Self {
        Self {
            hash: Some(LineHash::ZERO),
            sequence: Some(0),
        }
    }
}

/// Checks what the entries say.
struct Checked {
    found: Verification,
    place: Option<Place>,
    directions: [Direction; 2],
    floor: Floor,
    /// The highest sequence seen.
    last: u64,
}

impl Checked {
    fn take(&mut self, seen: Seen) {
        match seen {
            Seen::Entry(entry, here) => match self.entry(&entry, here) {
                Ok(()) => self.found.entries += 1,
                Err(what) => self.fault(Fault {
                    file: segment_name(here.segment),
                    offset: here.offset,
                    what: format!("entry {}: {what}", entry.sequence),
                }),
            },
            Seen::Fault(fault) => {
                self.fault(fault);
                self.lose_count();
            }
            Seen::Newer(sequence) => {
                self.found.newer += 1;
                self.last = self.last.max(sequence);
                // It may have been a step of either office.
                self.lose_count();
            }
        }
    }

    /// From here on steps are taken as they come.
    fn lose_count(&mut self) {
        self.directions = [Direction {
            hash: None,
            sequence: None,
        }; 2];
    }

    /// Holds the end against what is known to have been durable.
    fn end(&mut self) {
        let (last, durable) = (self.last, self.floor.sequence);
        self.found.missing = durable.saturating_sub(last);
        if self.found.missing == 0 {
            return;
        }
        let witness = self.floor.witness;
        self.fault(Fault {
            file: witness.to_owned(),
            offset: 0,
            what: format!(
                "the ledger ends at entry {last}, and entry {durable} was durable, as the {witness} says: {} missing at the end",
                self.found.missing
            ),
        });
    }

    fn fault(&mut self, fault: Fault) {
        if self.found.faults.len() < FAULTS_MAX {
            self.found.faults.push(fault);
        }
    }

    fn entry(&mut self, entry: &Entry, here: DurablePoint) -> Result<(), String> {
        self.last = self.last.max(entry.sequence);
        if let Some(what) = self.floor.other_than_named(entry) {
            return Err(what);
        }
        if here.offset == 0 && entry.sequence != here.segment {
            return Err(format!("it stands where entry {} belongs", here.segment));
        }
        if entry.durable.is_some_and(|durable| durable != here) {
            return Err("it names another durable point than its own place".to_owned());
        }
        match &entry.record {
            Record::Outbound(parcel) => self.step(0, parcel),
            Record::Inbound(parcel) => self.step(1, parcel),
            Record::Opening {
                format_version,
                place,
                ..
            } => {
                self.place = Some(*place);
                match (entry.sequence, *format_version <= FORMAT_VERSION) {
                    (1, true) => Ok(()),
                    (1, false) => Err(format!("it has the newer format {format_version}")),
                    _ => Err("only the first entry begins a ledger".to_owned()),
                }
            }
            _ if entry.sequence == 1 => Err("it does not say whose ledger this is".to_owned()),
            _ => Ok(()),
        }
    }

    fn step(&mut self, direction: usize, parcel: &Parcel) -> Result<(), String> {
        // What a payload says is the rules' business; here only the envelope counts.
        let (step, _) = protocol::decode_envelope(&parcel.envelope, &Bytes::new())
            .map_err(|error| error.to_string())?;
        // Behind a lost opening the first step says whose ledger this is.
        let place = *self.place.get_or_insert(if direction == 0 {
            step.id.place
        } else {
            step.id.place.peer()
        });
        let author = if direction == 0 { place } else { place.peer() };
        let known = &mut self.directions[direction];
        let sequence = known.sequence.map_or(step.id.sequence, |before| before + 1);
        let hash = known.hash.map_or(parcel.hash, |before| {
            before.next(sequence, &parcel.envelope, &parcel.payload)
        });
        *known = Direction {
            hash: Some(parcel.hash),
            sequence: Some(sequence),
        };
        if (step.id.place, step.id.sequence) != (author, sequence) {
            return Err(format!(
                "it holds {}, where step {sequence} of {author} belongs",
                step.id
            ));
        }
        if hash != parcel.hash {
            return Err("the line hash does not hold".to_owned());
        }
        let count = if direction == 0 {
            &mut self.found.outbound
        } else {
            &mut self.found.inbound
        };
        *count += 1;
        Ok(())
    }
}

/// Goes on with the next whole entry behind a fault. Says whether there is one, and what is wrong.
pub(crate) fn resume(
    scanner: &mut Scanner,
    fault: scan::Fault,
    torn: bool,
) -> Result<(bool, String), LedgerError> {
    let at = scanner.offset();
    if fault.kind == FaultKind::Misplaced {
        scanner.resume(at, None);
        return Ok((true, fault.what));
    }
    let next = scanner.expected().map(|expected| expected.sequence);
    let follows = |whole: &Whole, offset: u64| {
        let room = (offset - at) / (FRAME_HEADER_BYTES + CHAIN_FIELD_BYTES) as u64;
        next.is_none_or(|next| (next..=next.saturating_add(room)).contains(&whole.sequence()))
    };
    if let Some((found, whole)) = scanner.find(at + 1, follows)? {
        scanner.resume(found, None);
        let lost = match next {
            Some(next) if next + 1 == whole.sequence() => format!("entry {next} is unreadable"),
            Some(next) if next < whole.sequence() => {
                format!("entries {next} to {} are unreadable", whole.sequence() - 1)
            }
            _ => format!("reading goes on with entry {}", whole.sequence()),
        };
        return Ok((true, format!("{}; {lost}", fault.what)));
    }
    let rest = format!("{} bytes follow that are no entry", scanner.left());
    let torn = if torn {
        " (a torn tail, which opening the ledger saves aside and cuts)"
    } else {
        ""
    };
    Ok((false, format!("{}; {rest}{torn}", fault.what)))
}
