//! An office that has lost the end of its ledger gets it back from its peer before it takes a step.

use std::time::Duration;

use office::call::LineDeclaration;
use office::line::{Hello, LineFault, LineHash, Taken};
use office::{Limits, Mutation, Office, Order, Place, Refusal, Step, StepId, StepKind};

use crate::documents::on;
use crate::line::{acknowledgement, append, hash_at, hear, mark, office};
use crate::pair::{day, proposal};

/// North had 4 of its own and 5 of South's, and lost all but 2 and 1.
fn restored() -> Office {
    let mut north = office(Place::North, 2, 1);
    north.record_epoch(Place::North, 2, true);
    north
}

fn plans(office: &Office) -> Result<(), Refusal> {
    let order = Order::DeclareLine(LineDeclaration::Cut);
    let now = day(StepId::new(Place::North, 5));
    office.plan(now, &order).map(|_| ())
}

#[test]
fn it_takes_no_step_meanwhile() {
    let north = restored();
    assert!(north.line().is_restoring());
    let Err(Refusal::Unavailable {
        reason,
        why,
        retry_after,
    }) = plans(&north)
    else {
        panic!("it took a step");
    };
    assert_eq!((reason, retry_after), ("RESTORING", Duration::from_secs(1)));
    assert!(why.contains("until its peer has given back what was missing"));
}

#[test]
fn the_peer_gives_its_steps_back_and_sends_its_own_again() {
    let mut south = office(Place::South, 5, 4);
    let mut north = restored();
    let at_south = hear(south.line_mut(), &north.line().hello()).expect("South knows of restores");
    assert_eq!(at_south.return_after, Some(2));
    assert_eq!(at_south.send_after, 1);
    assert_eq!(at_south.new_peer_epoch, Some(2));
    let at_north = hear(north.line_mut(), &south.line().hello()).expect("it lost those");
    assert_eq!(
        at_north.send_after, 2,
        "what South had beyond that is not here to be sent"
    );
    assert_eq!(at_north.return_after, None);
}

#[test]
fn a_returned_parcel_is_taken_like_any_other() {
    let north = restored();
    let returned = |sequence, hash| {
        let sequence_bytes = u64::to_be_bytes(sequence);
        north
            .line()
            .take_returned(sequence, b"north", &sequence_bytes, hash)
    };
    assert_eq!(returned(3, hash_at(Place::North, 3)), Ok(Taken::New));
    assert_eq!(returned(2, hash_at(Place::North, 2)), Ok(Taken::Repeat));
    assert_eq!(
        returned(1, hash_at(Place::North, 1)),
        Ok(Taken::CompareWithLedger)
    );
    let conflict = Err(LineFault::Conflict { sequence: 3 });
    assert_eq!(returned(3, hash_at(Place::North, 2)), conflict);
    let gap = Err(LineFault::Gap {
        expected: 3,
        got: 4,
    });
    assert_eq!(returned(4, hash_at(Place::North, 4)), gap);
}

#[test]
fn an_office_that_is_not_being_restored_takes_nothing_back() {
    let north = office(Place::North, 2, 1);
    let taken =
        north
            .line()
            .take_returned(3, b"north", &3_u64.to_be_bytes(), hash_at(Place::North, 3));
    let Err(LineFault::Order { what }) = taken else {
        panic!("it took a parcel back");
    };
    assert!(what.contains("not being restored"));
}

/// South's steps must be back too. North acknowledged them once, so South may hold a convening for
/// settled and close, while North, without them, would cancel what it convened.
#[test]
fn it_is_complete_when_both_offices_steps_are_back() {
    let said = office(Place::South, 5, 4).line().hello();
    let mut north = restored();
    assert!(!north.line().is_restored_by(&said));
    append(&mut north, Place::North, 2);
    assert!(!north.line().is_restored_by(&said), "South's are missing");
    append(&mut north, Place::South, 4);
    assert!(north.line().is_restored_by(&said));
    north.record_epoch(Place::North, 2, false);
    assert!(
        !north.line().is_restored_by(&said),
        "it was complete before"
    );
    assert_eq!(plans(&north), Ok(()));

    let mut north = restored();
    append(&mut north, Place::South, 4);
    assert!(
        !north.line().is_restored_by(&said),
        "North's own are missing"
    );
}

#[test]
fn a_peer_that_lost_steps_without_a_restore_is_refused() {
    let mut south = office(Place::South, 5, 4);
    let hello = restored().line().hello();
    let silent = Hello {
        restoring: false,
        ..hello
    };
    assert!(matches!(
        hear(south.line_mut(), &silent),
        Err(LineFault::Diverged { .. })
    ));
    assert_eq!(hello.appended, mark(Place::North, 2));
}

/// South has closed upon North's word, and North has forgotten that word.
#[test]
fn a_restored_office_cannot_undo_what_its_peer_has_counted() {
    let record = |office: &mut Office, step: &Step| {
        assert!(
            !office
                .record(step, LineHash::ZERO, Mutation::default())
                .inert
        );
    };
    let proposed = proposal(Place::South);
    let accepted = on(&proposed, Place::North, 1, StepKind::MeetingAccepted);
    let convened = on(&accepted, Place::South, 2, StepKind::MeetingConvened);
    let move_to = |kind| Order::MoveMeeting {
        meeting: proposed.id,
        parent: None,
        kind,
        terms: None,
    };
    let mut south = Office::new(Place::South, Limits::default());
    for step in [proposed, accepted, convened] {
        record(&mut south, &step);
    }
    south.record_acknowledgement(&acknowledgement(Place::South, 2, 1));
    let closed = south.plan(day(convened.id), &move_to(StepKind::MeetingClosed));
    let closed = closed.expect("North has the convening, and South has all that could cross it");
    record(&mut south, &closed);
    assert_eq!(south.exchanges().tally.meetings(), 1);

    let mut north = Office::new(Place::North, Limits::default());
    for step in [proposed, accepted] {
        record(&mut north, &step);
    }
    let cancel = move_to(StepKind::MeetingCancelled);
    let now = day(StepId::new(Place::North, 2));
    assert!(
        north.plan(now, &cancel).is_ok(),
        "this would win over the convening"
    );
    north.record_epoch(Place::North, 2, true);
    let said = south.line().hello();
    for step in [convened, closed] {
        assert!(!north.line().is_restored_by(&said));
        assert!(north.plan(now, &cancel).is_err());
        record(&mut north, &step);
    }
    assert!(north.line().is_restored_by(&said));
    north.record_epoch(Place::North, 2, false);
    assert!(matches!(
        north.plan(now, &cancel),
        Err(Refusal::IllegalStep { .. })
    ));
    assert_eq!(north.exchanges().tally, south.exchanges().tally);
}
