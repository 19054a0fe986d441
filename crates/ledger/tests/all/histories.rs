//! Random histories: what readers find is what a plain list of entries says.

use std::sync::Arc;

use ledger::{
    Entry, Ledger, MemoryStorage, Reader, Record, Storage, fold, fold_entry, payload_of, read,
    tally,
};
use office::contact::ContactKind;
use office::{Limits, Office, Place, StepId, StepKind};
use proptest::prelude::*;

use crate::records::{Records, at, open, small_segments};

/// One append: what, by whom, how many bytes, how the clock moved, whether the batch ends here.
type Move = (u8, bool, usize, i64, bool);

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let bytes = prop_oneof![8 => 0..300_usize, 1 => 0..40_000_usize];
    // A clock may be set back.
    let clock = prop_oneof![4 => 0..900_i64, 1 => -4_000..4_000_i64];
    prop::collection::vec(
        (0..12_u8, any::<bool>(), bytes, clock, any::<bool>()),
        1..120,
    )
}

fn record(records: &mut Records, (what, own, bytes, ..): Move, n: u64) -> Record {
    let author = if own { Place::South } else { Place::North };
    let theirs = Some(records.last(author.peer())).filter(|id| id.sequence > 0);
    let answer =
        |kind, records: &mut Records| records.step(author, kind, theirs, bytes::Bytes::new());
    match what {
        0 => records.acknowledgement(),
        1 => records.call(author, n),
        2 => records.contact(author, ContactKind::RegularConsultation, n),
        3 => answer(StepKind::ContactConfirmed, records),
        4 => records.proposal(author, ContactKind::Chiefs),
        5 => answer(StepKind::MeetingAccepted, records),
        6 => answer(StepKind::MeetingConvened, records),
        7 => answer(StepKind::MeetingClosed, records),
        8 => answer(StepKind::DocumentAcknowledged, records),
        _ => records.document(author, bytes),
    }
}

/// A ledger with this history, and the same as a plain list.
fn lived(moves: &[Move], segment_bytes_max: u64) -> (Arc<dyn Storage>, Reader, Vec<Entry>, Office) {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let options = small_segments(segment_bytes_max);
    let mut office = Office::new(Place::South, Limits::default());
    let opened = Ledger::open(
        Arc::clone(&storage),
        Place::South,
        options,
        at(0),
        |entry| {
            fold_entry(&mut office, &entry.record);
        },
    );
    let (mut ledger, _) = opened.expect("a new ledger");
    let mut records = Records::of(Place::South);
    let mut clock = 10_000;
    for (n, made) in moves.iter().enumerate() {
        clock = (clock + made.3).max(0);
        let record = record(&mut records, *made, n as u64);
        ledger.append(at(clock as u64), &record);
        fold_entry(&mut office, &record);
        if made.4 {
            ledger
                .take_batch()
                .expect("an entry")
                .commit()
                .expect("memory");
        }
    }
    if let Some(batch) = ledger.take_batch() {
        batch.commit().expect("memory");
    }
    let mut list = Vec::new();
    open_again(&storage, segment_bytes_max, |entry| {
        list.push(entry.clone());
    });
    assert_eq!(list.len(), moves.len() + 1);
    (storage, ledger.reader(), list, office)
}

fn open_again(storage: &Arc<dyn Storage>, bytes: u64, fold: impl FnMut(&Entry)) -> Reader {
    let opened = Ledger::open(
        Arc::clone(storage),
        Place::South,
        small_segments(bytes),
        at(0),
        fold,
    );
    opened.expect("whole").0.reader()
}

fn rest(mut cursor: ledger::Cursor) -> Vec<Entry> {
    let mut entries = Vec::new();
    while let Some(entry) = cursor.next_entry().expect("whole") {
        entries.push(entry);
    }
    entries
}

pub(crate) fn agrees(reader: &Reader, list: &[Entry]) -> Result<(), TestCaseError> {
    let last = list.len() as u64;
    prop_assert_eq!(reader.sequence(), last);
    for sequence in (0..=last + 1).chain([u64::MAX]) {
        let from = list.len().min(usize::try_from(sequence).expect("64 bits"));
        prop_assert_eq!(
            rest(reader.after(sequence)),
            &list[from..],
            "after {}",
            sequence
        );
        let wanted = list.get((sequence as usize).wrapping_sub(1));
        prop_assert_eq!(reader.get(sequence).expect("whole"), wanted.cloned());
    }
    for entry in list {
        for time in [
            entry.recorded_at,
            entry.recorded_at + jiff::SignedDuration::from_secs(1),
        ] {
            let from = list.iter().position(|other| other.recorded_at >= time);
            let wanted = &list[from.unwrap_or(list.len())..];
            prop_assert_eq!(rest(reader.from_time(time)), wanted, "from {}", time);
        }
    }
    for author in Place::BOTH {
        let own = author == reader.place();
        let steps: Vec<&Entry> = list
            .iter()
            .filter(|entry| match entry.record {
                Record::Outbound(_) => own,
                Record::Inbound(_) => !own,
                _ => false,
            })
            .collect();
        for after in 0..=steps.len() as u64 + 1 {
            let mut found = reader.steps_of(author, after);
            for (index, wanted) in steps.iter().enumerate().skip(after as usize) {
                let (sequence, entry) = found.next_step().expect("whole").expect("a step");
                prop_assert_eq!((sequence, &entry), (index as u64 + 1, *wanted));
            }
            prop_assert!(found.next_step().expect("whole").is_none());
            let wanted = (after as usize).checked_sub(1).and_then(|at| steps.get(at));
            let step = reader.step(StepId::new(author, after)).expect("whole");
            prop_assert_eq!(step.as_ref(), wanted.copied());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn readers_find_what_a_list_says(moves in moves(), segment in 1_000..200_000_u64) {
        let (storage, live, list, office) = lived(&moves, segment);
        agrees(&live, &list)?;
        agrees(&open_again(&storage, segment, |_| {}), &list)?;
        agrees(&read(&*storage).expect("whole"), &list)?;

        // The counts are the same live, from the entries alone, and taken up in the middle.
        prop_assert_eq!(&tally(&live).expect("whole"), &office.exchanges().tally);
        let folded = fold(&live, Limits::default()).expect("whole");
        prop_assert_eq!(folded.exchanges(), office.exchanges());
        let (early, late) = list.split_at(list.len() / 2);
        let mut grown = Office::new(Place::South, Limits::default());
        for entry in early.iter().chain(late) {
            fold_entry(&mut grown, &entry.record);
        }
        prop_assert_eq!(grown.exchanges(), office.exchanges());
        prop_assert_eq!(grown.line(), office.line());
    }
}

#[test]
fn a_cursor_goes_on_when_there_is_more() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let (mut ledger, ..) = crate::records::open(&storage, 1_000).expect("a new ledger");
    let mut cursor = ledger.reader().after(1);
    let mut model = crate::records::Model::new(Place::South);
    for count in [1, 4, 2, 9, 1] {
        assert!(cursor.next_entry().expect("whole").is_none());
        let before = model.len();
        model.write(&mut ledger, count).expect("memory");
        for sequence in before + 1..=model.len() {
            let entry = cursor.next_entry().expect("whole").expect("it is durable");
            assert_eq!(entry.sequence, sequence);
        }
    }
}

#[test]
fn a_writer_tells_what_waits_and_an_entry_what_it_carries() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut ledger, ..) = open(&storage, u64::MAX).expect("a new ledger");
    let segment_bytes = || memory.contents()["00000000000000000001.segment"].len();
    let before = segment_bytes();
    assert_eq!((ledger.next_sequence(), ledger.batch_bytes()), (2, 0));
    let mut records = Records::of(Place::South);
    let document = records.document(Place::South, 700);
    assert_eq!(ledger.append(at(1), &document), 2);
    assert_eq!(ledger.next_sequence(), 3);
    let waits = ledger.batch_bytes();
    let batch = ledger.take_batch().expect("an entry");
    assert_eq!(ledger.batch_bytes(), 0);
    batch.commit().expect("memory");
    assert_eq!(waits, segment_bytes() - before);

    let Record::Outbound(parcel) = &document else {
        panic!("South's own");
    };
    let entry = |sequence| {
        ledger
            .reader()
            .get(sequence)
            .expect("whole")
            .expect("there")
    };
    assert_eq!(payload_of(&entry(1)), None);
    assert_eq!(payload_of(&entry(2)), Some(&parcel.payload));
}
