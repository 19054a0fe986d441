//! Each conversion gives back what it was given, and takes nothing that it could not give back.

use office::call::{Call, CallKind};
use office::contact::ContactKind;
use office::line::{Acknowledgement, Hello, LineHash, Mark};
use office::tally::{Count, Counted};
use office::{Place, RequestId, StepId, StepKind, Tally};
use proptest::prelude::*;
use protocol as wire;
use protocol::Checked as _;

fn mark() -> impl Strategy<Value = Mark> {
    (any::<u64>(), any::<[u8; 32]>()).prop_map(|(sequence, hash)| Mark {
        sequence,
        hash: LineHash(hash),
    })
}

pub(crate) fn place() -> impl Strategy<Value = Place> {
    prop::sample::select(&Place::BOTH[..])
}

const KINDS: [ContactKind; 6] = [
    ContactKind::GovernmentOfficials,
    ContactKind::WorkingLevel,
    ContactKind::Chiefs,
    ContactKind::RegularConsultation,
    ContactKind::OnDemandConsultation,
    ContactKind::NotStated,
];

fn counted() -> impl Strategy<Value = Counted> {
    prop_oneof![
        Just(Counted::Document),
        Just(Counted::Call),
        prop::sample::select(&KINDS[..]).prop_map(Counted::Contact),
    ]
}

/// Seconds anywhere, and near the ends of what can be written.
fn seconds() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => -62_135_596_800..253_402_300_800_i64,
        1 => -62_135_596_803..-62_135_596_797_i64,
        1 => 253_402_207_190..253_402_300_803_i64,
        1 => any::<i64>(),
        1 => -3..3_i64,
    ]
}

fn nanos() -> impl Strategy<Value = i32> {
    prop_oneof![6 => 0..1_000_000_000_i32, 1 => any::<i32>(), 1 => Just(999_999_999)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn a_time_comes_back(seconds in seconds(), nanos in nanos()) {
        let time = prost_types::Timestamp { seconds, nanos };
        let read = wire::timestamp_from_pb(&time);
        if let Some(read) = read {
            prop_assert_eq!(wire::timestamp_to_pb(read), time);
        }
        // The last day of the year 9999 is kept free for offsets from UTC.
        let known = (-62_135_596_800..253_402_207_200).contains(&seconds);
        if known && (0..1_000_000_000).contains(&nanos) {
            prop_assert!(read.is_some());
        }
    }

    #[test]
    fn a_duration_comes_back(seconds in prop_oneof![any::<i64>(), -3..3_i64], nanos in nanos()) {
        let duration = prost_types::Duration { seconds, nanos };
        let read = wire::duration_from_pb(&duration);
        prop_assert_eq!(read.is_some(), seconds >= 0 && (0..1_000_000_000).contains(&nanos));
        if let Some(read) = read {
            prop_assert_eq!(read.as_secs(), seconds as u64);
            prop_assert_eq!(read.subsec_nanos(), nanos as u32);
        }
    }

    #[test]
    fn a_number_is_one_of_an_enum_or_none(number in prop_oneof![any::<i32>(), -2..64_i32]) {
        if let Some(place) = wire::place_from_pb(number) {
            prop_assert_eq!(wire::place_to_pb(place) as i32, number);
        }
        if let Some(kind) = wire::step_kind_from_pb(number) {
            prop_assert_eq!(wire::step_kind_to_pb(kind) as i32, number);
        }
        if let Some(kind) = wire::contact_kind_from_pb(number) {
            prop_assert_eq!(wire::contact_kind_to_pb(kind) as i32, number);
        }
    }

    #[test]
    fn a_step_id_comes_back(place in -1..4_i32, sequence in prop_oneof![any::<u64>(), 0..3_u64]) {
        let id = wire::pb::office::StepId { place, sequence };
        let read = wire::step_id_from_pb(&id);
        prop_assert_eq!(read.is_some(), (1..=2).contains(&place) && sequence > 0);
        if let Some(read) = read {
            prop_assert_eq!(wire::step_id_to_pb(read), id);
            prop_assert_eq!(read, StepId::new(read.place, sequence));
        }
    }

    #[test]
    fn a_mark_comes_back(mark in mark(), hash in prop::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(wire::mark_from_pb(&wire::mark_to_pb(mark)), Some(mark));
        let read = wire::hash_from_bytes(&hash);
        prop_assert_eq!(read.is_some(), hash.len() == 32);
        let torn = wire::pb::line::Mark { sequence: mark.sequence, hash: hash.into() };
        prop_assert_eq!(wire::mark_from_pb(&torn).is_some(), read.is_some());
    }

    #[test]
    fn a_hello_comes_back(
        place in place(),
        numbers in any::<(u64, u32, u32, bool)>(),
        marks in (mark(), mark()),
    ) {
        let (epoch, version_min, version_max, restoring) = numbers;
        let (appended, received) = marks;
        let hello = Hello { place, epoch, version_min, version_max, appended, received, restoring };
        let written = wire::hello_to_pb(&hello);
        prop_assert_eq!(wire::hello_from_pb(&written), Some(hello));
        for torn in [
            wire::pb::line::Hello { place: 0, ..written.clone() },
            wire::pb::line::Hello { appended: None, ..written.clone() },
            wire::pb::line::Hello { received: None, ..written },
        ] {
            prop_assert_eq!(wire::hello_from_pb(&torn), None);
        }
    }

    #[test]
    fn an_acknowledgement_comes_back(through in mark(), appended in any::<u64>()) {
        let acknowledgement = Acknowledgement { through, appended };
        let written = wire::acknowledgement_to_pb(&acknowledgement);
        prop_assert_eq!(wire::acknowledgement_from_pb(&written), Some(acknowledgement));
        let torn = wire::pb::line::Acknowledgement { through: None, ..written };
        prop_assert_eq!(wire::acknowledgement_from_pb(&torn), None);
    }

    /// Every count stands in exactly one place of what is told, and the sums are its own.
    #[test]
    fn a_tally_is_told_whole(counts in prop::collection::vec((place(), counted(), 0..9_u64), 0..12)) {
        let mut tally = Tally::default();
        for (office, what, times) in &counts {
            let day = "2018-09-14".parse().expect("it is a day");
            tally.add_cell(Count { day, office: *office, what: *what }, *times);
        }
        let total = |wanted: fn(Counted) -> bool| {
            let counts = counts.iter().filter(|(_, what, _)| wanted(*what));
            counts.map(|(_, _, times)| times).sum::<u64>()
        };
        let told = wire::tally_to_pb(&tally);
        let contacts = told.contacts.expect("always told");
        let meetings = contacts.meetings.expect("always told");
        let consultations = contacts.consultations.expect("always told");
        prop_assert_eq!(
            meetings.total,
            meetings.government_officials + meetings.working_level + meetings.chiefs
        );
        prop_assert_eq!(
            contacts.total,
            meetings.total + consultations.regular + consultations.on_demand + contacts.unspecified
        );
        prop_assert_eq!(contacts.total, total(|what| matches!(what, Counted::Contact(_))));
        prop_assert_eq!(told.documents, total(|what| what == Counted::Document));
        prop_assert_eq!(told.calls, total(|what| what == Counted::Call));
        prop_assert_eq!(told.exchanges, contacts.total + told.documents);
    }

    #[test]
    fn a_request_id_comes_back(bytes in any::<[u8; 16]>(), text in "[0-9a-f{}-]{0,40}") {
        let id = RequestId(bytes);
        let read = wire::parse_request_id(&id.to_string());
        prop_assert_eq!(read.ok(), Some(id).filter(|_| bytes != [0; 16]));
        if let Err(violation) = wire::parse_request_id(&text) {
            prop_assert_eq!(violation.field, "request_id");
        }
    }

    /// A day is written in one way only, so that what is recorded is what was sent.
    #[test]
    fn a_day_comes_back(day in prop_oneof![
        "[0-9]{4}-[01][0-9]-[0-3][0-9]",
        "[-+0-9TWZtz: ./\\[\\]]{10}",
        "(19|20)[0-9]{2}-?(W[0-5][0-9]|[01][0-9])-?[0-3][0-9]?[0-9TtZ ]{0,3}",
    ]) {
        let written = wire::pb::office::Call { kind: 1, day, outcome: 2, remark: None };
        if let Ok(call) = Call::checked(written.clone(), &wire::Fields::default()) {
            prop_assert_eq!(call.kind, CallKind::Opening);
            prop_assert_eq!(wire::call_to_pb(&call), written);
        }
    }
}

#[test]
fn an_empty_request_id_is_none() {
    for text in ["", "00000000-0000-0000-0000-000000000000", "é"] {
        assert!(wire::parse_request_id(text).is_err(), "{text:?} was taken");
    }
}

#[test]
fn every_kind_has_a_number_of_its_own() {
    let numbers: std::collections::BTreeSet<i32> = StepKind::ALL
        .iter()
        .map(|kind| wire::step_kind_to_pb(*kind).into())
        .collect();
    assert_eq!(numbers.len(), StepKind::ALL.len());
    for kind in KINDS {
        let number = wire::contact_kind_to_pb(kind).into();
        assert_eq!(wire::contact_kind_from_pb(number), Some(kind));
    }
}
