//! Watches: what happens, as it happens, from any point on.

use office::Place;
use protocol::pb::ledger as ledger_pb;
use protocol::pb::ledger::watch_entries_response::Event;
use protocol::pb::line::LineEventKind;
use protocol::pb::office as pb;
use tonic::Streaming;

use crate::harness::meeting::{Move, comes_to, propose, step};
use crate::harness::{Clients, Pair, message, send, terms};

async fn watch(
    clients: &Clients,
    after_sequence: u64,
    line_events: bool,
) -> Streaming<ledger_pb::WatchEntriesResponse> {
    let request = ledger_pb::WatchEntriesRequest {
        after_sequence,
        line_events,
    };
    let watching = clients.ledger.clone().watch_entries(request).await;
    watching.expect("it is taken").into_inner()
}

async fn entry(watching: &mut Streaming<ledger_pb::WatchEntriesResponse>) -> ledger_pb::Entry {
    match next(watching).await {
        Event::Entry(entry) => entry,
        Event::LineEvent(event) => panic!("nobody asked for {event:?}"),
    }
}

async fn next(watching: &mut Streaming<ledger_pb::WatchEntriesResponse>) -> Event {
    let response = message(watching).await.expect("the watch goes on");
    response
        .and_then(|response| response.event)
        .expect("an event")
}

#[tokio::test]
async fn a_watch_resumes_where_another_ended_even_after_a_restart() {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    for number in 0..5 {
        send(&south, &number.to_string(), pb::Wait::Recorded).await;
    }
    let mut seen = Vec::new();
    let mut watching = watch(&south, 0, false).await;
    for _ in 0..4 {
        seen.push(entry(&mut watching).await);
    }
    drop(watching);
    pair.kill(Place::South);
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    let mut watching = watch(&south, 4, false).await;
    for _ in 0..2 {
        seen.push(entry(&mut watching).await);
    }
    // What is recorded from here on comes by itself.
    send(&south, "news", pb::Wait::Recorded).await;
    seen.push(entry(&mut watching).await);
    assert_eq!(seen, south.entries().await);
}

#[tokio::test]
async fn a_watch_of_the_line_sees_a_parcel_go_and_its_acknowledgement_come() {
    let mut pair = Pair::start().await;
    let south = pair.clients(Place::South);
    let end = south.office().await.ledger_sequence;
    let mut watching = watch(&south, end, true).await;
    send(&south, "watched", pb::Wait::Delivered).await;
    let (mut kinds, mut entries) = (Vec::new(), Vec::new());
    while !kinds.contains(&LineEventKind::AcknowledgementTaken) || entries.len() < 2 {
        match next(&mut watching).await {
            Event::LineEvent(event) => {
                assert!(event.at.is_some());
                kinds.push(event.kind());
            }
            Event::Entry(entry) => entries.push(entry.direction()),
        }
    }
    let wanted = [ledger_pb::Direction::Outbound, ledger_pb::Direction::Local];
    assert_eq!(entries, wanted);
    assert!(kinds.contains(&LineEventKind::ParcelSent), "{kinds:?}");
    pair.kill(Place::North);
    let mut kinds = Vec::new();
    while !kinds.contains(&LineEventKind::Backoff) {
        if let Event::LineEvent(event) = next(&mut watching).await {
            kinds.push(event.kind());
        }
    }
    assert!(kinds.contains(&LineEventKind::Reset), "{kinds:?}");
    pair.start_office(Place::North).await;
    let mut kinds = Vec::new();
    while !kinds.contains(&LineEventKind::HelloTaken) || !kinds.contains(&LineEventKind::HelloSent)
    {
        if let Event::LineEvent(event) = next(&mut watching).await {
            kinds.push(event.kind());
        }
    }
}

#[tokio::test]
async fn a_watch_of_meetings_tells_each_step_of_the_one_wanted() {
    let pair = Pair::start().await;
    let (south, north) = pair.both();
    let first = propose(&south, terms("Roads"))
        .await
        .expect("it is taken")
        .name;
    let other = propose(&south, terms("Railways"))
        .await
        .expect("it is taken")
        .name;
    let request = pb::WatchMeetingsRequest {
        name: first.clone(),
        after_sequence: 0,
    };
    let watching = north.meetings.clone().watch_meetings(request).await;
    let mut watching = watching.expect("it is taken").into_inner();
    comes_to(&north, &other, pb::MeetingState::Proposed).await;
    step(&north, Move::Decline, &other)
        .await
        .expect("it is taken");
    let mut last = 0;
    let moves = [
        (&north, Move::Accept, pb::MeetingState::Accepted),
        (&south, Move::Convene, pb::MeetingState::Convened),
        (&north, Move::Close, pb::MeetingState::Closed),
    ];
    let proposed = message(&mut watching)
        .await
        .expect("it goes on")
        .expect("a meeting");
    assert_eq!(proposed.meeting.expect("a meeting").name, first);
    for (by, made, state) in moves {
        step(by, made, &first).await.expect("it is taken");
        for office in [&south, &north] {
            comes_to(office, &first, state).await;
        }
        let told = message(&mut watching)
            .await
            .expect("it goes on")
            .expect("a meeting");
        assert!(told.sequence > last);
        last = told.sequence;
        let meeting = told.meeting.expect("a meeting");
        assert_eq!((&*meeting.name, meeting.state()), (&*first, state));
    }
    // Of a watch of all, what comes after the last is nothing yet; so it begins with what is next.
    let request = pb::WatchMeetingsRequest {
        name: String::new(),
        after_sequence: last,
    };
    let watching = north.meetings.clone().watch_meetings(request).await;
    let mut watching = watching.expect("it is taken").into_inner();
    let news = propose(&north, terms("Ports"))
        .await
        .expect("it is taken")
        .name;
    let told = message(&mut watching)
        .await
        .expect("it goes on")
        .expect("a meeting");
    assert_eq!(told.meeting.expect("a meeting").name, news);
    pair.finish().await;
}
