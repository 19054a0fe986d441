//! The shipped scenario: its totals and days, whatever the seed.

use std::collections::BTreeMap;

use jiff::civil::{Date, date, time};
use office::Place;
use office::contact::ContactKind;
use office::officer::Rank;
use scenario::{Act, Scenario, Timeline};

use crate::timelines::{KOREA, assert_sound, counts, day, exchanges, kaesong};

const SEEDS: u64 = 250;

fn each_timeline(check: impl Fn(&Timeline)) {
    let scenario = kaesong();
    for seed in (0..SEEDS).chain([u64::MAX]) {
        check(&scenario.timeline(seed));
    }
}

#[test]
fn totals_hold_for_every_seed() {
    let by_kind = [
        (ContactKind::GovernmentOfficials, 5),
        (ContactKind::WorkingLevel, 5),
        (ContactKind::Chiefs, 36),
        (ContactKind::RegularConsultation, 188),
        (ContactKind::OnDemandConsultation, 49),
        (ContactKind::NotStated, 2),
    ];
    each_timeline(|timeline| {
        let counts = counts(timeline);
        assert_eq!(counts.contacts, BTreeMap::from(by_kind));
        assert_eq!(counts.contacts.values().sum::<u64>(), 285);
        assert_eq!(counts.documents, 173);
        assert_eq!(counts.calls, 140);
    });
    let totals = kaesong().totals(1, 1);
    assert_eq!(totals.contacts_by_kind, by_kind);
    assert_eq!(
        (totals.contacts(), totals.meetings(), totals.documents),
        (285, 46, 173)
    );
}

#[test]
fn everything_is_in_time_and_in_turn() {
    each_timeline(|timeline| {
        assert_eq!(timeline.start.to_string(), "2018-09-13T15:00:00Z");
        assert_eq!(timeline.end.to_string(), "2018-12-20T15:00:00Z");
        assert_sound(timeline, time(9, 0, 0, 0), time(17, 0, 0, 0));
    });
}

#[test]
fn chiefs_meet_on_the_days_recorded() {
    let (chief, deputy) = (Rank::Chief, Rank::DeputyChief);
    let recorded: BTreeMap<Date, Rank> = BTreeMap::from([
        (date(2018, 9, 14), chief),
        (date(2018, 9, 28), chief),
        (date(2018, 11, 2), chief),
        (date(2018, 11, 9), chief),
        (date(2018, 12, 7), chief),
        (date(2018, 9, 21), deputy),
        (date(2018, 10, 12), deputy),
        (date(2018, 10, 19), deputy),
        (date(2018, 11, 30), deputy),
        (date(2018, 12, 14), deputy),
    ]);
    each_timeline(|timeline| {
        let (mut chiefs, mut deputies) = (BTreeMap::new(), 0);
        for events in exchanges(timeline).values() {
            let Act::CloseMeeting { .. } = events[events.len() - 1].act else {
                continue;
            };
            let mut offers = events.iter().filter_map(|event| match &event.act {
                Act::ProposeMeeting { terms, .. } | Act::CounterMeeting { terms, .. } => {
                    Some(terms)
                }
                _ => None,
            });
            let terms = offers.next_back().expect("a meeting has an offer");
            let convened = events[events.len() - 2].at;
            assert_eq!(
                terms.begins_at,
                Some(convened),
                "it is held when it was agreed"
            );
            let ranks: Vec<_> = terms
                .participants
                .iter()
                .filter_map(|officer| officer.rank)
                .collect();
            if terms.level == Some(Rank::Chief) {
                let mut names = terms
                    .participants
                    .iter()
                    .map(|officer| officer.name.as_str());
                assert_eq!(names.next(), Some("Chun Hae-sung"));
                let north = if names.any(|name| name == "Jon Jong-su") {
                    chief
                } else {
                    deputy
                };
                assert_eq!(ranks.contains(&deputy), north == deputy);
                assert!(chiefs.insert(day(convened), north).is_none());
            } else if terms.level == Some(Rank::DeputyChief) {
                assert_eq!(terms.kind, ContactKind::Chiefs);
                deputies += 1;
            }
        }
        assert_eq!(chiefs, recorded);
        assert_eq!(deputies, 26);
    });
}

#[test]
fn at_most_two_regular_consultations_a_day_and_some_on_weekends() {
    each_timeline(|timeline| {
        let mut days: BTreeMap<Date, Vec<_>> = BTreeMap::new();
        for event in &timeline.events {
            if let Act::RecordContact { contact, .. } = &event.act
                && contact.kind == ContactKind::RegularConsultation
            {
                days.entry(day(contact.begun_at)).or_default().push(contact);
            }
        }
        assert!(days.values().all(|of_day| of_day.len() <= 2));
        let of_weekend = days
            .keys()
            .filter(|day| day.weekday().to_monday_zero_offset() >= 5);
        assert!(
            of_weekend.count() >= 20,
            "188 with two a day leave eight turns of 196 free"
        );
        for of_day in days.values().filter(|of_day| of_day.len() == 2) {
            let ends = of_day[0].begun_at + of_day[0].duration.unwrap();
            assert!(
                ends <= of_day[1].begun_at,
                "one after the other: {of_day:?}"
            );
        }
    });
}

#[test]
fn each_working_day_has_an_opening_and_a_closing_call() {
    let timeline = kaesong().timeline(5);
    let mut calls = BTreeMap::new();
    for event in &timeline.events {
        if let Act::RecordCall { call } = event.act {
            assert!(call.answered);
            assert_eq!(day(event.at), call.day);
            let before = calls.insert((call.day, call.kind), event.office);
            assert_eq!(before, None);
        }
    }
    assert_eq!(calls.len(), 140);
    let of_south = calls
        .values()
        .filter(|office| **office == Place::South)
        .count();
    assert_eq!(of_south, 70, "alternately");
    let first = &timeline.events[0];
    assert_eq!(
        KOREA.to_datetime(first.at).to_string(),
        "2018-09-14T09:00:00"
    );
}

#[test]
fn documents_bear_running_references_and_every_form() {
    let mut shares = Vec::new();
    for seed in 0..20 {
        let timeline = kaesong().timeline(seed);
        let (mut of_south, mut of_north, mut forms, mut replies) = (0, 0, Vec::new(), 0);
        for event in &timeline.events {
            let Act::SendDocument {
                document,
                in_reply_to,
                ..
            } = &event.act
            else {
                continue;
            };
            let (letter, count) = match event.office {
                Place::South => ("S", &mut of_south),
                Place::North => ("N", &mut of_north),
            };
            *count += 1;
            assert_eq!(document.reference, format!("{letter}-{count:03}"));
            assert_eq!(document.subject.starts_with("Re: "), in_reply_to.is_some());
            replies += usize::from(in_reply_to.is_some());
            if !forms.contains(&document.form) {
                forms.push(document.form);
            }
        }
        assert_eq!((of_south + of_north, forms.len()), (173, 4));
        assert!(replies > 5, "{replies} replies");
        shares.push(of_south);
    }
    shares.sort_unstable();
    shares.dedup();
    assert!(shares.len() > 5, "the share is drawn: {shares:?}");
}

#[test]
fn negotiations_vary() {
    let (mut countered, mut declined, mut cancelled, mut before_s) = (0, 0, 0, Vec::new());
    for seed in 0..20 {
        let timeline = kaesong().timeline(seed);
        for events in exchanges(&timeline).values() {
            for event in events {
                match event.act {
                    Act::CounterMeeting { .. } => countered += 1,
                    Act::DeclineMeeting { .. } => declined += 1,
                    Act::CancelMeeting { .. } => cancelled += 1,
                    Act::ConveneMeeting { .. } => {
                        before_s.push(event.at.duration_since(events[0].at).as_secs());
                    }
                    _ => {}
                }
            }
        }
    }
    assert!(
        countered > 50 && declined > 30 && cancelled > 5,
        "{countered} {declined} {cancelled}"
    );
    let days = before_s
        .iter()
        .filter(|seconds| **seconds > 16 * 3_600)
        .count();
    assert!(
        days * 2 > before_s.len(),
        "most are proposed the day before or earlier"
    );
}

#[test]
fn a_seed_gives_one_timeline() {
    let again = Scenario::parse("again", scenario::shipped_text("kaesong-2018").unwrap()).unwrap();
    assert_eq!(kaesong().timeline(7), again.timeline(7));
    assert_ne!(kaesong().timeline(7), kaesong().timeline(8));
}

#[test]
fn a_timeline_never_changes_by_itself() {
    // A change of these lines is a change of what every recorded seed means.
    let timeline = kaesong().timeline(1);
    let shown: Vec<String> = timeline
        .events
        .iter()
        .take(4)
        .map(|event| {
            let act = format!("{:?}", event.act);
            let word = act.split([' ', '{']).next().unwrap_or_default().to_owned();
            format!("{} {} {word}", event.at, event.office)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "2018-09-14T00:00:00Z south RecordCall",
            "2018-09-14T00:05:38Z north ProposeMeeting",
            "2018-09-14T01:33:43Z south CounterMeeting",
            "2018-09-14T01:39:00Z south RecordContact",
        ]
    );
}

#[test]
fn staff_and_shipped_names_are_known() {
    let scenario = kaesong();
    assert_eq!(scenario.staff(Place::South).count(), 30);
    assert_eq!(scenario.staff(Place::North).count(), 20);
    assert_eq!(scenario.calendar().days(), 98);
    for (name, text) in scenario::shipped() {
        assert_eq!(Scenario::parse(name, text).unwrap().name, *name);
    }
    assert_eq!(scenario::shipped_text("kaesong-2019"), None);
}

/// A value says so itself, or the heading of its table does for all of it.
#[test]
fn every_value_says_where_it_comes_from() {
    let says = |line: &str| {
        let comment = line.split_once('#').map_or("", |(_, comment)| comment);
        comment.contains("recorded") || comment.contains("assumption")
    };
    for (name, text) in scenario::shipped() {
        let mut heading = "";
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if line.starts_with('[') {
                heading = line;
            }
            let is_value = line.contains(" = ") && !line.ends_with('[');
            assert!(
                !is_value || says(line) || says(heading),
                "{name}: neither recorded nor assumption: {line}"
            );
        }
    }
}
