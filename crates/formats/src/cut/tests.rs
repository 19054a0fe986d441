//! A part holds what began within its window, and nothing goes uncounted.

use std::sync::Arc;
use std::time::Duration;

use ledger::{MemoryStorage, Reader};
use office::document::{Document, Form};
use office::{Order, StepKind};
use proptest::prelude::*;
use prost::Message as _;

use super::*;

fn at(second: u64) -> Timestamp {
    let opened: Timestamp = "2018-09-14T00:00:00Z".parse().expect("a time");
    opened + Duration::from_secs(second)
}

fn memories() -> [MemoryStorage; 2] {
    [(); 2].map(|()| MemoryStorage::default())
}

fn begin(memories: &[MemoryStorage; 2], opened_at: Timestamp) -> PairWriter {
    let [south, north] = memories.clone().map(Arc::new);
    PairWriter::begin(south, north, opened_at).expect("memory takes it")
}

fn readers(memories: &[MemoryStorage; 2]) -> [Reader; 2] {
    memories
        .each_ref()
        .map(|memory| ledger::read(memory).expect("it reads"))
}

/// Documents, some of which answer others, and acknowledgements of some of them: one act a second.
fn pair(acts: &[(bool, u8)]) -> [MemoryStorage; 2] {
    let memories = memories();
    let mut pair = begin(&memories, at(0));
    let mut sent: Vec<StepId> = Vec::new();
    for (second, (north, act)) in (1..).zip(acts) {
        let place = Place::BOTH[usize::from(*north)];
        let earlier = sent.get(usize::from(*act) % sent.len().max(1)).copied();
        let earlier = earlier.filter(|it| it.place != place);
        if let Some(document) = earlier.filter(|_| act % 3 == 0) {
            // A second acknowledgement is refused, and makes no step.
            let order = Order::AcknowledgeDocument(document);
            let _ = pair.author(place, at(second), &order, Bytes::new());
            continue;
        }
        let document = Document {
            form: Form::Note,
            subject: "Roads".to_owned(),
            body: Bytes::from_static(b"as agreed"),
            media_type: String::new(),
            signatory: None,
            addressee: None,
            in_reply_to: earlier.filter(|_| act % 3 == 1),
            reference: String::new(),
            precedence: None,
            deadline: None,
        };
        let payload = protocol::document_to_pb(&document).encode_to_vec().into();
        let order = Order::SendDocument(document);
        let id = pair.author(place, at(second), &order, payload);
        sent.push(id.expect("a document may be sent"));
    }
    pair.finish().expect("memory takes it");
    memories
}

fn parcels(reader: &Reader) -> Vec<(Parcel, Step)> {
    let mut cursor = reader.after(0);
    let entries = std::iter::from_fn(|| cursor.next_entry().expect("whole"));
    let read = |entry| step_of(reader.place(), entry).expect("it is a step");
    entries
        .filter_map(read)
        .map(|(parcel, written)| (parcel, written.step))
        .collect()
}

fn cut(original: &Reader, window: Window) -> Result<(Cut, [Reader; 2]), CutError> {
    let cutting = Cutting::of(original, None, window)?;
    let memories = memories();
    let cut = cutting.write(begin(&memories, cutting.opened_at()?))?;
    Ok((cut, readers(&memories)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_began_within_the_window_is_kept_and_the_rest_counted(
        acts in prop::collection::vec(any::<(bool, u8)>(), 1..60),
        from in 0_u64..60,
        len in 1_u64..60,
        of_north in any::<bool>(),
    ) {
        let original = &readers(&pair(&acts))[usize::from(of_north)];
        let window = Window { from: Some(at(from)), until: Some(at(from + len)) };
        let steps = parcels(original);
        let root = |step: &Step| step.parent.and_then(|id| steps.iter().find(|(_, it)| it.id == id));
        let wanted: Vec<_> = steps
            .iter()
            .filter(|(_, step)| {
                let began = root(step).map_or(step.authored_at, |(_, root)| root.authored_at);
                window.holds(began) && step.authored_at < at(from + len)
            })
            .collect();
        if wanted.is_empty() {
            let error = cut(original, window).expect_err("nothing began").to_string();
            prop_assert!(error.contains("nothing began from 2018-09-14T00:"), "{}", error);
            return Ok(());
        }
        let (cut, [south, north]) = cut(original, window).expect("something began");
        let found = ledger::reconcile(&south, &north).expect("both read");
        prop_assert!(found.agreed, "{:?}", found.differences);
        let kept = parcels(&south);
        prop_assert_eq!(kept.len(), wanted.len());
        let left_out = cut.before + cut.after + cut.begun_before;
        prop_assert_eq!(kept.len() as u64 + left_out, steps.len() as u64, "every step is told");
        let mut unanchored = 0;
        for ((parcel, step), (was, recorded)) in kept.iter().zip(&wanted) {
            prop_assert_eq!((step.kind, step.authored_at), (recorded.kind, recorded.authored_at));
            prop_assert_eq!(protocol::without_reply(&parcel.payload), protocol::without_reply(&was.payload));
            let target = |list: &[(Parcel, Step)], id: StepId| list.iter().find(|it| it.1.id == id).map(|it| it.1.authored_at);
            let named = |parcel: &Parcel| protocol::reply_of(StepKind::DocumentSent, &parcel.payload);
            let (is, was) = (named(parcel), named(was));
            unanchored += u64::from(was.is_some() && is.is_none());
            if let (Some(is), Some(was)) = (is, was) {
                prop_assert_eq!(target(&kept, is), target(&steps, was), "it answers the same document");
            }
        }
        prop_assert_eq!(cut.unanchored, unanchored);
        let documents = wanted.iter().filter(|(_, step)| step.kind == StepKind::DocumentSent).count();
        prop_assert_eq!(cut.tally.documents(), documents as u64);
    }

    #[test]
    fn the_whole_is_a_part_with_the_same_bytes(acts in prop::collection::vec(any::<(bool, u8)>(), 1..60)) {
        let [south, north] = readers(&pair(&acts));
        let (cut, again) = cut(&north, Window::default()).expect("something began");
        prop_assert_eq!((cut.before, cut.after, cut.begun_before, cut.unanchored), (0, 0, 0, 0));
        for (before, after) in [south, north].iter().zip(&again) {
            prop_assert_eq!(parcels(before), parcels(after));
        }
    }
}

#[test]
fn what_the_peer_had_not_received_is_counted() {
    let [south, north] = readers(&pair(&[(false, 1), (true, 2), (true, 2), (false, 2)]));
    let cutting = Cutting::of(&south, Some(&north), Window::default()).expect("something began");
    let cut = cutting.write(begin(&memories(), at(0))).expect("it writes");
    assert_eq!(cut.not_received, 0);
    // A South that was away at the end.
    let [south, _] = readers(&pair(&[(false, 1), (true, 2)]));
    let cutting = Cutting::of(&south, Some(&north), Window::default()).expect("something began");
    let cut = cutting.write(begin(&memories(), at(0))).expect("it writes");
    assert_eq!(cut.not_received, 1);
}

#[test]
fn an_empty_ledger_has_no_part() {
    let [south, _] = readers(&pair(&[]));
    let error = cut(&south, Window::default()).expect_err("it is empty");
    assert!(matches!(
        error,
        CutError::Empty {
            place: Place::South
        }
    ));
}
