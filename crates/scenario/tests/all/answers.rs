//! What an office that is played answers people: as its scenario says.

use std::time::Duration;

use jiff::Timestamp;
use office::Place;
use office::contact::ContactKind;
use office::meeting::MeetingTerms;
use office::officer::Rank;
use scenario::{Act, Answers, Scenario};

use crate::own;

fn answers(text: &str, seed: u64) -> Answers {
    let scenario = Scenario::parse("own.toml", text).unwrap_or_else(|error| panic!("{error}"));
    Answers::new(scenario, Place::North, seed)
}

fn terms() -> MeetingTerms {
    MeetingTerms {
        kind: ContactKind::Chiefs,
        level: Some(Rank::Chief),
        participants: Vec::new(),
        place: String::new(),
        begins_at: Some("2020-02-25T01:00:00Z".parse().expect("a time")),
        duration: Some(Duration::from_secs(600)),
        topics: Vec::new(),
        formality: None,
        answer_by: None,
    }
}

#[test]
fn documents_are_answered_as_often_and_as_soon_as_the_block_says() {
    // Half of all offers are declined or countered, and three tenths of all documents refused.
    let mut answers = answers(&own::stormy(), 1);
    let given: Vec<_> = (0..1_000).filter_map(|_| answers.document()).collect();
    assert_eq!(given.len(), 1_000);
    let refused = given
        .iter()
        .filter(|answer| matches!(answer.act, Act::RefuseDocument { .. }))
        .count();
    assert!((240..360).contains(&refused), "{refused}");
    let minutes = Duration::from_secs(60)..=Duration::from_secs(900 * 60);
    assert!(given.iter().all(|answer| minutes.contains(&answer.after)));

    let mut silent = self::answers(
        &own::stormy().replace("reply_per_mille", "answered_per_mille = 0\nreply_per_mille"),
        1,
    );
    assert_eq!(silent.document(), None);
}

#[test]
fn a_second_offer_is_not_countered_so_that_it_comes_to_an_end() {
    let mut answers = answers(&own::stormy(), 2);
    let mut countered = |first: bool| {
        let given = (0..500).map(|_| answers.offer(&terms(), first).act);
        given
            .filter(|act| matches!(act, Act::CounterMeeting { .. }))
            .count()
    };
    assert!((60..190).contains(&countered(true)));
    assert_eq!(countered(false), 0);
}

#[test]
fn a_meeting_is_convened_when_it_was_agreed_and_lasts_as_long() {
    let mut answers = answers(&own::stormy(), 3);
    let now: Timestamp = "2020-02-25T00:30:00Z".parse().expect("a time");
    let convening = answers.convening(&terms(), now);
    assert_eq!(convening.after, Duration::from_secs(1_800));
    let Act::ConveneMeeting { by, .. } = convening.act else {
        panic!("{convening:?}");
    };
    assert_eq!(by.rank, Some(Rank::Chief));
    // What was to begin has begun.
    let late: Timestamp = "2020-02-26T00:30:00Z".parse().expect("a time");
    assert_eq!(answers.convening(&terms(), late).after, Duration::ZERO);
    assert_eq!(answers.closing(&terms()).after, Duration::from_secs(600));
}

#[test]
fn one_seed_gives_one_row_of_answers() {
    let row = |seed: u64| {
        let mut answers = answers(&own::stormy(), seed);
        (0..50)
            .map(|_| (answers.document(), answers.contact()))
            .collect::<Vec<_>>()
    };
    assert_eq!(row(4), row(4));
    assert_ne!(row(4), row(5));
}
