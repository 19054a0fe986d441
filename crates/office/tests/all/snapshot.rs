//! A snapshot is the office, no more and no less.

use office::line::LineHash;
use office::snapshot::{FOLD_VERSION, SnapshotError};
use office::{Content, Limits, Mutation, Office, Order, Place, RequestId, Step, StepId, StepKind};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::pair::day;
use crate::traffic::{Entry, Event, Traffic};

fn again(office: &Office) -> Office {
    let snapshot = office.to_snapshot();
    Office::from_snapshot(&snapshot, office.limits().clone()).expect("a snapshot reads back")
}

fn assert_same(one: &Office, other: &Office) {
    assert_eq!(one.place(), other.place());
    assert_eq!(one.exchanges(), other.exchanges());
    assert_eq!(one.line(), other.line());
    assert_eq!(one.next_deadline(), other.next_deadline());
    assert_eq!(one.to_snapshot(), other.to_snapshot());
}

fn played(events: &[Event], snapshot_every: usize) -> Traffic {
    let mut traffic = Traffic::new();
    for (index, event) in events.iter().enumerate() {
        if (index + 1) % snapshot_every == 0 {
            for place in Place::BOTH {
                let restored = again(&traffic.desks[place].office);
                assert_same(&traffic.desks[place].office, &restored);
                traffic.desks[place].office = restored;
            }
        }
        traffic.happen(*event);
    }
    traffic.settle_down();
    traffic
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn an_office_goes_on_from_its_snapshot_as_if_nothing_had_been(
        events in prop::collection::vec(any::<Event>(), 1..300),
        every in 1_usize..30,
    ) {
        let straight = played(&events, usize::MAX);
        let resumed = played(&events, every);
        for place in Place::BOTH {
            let (one, other) = (&straight.desks[place], &resumed.desks[place]);
            assert_same(&one.office, &other.office);
            assert_same(&one.office, &one.read_again());
            for entry in &one.ledger {
                let Entry::Step(parcel) = entry else { continue };
                let asked = |office: &Office| {
                    let order = Order::ConfirmContact(parcel.step.id);
                    parcel.request_id().and_then(|id| office.repeated(id, &order, b"", ""))
                };
                assert_eq!(asked(&one.office), asked(&other.office));
            }
        }
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_and_never_more(
        events in prop::collection::vec(any::<Event>(), 1..100),
        at in any::<prop::sample::Index>(),
        with in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let traffic = played(&events, usize::MAX);
        let mut bytes = traffic.desks[Place::South].office.to_snapshot();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
            prop_assert!(Office::from_snapshot(&bytes, Limits::default()).is_err());
        } else {
            bytes[at] = with;
            let _ = Office::from_snapshot(&bytes, Limits::default());
        }
    }
}

#[test]
fn another_version_is_not_read() {
    let mut bytes = Office::new(Place::North, Limits::default()).to_snapshot();
    assert_eq!(bytes[..4], FOLD_VERSION.to_le_bytes());
    bytes[0] ^= 1;
    let refused = Office::from_snapshot(&bytes, Limits::default());
    let found = FOLD_VERSION ^ 1;
    assert!(matches!(refused, Err(SnapshotError::OtherVersion { found: f }) if f == found));
}

#[test]
fn bytes_behind_the_snapshot_are_refused() {
    let mut bytes = Office::new(Place::North, Limits::default()).to_snapshot();
    bytes.push(0);
    let refused = Office::from_snapshot(&bytes, Limits::default());
    assert!(matches!(refused, Err(SnapshotError::Unreadable(_))));
}

fn document(sequence: u64) -> Step {
    let id = StepId::new(Place::South, sequence);
    Step {
        id,
        parent: None,
        kind: StepKind::DocumentSent,
        authored_at: day(StepId::new(Place::South, 1)),
        content: Content::Document { deadline: None },
    }
}

fn acknowledgement(sequence: u64) -> Step {
    Step {
        id: StepId::new(Place::North, sequence),
        parent: Some(StepId::new(Place::South, sequence)),
        kind: StepKind::DocumentAcknowledged,
        ..document(sequence)
    }
}

/// South, with `count` documents sent under request ids, and answered.
fn answered(count: u64, limits: &Limits) -> Office {
    let mut office = Office::new(Place::South, limits.clone());
    for sequence in 1..=count {
        let request_id = Some(RequestId(u128::from(sequence).to_be_bytes()));
        let mutation = Mutation {
            request_id,
            payload: b"a document",
            author: "",
        };
        office.record(&document(sequence), LineHash::ZERO, mutation);
        office.record(
            &acknowledgement(sequence),
            LineHash::ZERO,
            Mutation::default(),
        );
    }
    office
}

#[test]
fn an_answered_document_takes_five_bytes_and_a_request_forty() {
    let limits = Limits {
        idempotency_window: 0,
        ..Limits::default()
    };
    let office = answered(100_000, &limits);
    let bytes = office.to_snapshot().len();
    assert!((500_000..510_000).contains(&bytes), "{bytes}");
    assert_same(&office, &again(&office));
    let with_requests = answered(100_000, &Limits::default()).to_snapshot().len();
    assert!(
        (4_500_000..4_520_000).contains(&with_requests),
        "{with_requests}"
    );
}

#[test]
fn a_window_may_shrink_on_the_way_and_may_not_miss_what_it_would_remember() {
    let window = |idempotency_window| Limits {
        idempotency_window,
        ..Limits::default()
    };
    let remembered = |office: &Office| -> Vec<u64> {
        let used = |sequence: &u64| {
            let id = RequestId(u128::from(*sequence).to_be_bytes());
            office
                .repeated(
                    id,
                    &Order::ConfirmContact(StepId::new(Place::South, 1)),
                    b"",
                    "",
                )
                .is_some()
        };
        (1..=10).filter(used).collect()
    };
    let snapshot = answered(6, &window(4)).to_snapshot();
    let read = |limits| Office::from_snapshot(&snapshot, limits);
    assert_eq!(remembered(&read(window(4)).expect("as long")), [3, 4, 5, 6]);
    assert_eq!(remembered(&read(window(2)).expect("shorter")), [5, 6]);
    assert_eq!(remembered(&read(window(0)).expect("none")), []);
    assert!(matches!(
        read(window(5)),
        Err(SnapshotError::WindowTooShort { window: 5 })
    ));
    let not_full = answered(3, &window(4)).to_snapshot();
    let longer = Office::from_snapshot(&not_full, window(100)).expect("nothing was forgotten");
    assert_eq!(remembered(&longer), [1, 2, 3]);
}

#[test]
fn a_snapshot_is_written_in_parts_and_ends_at_the_first_error() {
    let office = answered(50_000, &Limits::default());
    let mut bytes = Vec::new();
    let mut longest = 0;
    let written = office.write_snapshot(|part| {
        longest = longest.max(part.len());
        bytes.extend_from_slice(part);
        Ok::<_, ()>(())
    });
    assert_eq!(written, Ok(()));
    assert_eq!(bytes, office.to_snapshot());
    assert!(longest < 64 * 1024, "{longest}");
    let mut parts = 0;
    let failed = office.write_snapshot(|_| {
        parts += 1;
        if parts == 3 {
            Err("the disk is full")
        } else {
            Ok(())
        }
    });
    assert_eq!((failed, parts), (Err("the disk is full"), 3));
}

/// If this fails, what a snapshot holds has changed: raise `FOLD_VERSION`, and write the new digest here.
#[test]
fn the_bytes_of_this_fold_version_are_known() {
    let scatter = |n: u32| n.wrapping_mul(2_654_435_761).to_le_bytes();
    let events = (0..1_000).map(|n| (scatter(n)[3] > 127, scatter(n)[2], scatter(n)[1]));
    let traffic = played(&events.collect::<Vec<_>>(), usize::MAX);
    let mut hasher = Sha256::new();
    for place in Place::BOTH {
        let office = &traffic.desks[place].office;
        assert!(office.exchanges().tally.exchanges() > 20);
        hasher.update(office.to_snapshot());
    }
    let digest = hasher.finalize();
    let known = [0xa3, 0xc0, 0x4f, 0x1f, 0xb6, 0x2c, 0x52, 0xd9];
    assert_eq!((FOLD_VERSION, &digest[..8]), (2, &known[..]));
}
