//! What every timeline of every scenario keeps to.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use office::Place;
use office::contact::ContactKind;
use scenario::{Act, Event, Key, Scenario, Timeline};

pub(crate) const KOREA: Offset = Offset::constant(9);

pub(crate) fn kaesong() -> Scenario {
    let text = scenario::shipped_text("kaesong-2018").expect("it is shipped");
    Scenario::parse("kaesong-2018.toml", text).expect("what is shipped is right")
}

pub(crate) fn day(at: Timestamp) -> Date {
    KOREA.to_datetime(at).date()
}

/// What the acts of a timeline come to, counted as the offices count.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) contacts: BTreeMap<ContactKind, u64>,
    pub(crate) documents: u64,
    pub(crate) calls: u64,
}

pub(crate) fn counts(timeline: &Timeline) -> Counts {
    let mut counts = Counts::default();
    let mut kinds: BTreeMap<Key, ContactKind> = BTreeMap::new();
    for event in &timeline.events {
        match &event.act {
            Act::SendDocument { .. } => counts.documents += 1,
            Act::RecordCall { .. } => counts.calls += 1,
            Act::ProposeMeeting { key, terms } => {
                kinds.insert(*key, terms.kind);
            }
            Act::RecordContact { key, contact } => {
                kinds.insert(*key, contact.kind);
            }
            Act::CloseMeeting { of, .. } | Act::ConfirmContact { of, .. } => {
                *counts.contacts.entry(kinds[of]).or_default() += 1;
            }
            _ => {}
        }
    }
    counts
}

/// The events of each exchange, in order.
pub(crate) fn exchanges(timeline: &Timeline) -> BTreeMap<Key, Vec<&Event>> {
    let mut exchanges: BTreeMap<Key, Vec<&Event>> = BTreeMap::new();
    for event in &timeline.events {
        if let Some(key) = event.act.key() {
            exchanges.entry(key).or_default().push(event);
        }
    }
    exchanges
}

/// Order, causality, hours: whatever the scenario.
pub(crate) fn assert_sound(timeline: &Timeline, opens: Time, closes: Time) {
    assert!(timeline.events.is_sorted_by_key(|event| event.at));
    let mut begun_at = BTreeSet::new();
    for event in &timeline.events {
        assert!(
            timeline.start <= event.at && event.at < timeline.end,
            "{event:?}"
        );
        let local = KOREA.to_datetime(event.at);
        let consultation = matches!(
            event.act,
            Act::RecordContact { .. } | Act::ConfirmContact { .. }
        );
        let weekend = matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday);
        assert!(!weekend || consultation, "on a weekend: {event:?}");
        if matches!(event.act, Act::RecordCall { .. }) {
            assert!(local.time() == opens || local.time() == closes, "{event:?}");
        } else {
            assert!(opens < local.time() && local.time() < closes, "{event:?}");
        }
        if let Act::RecordContact { contact, .. } = &event.act {
            assert!(
                begun_at.insert((contact.kind, contact.begun_at)),
                "twice: {contact:?}"
            );
            assert!(contact.begun_at + contact.duration.unwrap() < event.at);
            assert_eq!(day(contact.begun_at), day(event.at));
            assert!(KOREA.to_datetime(contact.begun_at).time() > opens);
        }
    }
    assert_caused(timeline);
}

/// Each exchange begins, goes on in turns, and is answered after what it answers.
pub(crate) fn assert_caused(timeline: &Timeline) {
    let exchanges = exchanges(timeline);
    for events in exchanges.values() {
        assert!(events[0].act.begins(), "{events:?}");
        assert!(
            events[1..].iter().all(|event| !event.act.begins()),
            "{events:?}"
        );
        let apart = SignedDuration::from_secs(60);
        for pair in events.windows(2) {
            assert!(pair[1].at.duration_since(pair[0].at) >= apart, "{pair:?}");
        }
        assert_turns(events);
    }
    for events in exchanges.values() {
        if let Act::SendDocument {
            in_reply_to: Some(of),
            ..
        } = &events[0].act
        {
            let question = &exchanges[of];
            assert_eq!(question[0].office, events[0].office.peer());
            assert!(matches!(question[1].act, Act::AcknowledgeDocument { .. }));
            assert!(events[0].at.duration_since(question[1].at) >= SignedDuration::from_secs(60));
        }
    }
}

/// Answers come from the peer of who is answered, in an order that the life cycles know, to an end.
fn assert_turns(events: &[&Event]) {
    let mut offerer: Option<Place> = None;
    let mut word = "";
    for event in events {
        let peers = offerer.is_some_and(|offerer| offerer.peer() == event.office);
        let (right, next) = match &event.act {
            Act::SendDocument { document, .. } => (document.in_reply_to.is_none(), "sent"),
            Act::AcknowledgeDocument { .. } | Act::RefuseDocument { .. } => {
                (word == "sent" && peers, "done")
            }
            Act::ProposeMeeting { .. } => (word.is_empty(), "offered"),
            Act::CounterMeeting { .. } => (word == "offered" && peers, "offered"),
            Act::AcceptMeeting { .. } => (word == "offered" && peers, "accepted"),
            Act::DeclineMeeting { .. } => (word == "offered" && peers, "done"),
            Act::CancelMeeting { .. } => (word == "accepted", "done"),
            Act::ConveneMeeting { .. } => (word == "accepted", "convened"),
            Act::CloseMeeting { .. } => (word == "convened", "done"),
            Act::RecordContact { .. } => (word.is_empty(), "recorded"),
            Act::ConfirmContact { .. } => (word == "recorded" && peers, "done"),
            Act::RecordCall { .. } | Act::DeclareLine { .. } => (false, ""),
        };
        assert!(right, "{event:?} after {word:?} in {events:?}");
        word = next;
        if matches!(next, "sent" | "offered" | "recorded") {
            offerer = Some(event.office);
        }
    }
    assert_eq!(word, "done", "{events:?}");
}
