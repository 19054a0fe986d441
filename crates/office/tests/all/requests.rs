//! A repeated request gets the first answer, for as long as the window reaches.

use std::collections::VecDeque;

use office::line::LineHash;
use office::meeting::MeetingTerms;
use office::request::{Fingerprint, Requests};
use office::{Limits, Mutation, Office, Order, Place, Refusal, RequestId, StepId, StepKind};
use proptest::prelude::*;

use crate::pair::{day, terms};

const PROPOSAL: &[u8] = b"terms";

fn id(number: u64) -> RequestId {
    RequestId(u128::from(number).to_be_bytes())
}

fn office(idempotency_window: u64) -> Office {
    let limits = Limits {
        idempotency_window,
        ..Limits::default()
    };
    Office::new(Place::South, limits)
}

fn propose(office: &mut Office, request_id: RequestId) -> StepId {
    let order = Order::ProposeMeeting(terms());
    let step = office
        .plan(day(StepId::new(Place::South, 1)), &order)
        .expect("it is legal");
    let mutation = Mutation {
        request_id: Some(request_id),
        payload: PROPOSAL,
        author: "",
    };
    office.record(&step, LineHash::ZERO, mutation);
    step.id
}

#[test]
fn the_window_reaches_to_its_edge_and_no_further() {
    let mut office = office(1_000);
    let order = Order::ProposeMeeting(terms());
    for number in 1..=2_500 {
        let step = propose(&mut office, id(number));
        let oldest = number.saturating_sub(999).max(1);
        let seen = |number| office.repeated(id(number), &order, PROPOSAL, "");
        assert_eq!(seen(number), Some(Ok(step)));
        assert_eq!(seen(oldest), Some(Ok(StepId::new(Place::South, oldest))));
        assert_eq!(seen(oldest - 1), None);
        assert_eq!(seen(number + 1), None);
    }
}

#[test]
fn no_window_remembers_nothing() {
    let mut office = office(0);
    propose(&mut office, id(1));
    assert_eq!(
        office.repeated(id(1), &Order::ProposeMeeting(terms()), PROPOSAL, ""),
        None
    );
}

#[test]
fn another_body_about_the_same_id_is_a_conflict() {
    let mut office = office(10);
    let meeting = propose(&mut office, id(7));
    let conflict = |order: &Order, payload| match office.repeated(id(7), order, payload, "") {
        Some(Err(Refusal::IdempotencyConflict { request_id, first })) => {
            assert_eq!(request_id, "00000000-0000-0000-0000-000000000007");
            assert_eq!(first, meeting);
        }
        other => panic!("{other:?}"),
    };
    conflict(&Order::ProposeMeeting(terms()), b"other");
    conflict(&Order::ConfirmContact(meeting), PROPOSAL);
    conflict(&moved(meeting, StepKind::MeetingCancelled, None), PROPOSAL);
}

fn moved(meeting: StepId, kind: StepKind, parent: Option<StepId>) -> Order {
    Order::MoveMeeting {
        meeting,
        parent,
        kind,
        terms: None::<MeetingTerms>,
    }
}

#[test]
fn a_later_step_of_a_meeting_is_told_by_the_meeting() {
    let mut office = office(10);
    let meeting = propose(&mut office, id(1));
    let cancel = moved(meeting, StepKind::MeetingCancelled, None);
    let step = office.plan(day(meeting), &cancel).expect("it is legal");
    let mutation = Mutation {
        request_id: Some(id(2)),
        payload: b"",
        author: "",
    };
    office.record(&step, LineHash::ZERO, mutation);
    assert_eq!(office.repeated(id(2), &cancel, b"", ""), Some(Ok(step.id)));
    let other = moved(
        StepId::new(Place::North, 1),
        StepKind::MeetingCancelled,
        None,
    );
    assert!(matches!(
        office.repeated(id(2), &other, b"", ""),
        Some(Err(_))
    ));
}

#[test]
fn a_refusal_is_not_remembered() {
    let mut office = office(10);
    let meeting = StepId::new(Place::South, 1);
    let cancel = moved(meeting, StepKind::MeetingCancelled, None);
    assert!(office.plan(day(meeting), &cancel).is_err());
    assert_eq!(office.repeated(id(2), &cancel, b"", ""), None);
    propose(&mut office, id(1));
    assert_eq!(office.repeated(id(2), &cancel, b"", ""), None);
    assert!(
        office.plan(day(meeting), &cancel).is_ok(),
        "the same request may succeed later"
    );
}

#[test]
fn requests_of_the_peer_are_the_peers() {
    let mut office = office(10);
    let mut step = Office::new(Place::North, Limits::default())
        .plan(
            day(StepId::new(Place::North, 1)),
            &Order::ProposeMeeting(terms()),
        )
        .expect("it is legal");
    step.id.place = Place::North;
    let mutation = Mutation {
        request_id: Some(id(1)),
        payload: PROPOSAL,
        author: "",
    };
    office.record(&step, LineHash::ZERO, mutation);
    assert_eq!(
        office.repeated(id(1), &Order::ProposeMeeting(terms()), PROPOSAL, ""),
        None
    );
}

#[test]
fn the_same_from_another_author_is_a_conflict() {
    let mut office = Office::new(Place::South, Limits::default());
    let order = Order::ProposeMeeting(terms());
    let step = office
        .plan(day(StepId::new(Place::South, 1)), &order)
        .expect("it is allowed");
    let kim = "spiffe://pair/office/south/officer/kim";
    let mutation = Mutation {
        request_id: Some(id(1)),
        payload: PROPOSAL,
        author: kim,
    };
    office.record(&step, LineHash::ZERO, mutation);
    let by = |author: &str| office.repeated(id(1), &order, PROPOSAL, author);
    assert_eq!(by(kim), Some(Ok(step.id)));
    for other in ["", "spiffe://pair/office/south/officer/lee"] {
        let conflict = by(other).expect("it was seen");
        assert!(
            matches!(conflict, Err(Refusal::IdempotencyConflict { .. })),
            "{other}"
        );
    }
}

#[test]
fn a_fingerprint_covers_kind_subject_and_payload() {
    let south = Some(StepId::new(Place::South, 1));
    let of = Fingerprint::of;
    let all = [
        of(StepKind::MeetingCancelled, south, b"a"),
        of(StepKind::MeetingDeclined, south, b"a"),
        of(
            StepKind::MeetingCancelled,
            Some(StepId::new(Place::North, 1)),
            b"a",
        ),
        of(
            StepKind::MeetingCancelled,
            Some(StepId::new(Place::South, 2)),
            b"a",
        ),
        of(StepKind::MeetingCancelled, None, b"a"),
        of(StepKind::MeetingCancelled, south, b"b"),
    ];
    for (index, one) in all.iter().enumerate() {
        assert!(all[..index].iter().all(|other| other != one));
    }
    let nothing = Requests::new(10);
    assert_eq!(nothing.seen(id(1), all[0]), None);
}

#[test]
fn an_id_is_written_as_a_uuid() {
    let id = RequestId(*b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef");
    assert_eq!(id.to_string(), "01234567-89ab-cdef-0123-456789abcdef");
}

proptest! {
    /// Against a queue that is searched from end to end. Halves of ids repeat, and some make both factors
    /// of the hash zero, so that many ids share one.
    #[test]
    fn the_window_is_a_queue(
        window in 1..20_u64,
        uses in prop::collection::vec((0..6_u8, 0..6_u8), 1..200),
    ) {
        let half = |n: u8| match n {
            0 => 0x6a09_e667_f3bc_c909_u64,
            1 => 0xbb67_ae85_84ca_a73b,
            n => u64::from(n),
        };
        let mut office = office(window);
        let mut model: VecDeque<(RequestId, StepId)> = VecDeque::new();
        let order = Order::ProposeMeeting(terms());
        for (first, second) in uses {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&half(first).to_le_bytes());
            bytes[8..].copy_from_slice(&half(second).to_le_bytes());
            let id = RequestId(bytes);
            let known = model.iter().find(|(other, _)| *other == id).map(|(_, step)| *step);
            prop_assert_eq!(office.repeated(id, &order, PROPOSAL, ""), known.map(Ok));
            if known.is_none() {
                model.push_back((id, propose(&mut office, id)));
                while model.len() as u64 > window {
                    model.pop_front();
                }
            }
        }
        for (id, step) in model {
            prop_assert_eq!(office.repeated(id, &order, PROPOSAL, ""), Some(Ok(step)));
        }
    }
}
