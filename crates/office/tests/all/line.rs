//! The line's sequencing against simple models: parcels, acknowledgements, settlement, Hello.

use office::call::{Call, CallKind};
use office::line::{
    Acknowledgement, Hello, Line, LineFault, LineHash, Mark, Taken, VERSION_MAX, VERSION_MIN,
};
use office::{Content, Limits, Mutation, Office, Order, Place, Refusal, Step, StepId, StepKind};
use proptest::prelude::*;

use crate::pair::day;
use crate::tried::Settlement;

/// A step that is legal whenever it comes.
pub(crate) fn call(place: Place, sequence: u64) -> Step {
    let id = StepId::new(place, sequence);
    Step {
        id,
        parent: None,
        kind: StepKind::CallRecorded,
        authored_at: day(id),
        content: Content::Call(Call {
            kind: CallKind::Opening,
            day: office::tally::day_of(day(id)),
            answered: true,
        }),
    }
}

/// The line hash of `place` after `sequence` such calls.
pub(crate) fn hash_at(place: Place, sequence: u64) -> LineHash {
    (1..=sequence).fold(LineHash::ZERO, |hash, sequence| {
        hash.next(sequence, place.word().as_bytes(), &sequence.to_be_bytes())
    })
}

pub(crate) fn mark(place: Place, sequence: u64) -> Mark {
    let hash = hash_at(place, sequence);
    Mark { sequence, hash }
}

/// South's office, with so many steps of its own and of the peer.
pub(crate) fn office(place: Place, own: u64, received: u64) -> Office {
    let mut office = Office::new(place, Limits::default());
    append(&mut office, place, own);
    append(&mut office, place.peer(), received);
    office
}

/// Records the next `count` calls of `author`.
pub(crate) fn append(office: &mut Office, author: Place, count: u64) {
    for _ in 0..count {
        let line = office.line();
        let last = if author == office.place() {
            line.appended()
        } else {
            line.received()
        };
        let sequence = last.sequence + 1;
        let step = call(author, sequence);
        office.record(&step, hash_at(author, sequence), Mutation::default());
    }
}

pub(crate) fn acknowledgement(author: Place, through: u64, appended: u64) -> Acknowledgement {
    let through = mark(author, through);
    Acknowledgement { through, appended }
}

fn hello_of(place: Place, appended: u64, received: u64) -> Hello {
    office(place, appended, received).line().hello()
}

/// South takes `hello`, with its own ledger at hand.
pub(crate) fn hear(line: &mut Line, hello: &Hello) -> Result<office::line::Resume, LineFault> {
    let here = line.hello();
    let held = |author: Place, last: u64, sequence: u64| {
        (sequence <= last).then(|| hash_at(author, sequence))
    };
    line.take_hello(
        hello,
        Some(&here),
        |sequence| held(here.place, here.appended.sequence, sequence),
        |sequence| held(here.place.peer(), here.received.sequence, sequence),
    )
}

proptest! {
    #[test]
    fn a_receiver_takes_the_next_parcel_and_no_other(
        arrivals in prop::collection::vec((0..6_u64, any::<[bool; 2]>()), 1..60),
    ) {
        let mut office = office(Place::South, 0, 0);
        let mut recorded: Vec<LineHash> = vec![LineHash::ZERO];
        for (distance, [right_content, right_hash]) in arrivals {
            let last = recorded.len() as u64 - 1;
            let sequence = (last + 3).saturating_sub(distance);
            let payload: &[u8] = if right_content { b"payload" } else { b"other" };
            let before = recorded[recorded.len().min(sequence.max(1) as usize) - 1];
            let hash = if right_hash {
                before.next(sequence, b"envelope", b"payload")
            } else {
                LineHash([7; 32])
            };
            let taken = office.line().take_parcel(sequence, b"envelope", payload, hash);
            let expected = match sequence {
                0 => Err(LineFault::Gap { expected: last + 1, got: 0 }),
                s if s > last + 1 => Err(LineFault::Gap { expected: last + 1, got: s }),
                s if s == last + 1 && right_content && right_hash => Ok(Taken::New),
                s if s == last && right_hash => Ok(Taken::Repeat),
                s if s < last => Ok(Taken::CompareWithLedger),
                s => Err(LineFault::Conflict { sequence: s }),
            };
            prop_assert_eq!(&taken, &expected);
            if taken == Ok(Taken::New) {
                office.record(&call(Place::North, sequence), hash, Mutation::default());
                recorded.push(hash);
            }
            prop_assert_eq!(office.line().received().sequence, recorded.len() as u64 - 1);
        }
    }

    #[test]
    fn a_step_is_settled_when_nothing_can_cross_it_any_more(
        events in prop::collection::vec((0..4_u8, 0..4_u64), 1..80),
    ) {
        let mut office = office(Place::South, 0, 0);
        let mut model = Settlement::default();
        let (mut appended, mut through, mut peer_mark, mut acknowledged) = (0, 0, 0, 0);
        for (what, by) in events {
            match what {
                0 => {
                    append(&mut office, Place::South, by);
                    appended += by;
                }
                1 => {
                    append(&mut office, Place::North, by);
                    model.received += by;
                }
                _ => {
                    through = (through + by).min(appended);
                    peer_mark = (peer_mark + by / 2).max(model.received);
                    acknowledged = acknowledged.max(through);
                    model.taken.push((through, peer_mark));
                    office.record_acknowledgement(&acknowledgement(Place::South, through, peer_mark));
                }
            }
            prop_assert_eq!(office.line().settled(), model.through());
            prop_assert_eq!(office.line().acknowledged(), acknowledged);
            prop_assert!(office.line().settled() <= office.line().acknowledged());
        }
    }
}

#[test]
fn acknowledgements_beyond_the_bound_settle_later_and_settle_all() {
    let mut office = office(Place::South, 3_000, 0);
    for sequence in 1..=3_000 {
        office.record_acknowledgement(&acknowledgement(Place::South, sequence, sequence));
    }
    assert_eq!(office.line().settled(), 0);
    assert_eq!(office.line().acknowledged(), 3_000);
    append(&mut office, Place::North, 1_023);
    assert_eq!(office.line().settled(), 1_023, "the earliest are kept");
    append(&mut office, Place::North, 1_976);
    assert_eq!(office.line().settled(), 1_023);
    append(&mut office, Place::North, 1);
    assert_eq!(
        office.line().settled(),
        3_000,
        "the latest stands for those between"
    );
}

#[test]
fn an_acknowledgement_is_judged_by_reach_and_hash_and_news() {
    let mut office = office(Place::South, 5, 0);
    let judge = |office: &Office, acknowledgement: &Acknowledgement| {
        let own_at = |sequence| Some(hash_at(Place::South, sequence));
        office.line().judge_acknowledgement(acknowledgement, own_at)
    };
    let too_far = judge(&office, &acknowledgement(Place::South, 6, 0));
    let told = too_far.expect_err("six of five").to_string();
    assert_eq!(told, "the peer acknowledged 6, with only 5 steps sent");
    let mut other = acknowledgement(Place::South, 3, 0);
    other.through.hash = LineHash([1; 32]);
    let told = judge(&office, &other)
        .expect_err("another hash")
        .to_string();
    assert_eq!(told, "the peer acknowledged 3, with another line hash");

    let third = acknowledgement(Place::South, 3, 2);
    assert_eq!(judge(&office, &third), Ok(true));
    office.record_acknowledgement(&third);
    assert_eq!(judge(&office, &third), Ok(false), "the same again");
    assert_eq!(
        judge(&office, &acknowledgement(Place::South, 2, 2)),
        Ok(false),
        "older"
    );
    assert_eq!(
        judge(&office, &acknowledgement(Place::South, 5, 2)),
        Ok(true),
        "all there is"
    );
    let other_mark = acknowledgement(Place::South, 3, 1);
    assert_eq!(
        judge(&office, &other_mark),
        Ok(true),
        "it may settle sooner"
    );
    append(&mut office, Place::North, 2);
    assert_eq!(office.line().settled(), 3);
    assert_eq!(
        judge(&office, &other_mark),
        Ok(false),
        "it is settled already"
    );
}

#[test]
fn an_equal_hello_resumes_after_the_peers_mark() {
    let mut office = office(Place::South, 5, 3);
    let resume = hear(office.line_mut(), &hello_of(Place::North, 4, 2)).expect("they agree");
    assert_eq!(resume.send_after, 2);
    assert_eq!(resume.return_after, None);
    assert_eq!(resume.new_peer_epoch, Some(1));
    let quiet = hear(office.line_mut(), &hello_of(Place::North, 3, 5)).expect("they agree");
    assert_eq!(quiet.send_after, 5);
}

#[test]
fn hello_says_what_the_ledger_holds() {
    let mut office = office(Place::North, 2, 3);
    office.record_epoch(Place::North, 7, true);
    assert_eq!(office.line().epoch(), 7);
    let hello = office.line().hello();
    let expected = Hello {
        place: Place::North,
        epoch: 7,
        version_min: VERSION_MIN,
        version_max: VERSION_MAX,
        appended: mark(Place::North, 2),
        received: mark(Place::South, 3),
        restoring: true,
    };
    assert_eq!(hello, expected);
}

#[test]
fn a_caller_from_the_same_place_is_refused() {
    let mut office = office(Place::South, 0, 0);
    let fault = hear(office.line_mut(), &hello_of(Place::South, 0, 0));
    let told = fault.expect_err("South speaks with South").to_string();
    assert!(
        told.starts_with("the caller says it is the south office; the north office was expected")
    );
    assert_eq!(office.line().fault(), None, "the ledgers do not disagree");
}

#[test]
fn versions_must_overlap() {
    let mut office = office(Place::South, 0, 0);
    for (version_min, version_max, agree) in [
        (VERSION_MIN, VERSION_MAX, true),
        (0, VERSION_MIN, true),
        (VERSION_MAX, VERSION_MAX + 3, true),
        (0, VERSION_MAX + 3, true),
        (0, VERSION_MIN - 1, false),
        (VERSION_MAX + 1, VERSION_MAX + 2, false),
        (VERSION_MAX + 1, VERSION_MIN, false),
    ] {
        let hello = Hello {
            version_min,
            version_max,
            ..hello_of(Place::North, 0, 0)
        };
        let fault = hear(office.line_mut(), &hello).err();
        let refused = LineFault::UnsupportedVersion {
            min: VERSION_MIN,
            max: VERSION_MAX,
        };
        assert_eq!(
            fault,
            (!agree).then_some(refused),
            "{version_min} to {version_max}"
        );
    }
}

#[test]
fn a_peer_from_before_a_restore_is_refused() {
    let mut office = office(Place::South, 0, 0);
    let speaks = |epoch| Hello {
        epoch,
        ..hello_of(Place::North, 0, 0)
    };
    let third = hear(office.line_mut(), &speaks(3)).expect("a first Hello");
    assert_eq!(third.new_peer_epoch, Some(3));
    assert_eq!(
        office.line().peer_epoch(),
        0,
        "it is news until it is in the ledger"
    );
    office.record_epoch(Place::North, 3, false);
    assert_eq!((office.line().peer_epoch(), office.line().epoch()), (3, 1));
    let again = hear(office.line_mut(), &speaks(3)).expect("the same again");
    assert_eq!(again.new_peer_epoch, None);
    let stale = hear(office.line_mut(), &speaks(2));
    assert_eq!(stale, Err(LineFault::StaleEpoch { said: 2, known: 3 }));
}

/// Each way in which two ledgers can disagree.
fn faulty_hellos(agreed: Hello) -> [(Hello, &'static str); 6] {
    let other = LineHash([1; 32]);
    let wrong = |sequence| Mark {
        sequence,
        hash: other,
    };
    [
        (
            Hello {
                received: mark(Place::South, 6),
                ..agreed
            },
            "the north office has received 6 of this office's steps, and this ledger holds 5",
        ),
        (
            Hello {
                received: wrong(5),
                ..agreed
            },
            "this office's step 5 has another hash at the north office",
        ),
        (
            Hello {
                received: wrong(4),
                ..agreed
            },
            "this office's step 4 has another hash at the north office",
        ),
        (
            Hello {
                appended: mark(Place::North, 2),
                ..agreed
            },
            "this ledger holds 3 of the north office's steps, and that office says it has 2",
        ),
        (
            Hello {
                appended: wrong(3),
                ..agreed
            },
            "the north office's step 3 has another hash here",
        ),
        (
            Hello {
                appended: wrong(2),
                restoring: true,
                ..agreed
            },
            "the north office's step 2 has another hash here",
        ),
    ]
}

#[test]
fn ledgers_that_disagree_keep_the_line_down_until_they_agree() {
    let agreed = hello_of(Place::North, 3, 5);
    for (hello, why) in faulty_hellos(agreed) {
        let mut office = office(Place::South, 5, 3);
        let fault = hear(office.line_mut(), &hello).expect_err("they disagree");
        assert_eq!(
            fault,
            LineFault::Diverged {
                what: why.to_owned()
            }
        );
        assert!(
            fault.to_string().contains("Run `liaison ledger restore`"),
            "{fault}"
        );
        assert_eq!(office.line().fault(), Some(&fault));
        let order = Order::DeclareLine(office::call::LineDeclaration::Cut);
        let refused = office.plan(day(StepId::new(Place::South, 6)), &order);
        assert_eq!(refused, Err(Refusal::Line(fault.clone())));
        let stranger = Hello {
            place: Place::South,
            ..agreed
        };
        assert!(hear(office.line_mut(), &stranger).is_err());
        assert_eq!(
            office.line().fault(),
            Some(&fault),
            "a stranger does not mend it"
        );
        hear(office.line_mut(), &agreed).expect("they agree now");
        assert_eq!(office.line().fault(), None);
        assert!(
            office
                .plan(day(StepId::new(Place::South, 6)), &order)
                .is_ok()
        );
    }
}

#[test]
fn a_line_hash_covers_sequence_envelope_payload_and_past() {
    let hash = LineHash::ZERO.next(1, b"ab", b"c");
    let others = [
        LineHash::ZERO.next(2, b"ab", b"c"),
        LineHash::ZERO.next(1, b"a", b"bc"),
        LineHash::ZERO.next(1, b"ab", b"d"),
        hash.next(1, b"ab", b"c"),
    ];
    assert!(others.iter().all(|other| *other != hash));
    let all = |byte| LineHash([byte; 32]);
    assert_eq!(all(0xa5).to_string(), "a5a5a5a5a5a5");
    assert_eq!(format!("{:?}", all(0x0f)), "LineHash(0f0f0f0f0f0f…)");
}
