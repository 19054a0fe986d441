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

/// Documents, all of them answered, and those that follow them.
const ANSWERED: &str = r#"
[[documents]]
name = "first"
total = 200
share_of_south_per_mille = 500
forms = ["note"]
subjects = ["One", "Two"]
answer_minutes_min = 10
answer_minutes_max = 300
reply_per_mille = 300
"#;

/// What differs at an office from 9 to 5 on weekdays; the hours and days of that office, and whether it works by night.
type Own = (&'static str, std::ops::Range<i8>, std::ops::Range<i8>, bool);

const ALIKE: Own = ("", 9..17, 0..5, false);

#[test]
fn an_office_writes_and_answers_in_its_own_hours() {
    let night = "days = [\"Mon\", \"Tue\", \"Wed\", \"Thu\", \"Fri\", \"Sat\", \"Sun\"]\nopens = 00:00:00\ncloses = 00:00:00\n";
    let (early, later) = (
        "days = [\"Mon\", \"Tue\", \"Wed\"]\nopens = 06:00:00\ncloses = 12:00:00\n",
        "days = [\"Wed\", \"Thu\", \"Fri\", \"Sat\"]\nutc_offset = \"+07:00\"\n",
    );
    let off = "holidays = [2020-02-27, { from = 2020-03-05, until = 2020-03-08 }]\n";
    for [south, north] in [
        [ALIKE, (night, 0..24, 0..7, true)],
        [(night, 0..24, 0..7, true), ALIKE],
        [(early, 6..12, 0..3, false), (later, 11..19, 2..6, false)],
        [(off, 9..17, 0..5, false), ALIKE],
    ] {
        let hours = |place: &str, own: &str| match own {
            "" => String::new(),
            own => format!("\n[office_hours.{place}]\n{own}"),
        };
        let head = hours("south", south.0) + &hours("north", north.0);
        let unanswered = ANSWERED.replace("subjects", "answered_per_mille = 900\nsubjects");
        let at_times = unanswered.clone() + "rhythm = { at = [11:00:00, 11:30:00] }\n";
        for documents in [ANSWERED, &unanswered, &at_times] {
            let text = scenario_with(&format!("{head}{documents}"));
            let scenario = Scenario::parse("own.toml", &text).unwrap();
            for seed in 0..20 {
                let timeline = scenario.timeline(seed);
                if documents == ANSWERED {
                    assert_caused(&timeline);
                }
                let (mut acts, mut by_night) = ([0, 0], 0);
                for event in &timeline.events {
                    let at = scenario.calendar().utc_offset().to_datetime(event.at);
                    let (own, hours, days, _) = match event.office {
                        Place::South => &south,
                        Place::North => &north,
                    };
                    let day = at.weekday().to_monday_zero_offset();
                    let is_off = at.date() == date(2020, 2, 27) || at.date() >= date(2020, 3, 5);
                    let is_open = hours.contains(&at.hour()) && days.contains(&day);
                    assert!(
                        is_open && !(*own == off && is_off),
                        "{:?}, {at}",
                        event.office
                    );
                    acts[usize::from(event.act.begins())] += 1;
                    by_night += usize::from(!(6..19).contains(&at.hour()));
                }
                assert_eq!(acts[1], 200, "seed {seed}");
                // What would be answered after the period is not, but where all are.
                let least = if documents == ANSWERED { 200 } else { 100 };
                assert!(acts[0] >= least, "{acts:?}, seed {seed}");
                let works = south.3 || north.3;
                assert!(
                    by_night > 20 || !works || documents == at_times,
                    "{by_night}, seed {seed}"
                );
            }
        }
    }
}

#[test]
fn what_follows_comes_in_the_hours_of_whoever_it_follows_to() {
    let night = "\n[office_hours.north]\nopens = 00:00:00\ncloses = 00:00:00\n";
    let follows = "\n[[documents]]\nname = \"second\"\nfollows = \"first\"\ntotal = 40\nforms = [\"note\"]\n\
                   after_minutes_min = 5\nafter_minutes_max = 60\nanswer_minutes_min = 10\nanswer_minutes_max = 30\n";
    let text = scenario_with(&format!("{night}{ANSWERED}{follows}"));
    let scenario = Scenario::parse("own.toml", &text).unwrap();
    let mut outside = 0;
    for seed in 0..20 {
        for event in scenario.timeline(seed).events {
            let at = scenario.calendar().utc_offset().to_datetime(event.at);
            let is_common = (9..17).contains(&at.hour());
            // What would come after the period comes in what is left of it, whatever the hour.
            let is_last = at.date() >= date(2020, 3, 6);
            assert!(is_common || is_last || event.office == Place::North, "{at}");
            outside += usize::from(!is_common);
        }
    }
    assert!(outside > 400, "{outside}");
}
