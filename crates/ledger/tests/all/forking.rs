//! Forking: what is kept are the original bytes, and a pair is forked where both held the same.

use std::collections::VecDeque;
use std::sync::Arc;

use ledger::{
    Entry, Ledger, LedgerError, MemoryStorage, Reader, Record, Storage, common_point, fold, fork,
    fork_pair, read, reconcile, verify,
};
use office::line::{Acknowledgement, Mark};
use office::{Limits, PerPlace, Place};
use proptest::prelude::*;

use crate::records::{Records, at, small_segments};

const SEGMENT_BYTES: u64 = 1_500;

/// Two ledgers that fill as a line between them carries.
struct Pair {
    records: Records,
    held: PerPlace<Vec<Record>>,
    /// On their way to an office.
    coming: PerPlace<VecDeque<Record>>,
    marks: PerPlace<PerPlace<Mark>>,
}

impl Pair {
    /// What happened, a byte an event.
    fn after(events: &[u8]) -> Self {
        let mut pair = Self {
            records: Records::of(Place::South),
            held: PerPlace::default(),
            coming: PerPlace::default(),
            marks: PerPlace::default(),
        };
        for event in events {
            let place = Place::BOTH[usize::from(event % 2)];
            match event / 2 % 4 {
                0 => pair.author(place, usize::from(*event)),
                1 | 2 => pair.deliver(place),
                _ => pair.acknowledge(place),
            }
        }
        pair
    }

    fn author(&mut self, place: Place, bytes: usize) {
        let (Record::Outbound(parcel) | Record::Inbound(parcel)) =
            self.records.document(place, bytes)
        else {
            unreachable!("a document is a step");
        };
        self.coming[place.peer()].push_back(Record::Inbound(parcel.clone()));
        self.take(place, place, Record::Outbound(parcel));
    }

    fn deliver(&mut self, place: Place) {
        if let Some(record) = self.coming[place].pop_front() {
            self.take(place, place.peer(), record);
        }
    }

    fn take(&mut self, place: Place, author: Place, record: Record) {
        if let Record::Outbound(parcel) | Record::Inbound(parcel) = &record {
            let mark = &mut self.marks[place][author];
            *mark = Mark {
                sequence: mark.sequence + 1,
                hash: parcel.hash,
            };
        }
        self.held[place].push(record);
    }

    /// `place` hears how far its peer is by now.
    fn acknowledge(&mut self, place: Place) {
        let peers = &self.marks[place.peer()];
        let record = Record::AcknowledgementTaken(Acknowledgement {
            through: peers[place],
            appended: peers[place.peer()].sequence,
        });
        self.held[place].push(record);
    }

    fn settle(&mut self) {
        for place in Place::BOTH {
            while !self.coming[place].is_empty() {
                self.deliver(place);
            }
        }
        for place in Place::BOTH {
            self.acknowledge(place);
        }
    }

    fn written(&self) -> PerPlace<(MemoryStorage, Reader)> {
        let written = |place: Place| {
            let memory = MemoryStorage::default();
            let storage: Arc<dyn Storage> = Arc::new(memory.clone());
            let options = small_segments(SEGMENT_BYTES);
            let opened = Ledger::open(storage, place, options, at(0), |_| {});
            let (mut ledger, _) = opened.expect("a new ledger");
            for (n, record) in self.held[place].iter().enumerate() {
                ledger.append(at(n as u64), record);
                // Batches of several, so that a fork ends within one.
                if n % 3 == 2
                    && let Some(batch) = ledger.take_batch()
                {
                    batch.commit().expect("memory");
                }
            }
            if let Some(batch) = ledger.take_batch() {
                batch.commit().expect("memory");
            }
            let reader = read(&memory).expect("whole");
            (memory, reader)
        };
        PerPlace::new(written(Place::South), written(Place::North))
    }
}

fn readers(written: &PerPlace<(MemoryStorage, Reader)>) -> PerPlace<Reader> {
    let reader = |place: Place| written[place].1.clone();
    PerPlace::new(reader(Place::South), reader(Place::North))
}

fn memories() -> (PerPlace<MemoryStorage>, PerPlace<Arc<dyn Storage>>) {
    let (south, north) = (MemoryStorage::default(), MemoryStorage::default());
    let shared = |memory: &MemoryStorage| Arc::new(memory.clone()) as Arc<dyn Storage>;
    let storages = PerPlace::new(shared(&south), shared(&north));
    (PerPlace::new(south, north), storages)
}

fn entries(reader: &Reader) -> Vec<Entry> {
    let mut cursor = reader.after(0);
    std::iter::from_fn(|| cursor.next_entry().expect("whole")).collect()
}

/// All of a ledger's bytes, one segment behind the other.
fn bytes(memory: &MemoryStorage) -> Vec<u8> {
    let contents = memory.contents();
    let segments = contents
        .iter()
        .filter(|(name, _)| name.ends_with(".segment"));
    segments.flat_map(|(_, bytes)| bytes.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_forked_pair_agrees_and_owes_nothing(
        events in prop::collection::vec(any::<u8>(), 0..120),
        north in any::<bool>(),
        part in 0.0_f64..=1.0,
    ) {
        let original = Pair::after(&events).written();
        let readers = readers(&original);
        let of = Place::BOTH[usize::from(north)];
        let last = readers[of].sequence();
        let asked = ((last as f64 * part) as u64).clamp(1, last);
        let (memories, storages) = memories();
        let forked = fork_pair(&readers, of, asked, storages, at(9_000)).expect("within it");
        prop_assert!(forked[of].entries <= asked);
        let mut again = Vec::new();
        for place in Place::BOTH {
            let memory = &memories[place];
            let verified = verify(memory).expect("a ledger");
            prop_assert_eq!(verified.faults, vec![]);
            let (kept, whole) = (bytes(memory), bytes(&original[place].0));
            let reader = read(memory).expect("whole");
            let mut found = entries(&reader);
            let raised = found.pop().expect("there").record;
            let wanted = Record::EpochRaised { place, epoch: 2, restoring: false };
            prop_assert_eq!(raised, wanted);
            prop_assert_eq!(found.len() as u64, forked[place].entries);
            prop_assert_eq!(&found[..], &entries(&readers[place])[..found.len()]);
            let common = kept.iter().zip(&whole).take_while(|(kept, whole)| kept == whole).count();
            let raised_bytes = kept.len() - common;
            prop_assert!(raised_bytes < 200, "the rest is byte for byte the same: {raised_bytes}");
            prop_assert_eq!(
                forked[place].left_behind,
                readers[place].sequence() - forked[place].entries
            );
            let office = fold(&reader, Limits::default()).expect("whole");
            let line = office.line();
            prop_assert_eq!((line.epoch(), line.is_restoring()), (2, false));
            prop_assert_eq!(line.settled(), line.acknowledged(), "no step is awaited that nobody has");
            again.push(reader);
        }
        let found = reconcile(&again[0], &again[1]).expect("whole");
        prop_assert!(found.agreed, "{:?}", found.differences);
    }

    #[test]
    fn where_the_line_was_quiet_nothing_is_left_out(events in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut pair = Pair::after(&events);
        pair.settle();
        let quiet = readers(&pair.written());
        for event in [0, 1, 2, 3] {
            pair.author(Place::BOTH[event % 2], 10);
        }
        let later = readers(&pair.written());
        for of in Place::BOTH {
            let point = common_point(&later, of, quiet[of].sequence()).expect("whole");
            for place in Place::BOTH {
                // Only notes of the line may stand behind the last step that both hold.
                prop_assert!(point[place] <= quiet[place].sequence());
                let left = entries(&quiet[place]).split_off(point[place] as usize);
                prop_assert!(left.is_empty(), "{place}: {left:?}");
            }
        }
    }
}

#[test]
fn one_ledger_is_forked_at_any_entry() {
    let mut pair = Pair::after(&[0, 1, 2, 3, 0, 6, 7]);
    pair.settle();
    let original = pair.written();
    let reader = &original[Place::North].1;
    for through in 1..=reader.sequence() {
        let memory = MemoryStorage::default();
        let forked = fork(reader, through, Arc::new(memory.clone()), at(9_000));
        let forked = forked.expect("within it");
        assert_eq!((forked.entries, forked.epoch), (through, 2));
        assert_eq!(verify(&memory).expect("a ledger").faults, []);
        // And again: an office on that fork is another one still.
        let again = Arc::new(MemoryStorage::default());
        let forked = fork(
            &read(&memory).expect("whole"),
            through + 1,
            again,
            at(9_001),
        );
        assert_eq!(forked.expect("within it").epoch, 3);
    }
}

#[test]
fn what_cannot_be_forked_is_told() {
    let original = Pair::after(&[0, 1, 2, 3]).written();
    let reader = &original[Place::South].1;
    for beyond in [0, reader.sequence() + 1, u64::MAX] {
        let memory = Arc::new(MemoryStorage::default());
        let error = fork(reader, beyond, memory, at(1)).expect_err("there is none");
        let told = format!("it has entries 1 to {}", reader.sequence());
        assert!(error.to_string().contains(&told), "{error}");
    }
    let taken: Arc<dyn Storage> = Arc::new(original[Place::South].0.clone());
    let error = fork(reader, 1, taken, at(1)).expect_err("there is a ledger");
    assert!(matches!(error, LedgerError::Occupied { .. }), "{error}");
}
