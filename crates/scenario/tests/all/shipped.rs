//! What is shipped beside the record of 2018.

use scenario::{Act, Fault, Scenario, Timeline};

fn shipped(name: &str) -> (Scenario, Timeline) {
    let text = scenario::shipped_text(name).expect("it is shipped");
    let scenario = Scenario::parse(name, text).unwrap_or_else(|error| panic!("{error}"));
    let timeline = scenario.timeline(1);
    (scenario, timeline)
}

#[test]
fn the_workshop_shows_every_act_and_refuses() {
    let (scenario, timeline) = shipped("workshop");
    let word = |act: &Act| {
        let debug = format!("{act:?}");
        debug.split(' ').next().map(str::to_owned)
    };
    let words: std::collections::BTreeSet<_> = timeline
        .events
        .iter()
        .map(|event| word(&event.act))
        .collect();
    assert_eq!(words.len(), 14, "{words:?}");
    let refused = timeline
        .events
        .iter()
        .filter(|event| event.refused.is_some());
    assert!(refused.count() >= 4);
    assert_eq!(scenario.totals(1, 1).contacts(), 2);
    let first = timeline.events.first().expect("there are events").at;
    let last = timeline.events.last().expect("there are events").at;
    assert!(last.duration_since(first).as_mins() < 10);
}

#[test]
fn the_line_is_cut_and_restored_on_the_days_recorded() {
    let (_, timeline) = shipped("line-cut-2020");
    let declared: Vec<String> = timeline
        .events
        .iter()
        .filter(|event| matches!(event.act, Act::DeclareLine { .. }))
        .map(|event| event.at.to_string())
        .collect();
    assert_eq!(declared, ["2020-06-09T03:00:00Z", "2021-07-27T01:00:00Z"]);
    assert!(
        timeline
            .faults
            .iter()
            .all(|span| span.fault == Fault::LineCut)
    );
}

#[test]
fn the_talks_take_their_steps_on_the_days_recorded() {
    let (_, timeline) = shipped("talks-march-2018");
    let days: std::collections::BTreeSet<_> = timeline
        .events
        .iter()
        .filter(|event| !matches!(event.act, Act::RecordCall { .. }))
        .map(|event| crate::timelines::day(event.at).day())
        .collect();
    for day in [22, 24, 27, 28, 29] {
        assert!(days.contains(&day), "{days:?}");
    }
}

#[test]
fn copies_bring_so_many_times_the_totals_and_share_no_name() {
    for name in ["kaesong-2018", "steady", "workshop"] {
        let (scenario, one) = shipped(name);
        let three = scenario.scaled_timeline(1, 3);
        let documents = |timeline: &Timeline| {
            let sent = timeline.events.iter().filter_map(|event| match &event.act {
                Act::SendDocument { key, .. } => Some(*key),
                _ => None,
            });
            sent.collect::<std::collections::BTreeSet<_>>().len()
        };
        assert_eq!(documents(&three), 3 * documents(&one), "{name}");
        assert_eq!(
            documents(&one) as u64,
            scenario.totals(1, 1).documents,
            "{name}"
        );
        let begun = three.events.iter().filter(|event| event.act.begins());
        let keys: Vec<_> = begun.filter_map(|event| event.act.key()).collect();
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "{name}");
        assert_eq!(scenario.scaled_timeline(1, 1), one, "{name}");
    }
}

#[test]
fn what_is_broken_off_is_the_beginning_of_the_whole() {
    let (_, whole) = shipped("workshop");
    let at = whole.events[10].at;
    let part = whole.clone().until(at);
    assert!(part.events.iter().all(|event| event.at < at));
    assert_eq!(part.events, whole.events[..part.events.len()]);
    assert!(part.faults.iter().all(|fault| fault.from < at));
}

#[test]
fn a_timeline_moves_with_every_time_in_it() {
    let (_, whole) = shipped("workshop");
    let begin = "2026-01-01T00:00:00Z".parse().expect("a time");
    let moved = whole.clone().moved(begin, 10);
    assert_eq!((moved.start, moved.events[0].at), (begin, begin));
    let first = whole.events[0].at;
    for (event, was) in moved.events.iter().zip(&whole.events) {
        let after = was.at.duration_since(first);
        assert_eq!(event.at.duration_since(begin) * 10, after);
        let times = [event, was].map(|event| match &event.act {
            Act::SendDocument { document, .. } => document.deadline,
            Act::ProposeMeeting { terms, .. } => terms.begins_at,
            Act::RecordContact { contact, .. } => Some(contact.begun_at),
            _ => None,
        });
        if let [Some(time), Some(was)] = times {
            assert_eq!(time.duration_since(begin) * 10, was.duration_since(first));
        }
    }
    assert!(moved.faults[0].from < moved.end);
}
