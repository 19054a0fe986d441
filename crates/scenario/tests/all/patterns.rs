//! Amounts, rhythms, sizes, follow-ups, presence and faults: what is written is what is drawn.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Weekday;
use jiff::{Timestamp, Unit};
use office::Place;
use office::officer::Rank;
use proptest::prelude::*;
use scenario::{Act, Fault, Key, Scenario, Timeline};

use crate::own::scenario_with;
use crate::timelines::{KOREA, counts, exchanges};

fn patterns() -> Scenario {
    let text = scenario::shipped_text("patterns").expect("it is shipped");
    Scenario::parse("patterns.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn parsed(parts: &str) -> Scenario {
    Scenario::parse("own.toml", &scenario_with(parts)).unwrap_or_else(|error| panic!("{error}"))
}

/// A block of documents with these keys beside what every block needs.
fn documents(keys: &str) -> String {
    format!(
        "[[documents]]\nforms = [\"note\"]\nanswer_seconds = [10, 60]\n{keys}\n{}",
        if keys.contains("follows") {
            ""
        } else {
            "share_of_south_per_mille = 500\nsubjects = [\"One\"]\n"
        }
    )
}

fn sent(
    timeline: &Timeline,
) -> Vec<(
    Timestamp,
    Place,
    &office::document::Document,
    Key,
    Option<Key>,
)> {
    let sent = timeline.events.iter().filter_map(|event| match &event.act {
        Act::SendDocument {
            key,
            document,
            in_reply_to,
        } => Some((event.at, event.office, &**document, *key, *in_reply_to)),
        _ => None,
    });
    sent.collect()
}

fn minutes(at: Timestamp) -> i32 {
    let local = KOREA.to_datetime(at);
    i32::from(local.hour()) * 60 + i32::from(local.minute())
}

#[test]
fn twice_a_day_is_twice_every_working_day() {
    let rhythm = "rhythm = { at = [09:30:00, 15:00:00], spread_minutes = 20 }";
    let scenario = parsed(&documents(&format!("total = 20\n{rhythm}")));
    let timeline = scenario.timeline(4);
    let mut days: BTreeMap<_, Vec<i32>> = BTreeMap::new();
    for (at, ..) in sent(&timeline) {
        days.entry(crate::timelines::day(at))
            .or_default()
            .push(minutes(at));
    }
    assert_eq!(days.len(), 10, "each working day");
    for (day, times) in days {
        let [morning, afternoon] = times.as_slice() else {
            panic!("{day}: {times:?}");
        };
        assert!((570..590).contains(morning), "{day}: {times:?}");
        assert!((900..920).contains(afternoon), "{day}: {times:?}");
    }
}

#[test]
fn weekdays_hours_and_weeks_get_their_weights() {
    let hours = |of_monday: &str, rest: &str| {
        let night = ["0"; 9].join(", ");
        let monday = format!("{night}, {of_monday}, {}", ["0"; 14].join(", "));
        format!("[{monday}, {}]", [rest; 144].join(", "))
    };
    let rhythm = format!(
        "rhythm = {{ hours_of_week = {}, weeks = [1, 3] }}",
        hours("7", "0")
    );
    let timeline = parsed(&documents(&format!("total = 4000\n{rhythm}"))).timeline(1);
    let mut by_day: BTreeMap<i8, u32> = BTreeMap::new();
    for (at, ..) in sent(&timeline) {
        let local = KOREA.to_datetime(at);
        assert_eq!((local.weekday(), local.hour()), (Weekday::Monday, 9));
        *by_day.entry(local.day()).or_default() += 1;
    }
    let later = f64::from(by_day[&2]) / 4000.0;
    assert!((later - 0.75).abs() < 0.03, "{by_day:?}");
}

#[test]
fn a_rate_is_kept_in_the_mean_and_drawn_by_the_seed() {
    let scenario = parsed(&documents("per_day = 30"));
    let drawn: Vec<u64> = (0..200)
        .map(|seed| scenario.totals(seed, 1).documents)
        .collect();
    let mean = drawn.iter().sum::<u64>() as f64 / 200.0;
    assert!((mean - 300.0).abs() < 5.0, "{mean}");
    let distinct: BTreeSet<_> = drawn.iter().collect();
    assert!(distinct.len() > 30);
    for seed in 0..10 {
        assert_eq!(
            counts(&scenario.timeline(seed)).documents,
            drawn[seed as usize]
        );
    }
    assert_eq!(
        counts(&scenario.scaled_timeline(5, 3)).documents,
        scenario.totals(5, 3).documents
    );
}

#[test]
fn bursts_and_trains_come_close_together() {
    let gaps = |rhythm: &str| {
        let timeline = parsed(&documents(&format!("total = 400\n{rhythm}"))).timeline(1);
        let times: Vec<Timestamp> = sent(&timeline).iter().map(|(at, ..)| *at).collect();
        let short = times.windows(2).filter(|pair| {
            let gap = pair[1].since((Unit::Second, pair[0])).expect("in order");
            gap.get_seconds() <= 30
        });
        short.count()
    };
    let plain = gaps("");
    let trains = gaps(
        "rhythm = { bursts = 400, burst_minutes = 400, train_per_mille = 600, train_gap_seconds = [1, 30] }",
    );
    let bursts = gaps("rhythm = { bursts = 5, burst_minutes = 10 }");
    assert!(plain < 60, "{plain}");
    assert!((200..320).contains(&trains), "{trains}");
    assert!(bursts > 350, "{bursts}");
}

#[test]
fn sizes_and_answers_have_the_quantiles_written() {
    let keys = "total = 2000\nbody_bytes = [0, 100, 1000]\nanswer_seconds = [10, 20, 4000]\nanswered_per_mille = 600";
    let text = scenario_with(&documents(keys)).replace("answer_seconds = [10, 60]\n", "");
    let timeline = Scenario::parse("own.toml", &text)
        .unwrap_or_else(|error| panic!("{error}"))
        .timeline(1);
    let sizes: Vec<usize> = sent(&timeline)
        .iter()
        .map(|(_, _, document, ..)| document.body.len())
        .collect();
    let small = sizes.iter().filter(|size| **size <= 100).count();
    assert!((900..1100).contains(&small), "{small}");
    assert!(sizes.iter().all(|size| *size <= 1_000));
    let exchanges = exchanges(&timeline);
    let answers: Vec<i64> = exchanges
        .values()
        .filter_map(|events| Some(events.get(1)?.at.duration_since(events[0].at).as_secs()))
        .collect();
    assert!((1_130..1_270).contains(&answers.len()), "{}", answers.len());
    let soon = answers.iter().filter(|seconds| **seconds <= 20).count();
    assert!(
        (soon * 2).abs_diff(answers.len()) < 150,
        "{soon} of {}",
        answers.len()
    );
    assert!(answers.iter().all(|seconds| (10..=4_000).contains(seconds)));
}

#[test]
fn replies_take_as_long_as_is_written() {
    let hours = format!("rhythm = {{ hours_of_day = [{}] }}", ["1"; 24].join(", "));
    let keys =
        format!("total = 4000\nreply_per_mille = 500\nreply_seconds = [60, 600, 9000]\n{hours}");
    let timeline = parsed(&documents(&keys)).timeline(1);
    let sent = sent(&timeline);
    let by_key: BTreeMap<Key, (Timestamp, Place)> = sent
        .iter()
        .map(|(at, office, _, key, _)| (*key, (*at, *office)))
        .collect();
    let mut answered = BTreeSet::new();
    let mut after: Vec<i64> = Vec::new();
    for (at, office, _, _, in_reply_to) in &sent {
        let Some(question) = in_reply_to else {
            continue;
        };
        assert!(answered.insert(*question), "each has one answer");
        let (asked, asker) = by_key[question];
        assert_eq!(asker, office.peer());
        after.push(at.duration_since(asked).as_secs());
    }
    after.sort_unstable();
    assert!(after.len() > 1_500, "{}", after.len());
    let median = after[after.len() / 2];
    assert!((500..700).contains(&median), "{median}");
}

#[test]
fn what_follows_answers_another_office_and_each_once() {
    let scenario = patterns();
    for seed in 0..20 {
        let timeline = scenario.timeline(seed);
        let sent = sent(&timeline);
        let by_key: BTreeMap<Key, (Timestamp, Place)> = sent
            .iter()
            .map(|(at, office, _, key, _)| (*key, (*at, *office)))
            .collect();
        let answers = sent.iter().filter(|(_, _, document, _, in_reply_to)| {
            in_reply_to.is_some() && document.form == office::document::Form::Document
        });
        let mut followed = BTreeSet::new();
        for (at, office, document, _, in_reply_to) in answers {
            let question = in_reply_to.expect("it follows");
            let (asked, asker) = by_key[&question];
            assert!(followed.insert(question));
            assert!(asked < *at && asker == office.peer());
            assert!(document.subject.starts_with("Re: "));
        }
        assert_eq!(followed.len(), 40);
    }
}

#[test]
fn a_proposal_follows_a_document_of_its_subject() {
    let subjects = [
        "Visit of a delegation",
        "List of vehicles entering",
        "Power supply of the office",
    ];
    let mut of_documents = 0;
    for seed in 0..20 {
        let timeline = patterns().timeline(seed);
        for event in &timeline.events {
            let Act::ProposeMeeting { terms, .. } = &event.act else {
                continue;
            };
            if terms.level != Some(Rank::WorkingLevelOfficial)
                || !subjects.contains(&terms.topics[0].as_str())
            {
                continue;
            }
            of_documents += 1;
            let asked = sent(&timeline)
                .iter()
                .any(|(at, _, document, ..)| *at < event.at && document.subject == terms.topics[0]);
            assert!(asked, "{event:?}");
        }
    }
    assert!(
        of_documents >= 95,
        "{of_documents} of 100 meetings and more proposals"
    );
}

#[test]
fn who_is_not_there_does_nothing_and_meets_nobody() {
    for seed in 0..20 {
        let timeline = patterns().timeline(seed);
        for event in &timeline.events {
            let weekday = KOREA.to_datetime(event.at).weekday();
            let (Act::AcknowledgeDocument { by, .. }
            | Act::AcceptMeeting { by, .. }
            | Act::ConveneMeeting { by, .. }
            | Act::CloseMeeting { by, .. }
            | Act::ConfirmContact { by, .. }) = &event.act
            else {
                continue;
            };
            if event.office == Place::North && by.rank == Some(Rank::Chief) {
                assert_eq!(weekday, Weekday::Friday, "{event:?}");
            }
        }
        for events in exchanges(&timeline).values() {
            let Act::ProposeMeeting { terms, .. } = &events[0].act else {
                continue;
            };
            if let (Some(Rank::Chief), Some(begins)) = (terms.level, terms.begins_at) {
                assert_eq!(KOREA.to_datetime(begins).weekday(), Weekday::Friday);
            }
        }
    }
}

#[test]
fn a_withdrawn_staff_does_nothing_until_it_returns_and_nothing_is_lost() {
    let with = patterns();
    let without = patterns().without_faults();
    for seed in 0..20 {
        let (timeline, whole) = (with.timeline(seed), without.timeline(seed));
        let of = |timeline: &Timeline| {
            let counts = counts(timeline);
            (counts.documents, counts.contacts)
        };
        assert_eq!(of(&timeline), of(&whole));
        let span = timeline
            .faults
            .iter()
            .find(|span| span.fault == Fault::StaffWithdrawn(Place::North))
            .expect("it is in the file");
        for event in &timeline.events {
            let away = (span.from..span.until).contains(&event.at);
            assert!(!away || event.office == Place::South, "{event:?}");
            if let Act::RecordCall { call } = event.act {
                assert!(!away || !call.answered, "{event:?}");
            }
        }
        assert!(timeline.events.is_sorted_by_key(|event| event.at));
    }
}

#[test]
fn calls_are_unanswered_while_nobody_answers() {
    let timeline = patterns().timeline(1);
    let unanswered: BTreeSet<i8> = timeline
        .events
        .iter()
        .filter_map(|event| match event.act {
            Act::RecordCall { call } if !call.answered => Some(call.day.day()),
            _ => None,
        })
        .collect();
    assert_eq!(unanswered, BTreeSet::from([16, 22, 23, 24]));
}

/// Half of all are sent together with the one before, and the hours keep their weights.
#[test]
fn gaps_have_their_quantiles_and_hours_their_weights() {
    let hours =
        "hours_of_day = [0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]";
    let rhythm = format!("rhythm = {{ {hours}, gaps_per_million = [0, 0, 4000000] }}");
    let reply = "reply_per_mille = 400\nreply_seconds = [30, 600, 90000]";
    let timeline = parsed(&documents(&format!("total = 4000\n{rhythm}\n{reply}"))).timeline(3);
    let sent = sent(&timeline);
    let together = sent.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    let together = together.count() as f64 / 4000.0;
    assert!((together - 0.5).abs() < 0.02, "{together}");
    let early = sent.iter().filter(|(at, ..)| minutes(*at) < 600).count() as f64 / 4000.0;
    assert!((early - 0.75).abs() < 0.02, "{early}");
    // Replies take as long as they are to, and nothing was moved for it.
    let at: BTreeMap<Key, Timestamp> = sent.iter().map(|(at, _, _, key, _)| (*key, *at)).collect();
    let mut took: Vec<i64> = sent
        .iter()
        .filter_map(|(replied, .., of)| {
            Some(replied.as_second() - at[&of.as_ref()?.clone()].as_second())
        })
        .collect();
    took.sort_unstable();
    assert_eq!(took.len(), 1600);
    let soon = took.partition_point(|took| *took <= 600) as f64 / 1600.0;
    assert!((soon - 0.5).abs() < 0.03, "{soon}: {took:?}");
}

/// A record may have more than ten years.
#[test]
fn a_period_may_have_a_hundred_years() {
    let text = scenario_with(&documents("total = 300")).replace("2020-03-08", "2119-12-31");
    let scenario = Scenario::parse("long.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(counts(&scenario.timeline(1)).documents, 300);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    /// Any number in the file may be any other: what is accepted is drawn, within the period.
    #[test]
    fn no_number_makes_drawing_panic(
        at in any::<prop::sample::Index>(),
        put in prop::sample::select(vec!["0", "1", "2", "7", "60", "999", "1000", "1440", "10000", "[]", "[0]", "[5, 1]"]),
        drop_line in any::<prop::sample::Index>(),
        drops in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let text = scenario::shipped_text("patterns").expect("it is shipped");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let numbered: Vec<usize> = (0..lines.len())
            .filter(|line| !lines[*line].starts_with('#') && lines[*line].contains(" = ") && !lines[*line].ends_with('['))
            .collect();
        let line = numbered[at.index(numbered.len())];
        let key = lines[line].split(" = ").next().unwrap_or_default().to_owned();
        lines[line] = format!("{key} = {put}");
        if drops {
            lines.remove(numbered[drop_line.index(numbered.len())]);
        }
        if let Ok(scenario) = Scenario::parse("changed.toml", &lines.join("\n")) {
            let timeline = scenario.timeline(seed);
            for event in &timeline.events {
                prop_assert!(timeline.start <= event.at && event.at < timeline.end, "{:?}", event);
            }
            prop_assert_eq!(counts(&timeline).documents, scenario.totals(seed, 1).documents);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_the_rhythm_totals_hold_and_acts_are_in_turn(
        total in 0_u64..400,
        rhythm in prop::sample::select(vec![
            "",
            "rhythm = \"poisson\"",
            "rhythm = { at = [00:00:00, 23:59:00], days = [\"Sun\"], spread_minutes = 1440 }",
            "rhythm = { bursts = 3 }",
            "rhythm = { hours_of_day = [1000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], gaps_per_million = [0, 1, 1000000000000] }",
            "rhythm = { hours_of_day = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], gaps_per_million = [7] }",
            "rhythm = { bursts = 900, burst_minutes = 1440, train_per_mille = 999, train_gap_seconds = [86400] }",
        ]),
        answered in 0_u64..=1000,
        refused in 0_u64..=1000,
        reply in 0_u64..=1000,
        follow in 0_u64..=100,
        seconds in prop::collection::vec(1_u64..4_000_000, 1..4),
        seed in any::<u64>(),
    ) {
        let mut seconds = seconds;
        seconds.sort_unstable();
        let follow = follow * total / 100;
        let first = documents(&format!(
            "name = \"a\"\ntotal = {total}\nanswered_per_mille = {answered}\nrefused_per_mille = {refused}\n\
             reply_per_mille = {reply}\nreply_seconds = {seconds:?}\n{rhythm}"
        ));
        let second = documents(&format!(
            "name = \"b\"\ntotal = {follow}\nfollows = \"a\"\nafter_seconds = {seconds:?}"
        ));
        let third = documents(&format!("total = {follow}\nfollows = \"b\"\nafter_minutes_min = 1\nafter_minutes_max = 9000"));
        // What follows is read before what it follows.
        let scenario = parsed(&format!("{third}{second}{first}"));
        let timeline = scenario.timeline(seed);
        prop_assert_eq!(counts(&timeline).documents, total + 2 * follow);
        prop_assert_eq!(scenario.totals(seed, 1).documents, total + 2 * follow);
        prop_assert!(timeline.events.is_sorted_by_key(|event| event.at));
        for event in &timeline.events {
            prop_assert!(timeline.start <= event.at && event.at < timeline.end, "{:?}", event);
        }
        let exchanges = exchanges(&timeline);
        for events in exchanges.values() {
            prop_assert!(events[0].act.begins());
            if let Act::SendDocument { in_reply_to: Some(question), .. } = &events[0].act {
                prop_assert!(exchanges[question][0].at < events[0].at);
                prop_assert_eq!(exchanges[question][0].office, events[0].office.peer());
            }
        }
    }
}

/// However late what is followed comes, what follows it comes within the period.
#[test]
fn a_long_chain_at_the_end_of_the_period_stays_in_it() {
    let night = ["0"; 23].join(", ");
    let first = documents(&format!(
        "name = \"a0\"\ntotal = 30\nrhythm = {{ hours_of_day = [{night}, 1], days = [\"Sun\"] }}"
    ));
    let mut parts = first;
    for link in 1..12 {
        parts += &documents(&format!(
            "name = \"a{link}\"\ntotal = 30\nfollows = \"a{}\"\nafter_seconds = [1800]",
            link - 1
        ));
    }
    let scenario = parsed(&parts);
    for seed in 0..20 {
        let timeline = scenario.timeline(seed);
        assert_eq!(counts(&timeline).documents, 360);
        assert!(timeline.events.iter().all(|event| event.at < timeline.end));
    }
}

/// Calls by an amount and a rhythm: the last of several on one day closes it.
#[test]
fn calls_come_to_their_total_by_their_rhythm() {
    use office::call::CallKind::{Closing, Opening};

    let rhythm = "rhythm = { at = [10:00:00, 13:00:00, 16:00:00] }";
    let scenario = parsed(&format!(
        "[calls]\nmade_by = \"seed\"\ntotal = 30\n{rhythm}\n"
    ));
    let timeline = scenario.timeline(2);
    let mut days: BTreeMap<_, Vec<office::call::CallKind>> = BTreeMap::new();
    for event in &timeline.events {
        let Act::RecordCall { call } = &event.act else {
            panic!("{event:?}");
        };
        assert_eq!(call.day, crate::timelines::day(event.at));
        days.entry(call.day).or_default().push(call.kind);
    }
    assert_eq!(days.len(), 10);
    assert!(
        days.values()
            .all(|kinds| *kinds == [Opening, Opening, Closing]),
        "{days:?}"
    );
}

/// Of the refused the share given stays refused; of the others each is sent again.
#[test]
fn a_share_of_what_is_refused_stays_refused() {
    let count = |stays: u64| {
        let keys =
            format!("total = 2000\nrefused_per_mille = 400\nstays_refused_per_mille = {stays}");
        let timeline = parsed(&documents(&keys)).timeline(1);
        let refused = |event: &&scenario::Event| matches!(event.act, Act::RefuseDocument { .. });
        let again = sent(&timeline)
            .iter()
            .filter(|(_, _, document, ..)| document.subject.ends_with("(reissued)"))
            .count();
        (timeline.events.iter().filter(refused).count(), again)
    };
    let (refused, again) = count(0);
    assert_eq!(refused, again);
    let (refused, again) = count(250);
    assert!(
        (refused as f64 * 0.75 - again as f64).abs() < 40.0,
        "{again} of {refused}"
    );
    let (refused, again) = count(1_000);
    assert!(
        (750..850).contains(&refused) && again == 0,
        "{again} of {refused}"
    );
}

/// What is not answered by its deadline is not answered, and the other draws stay as they were.
#[test]
fn drawn_documents_have_deadlines() {
    let keys = "total = 500\nanswer_seconds = [60, 3600]";
    let keys = |more: &str| {
        documents(&format!("{keys}\n{more}")).replace("answer_seconds = [10, 60]\n", "")
    };
    let plain = parsed(&keys("")).timeline(1);
    let timeline = parsed(&keys("deadline_seconds = [1830]")).timeline(1);
    let deadlines: BTreeMap<Key, Timestamp> = sent(&timeline)
        .iter()
        .filter_map(|(_, _, document, key, _)| Some((*key, document.deadline?)))
        .collect();
    assert!(deadlines.len() > 490, "{}", deadlines.len());
    let answers: Vec<_> = timeline
        .events
        .iter()
        .filter(|event| !event.act.begins())
        .collect();
    assert!((200..300).contains(&answers.len()), "{}", answers.len());
    for answer in answers {
        let key = answer.act.key().expect("it is about a document");
        assert!(
            deadlines
                .get(&key)
                .is_none_or(|deadline| answer.at < *deadline)
        );
        assert!(plain.events.contains(answer));
    }
}

/// Open from midnight to midnight, and closed from one holiday to another.
#[test]
fn offices_may_be_open_all_day_and_closed_for_days() {
    let text = scenario_with("[calls]\nmade_by = \"south\"\n")
        .replace("opens = 09:00:00", "opens = 00:00:00")
        .replace(
            "closes = 17:00:00",
            "closes = 00:00:00\nholidays = [2020-02-24, { from = 2020-02-26, until = 2020-03-05 }]",
        );
    let scenario = Scenario::parse("own.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let calls = scenario.timeline(1).events;
    let at: Vec<String> = calls
        .iter()
        .map(|event| KOREA.to_datetime(event.at).to_string())
        .collect();
    assert_eq!(
        at,
        [
            "2020-02-25T00:00:00",
            "2020-02-25T23:59:59",
            "2020-03-06T00:00:00",
            "2020-03-06T23:59:59"
        ]
    );
}

/// Offices and ranks bear the names given, in officers and in bodies.
#[test]
fn labels_stand_in_what_people_read() {
    let text = scenario_with(&documents("total = 5\nbody_bytes = [300]"))
        .replace("south = { ", "south = { label = \"the mission\", rank_labels = { deputy_chiefs = \"second head\", chiefs = \"head\" }, ");
    let scenario = Scenario::parse("own.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let timeline = scenario.timeline(1);
    for (_, place, document, ..) in sent(&timeline) {
        let body = String::from_utf8_lossy(&document.body);
        let (from, to) = if place == Place::South {
            ("the mission", "the North office")
        } else {
            ("the North office", "the mission")
        };
        assert!(body.contains(&format!("From {from} to {to}.")), "{body}");
        let officers = [&document.signatory, &document.addressee]
            .map(|officer| officer.as_ref().expect("one").name.clone());
        assert!(
            officers
                .iter()
                .any(|name| name.ends_with("head 1 of the mission")),
            "{officers:?}"
        );
    }
}

/// What both do, they do while both are open, each by its own clock.
#[test]
fn offices_may_have_hours_holidays_and_a_clock_each() {
    let own = "south = { holidays = [2020-02-25] }\nnorth = { opens = 10:00:00, utc_offset = \"+08:00\", days = [\"Tue\", \"Wed\"] }";
    let text = scenario_with("[calls]\nmade_by = \"south\"\n")
        .replace("closes = 17:00:00", &format!("closes = 17:00:00\n{own}"));
    let scenario = Scenario::parse("own.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let calls = scenario.timeline(1).events;
    let at: Vec<String> = calls
        .iter()
        .map(|event| {
            KOREA
                .to_datetime(event.at)
                .strftime("%a %d %H:%M")
                .to_string()
        })
        .collect();
    assert_eq!(
        at,
        [
            "Wed 26 11:00",
            "Wed 26 17:00",
            "Tue 03 11:00",
            "Tue 03 17:00",
            "Wed 04 11:00",
            "Wed 04 17:00"
        ]
    );
}
