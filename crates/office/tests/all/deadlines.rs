//! What the clock asks for: expiries and lapses of what is still open, each once.

use jiff::{Timestamp, ToSpan};
use office::line::{Hello, LineHash};
use office::{Limits, Mutation, Office, Order, Place, Refusal, Step, StepId, StepKind};

use crate::documents::on;
use crate::line::hear;
use crate::pair::terms;
use crate::traffic::document;

fn hour(hours: i64) -> Timestamp {
    let start: Timestamp = "2018-09-14T00:00:00Z".parse().expect("a time");
    start + hours.hours()
}

fn office() -> Office {
    let limits = Limits {
        deadlines_max: 3,
        ..Limits::default()
    };
    Office::new(Place::South, limits)
}

fn send(office: &mut Office, deadline: i64) -> Step {
    author(office, &Order::SendDocument(document(Some(hour(deadline)))))
}

fn author(office: &mut Office, order: &Order) -> Step {
    let step = office.plan(hour(0), order).expect("it is legal");
    assert!(!record(office, &step));
    step
}

fn record(office: &mut Office, step: &Step) -> bool {
    office
        .record(step, LineHash::ZERO, Mutation::default())
        .inert
}

fn offer(answer_by: i64) -> Order {
    let mut terms = terms();
    terms.answer_by = Some(hour(answer_by));
    Order::ProposeMeeting(terms)
}

fn lapse(meeting: StepId, parent: StepId) -> Order {
    Order::MoveMeeting {
        meeting,
        parent: Some(parent),
        kind: StepKind::MeetingLapsed,
        terms: None,
    }
}

#[test]
fn what_has_passed_is_told_once_in_the_order_of_time() {
    let mut office = office();
    let late = send(&mut office, 9);
    let meeting = author(&mut office, &offer(5));
    let early = send(&mut office, 3);
    assert_eq!(office.next_deadline(), Some(hour(3)));
    assert_eq!(office.due(hour(2)), []);
    let due = office.due(hour(5));
    assert_eq!(
        due,
        [
            Order::ExpireDocument(early.id),
            lapse(meeting.id, meeting.id)
        ]
    );
    assert_eq!(office.due(hour(5)), []);
    assert_eq!(office.next_deadline(), Some(hour(9)));
    assert_eq!(office.due(hour(9)), [Order::ExpireDocument(late.id)]);
    assert_eq!(office.next_deadline(), None);
}

#[test]
fn an_answer_ends_a_deadline() {
    let mut office = office();
    let step = send(&mut office, 3);
    let inert = on(&step, Place::South, 2, StepKind::DocumentAcknowledged);
    assert!(record(&mut office, &inert));
    assert_eq!(
        office.next_deadline(),
        Some(hour(3)),
        "what is inert ends nothing"
    );
    let answer = on(&step, Place::North, 1, StepKind::DocumentReceiptRefused);
    assert!(!record(&mut office, &answer));
    assert_eq!(office.next_deadline(), None);
}

#[test]
fn whatever_is_built_upon_an_offer_ends_its_deadline() {
    let mut office = office();
    let meeting = author(&mut office, &offer(3));
    let acceptance = on(&meeting, Place::North, 1, StepKind::MeetingAccepted);
    assert!(!record(&mut office, &acceptance));
    assert_eq!(office.next_deadline(), None);
}

#[test]
fn the_peers_deadlines_are_the_peers() {
    let mut north = Office::new(Place::North, Limits::default());
    let step = send(&mut office(), 3);
    record(&mut north, &step);
    assert_eq!(north.next_deadline(), None);
}

#[test]
fn a_counter_lapses_by_its_own_time() {
    let mut office = office();
    let proposal = crate::pair::proposal(Place::North);
    record(&mut office, &proposal);
    let mut counter = terms();
    counter.answer_by = Some(hour(4));
    let counter = Order::MoveMeeting {
        meeting: proposal.id,
        parent: None,
        kind: StepKind::MeetingCountered,
        terms: Some(counter),
    };
    let counter = author(&mut office, &counter);
    assert_eq!(office.due(hour(4)), [lapse(proposal.id, counter.id)]);
}

#[test]
fn an_offer_that_lost_a_crossing_does_not_lapse() {
    let mut office = office();
    let proposal = crate::pair::proposal(Place::North);
    record(&mut office, &proposal);
    let mut counter = terms();
    counter.answer_by = Some(hour(4));
    let counter = Order::MoveMeeting {
        meeting: proposal.id,
        parent: None,
        kind: StepKind::MeetingCountered,
        terms: Some(counter),
    };
    author(&mut office, &counter);
    let cancel = on(&proposal, Place::North, 2, StepKind::MeetingCancelled);
    assert!(!record(&mut office, &cancel));
    assert_eq!(office.due(hour(4)), []);
}

#[test]
fn open_deadlines_have_a_bound_and_answers_make_room() {
    let mut office = office();
    let first = send(&mut office, 3);
    author(&mut office, &offer(4));
    send(&mut office, 5);
    let one_more = Order::SendDocument(document(Some(hour(6))));
    let refused = office.plan(hour(0), &one_more);
    let Err(Refusal::Exhausted { what, limit, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((what, limit), ("the number of open deadlines", 3));
    assert!(office.plan(hour(0), &offer(6)).is_err());
    assert!(
        office
            .plan(hour(0), &Order::SendDocument(document(None)))
            .is_ok()
    );
    let answer = on(&first, Place::North, 1, StepKind::DocumentAcknowledged);
    record(&mut office, &answer);
    assert!(office.plan(hour(0), &one_more).is_ok());
}

/// What is due while nothing may be authored is due later: it is not lost.
#[test]
fn deadlines_wait_while_the_office_may_author_nothing() {
    let mut office = office();
    let step = send(&mut office, 3);
    office.record_epoch(Place::South, 2, true);
    assert_eq!(office.due(hour(3)), []);
    assert_eq!(office.next_deadline(), None);
    office.record_epoch(Place::South, 2, false);
    assert_eq!(office.next_deadline(), Some(hour(3)));
    let north = Office::new(Place::North, Limits::default()).line().hello();
    let mut ahead = north;
    ahead.received.sequence = 7;
    assert!(hear(office.line_mut(), &ahead).is_err());
    assert_eq!(office.due(hour(3)), []);
    let agreed: Hello = north;
    hear(office.line_mut(), &agreed).expect("they agree");
    assert_eq!(office.due(hour(3)), [Order::ExpireDocument(step.id)]);
}

#[test]
fn a_document_that_is_inert_leaves_no_deadline() {
    let mut office = office();
    let step = office
        .plan(hour(0), &Order::SendDocument(document(Some(hour(1)))))
        .expect("it is legal");
    let parent = Some(StepId::new(Place::North, 1));
    let faulty = Step { parent, ..step };
    assert!(record(&mut office, &faulty));
    assert_eq!(office.next_deadline(), None);
}
