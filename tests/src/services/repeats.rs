//! The same request again.

use office::Place;
use protocol::pb::office as pb;
use tonic::Code;

use crate::harness::{Pair, document, refused, request_id, sending, terms, try_send};

fn a_contact() -> pb::RecordContactRequest {
    pb::RecordContactRequest {
        request_id: request_id(),
        contact: Some(pb::Contact {
            kind: pb::ContactKind::OnDemandConsultation.into(),
            begun_at: Some(prost_types::Timestamp::default()),
            ..Default::default()
        }),
    }
}

fn a_call() -> pb::RecordCallRequest {
    pb::RecordCallRequest {
        request_id: request_id(),
        call: Some(pb::Call {
            kind: pb::CallKind::Opening.into(),
            day: "2018-09-14".to_owned(),
            outcome: pb::CallOutcome::Unanswered.into(),
            remark: None,
        }),
    }
}

fn a_declaration() -> pb::DeclareLineRequest {
    pb::DeclareLineRequest {
        request_id: request_id(),
        declaration: Some(pb::LineDeclaration {
            statement: pb::LineStatement::Cut.into(),
            remark: None,
        }),
    }
}

fn a_proposal() -> pb::ProposeMeetingRequest {
    pb::ProposeMeetingRequest {
        request_id: request_id(),
        terms: Some(terms("Roads")),
    }
}

fn a_counter(proposed: &pb::ProposeMeetingResponse) -> pb::CounterMeetingRequest {
    let meeting = proposed.meeting.as_ref().expect("a meeting");
    pb::CounterMeetingRequest {
        request_id: request_id(),
        name: meeting.name.clone(),
        parent: String::new(),
        terms: Some(terms("Railways")),
    }
}

#[tokio::test]
async fn each_mutation_given_again_is_answered_as_the_first_time_even_after_a_crash() {
    let mut pair = Pair::start().await;
    let (mut south, mut north) = pair.both();
    let sent = sending(document("read this"));
    let receipt = try_send(&north, sent).await.expect("it is taken");
    pair.quiet().await;

    let acknowledge = pb::AcknowledgeDocumentRequest {
        request_id: request_id(),
        name: receipt.name,
        acknowledgement: None,
    };
    let (propose, record) = (a_proposal(), a_contact());
    let (call, declare) = (a_call(), a_declaration());
    macro_rules! first {
        ($client:ident, $method:ident, $request:expr) => {
            south
                .$client
                .$method($request.clone())
                .await
                .expect("it is taken")
                .into_inner()
        };
    }
    let acknowledged = first!(documents, acknowledge_document, acknowledge);
    let proposed = first!(meetings, propose_meeting, propose);
    let recorded = first!(contacts, record_contact, record);
    let called = first!(contacts, record_call, call);
    let declared = first!(contacts, declare_line, declare);
    pair.quiet().await;
    // What follows does not change the first answer.
    north
        .meetings
        .counter_meeting(a_counter(&proposed))
        .await
        .expect("it is taken");
    pair.quiet().await;
    let appended = south.marks().await.appended;
    for restart in [false, true] {
        if restart {
            pair.kill(Place::South);
            pair.start_office(Place::South).await;
            south = pair.clients(Place::South);
        }
        assert_eq!(
            first!(documents, acknowledge_document, acknowledge),
            acknowledged
        );
        assert_eq!(first!(meetings, propose_meeting, propose), proposed);
        assert_eq!(first!(contacts, record_contact, record), recorded);
        assert_eq!(first!(contacts, record_call, call), called);
        assert_eq!(first!(contacts, declare_line, declare), declared);
        assert_eq!(
            south.marks().await.appended,
            appended,
            "nothing was authored"
        );
    }
    let counted = pair.finish().await;
    assert_eq!(
        (counted.documents(), counted.calls(), counted.contacts()),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn a_meetings_step_under_a_known_id_with_other_terms_is_a_conflict() {
    let pair = Pair::start().await;
    let (mut south, mut north) = pair.both();
    let proposed = south.meetings.propose_meeting(a_proposal()).await;
    let proposed = proposed.expect("it is taken").into_inner();
    pair.quiet().await;
    let counter = a_counter(&proposed);
    let taken = north.meetings.counter_meeting(counter.clone()).await;
    taken.expect("it is taken");
    let other = pb::CounterMeetingRequest {
        terms: Some(terms("Ports")),
        ..counter
    };
    let answer = north.meetings.counter_meeting(other).await;
    let status = refused(&answer.expect_err("it differs"));
    assert_eq!(status.why(), (Code::AlreadyExists, "IDEMPOTENCY_CONFLICT"));
    pair.finish().await;
}

#[tokio::test]
async fn the_window_forgets_the_oldest_and_nothing_else() {
    let mut pair = Pair::idle(&["--limit", "idempotency_window=4"]).await;
    pair.start_office(Place::South).await;
    let mut south = pair.clients(Place::South);
    let requests: Vec<_> = (1..=5)
        .map(|number| sending(document(&number.to_string())))
        .collect();
    for request in &requests {
        try_send(&south, request.clone())
            .await
            .expect("it is taken");
    }
    for restart in [false, true] {
        if restart {
            pair.kill(Place::South);
            pair.start_office(Place::South).await;
            south = pair.clients(Place::South);
        }
        for (number, request) in requests.iter().enumerate().skip(1) {
            let receipt = try_send(&south, request.clone())
                .await
                .expect("it is known");
            assert_eq!(
                receipt.name,
                format!("offices/south/documents/{}", number + 1)
            );
        }
    }
    let receipt = try_send(&south, requests[0].clone())
        .await
        .expect("it is new again");
    assert_eq!(receipt.name, "offices/south/documents/6");
    let receipt = try_send(&south, requests[2].clone())
        .await
        .expect("it is known");
    assert_eq!(receipt.name, "offices/south/documents/3");
    let receipt = try_send(&south, requests[1].clone())
        .await
        .expect("it is new again");
    assert_eq!(receipt.name, "offices/south/documents/7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_with_one_id_are_one_document() {
    let pair = Pair::start().await;
    let request = sending(document("the one"));
    let asked: Vec<_> = (0..100)
        .map(|_| {
            // Each fourth over a connection of its own.
            let (south, request) = (pair.clients(Place::South), request.clone());
            tokio::spawn(async move { try_send(&south, request).await })
        })
        .collect();
    for asked in asked {
        let receipt = asked.await.expect("no panic").expect("it is taken");
        assert_eq!(receipt.name, "offices/south/documents/1");
    }
    assert_eq!(pair.finish().await.documents(), 1);
}
