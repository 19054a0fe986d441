//! Scenarios of one's own: whatever is accepted comes to its totals.

use jiff::civil::{date, time};
use office::Place;
use proptest::prelude::*;
use scenario::{Act, Scenario};

use crate::timelines::{assert_caused, assert_sound, counts};

/// A small scenario with these parts.
pub(crate) fn scenario_with(parts: &str) -> String {
    format!(
        r#"
[scenario]
name = "own"
title = "A scenario of one's own"
place = "the office"

[period]
first_day = 2020-02-24
last_day = 2020-03-08
utc_offset = "+09:00"

[office_hours]
days = ["Mon", "Tue", "Wed", "Thu", "Fri"]
opens = 09:00:00
closes = 17:00:00

[staff]
south = {{ chiefs = 1, deputy_chiefs = 1, government_officials = 2, working_level_officials = 3 }}
north = {{ chiefs = 1, deputy_chiefs = 1, government_officials = 2, working_level_officials = 3 }}
{parts}"#
    )
}

/// All that can go wrong goes wrong often.
pub(crate) fn stormy() -> String {
    scenario_with(&parts(60, 8, 500, 500, 500, 300))
}

fn parts(
    documents: u64,
    meetings: u64,
    counter: u64,
    decline: u64,
    cancel: u64,
    refused: u64,
) -> String {
    format!(
        r#"
[documents]
total = {documents}
share_of_south_per_mille = 400
forms = ["note"]
subjects = ["One", "Two"]
answer_minutes_min = 1
answer_minutes_max = 900
reply_per_mille = 500
refused_per_mille = {refused}

[[meetings]]
kind = "chiefs"
level = "chief"
total = {meetings}
dates = [2020-02-24, 2020-03-06]
counter_per_mille = {counter}
decline_per_mille = {decline}
cancel_per_mille = {cancel}
notice_days_min = 0
notice_days_max = 4
duration_minutes_min = 1
duration_minutes_max = 418
topics = ["Any"]

[[consultations]]
kind = "regular"
total = 28
per_day_max = 2
any_day = true
duration_minutes_min = 1
duration_minutes_max = 119
record_minutes_min = 1
record_minutes_max = 60
confirm_minutes_min = 1
confirm_minutes_max = 60
"#
    )
}

#[test]
fn refused_documents_are_sent_again_under_the_total() {
    let scenario = Scenario::parse("stormy.toml", &stormy()).unwrap();
    let timeline = scenario.timeline(3);
    let acts = || timeline.events.iter().map(|event| &event.act);
    let refused = acts()
        .filter(|act| matches!(act, Act::RefuseDocument { .. }))
        .count();
    let reissued = acts()
        .filter(|act| match act {
            Act::SendDocument { document, .. } => document.subject.contains("(reissued)"),
            _ => false,
        })
        .count();
    assert!(refused > 5, "{refused} refused");
    assert_eq!(refused, reissued);
    assert_eq!(counts(&timeline).documents, 60);
}

#[test]
fn a_change_in_one_part_leaves_the_others() {
    let timeline = |documents| {
        let text = scenario_with(&parts(documents, 4, 0, 0, 0, 0));
        Scenario::parse("own.toml", &text).unwrap().timeline(1)
    };
    let convened = |timeline: &scenario::Timeline| -> Vec<_> {
        let events = timeline.events.iter();
        let convened = events.filter(|event| matches!(event.act, Act::ConveneMeeting { .. }));
        convened.map(|event| (event.at, event.office)).collect()
    };
    assert_eq!(convened(&timeline(10)), convened(&timeline(11)));
}

#[test]
fn unanswered_calls_are_drawn() {
    let calls = "[calls]\nmade_by = \"north\"\nunanswered_per_mille = 500\n";
    let timeline = Scenario::parse("own.toml", &scenario_with(calls))
        .unwrap()
        .timeline(1);
    let answered = |wanted: bool| {
        let calls = timeline.events.iter().filter(|event| match event.act {
            Act::RecordCall { call } => call.answered == wanted,
            _ => false,
        });
        calls.count()
    };
    assert_eq!(answered(true) + answered(false), 20);
    assert!(answered(true) > 2 && answered(false) > 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_accepted_comes_to_its_totals(
        documents in 0_u64..300,
        meetings in 2_u64..=10,
        chances in prop::array::uniform4(0_u64..=1000),
        seed in any::<u64>(),
    ) {
        let [counter, decline, cancel, refused] = chances;
        let text = scenario_with(&parts(documents, meetings, counter, decline, cancel, refused));
        let scenario = Scenario::parse("own.toml", &text).unwrap();
        let timeline = scenario.timeline(seed);
        assert_sound(&timeline, time(9, 0, 0, 0), time(17, 0, 0, 0));
        let counts = counts(&timeline);
        prop_assert_eq!(counts.documents, documents);
        prop_assert_eq!(counts.contacts.values().sum::<u64>(), meetings + 28);
    }

    #[test]
    fn no_hours_are_too_short_for_what_is_accepted(
        closes_minute in 2_u64..60,
        chance in 0_u64..=1000,
        seed in any::<u64>(),
    ) {
        let meetings = "[[meetings]]\nkind = \"chiefs\"\nlevel = \"chief\"\ntotal = 10\n\
            notice_days_min = 0\nnotice_days_max = 2\n\
            duration_minutes_min = 1\nduration_minutes_max = 1\ntopics = [\"Any\"]\n";
        let chances = ["counter", "decline", "cancel"]
            .map(|word| format!("{word}_per_mille = {chance}\n"))
            .concat();
        let text = scenario_with(&format!("{meetings}{chances}"))
            .replace("17:00:00", &format!("10:{closes_minute:02}:00"));
        if let Ok(scenario) = Scenario::parse("own.toml", &text) {
            let closes = time(10, closes_minute as i8, 0, 0);
            assert_sound(&scenario.timeline(seed), time(9, 0, 0, 0), closes);
        } else {
            prop_assert!(closes_minute < 3);
        }
    }

    #[test]
    fn no_text_makes_parsing_panic(cut in any::<prop::sample::Index>(), put in "[\\PC\n]{0,6}", drop in 0_usize..12) {
        let text = scenario::shipped_text("kaesong-2018").unwrap();
        let letters: Vec<char> = text.chars().collect();
        let at = cut.index(letters.len());
        let after = letters.iter().skip(at + drop);
        let text: String = letters[..at].iter().copied().chain(put.chars()).chain(after.copied()).collect();
        if let Ok(scenario) = Scenario::parse("cut.toml", &text) {
            assert!(scenario.timeline(1).events.len() > 100);
        }
    }
}

/// South from 9 to 5 on weekdays; North at every hour of every day but one, by its own clock.
const OWN_HOURS: &str = r#"
[office_hours.north]
days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
opens = 00:00:00
closes = 00:00:00
holidays = [2020-02-27]

[documents]
total = 400
share_of_south_per_mille = 500
forms = ["note"]
subjects = ["One", "Two"]
answer_minutes_min = 10
answer_minutes_max = 300
reply_per_mille = 300
"#;

#[test]
fn an_office_writes_and_answers_in_its_own_hours() {
    let by_clock = OWN_HOURS.replace("subjects", "answered_per_mille = 900\nsubjects");
    let at_times = by_clock.clone() + "rhythm = { at = [10:00:00, 16:00:00] }\n";
    for (parts, all_answered, by_night) in [
        (OWN_HOURS, true, true),
        (&by_clock, false, true),
        (&at_times, false, false),
    ] {
        let scenario = Scenario::parse("own.toml", &scenario_with(parts)).unwrap();
        for seed in 0..20 {
            let timeline = scenario.timeline(seed);
            if all_answered {
                assert_caused(&timeline);
            }
            let documents = timeline.events.iter().filter(|event| {
                matches!(
                    event.act,
                    Act::SendDocument { .. } | Act::AcknowledgeDocument { .. }
                )
            });
            let (mut apart, mut acts) = (0, [0, 0]);
            for event in documents {
                let at = scenario.calendar().utc_offset().to_datetime(event.at);
                let open = (9..17).contains(&at.hour()) && at.weekday().to_monday_zero_offset() < 5;
                let holiday = at.date() == date(2020, 2, 27);
                match event.office {
                    Place::South => assert!(open, "South, {at}"),
                    Place::North => assert!(!holiday, "North, {at}"),
                }
                apart += usize::from(!open || holiday);
                acts[usize::from(event.act.begins())] += 1;
            }
            assert_eq!(acts[1], 400, "seed {seed}");
            assert!(acts[0] > 300, "{acts:?}, seed {seed}");
            assert!(!by_night || apart > 150, "{apart}, seed {seed}");
        }
    }
}
