//! Frames that cost a caller nothing: as many as an honest one may need, and no more.

use office::Place;
use protocol::pb::office as pb;
use protocol::pb::office::send_documents_response::Outcome;
use tokio::io::AsyncWriteExt as _;
use tokio_stream::StreamExt as _;

use super::wire::{End, PING, SETTINGS, alone, end, frame, greet};
use crate::harness::{Pair, document, message, request_id, send, within};

const ENHANCE_YOUR_CALM: u32 = 0xb;
const DOCUMENTS: usize = 100_000;
/// Frames, far more than any flood needs: a flood that is not ended would end by itself.
const FRAMES_MAX: usize = 2_000_000;

#[tokio::test]
async fn a_flood_is_sent_away_while_others_are_served() {
    let (pair, south) = alone(&[]).await;
    let address = pair.process(Place::South).address;
    let kinds = [
        ("PING", frame(PING, 0, 0, &[7; 8])),
        ("answers to no PING", frame(PING, 1, 0, &[7; 8])),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[])),
        ("PRIORITY", frame(2, 0, 1, &[0, 0, 0, 0, 9])),
        ("WINDOW_UPDATE", frame(8, 0, 0, &[0, 0, 0, 1])),
        ("an unknown frame", frame(0xfa, 0, 0, &[])),
    ];
    for (kind, flood) in kinds {
        let (mut read, mut write) = greet(address).await.into_split();
        let frames = flood.repeat(1_000);
        let flooding = tokio::spawn(async move {
            for _ in 0..FRAMES_MAX / 1_000 {
                if write.write_all(&frames).await.is_err() {
                    return true;
                }
            }
            false
        });
        let good = async {
            for number in 0..20 {
                send(&south, &format!("{kind} {number}"), pb::Wait::Recorded).await;
            }
        };
        let (ended, ()) = tokio::join!(end(&mut read), good);
        let code = Some(ENHANCE_YOUR_CALM);
        assert_eq!(ended, End { code }, "{kind}");
        let ended = within("the end of the flood", flooding).await;
        assert!(ended.expect("no panic"), "{kind} went on without end");
    }
}

#[tokio::test]
async fn an_honest_stream_of_any_length_is_no_flood() {
    let pair = Pair::start().await;
    let south = pair.clients(Place::South);
    let documents = (0..DOCUMENTS).map(|_| pb::SendDocumentsRequest {
        request_id: request_id(),
        document: Some(document("one of many")),
    });
    let documents = tokio_stream::iter(documents);
    let sending = south.documents.clone().send_documents(documents).await;
    let mut receipts = sending.expect("it is taken").into_inner();
    for number in 0..DOCUMENTS {
        let receipt = message(&mut receipts).await.expect("the stream goes on");
        let outcome = receipt.and_then(|receipt| receipt.outcome);
        assert!(
            matches!(outcome, Some(Outcome::Receipt(_))),
            "{number}: {outcome:?}"
        );
    }
    assert!(receipts.next().await.is_none());
}
