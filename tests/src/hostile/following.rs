//! Whoever follows a ledger misses nothing and is told nothing twice, however often the office goes.

use std::time::Duration;

use client::{Awaited, Follow, Followed, Patience};
use ledger::faulty::FaultyStorage;
use office::Place;
use protocol::pb::ledger::watch_entries_response::Event;

use super::place::{Door, Office};
use crate::harness::{document, sending, try_send};

#[tokio::test(start_paused = true)]
async fn nothing_is_missed_or_told_twice_when_the_office_goes() {
    let door = Door::default();
    let mut office = Office::start(
        Place::South,
        FaultyStorage::new(1),
        door.clone(),
        Door::default(),
    );
    let patience = Patience {
        first: Duration::from_millis(20),
        longest: Duration::from_secs(1),
        awaited: Awaited::Nothing,
    };
    let mut follow = Follow::new(door.channel(), 0, false, patience);
    let (mut told, mut lost) = (Vec::new(), 0);
    for round in 0..6 {
        try_send(&office.clients(), sending(document("on item 1")))
            .await
            .expect("it is taken");
        match round % 3 {
            0 => {}
            1 => office.drop_and_reopen().await,
            _ => office.drain_and_reopen().await,
        }
        let wanted = office.clients().office().await.ledger_sequence;
        while follow.after() < wanted {
            match follow.next().await.expect("it passes") {
                Followed::Began => {}
                Followed::Event(event) => match *event {
                    Event::Entry(entry) => told.push(entry.sequence),
                    other @ Event::LineEvent(_) => panic!("nobody asked for {other:?}"),
                },
                Followed::Lost(_) => lost += 1,
            }
        }
    }
    assert!(lost > 0, "the streams broke");
    let last = *told.last().expect("entries were told");
    assert_eq!(told, (1..=last).collect::<Vec<_>>());
}
