//! Every log passes the one conformance suite; a log that breaks a promise does not.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use ledger::faulty::{FaultyStorage, Unsynced};
use ledger::{
    DiskStorage, Entry, Ledger, LedgerError, Log, MemoryLog, MemoryStorage, Record, Storage,
    conformance,
};
use office::Place;

use crate::records::{at, small_segments};

fn open(storage: Arc<dyn Storage>) -> Ledger {
    let options = small_segments(5_000);
    let opened = Ledger::open(storage, Place::South, options, at(0), |_| {});
    opened.expect("whole").0
}

#[test]
fn the_file_ledger_is_a_log_in_memory_and_on_disk() {
    let memory = MemoryStorage::default();
    conformance(|| open(Arc::new(memory.clone()))).expect("in memory");
    let directory = tempfile::tempdir().expect("a directory");
    conformance(|| {
        open(Arc::new(
            DiskStorage::create(directory.path()).expect("there"),
        ))
    })
    .expect("on disk");
}

#[test]
fn the_file_ledger_is_a_log_although_the_power_goes_between_openings() {
    let disk = RefCell::new(FaultyStorage::new(1));
    conformance(|| {
        let after = disk.borrow().after_power_cut(Unsynced::Lost, 0);
        disk.replace(after.clone());
        open(Arc::new(after))
    })
    .expect("after power cuts");
}

/// A log in memory that can be opened again, and that breaks the promise it is told to.
#[derive(Clone)]
struct Kept {
    log: Rc<RefCell<MemoryLog>>,
    breaks: Promise,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    None,
    Order,
    Bytes,
    Time,
    Bound,
    Count,
}

impl Log for Kept {
    fn append_durably(&mut self, at: Timestamp, records: &[Record]) -> Result<u64, LedgerError> {
        let mut records = records.to_vec();
        match self.breaks {
            Promise::Order => records.reverse(),
            Promise::Bytes => {
                for record in &mut records {
                    if let Record::Outbound(parcel) = record {
                        parcel.payload = parcel.payload.slice(..parcel.payload.len() / 2);
                    }
                }
            }
            Promise::Count => {
                records.pop();
            }
            _ => {}
        }
        let time = if self.breaks == Promise::Time {
            Timestamp::UNIX_EPOCH
        } else {
            at
        };
        self.log.borrow_mut().append_durably(time, &records)
    }

    fn sequence(&self) -> u64 {
        self.log.borrow().sequence()
    }

    fn read_after(&self, sequence: u64, entries_max: usize) -> Result<Vec<Entry>, LedgerError> {
        let all = self.breaks == Promise::Bound;
        let entries_max = if all { usize::MAX } else { entries_max };
        self.log.borrow().read_after(sequence, entries_max)
    }
}

fn kept(breaks: Promise) -> Kept {
    let log = MemoryLog::begin(Place::South, at(0));
    Kept {
        log: Rc::new(RefCell::new(log)),
        breaks,
    }
}

#[test]
fn the_log_in_memory_is_a_log() {
    let log = kept(Promise::None);
    conformance(|| log.clone()).expect("in memory");
}

#[test]
fn a_log_that_breaks_a_promise_is_told() {
    for breaks in [
        Promise::Order,
        Promise::Bytes,
        Promise::Time,
        Promise::Bound,
        Promise::Count,
    ] {
        let log = kept(breaks);
        assert!(
            conformance(|| log.clone()).is_err(),
            "{breaks:?} was broken"
        );
    }
    // A log that begins anew forgets.
    assert!(conformance(|| kept(Promise::None)).is_err());
}
