//! Places: the idle make room, and the peer and operators always find one.

use std::net::SocketAddr;
use std::time::Duration;

use office::Place;
use protocol::pb::ledger as ledger_pb;
use protocol::pb::office as pb;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::{Code, Streaming};

use super::wire::{End, alone, greet, stay};
use crate::harness::{Clients, Pair, document, refused, send, sending, try_send, until, within};

const NO_ERROR: Option<u32> = Some(0);

/// Callers that are never silent, each on a connection of its own that is served.
async fn busy(address: SocketAddr, count: usize) -> JoinSet<()> {
    let mut callers = JoinSet::new();
    for _ in 0..count {
        let caller = Clients::of(address);
        caller.office().await;
        callers.spawn(async move {
            // One that is sent away stays away: it would only come back as another.
            let ask = || async {
                let mut offices = caller.offices.clone();
                offices.get_office(pb::GetOfficeRequest {}).await
            };
            while ask().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    callers
}

async fn watch(clients: &Clients) -> Streaming<ledger_pb::WatchEntriesResponse> {
    let mut ledger = clients.ledger.clone();
    let watching = ledger.watch_entries(ledger_pb::WatchEntriesRequest::default());
    watching.await.expect("it is taken").into_inner()
}

async fn asks(clients: &Clients) -> bool {
    let mut offices = clients.offices.clone();
    offices.get_office(pb::GetOfficeRequest {}).await.is_ok()
}

#[tokio::test]
async fn connections_that_only_answer_ping_make_room() {
    let (pair, south) = alone(&["connections_max=32", "places_kept=4"]).await;
    south.office().await;
    let address = pair.process(Place::South).address;
    let mut idle = JoinSet::new();
    for _ in 0..200 {
        idle.spawn(stay(greet(address).await));
    }
    // Each of these needs a place of its own, and keeps it.
    let mut entered = Vec::new();
    for number in 0..40 {
        let newcomer = until("a place for another", async || {
            let newcomer = pair.clients(Place::South);
            let sent = try_send(&newcomer, sending(document(&format!("{number}")))).await;
            sent.is_ok().then_some(newcomer)
        });
        entered.push(newcomer.await);
    }
    let first = within("the first to make room", idle.join_next()).await;
    let first = first.expect("there are some").expect("no panic");
    // Those that found no place were told nothing.
    assert!(first.code.is_none() || first.code == NO_ERROR, "{first:?}");
    let log = pair.process(Place::South).log();
    let told = log.lines().filter(|line| line.contains("too many")).count();
    assert!(
        (1..=5).contains(&told),
        "it is told, and not of each: {log}"
    );
}

#[tokio::test]
async fn whoever_makes_room_is_told_to_go() {
    let (pair, south) = alone(&["connections_max=2", "places_kept=1"]).await;
    let address = pair.process(Place::South).address;
    let idle = tokio::spawn(stay(greet(address).await));
    let mut watching = watch(&south).await;
    let newcomer = pair.clients(Place::South);
    until("a place for another", async || {
        try_send(&newcomer, sending(document("newcomer")))
            .await
            .ok()
    })
    .await;
    let ended = within("the end of the idle", idle).await.expect("no panic");
    assert_eq!(ended, End { code: NO_ERROR });
    // Who has a call under way goes after those who have none.
    let seen = within("the next entry", watching.message()).await;
    assert!(seen.expect("the watch goes on").is_some());
}

#[tokio::test]
async fn a_connection_without_calls_is_closed_in_time_and_one_with_a_call_is_not() {
    let (pair, south) = alone(&["idle_timeout=300", "handshake_timeout=200"]).await;
    let mut watching = watch(&south).await;
    let idle = greet(pair.process(Place::South).address).await;
    let ended = within("the end of the idle", stay(idle)).await;
    assert_eq!(ended, End { code: NO_ERROR });
    let other = pair.clients(Place::South);
    send(&other, "news", pb::Wait::Recorded).await;
    let seen = within("the next entry", watching.message()).await;
    assert!(seen.expect("the watch goes on").is_some());
}

#[tokio::test]
async fn a_kept_place_serves_operators_and_becomes_an_ordinary_one() {
    let (pair, _south) = alone(&["connections_max=3", "places_kept=2"]).await;
    let address = pair.process(Place::South).address;
    let mut callers = busy(address, 3).await;
    let operator = pair.clients(Place::South);
    operator.office().await;
    operator.tally().await;
    assert!(operator.serves().await);
    let sent = try_send(&operator, sending(document("too many"))).await;
    let refused = refused(&sent.expect_err("the place is kept for others"));
    assert_eq!(refused.why(), (Code::ResourceExhausted, "EXHAUSTED"));
    assert_eq!(refused.says("limit"), "3");
    assert!(refused.retry_after() > Duration::ZERO);
    callers.abort_all();
    while callers.join_next().await.is_some() {}
    until("an ordinary place", async || {
        try_send(&operator, sending(document("room"))).await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_kept_place_that_is_asked_for_nothing_is_closed_soon() {
    let limits = [
        "connections_max=2",
        "places_kept=1",
        "handshake_timeout=300",
    ];
    let (pair, _south) = alone(&limits).await;
    let address = pair.process(Place::South).address;
    let _callers = busy(address, 2).await;
    let ended = within("the end of the silent", stay(greet(address).await)).await;
    assert_eq!(ended, End { code: NO_ERROR });
}

#[tokio::test]
async fn the_peer_finds_a_place_while_busy_callers_hold_them_all() {
    let arguments = ["--limit", "connections_max=3", "--limit", "places_kept=2"];
    let mut pair = Pair::idle(&arguments).await;
    pair.start_office(Place::South).await;
    let address = pair.process(Place::South).address;
    let _callers = busy(address, 3).await;
    // The kept places are held too, by whoever looks without end.
    let looking = busy(address, 2).await;
    pair.start_office(Place::North).await;
    pair.connected(Place::North).await;
    let north = pair.clients(Place::North);
    send(&north, "all the same", pb::Wait::Delivered).await;
    // Whoever comes next takes no place of the peer's.
    for _ in 0..5 {
        // Those who were asked to go may not have gone yet.
        until("an operator to get in", async || {
            asks(&Clients::of(address)).await.then_some(())
        })
        .await;
    }
    send(&north, "and again", pb::Wait::Delivered).await;
    let up = pair.connection(Place::North, pb::Connection::Up).await;
    assert_eq!(up.connection(), pb::Connection::Up);
    drop(looking);
}

#[tokio::test]
async fn connections_that_never_begin_make_room_at_once() {
    let (pair, _south) = alone(&["connections_max=2", "places_kept=1"]).await;
    let address = pair.process(Place::South).address;
    let connect = || async { TcpStream::connect(address).await.expect("it listens") };
    let mut silent = [connect().await, connect().await];
    let newcomer = pair.clients(Place::South);
    until("a place for another", async || {
        try_send(&newcomer, sending(document("newcomer")))
            .await
            .ok()
    })
    .await;
    // Long before the handshake's time is over.
    let begun = tokio::time::Instant::now();
    let read = within("the end", silent[0].read(&mut [0; 8])).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}
