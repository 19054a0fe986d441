//! Checks a journal from the first byte to the last.

use serde::Serialize;

use crate::ahead::fold_behind;
use crate::behind::{FAULTS_MAX, go_on};
use crate::error::JournalError;
use crate::floor::{Floor, Witnesses};
use crate::form::{DurablePoint, Form};
use crate::scan::{self, ChainCheck, Expected, Scanned, Scanner};
use crate::segments::{segment_name, segments_in};
use crate::storage::Storage;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Files.
    pub segments: u64,
    /// Entries whose frame, checksum, sequence and chain hold, and in which the caller found nothing wrong.
    pub entries: u64,
    /// Entries whose frame, checksum, sequence and chain hold, of which this version does not know what they say: a newer
    /// one wrote them.
    pub newer: u64,
    /// Entries that were once durable, by the head mark or the snapshot, and are missing at the end.
    pub missing: u64,
    /// Everything that does not hold: file, offset, what. Empty if the journal is sound.
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

/// What comes next in a journal that is verified.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a, E> {
    /// An entry in its place.
    Entry(&'a E),
    /// Something that is no entry, or not the next one, or one of a newer version: what follows is taken as it comes.
    Gap,
}

/// Reads every byte of a journal and checks everything that can be checked. After a fault it goes on with the next
/// whole entry. Beside a writer, a batch that is being written may show as a torn tail. `says` looks at what the entries
/// say, and holds what the chain leaves out of them against what covers it; in a long journal on another thread than the one
/// that computes the chain. It tells what is wrong with one.
pub fn verify<F: Form>(
    storage: &dyn Storage,
    says: impl FnMut(Seen<'_, F::Entry>) -> Result<(), String>,
) -> Result<Verification, F::Error> {
    let floor = Witnesses::read::<F>(storage, false)?.floor();
    let firsts = match segments_in(storage) {
        Ok(firsts) if !firsts.is_empty() => firsts,
        Err(JournalError::Io { source, .. }) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(JournalError::io("list", storage.path())(source).into());
        }
        Ok(_) if floor.sequence > 0 => Vec::new(),
        _ => {
            let directory = storage.path();
            return Err(JournalError::NotAJournal { directory }.into());
        }
    };
    let found = Verification {
        segments: firsts.len() as u64,
        ..Verification::default()
    };
    let mut checked = Checked {
        found,
        says,
        floor,
        last: 0,
    };
    let bytes = firsts
        .iter()
        .filter_map(|first| storage.open(&segment_name(*first), false).ok()?.len().ok())
        .sum();
    let mut walker = Walker::<F> {
        storage,
        expected: Some(Expected::FIRST),
        form: F::default(),
        faults: 0,
        durable: floor.sequence,
    };
    // One thread computes the chain, the other looks at what the entries say, and at what the chain leaves out.
    fold_behind(
        bytes,
        |found: &Found<F::Entry>| match found {
            Found::Entry(entry, _) => F::kept_bytes(entry),
            Found::Fault(_) | Found::Newer(_) => 0,
        },
        |found| checked.take::<F>(found),
        move |give| {
            for (index, first) in firsts.iter().enumerate() {
                walker.segment(*first, index + 1 == firsts.len(), give)?;
            }
            Ok::<_, JournalError>(())
        },
    )?;
    checked.end(F::NOUN);
    Ok(checked.found)
}

/// What stands in the files, front to back.
enum Found<E> {
    Entry(E, DurablePoint),
    /// Something that is no entry, or not the next one.
    Fault(Fault),
    /// An entry of a newer version, by its sequence.
    Newer(u64),
}

/// Checks frames, sequences and the chain.
struct Walker<'a, F> {
    storage: &'a dyn Storage,
    expected: Option<Expected>,
    form: F,
    faults: usize,
    /// The last entry that is known to have been durable.
    durable: u64,
}

impl<F: Form> Walker<'_, F> {
    fn segment(
        &mut self,
        first: u64,
        last: bool,
        give: &mut dyn FnMut(Found<F::Entry>),
    ) -> Result<(), JournalError> {
        let name = segment_name(first);
        let path = self.storage.path().join(&name);
        let file = self
            .storage
            .open(&name, false)
            .map_err(JournalError::io("open", path.clone()))?;
        let fault = |offset, what| {
            Found::Fault(Fault {
                file: name.clone(),
                offset,
                what,
            })
        };
        if let Some(expected) = self.expected.filter(|expected| expected.sequence != first) {
            let belongs = expected.sequence;
            give(fault(
                0,
                format!("the segment begins with {first} where {belongs} belongs"),
            ));
            self.expected = None;
        }
        let (check, form) = (ChainCheck::Chain, self.form.clone());
        let mut scanner = Scanner::new(file, path, first, self.expected, check, form)?;
        loop {
            match scanner.scan()? {
                Scanned::Entry(entry, offset) => {
                    let here = DurablePoint {
                        segment: first,
                        offset,
                    };
                    give(Found::Entry(entry, here));
                }
                Scanned::End => break,
                Scanned::Fault(scan::Fault {
                    behind: Some((behind, expected)),
                    ..
                }) => {
                    give(Found::Newer(expected.sequence - 1));
                    scanner.pass(behind, expected);
                }
                // A writer may have made room before it was stopped.
                Scanned::Fault(_) if last && scanner.only_zeros_left()? => break,
                Scanned::Fault(found) => {
                    let offset = scanner.offset();
                    let torn = last && self.may_be_torn(&scanner)?;
                    let (resumed, what) = go_on(&mut scanner, found, torn)?;
                    give(fault(offset, what));
                    self.faults += 1;
                    if !resumed || self.faults >= FAULTS_MAX {
                        self.expected = None;
                        self.form = scanner.form().clone();
                        return Ok(());
                    }
                }
            }
        }
        self.expected = scanner.expected();
        self.form = scanner.form().clone();
        Ok(())
    }

    /// Whether opening the journal would cut what stands here: nothing says that it was durable.
    fn may_be_torn(&self, scanner: &Scanner<F>) -> Result<bool, JournalError> {
        let next = scanner.expected().map_or(1, |expected| expected.sequence);
        Ok(next > self.durable && !scanner.is_below_a_durable_point()?)
    }
}

/// Checks where the entries stand, and has the caller check what they say.
struct Checked<S> {
    found: Verification,
    says: S,
    floor: Floor,
    /// The highest sequence seen.
    last: u64,
}

impl<S> Checked<S> {
    fn take<F: Form>(&mut self, found: Found<F::Entry>)
    where
        S: FnMut(Seen<'_, F::Entry>) -> Result<(), String>,
    {
        match found {
            Found::Entry(entry, here) => match self.entry::<F>(&entry, here) {
                Ok(()) => self.found.entries += 1,
                Err(what) => self.fault(Fault {
                    file: segment_name(here.segment),
                    offset: here.offset,
                    what: format!("entry {}: {what}", F::link(&entry).sequence),
                }),
            },
            Found::Fault(fault) => {
                self.fault(fault);
                self.lose_count::<F>();
            }
            Found::Newer(sequence) => {
                self.found.newer += 1;
                self.last = self.last.max(sequence);
                self.lose_count::<F>();
            }
        }
    }

    fn lose_count<F: Form>(&mut self)
    where
        S: FnMut(Seen<'_, F::Entry>) -> Result<(), String>,
    {
        // Nothing can be wrong with nothing.
        let _ = (self.says)(Seen::Gap);
    }

    fn entry<F: Form>(&mut self, entry: &F::Entry, here: DurablePoint) -> Result<(), String>
    where
        S: FnMut(Seen<'_, F::Entry>) -> Result<(), String>,
    {
        let link = F::link(entry);
        self.last = self.last.max(link.sequence);
        if let Some(what) = self.floor.other_than_named(&link) {
            return Err(what);
        }
        if here.offset == 0 && link.sequence != here.segment {
            return Err(format!("it stands where entry {} belongs", here.segment));
        }
        if link.durable.is_some_and(|durable| durable != here) {
            return Err("it names another durable point than its own place".to_owned());
        }
        (self.says)(Seen::Entry(entry))
    }

    /// Holds the end against what is known to have been durable.
    fn end(&mut self, noun: &str) {
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
                "the {noun} ends at entry {last}, and entry {durable} was durable, as the {witness} says: {} missing at the end",
                self.found.missing
            ),
        });
    }

    fn fault(&mut self, fault: Fault) {
        if self.found.faults.len() < FAULTS_MAX {
            self.found.faults.push(fault);
        }
    }
}
