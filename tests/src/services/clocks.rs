//! Time: it makes some steps due, and decides nothing else.

use std::time::Duration;

use office::Place;
use protocol::pb::office as pb;
use protocol::pb::office::{DocumentState, MeetingState};

use crate::harness::meeting::{comes_to, propose};
use crate::harness::{Pair, acknowledge, arrives, document, send, sending, terms, try_send};

/// So long after a time that an office told.
fn after(time: &prost_types::Timestamp, wait: Duration) -> prost_types::Timestamp {
    let nanos =
        i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos) + wait.as_nanos() as i128;
    prost_types::Timestamp {
        seconds: (nanos / 1_000_000_000) as i64,
        nanos: (nanos % 1_000_000_000) as i32,
    }
}

#[tokio::test]
async fn what_is_not_answered_in_time_expires_and_a_late_answer_still_stands() {
    let pair = Pair::start().await;
    let (south, north) = pair.both();
    let now = send(&south, "what time is it?", pb::Wait::Recorded)
        .await
        .recorded_at;
    let soon = after(&now.expect("it has a time"), Duration::from_millis(300));
    let request = pb::SendDocumentRequest {
        wait: pb::Wait::Acknowledged.into(),
        ..sending(pb::Document {
            deadline: Some(soon),
            ..document("urgent")
        })
    };
    let receipt = try_send(&south, request).await.expect("it is taken");
    assert_eq!(receipt.state(), DocumentState::Expired, "who waits is told");
    let there = arrives(&north, &receipt.name, DocumentState::Expired).await;
    assert!(
        there
            .answered_at
            .is_some_and(|at| (at.seconds, at.nanos) >= (soon.seconds, soon.nanos))
    );
    acknowledge(&north, &receipt.name)
        .await
        .expect("an officer may answer late");
    arrives(&south, &receipt.name, DocumentState::Acknowledged).await;
    assert_eq!(pair.finish().await.documents(), 2, "it counts all the same");
}

#[tokio::test]
async fn an_offer_that_is_not_answered_in_time_lapses() {
    let pair = Pair::start().await;
    let (south, north) = pair.both();
    let now = send(&south, "what time is it?", pb::Wait::Recorded)
        .await
        .recorded_at;
    let soon = after(&now.expect("it has a time"), Duration::from_millis(200));
    let offer = pb::MeetingTerms {
        answer_by: Some(soon),
        ..terms("Roads")
    };
    let name = propose(&south, offer).await.expect("it is taken").name;
    for office in [&north, &south] {
        let lapsed = comes_to(office, &name, MeetingState::Lapsed).await;
        assert_eq!(lapsed.steps.len(), 2);
        assert!(!lapsed.counted && lapsed.allowed.is_empty());
    }
    assert_eq!(pair.finish().await.contacts(), 0);
}

#[tokio::test]
async fn a_deadline_that_passed_while_the_office_was_down_is_kept_when_it_is_back() {
    let mut pair = Pair::start().await;
    let south = pair.clients(Place::South);
    let now = send(&south, "what time is it?", pb::Wait::Recorded)
        .await
        .recorded_at;
    let soon = after(&now.expect("it has a time"), Duration::from_secs(1800));
    let urgent = pb::Document {
        deadline: Some(soon),
        ..document("urgent")
    };
    let name = try_send(&south, sending(urgent))
        .await
        .expect("it is taken")
        .name;
    pair.kill(Place::South);
    // An hour later.
    pair.start_office_with(Place::South, &["--clock-offset", "3600"])
        .await;
    arrives(&pair.clients(Place::South), &name, DocumentState::Expired).await;
    arrives(&pair.clients(Place::North), &name, DocumentState::Expired).await;
    pair.finish().await;
}

/// The clock of South jumps an hour ahead, and then two back; its steps keep their order, its repeats are known, and
/// both ledgers count the same.
#[tokio::test]
async fn a_clock_that_jumps_changes_timestamps_and_nothing_else() {
    let mut pair = Pair::start().await;
    let mut requests = Vec::new();
    let mut times = Vec::new();
    for offset in ["0", "3600", "-3600"] {
        pair.kill(Place::South);
        pair.start_office_with(Place::South, &["--clock-offset", offset])
            .await;
        pair.connected(Place::South).await;
        let south = pair.clients(Place::South);
        for number in 0..5 {
            let request = sending(document(&format!("{offset}: {number}")));
            let receipt = try_send(&south, request.clone())
                .await
                .expect("it is taken");
            times.push(receipt.recorded_at.expect("it has a time").seconds);
            requests.push((request, receipt));
        }
        let north = pair.clients(Place::North);
        let last = &requests.last().expect("there is one").1.name;
        let there = arrives(&north, last, DocumentState::Delivered).await;
        let sent_at = there.sent_at.expect("it has a time").seconds;
        assert_eq!(Some(&sent_at), times.last(), "the author's time stands");
        // All that was sent, under any clock, is known.
        for (request, receipt) in &requests {
            let again = try_send(&south, request.clone())
                .await
                .expect("it is known");
            assert_eq!(&again, receipt);
        }
    }
    assert!(times[5] - times[4] >= 3_500, "an hour ahead: {times:?}");
    assert!(times[10] - times[9] <= -7_000, "two hours back: {times:?}");
    let names: Vec<_> = requests
        .iter()
        .map(|(_, receipt)| receipt.name.clone())
        .collect();
    let wanted: Vec<_> = (1..=15)
        .map(|number| format!("offices/south/documents/{number}"))
        .collect();
    assert_eq!(names, wanted, "in the order in which they were sent");
    pair.quiet().await;
    let [here, there] = [
        pair.clients(Place::South).entries().await,
        pair.clients(Place::North).entries().await,
    ];
    let steps = |entries: &[protocol::pb::ledger::Entry]| {
        let steps = entries.iter().filter(|entry| !entry.envelope.is_empty());
        steps
            .map(|entry| entry.line_hash.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(steps(&here), steps(&there));
    assert_eq!(pair.finish().await.documents(), 15);
}
