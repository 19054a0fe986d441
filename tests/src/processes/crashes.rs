//! Offices killed in the middle of their work.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::Record;
use office::Place;
use protocol::pb::office as pb;
use tokio::sync::{Semaphore, watch};
use tonic::Code;

use crate::harness::{
    Clients, DEADLINE, Pair, document, known, ledger_of, request_id, sending, try_send, until,
};

const SENDERS: usize = 8;
const DOCUMENTS_EACH: usize = 60;
const KILLS: u32 = 4;

/// Sends documents to an office that is killed now and then: what was refused or left without an answer is sent
/// again with the same request id. Returns the name that each request id was given.
async fn send_all(
    sender: usize,
    mut office: watch::Receiver<Option<Clients>>,
    sent: Arc<Semaphore>,
) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for number in 0..DOCUMENTS_EACH {
        let wait = match number % 3 {
            0 => pb::Wait::Delivered,
            _ => pb::Wait::Recorded,
        };
        let request = pb::SendDocumentRequest {
            wait: wait.into(),
            ..sending(document(&format!("{sender}: {number}")))
        };
        let name = loop {
            let clients = office
                .wait_for(Option::is_some)
                .await
                .expect("the test goes on")
                .clone()
                .expect("it is some");
            match try_send(&clients, request.clone()).await {
                Ok(receipt) => break receipt.name,
                // The office died, or its peer did, or the connection broke.
                Err(status) => {
                    let passes = [
                        Code::Unavailable,
                        Code::Unknown,
                        Code::Cancelled,
                        Code::Internal,
                    ];
                    assert!(passes.contains(&status.code()), "{status:?}");
                }
            }
            tokio::task::yield_now().await;
        };
        names.insert(request.request_id, name);
        sent.add_permits(1);
    }
    names
}

async fn killed_under_load(victim: Place) {
    let mut pair = Pair::start_with(&["--limit", "peer_timeout=200"]).await;
    let (office, watched) = watch::channel(Some(pair.clients(Place::South)));
    let sent = Arc::new(Semaphore::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| tokio::spawn(send_all(sender, watched.clone(), Arc::clone(&sent))))
        .collect();
    for _ in 0..KILLS {
        // As soon as so many more have been answered, in the middle of the next.
        let some = (SENDERS * DOCUMENTS_EACH) as u32 / (KILLS + 2);
        let answered = tokio::time::timeout(DEADLINE, sent.acquire_many(some)).await;
        answered
            .expect("documents are taken")
            .expect("it is open")
            .forget();
        if victim == Place::South {
            office.send_replace(None);
        }
        pair.kill(victim);
        pair.start_office(victim).await;
        office.send_replace(Some(pair.clients(Place::South)));
    }
    let mut names = BTreeMap::new();
    for sender in senders {
        names.extend(sender.await.expect("it sends all"));
    }
    let total = SENDERS * DOCUMENTS_EACH;
    let distinct: std::collections::BTreeSet<_> = names.values().collect();
    assert_eq!((names.len(), distinct.len()), (total, total));

    let data = pair.data(Place::South);
    let counted = pair_finish(pair, &data, &names).await;
    assert_eq!(counted, total as u64);
}

/// Ends the offices, and looks up each request in South's ledger: it stands there once, under the name told.
async fn pair_finish(pair: Pair, data: &std::path::Path, names: &BTreeMap<String, String>) -> u64 {
    pair.quiet().await;
    let mut found = BTreeMap::new();
    let mut steps = ledger_of(data).steps_of(Place::South, 0);
    while let Some((sequence, entry)) = steps.next_step().expect("it can be read") {
        let Record::Outbound(parcel) = entry.record else {
            panic!("a step of South is outbound at South");
        };
        let (step, id) =
            protocol::decode_envelope(&parcel.envelope, &parcel.payload).expect("an envelope");
        assert_eq!(step.id.sequence, sequence);
        let id = id.expect("a client asked for it").to_string();
        let name = step.id.name(office::Collection::Documents);
        assert_eq!(found.insert(id, name), None, "each request stands once");
    }
    assert_eq!(
        &found, names,
        "each under the name that the client was told"
    );
    pair.finish().await.documents()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_sender_loses_nothing_and_counts_nothing_twice() {
    killed_under_load(Place::South).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_receiver_loses_nothing_and_counts_nothing_twice() {
    killed_under_load(Place::North).await;
}

#[tokio::test]
async fn a_receipt_stands_after_the_office_was_killed_at_once() {
    let mut pair = Pair::idle(&[]).await;
    for round in 1..=10 {
        pair.start_office(Place::South).await;
        let south = pair.clients(Place::South);
        let request = sending(document(&format!("round {round}")));
        let first = try_send(&south, request.clone())
            .await
            .expect("it is taken");
        pair.kill(Place::South);
        pair.start_office(Place::South).await;
        let south = pair.clients(Place::South);
        let again = try_send(&south, request).await.expect("it is known");
        assert_eq!(again, first, "the first answer again");
        assert!(known(&south, &first.name).await.is_some());
        assert_eq!(south.tally().await.documents, round);
        pair.kill(Place::South);
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_is_served_once_all_the_same() {
    let pair = Pair::start().await;
    let south = pair.clients(Place::South);
    // Waits for an officer who never comes, so that the client hangs up in the middle.
    let request = pb::SendDocumentRequest {
        wait: pb::Wait::Acknowledged.into(),
        request_id: request_id(),
        document: Some(document("read this")),
    };
    let waiting = tokio::spawn({
        let (south, request) = (south.clone(), request.clone());
        async move { try_send(&south, request).await }
    });
    until("the document in the ledger", async || {
        (south.marks().await.appended == 1).then_some(())
    })
    .await;
    waiting.abort();
    let recorded = pb::SendDocumentRequest {
        wait: pb::Wait::Recorded.into(),
        ..request
    };
    let receipt = try_send(&south, recorded).await.expect("it is known");
    assert_eq!(receipt.name, "offices/south/documents/1");
    assert_eq!(pair.finish().await.documents(), 1);
}
