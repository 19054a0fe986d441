//! Every refusal says what it is about, the state found, and the steps allowed.

use jiff::Timestamp;
use office::call::LineDeclaration;
use office::contact::ContactKind;
use office::line::LineHash;
use office::{Collection, Limits, Mutation, Office, Order, Place, Refusal, Step, StepId, StepKind};

use crate::documents::{on, sent};
use crate::line::acknowledgement;
use crate::pair::{day, proposal, terms};
use crate::traffic::{contact, document};
use crate::tree::{VERBS, may_follow};

const NORTH_1: StepId = StepId::new(Place::North, 1);
const SOUTH_1: StepId = StepId::new(Place::South, 1);

fn now() -> Timestamp {
    day(SOUTH_1)
}

/// South's office after `steps`.
fn after(steps: &[Step]) -> Office {
    let mut office = Office::new(Place::South, Limits::default());
    for step in steps {
        let applied = office.record(step, LineHash::ZERO, Mutation::default());
        assert!(!applied.inert, "{step:?}");
    }
    office
}

fn refusal(office: &Office, order: &Order) -> Refusal {
    office.plan(now(), order).expect_err("it is illegal")
}

fn refused(office: &Office, order: &Order) -> String {
    refusal(office, order).to_string()
}

fn moved(meeting: StepId, kind: StepKind) -> Order {
    Order::MoveMeeting {
        meeting,
        parent: None,
        kind,
        terms: (kind == StepKind::MeetingCountered).then(terms),
    }
}

fn upon(meeting: StepId, parent: StepId, kind: StepKind) -> Order {
    Order::MoveMeeting {
        meeting,
        parent: Some(parent),
        kind,
        terms: None,
    }
}

#[test]
fn an_answer_that_the_document_does_not_allow() {
    use StepKind as K;
    let (own, peers) = (sent(Place::South, 1), sent(Place::North, 1));
    let answers = "the receiving office acknowledges it or refuses receipt";
    let acknowledge = Order::AcknowledgeDocument;
    let refuse = Order::RefuseDocument;
    let expire = Order::ExpireDocument;
    let cases: [(&[Step], Order, &str, &str); 8] = [
        (
            &[own],
            acknowledge(own.id),
            "SENT, sent by this office",
            answers,
        ),
        (&[own], refuse(own.id), "SENT, sent by this office", answers),
        (
            &[peers],
            expire(peers.id),
            "SENT, sent by the peer",
            answers,
        ),
        (
            &[peers, on(&peers, Place::South, 1, K::DocumentAcknowledged)],
            refuse(peers.id),
            "ACKNOWLEDGED, sent by the peer",
            "none",
        ),
        (
            &[
                peers,
                on(&peers, Place::South, 1, K::DocumentReceiptRefused),
            ],
            acknowledge(peers.id),
            "RECEIPT_REFUSED, sent by the peer",
            "none; the sender may reissue the document",
        ),
        (
            &[own, on(&own, Place::North, 1, K::DocumentAcknowledged)],
            expire(own.id),
            "ACKNOWLEDGED, sent by this office",
            "none",
        ),
        (
            &[own, on(&own, Place::South, 2, K::DocumentExpired)],
            expire(own.id),
            "EXPIRED, sent by this office",
            answers,
        ),
        (
            &[own, on(&own, Place::South, 2, K::DocumentExpired)],
            acknowledge(own.id),
            "EXPIRED, sent by this office",
            answers,
        ),
    ];
    for (steps, order, state, allowed) in cases {
        let name = order
            .subject()
            .expect("a document")
            .name(Collection::Documents);
        let told = format!(
            "failed to record {:?}: {name} is {state}; allowed next: {allowed}",
            order.kind().words()
        );
        assert_eq!(refused(&after(steps), &order), told);
    }
}

#[test]
fn an_answer_that_the_document_allows() {
    let (own, peers) = (sent(Place::South, 1), sent(Place::North, 1));
    let expired = on(&peers, Place::North, 2, StepKind::DocumentExpired);
    for (steps, order) in [
        (&[peers][..], Order::AcknowledgeDocument(peers.id)),
        (&[peers], Order::RefuseDocument(peers.id)),
        (&[own], Order::ExpireDocument(own.id)),
        (&[peers, expired], Order::AcknowledgeDocument(peers.id)),
        (&[peers, expired], Order::RefuseDocument(peers.id)),
    ] {
        let step = after(steps).plan(now(), &order).expect("it is legal");
        assert_eq!((step.kind, step.parent), (order.kind(), order.subject()));
    }
}

#[test]
fn what_is_not_known_here() {
    let office = after(&[proposal(Place::North)]);
    let mut reply = document(None);
    reply.in_reply_to = Some(NORTH_1);
    let unknown = StepId::new(Place::South, 9);
    let cases = [
        (
            Order::AcknowledgeDocument(NORTH_1),
            "document offices/north/documents/1",
        ),
        (
            Order::RefuseDocument(NORTH_1),
            "document offices/north/documents/1",
        ),
        (
            Order::ExpireDocument(SOUTH_1),
            "document offices/south/documents/1",
        ),
        (
            Order::SendDocument(reply),
            "document offices/north/documents/1",
        ),
        (
            Order::ConfirmContact(NORTH_1),
            "contact offices/north/contacts/1",
        ),
        (
            moved(SOUTH_1, StepKind::MeetingAccepted),
            "meeting offices/south/meetings/1",
        ),
        (
            upon(NORTH_1, unknown, StepKind::MeetingAccepted),
            "step of the meeting offices/south/steps/9",
        ),
    ];
    for (order, what) in cases {
        assert!(matches!(refusal(&office, &order), Refusal::NotFound { .. }));
        assert_eq!(
            refused(&office, &order),
            format!("{what} is not known at this office")
        );
    }
}

#[test]
fn a_reply_to_a_known_document_is_legal() {
    let mut reply = document(None);
    reply.in_reply_to = Some(NORTH_1);
    let office = after(&[sent(Place::North, 1)]);
    assert!(office.plan(now(), &Order::SendDocument(reply)).is_ok());
}

/// At every state of a meeting, by either office: each verb is planned, or refused with state and steps.
#[test]
fn a_step_that_the_meeting_does_not_allow() {
    use StepKind as K;
    let states = [
        (vec![], "PROPOSED"),
        (vec![K::MeetingCountered], "COUNTERED"),
        (vec![K::MeetingAccepted], "ACCEPTED"),
        (vec![K::MeetingAccepted, K::MeetingConvened], "CONVENED"),
        (
            vec![K::MeetingAccepted, K::MeetingConvened, K::MeetingClosed],
            "CLOSED",
        ),
        (vec![K::MeetingDeclined], "DECLINED"),
        (vec![K::MeetingCancelled], "CANCELLED"),
    ];
    for proposer in Place::BOTH {
        for (kinds, word) in &states {
            let steps = alternating(proposer, kinds);
            let tip = *steps.last().expect("the proposal");
            judge_all(&after(&steps), steps[0].id, &tip, word);
        }
        let lapsed = Step {
            id: StepId::new(proposer, 2),
            ..on(&proposal(proposer), proposer, 2, K::MeetingLapsed)
        };
        let office = after(&[proposal(proposer), lapsed]);
        judge_all(&office, StepId::new(proposer, 1), &lapsed, "LAPSED");
    }
}

/// Each step by the office that did not write the one before.
fn alternating(proposer: Place, kinds: &[StepKind]) -> Vec<Step> {
    let mut steps = vec![proposal(proposer)];
    for kind in kinds {
        let last = *steps.last().expect("the proposal");
        let author = last.id.place.peer();
        let sequence = 1 + steps.iter().filter(|step| step.id.place == author).count() as u64;
        let mut step = on(&last, author, sequence, *kind);
        if *kind == StepKind::MeetingCountered {
            step.content = proposal(author).content;
        }
        steps.push(step);
    }
    steps
}

fn judge_all(office: &Office, meeting: StepId, tip: &Step, word: &str) {
    let legal: Vec<_> = VERBS
        .into_iter()
        .filter(|kind| may_follow(tip, Place::South, *kind))
        .collect();
    for kind in VERBS {
        let planned = office.plan(now(), &moved(meeting, kind));
        if legal.contains(&kind) {
            let not_settled = kind == StepKind::MeetingClosed && tip.id.place == Place::South;
            assert_eq!(planned.is_ok(), !not_settled, "{word} {kind}");
            continue;
        }
        let Err(Refusal::IllegalStep {
            subject,
            state,
            step,
            allowed,
        }) = planned
        else {
            panic!("{word} {kind}: {planned:?}");
        };
        let by = if tip.id.place == Place::South {
            "this office"
        } else {
            "the peer"
        };
        assert_eq!(subject, meeting.name(Collection::Meetings));
        assert_eq!((state, step), (format!("{word} by {by}"), kind));
        let mut told: Vec<_> = allowed.split(", ").map(str::to_owned).collect();
        told.sort_unstable();
        let mut expected: Vec<_> = legal.iter().map(|kind| kind.words().to_owned()).collect();
        expected.sort_unstable();
        if expected.is_empty() {
            expected.push("none".to_owned());
        }
        assert_eq!(told, expected, "{word} {kind}");
    }
    assert_eq!(
        office
            .exchanges()
            .meetings
            .get(meeting)
            .expect("it is known")
            .state()
            .word(),
        word
    );
}

#[test]
fn a_step_upon_what_has_been_built_upon() {
    let root = proposal(Place::North);
    let acceptance = on(&root, Place::South, 1, StepKind::MeetingAccepted);
    let office = after(&[root, acceptance]);
    let told = refused(&office, &upon(root.id, root.id, StepKind::MeetingDeclined));
    assert_eq!(
        told,
        "offices/north/steps/1 is superseded by offices/south/steps/1; read it again and build upon its tip"
    );
    assert!(
        office
            .plan(
                now(),
                &upon(root.id, acceptance.id, StepKind::MeetingConvened)
            )
            .is_ok()
    );
}

#[test]
fn a_close_before_its_convening_is_final() {
    let root = proposal(Place::North);
    let acceptance = on(&root, Place::North, 2, StepKind::MeetingAccepted);
    let acceptance = Step {
        id: SOUTH_1,
        ..acceptance
    };
    let convening = on(&acceptance, Place::South, 2, StepKind::MeetingConvened);
    let close = moved(root.id, StepKind::MeetingClosed);
    let mut office = after(&[root, acceptance, convening]);
    let told = refused(&office, &close);
    assert_eq!(
        told,
        "offices/north/meetings/1 is convened, and the convening is not final yet; ask again when the line is quiet"
    );
    office.record_acknowledgement(&acknowledgement(Place::South, 1, 1));
    assert!(matches!(
        refusal(&office, &close),
        Refusal::NotSettled { .. }
    ));
    office.record_acknowledgement(&acknowledgement(Place::South, 2, 2));
    assert!(
        matches!(refusal(&office, &close), Refusal::NotSettled { .. }),
        "North's 2 may cross it"
    );
    office.record(&sent(Place::North, 2), LineHash::ZERO, Mutation::default());
    assert!(office.plan(now(), &close).is_ok());
}

#[test]
fn the_peers_convening_is_final_at_once() {
    let root = proposal(Place::South);
    let acceptance = on(&root, Place::North, 1, StepKind::MeetingAccepted);
    let convening = on(&acceptance, Place::North, 2, StepKind::MeetingConvened);
    let office = after(&[root, acceptance, convening]);
    assert!(
        office
            .plan(now(), &moved(root.id, StepKind::MeetingClosed))
            .is_ok()
    );
}

#[test]
fn a_contact_that_is_recorded_already() {
    let contact = contact(0);
    let mut office = after(&[]);
    let order = Order::RecordContact(contact.clone());
    let step = office.plan(now(), &order).expect("it is legal");
    office.record(&step, LineHash::ZERO, Mutation::default());
    let told = refused(&office, &order);
    assert_eq!(
        told,
        "failed to record \"contact recorded\": offices/south/contacts/1 is already recorded with this kind \
         and time; allowed next: confirm it at the other office"
    );
    let confirm = Order::ConfirmContact(step.id);
    assert_eq!(
        refused(&office, &confirm),
        "failed to record \"contact confirmed\": offices/south/contacts/1 is recorded by this office; \
         allowed next: the peer confirms it"
    );
    let confirmation = on(&step, Place::North, 1, StepKind::ContactConfirmed);
    office.record(&confirmation, LineHash::ZERO, Mutation::default());
    assert_eq!(
        refused(&office, &confirm),
        "failed to record \"contact confirmed\": offices/south/contacts/1 is confirmed; allowed next: none"
    );
    assert!(refused(&office, &order).contains("offices/south/contacts/1 is already recorded"));
}

#[test]
fn a_contact_that_lost_a_crossing() {
    let mut office = after(&[]);
    let order = Order::RecordContact(contact(0));
    let own = office.plan(now(), &order).expect("it is legal");
    office.record(&own, LineHash::ZERO, Mutation::default());
    let peers = Step { id: NORTH_1, ..own };
    office.record(&peers, LineHash::ZERO, Mutation::default());
    assert_eq!(
        refused(&office, &Order::ConfirmContact(NORTH_1)),
        "offices/north/contacts/1 is superseded by offices/south/contacts/1; read it again and build upon its tip"
    );
    assert!(refused(&office, &order).contains("offices/south/contacts/1 is already recorded"));
}

#[test]
fn a_record_of_the_peer_may_be_confirmed() {
    let own = after(&[])
        .plan(now(), &Order::RecordContact(contact(0)))
        .expect("it is legal");
    let office = after(&[Step { id: NORTH_1, ..own }]);
    let step = office
        .plan(now(), &Order::ConfirmContact(NORTH_1))
        .expect("it is legal");
    assert_eq!(step.parent, Some(NORTH_1));
    let again = refused(&office, &Order::RecordContact(contact(0)));
    assert!(
        again.contains("offices/north/contacts/1 is already recorded"),
        "{again}"
    );
}

#[test]
fn a_declaration_that_says_nothing_new() {
    let mut office = after(&[]);
    let restored = Order::DeclareLine(LineDeclaration::Restored);
    let cut = Order::DeclareLine(LineDeclaration::Cut);
    assert_eq!(
        refused(&office, &restored),
        "failed to record \"line declared\": the telephone line as the south office states it is nothing; \
         allowed next: declare it cut"
    );
    let step = office.plan(now(), &cut).expect("it is legal");
    office.record(&step, LineHash::ZERO, Mutation::default());
    assert_eq!(
        refused(&office, &cut),
        "failed to record \"line declared\": the telephone line as the south office states it is cut; \
         allowed next: declare it restored"
    );
    let step = office.plan(now(), &restored).expect("it is legal");
    office.record(&step, LineHash::ZERO, Mutation::default());
    assert!(office.plan(now(), &cut).is_ok());
    assert!(refused(&office, &restored).contains("is restored; allowed next: declare it cut"));
}

#[test]
fn fields_that_break_a_rule() {
    let office = after(&[proposal(Place::North)]);
    let mut consultation = terms();
    consultation.kind = ContactKind::NotStated;
    let mut meeting = contact(0);
    meeting.kind = ContactKind::WorkingLevel;
    let counter = |terms| Order::MoveMeeting {
        meeting: NORTH_1,
        parent: None,
        kind: StepKind::MeetingCountered,
        terms,
    };
    let acceptance = Order::MoveMeeting {
        meeting: NORTH_1,
        parent: None,
        kind: StepKind::MeetingAccepted,
        terms: Some(terms()),
    };
    let negotiation =
        "invalid request: terms.kind: a consultation needs no negotiation: use RecordContact";
    let cases = [
        (Order::ProposeMeeting(consultation.clone()), negotiation),
        (counter(Some(consultation)), negotiation),
        (counter(None), "invalid request: terms: a counter has terms"),
        (
            acceptance,
            "invalid request: terms: only an offer has terms",
        ),
        (
            Order::RecordContact(meeting),
            "invalid request: contact.kind: a meeting is negotiated: use ProposeMeeting",
        ),
    ];
    for (order, told) in cases {
        assert_eq!(refused(&office, &order), told);
    }
}

#[test]
fn bounds_that_are_reached() {
    let limits = Limits {
        open_meetings_max: 2,
        meeting_steps_max: 3,
        ..Limits::default()
    };
    let mut office = Office::new(Place::South, limits);
    let propose = Order::ProposeMeeting(terms());
    let mut meetings = Vec::new();
    for _ in 0..2 {
        let step = office.plan(now(), &propose).expect("there is room");
        office.record(&step, LineHash::ZERO, Mutation::default());
        meetings.push(step);
    }
    assert_eq!(
        refused(&office, &propose),
        "the number of open meetings is at its limit of 2; ask again later"
    );
    let offer = |step: &Step, place, sequence| Step {
        content: step.content,
        ..on(step, place, sequence, StepKind::MeetingCountered)
    };
    let counter = offer(&meetings[0], Place::North, 1);
    office.record(&counter, LineHash::ZERO, Mutation::default());
    let own = office.plan(now(), &moved(meetings[0].id, StepKind::MeetingCountered));
    let own = own.expect("two steps of three");
    office.record(&own, LineHash::ZERO, Mutation::default());
    let again = offer(&own, Place::North, 2);
    office.record(&again, LineHash::ZERO, Mutation::default());
    assert_eq!(
        refused(&office, &moved(meetings[0].id, StepKind::MeetingCountered)),
        "the number of steps of one meeting is at its limit of 3; ask again later"
    );
    let cancel = office.plan(now(), &moved(meetings[0].id, StepKind::MeetingCancelled));
    let cancel = cancel.expect("a meeting can always be ended");
    office.record(&cancel, LineHash::ZERO, Mutation::default());
    assert!(office.plan(now(), &propose).is_ok(), "one is closed");
}

#[test]
fn a_planned_step_says_what_was_ordered() {
    let office = after(&[sent(Place::South, 1), sent(Place::North, 1)]);
    let step = office
        .plan(now(), &Order::SendDocument(document(Some(now()))))
        .expect("it is legal");
    assert_eq!(step.id, StepId::new(Place::South, 2));
    assert_eq!(step.authored_at, now());
    let expected = office::Content::Document {
        deadline: Some(now()),
    };
    assert_eq!(step.content, expected);
}
