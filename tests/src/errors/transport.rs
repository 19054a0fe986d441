//! What is refused before a handler sees it.

use office::Place;
use protocol::pb::office as pb;
use tonic::Code;

use crate::harness::raw::call;
use crate::harness::{Pair, refused, send};

#[tokio::test]
async fn a_method_or_service_that_is_not_there_is_told_with_a_remedy() {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    for method in [
        "/liaison.office.v1.OfficeService/Negotiate",
        "/liaison.office.v2.OfficeService/GetOffice",
        "/nothing",
        "/",
    ] {
        let answered = call(&south.channel, method, "").await;
        let status = refused(&answered.expect_err("there is no such method"));
        assert_eq!(
            status.why(),
            (Code::Unimplemented, "UNKNOWN_METHOD"),
            "{method}"
        );
        assert!(status.message.contains("reflection"), "{}", status.message);
    }
}

#[tokio::test]
async fn bytes_that_are_no_message_are_refused_and_harm_nothing() {
    const METHODS: [&str; 6] = [
        "/liaison.office.v1.DocumentService/SendDocument",
        "/liaison.office.v1.DocumentService/GetDocument",
        "/liaison.office.v1.MeetingService/ProposeMeeting",
        "/liaison.office.v1.MeetingService/CloseMeeting",
        "/liaison.office.v1.ContactService/RecordContact",
        "/liaison.ledger.v1.LedgerService/ListEntries",
    ];
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    for method in METHODS {
        // A field of 126 bytes of which none comes.
        let answered = call(&south.channel, method, &b"\x0a\x7e"[..]).await;
        let status = refused(&answered.expect_err("it is no message"));
        assert_eq!(
            status.why(),
            (Code::InvalidArgument, "MALFORMED_MESSAGE"),
            "{method}"
        );
        assert_eq!(status.fields(), ["message"]);
    }
    // Whatever comes, the answer is one of the office's own.
    let mut state = 0x5eed_u32;
    for round in 0..300 {
        let noise: Vec<u8> = (0..round % 40)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let method = METHODS[round % METHODS.len()];
        if let Err(status) = call(&south.channel, method, noise).await {
            assert_eq!(
                refused(&status).code,
                Code::InvalidArgument,
                "{method}: {status:?}"
            );
        }
    }
    assert_eq!(south.marks().await.appended, 0);
    send(&south, "all is well", pb::Wait::Recorded).await;
}
