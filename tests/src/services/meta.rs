//! What an office tells of itself: how it is, whether it serves, and which methods it has.

use office::Place;
use protocol::pb::office as pb;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::harness::{Pair, message, send};

#[tokio::test]
async fn an_office_tells_how_it_is() {
    let mut pair = Pair::start().await;
    let (south, north) = pair.both();
    for _ in 0..3 {
        send(&south, "to North", pb::Wait::Delivered).await;
    }
    send(&north, "to South", pb::Wait::Delivered).await;
    pair.quiet().await;
    let office = south.office().await;
    assert_eq!(
        (office.place(), office.peer()),
        (pb::Place::South, pb::Place::North)
    );
    assert_eq!(office.connection(), pb::Connection::Up);
    assert_eq!((office.epoch, office.peer_epoch), (1, 1));
    assert_eq!((office.version_min, office.version_max), (1, 1));
    assert_eq!(office.outbox_bytes, 0);
    assert!(office.last_sync.is_some());
    assert!(!office.draining && !office.software_version.is_empty());
    let marks = office.marks.expect("it has marks");
    let told = (
        marks.appended,
        marks.acknowledged,
        marks.settled,
        marks.received,
    );
    assert_eq!(told, (3, 3, 3, 1));
    assert_eq!(office.ledger_sequence, south.entries().await.len() as u64);

    pair.kill(Place::North);
    let office = pair
        .connection(Place::South, pb::Connection::Dialling)
        .await;
    assert!(!office.connection_reason.is_empty());
    send(&south, "waits", pb::Wait::Recorded).await;
    assert!(south.office().await.outbox_bytes > 0);
}

#[tokio::test]
async fn health_is_told_of_the_office_and_of_each_service() {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let mut south = pair.clients(Place::South);
    for service in [
        "",
        "liaison.office.v1.DocumentService",
        "liaison.office.v1.MeetingService",
        "liaison.office.v1.ContactService",
        "liaison.office.v1.OfficeService",
        "liaison.ledger.v1.LedgerService",
    ] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let checked = south
            .health
            .check(request.clone())
            .await
            .expect("it is known");
        assert_eq!(
            checked.into_inner().status(),
            ServingStatus::Serving,
            "{service}"
        );
        let watching = south.health.watch(request).await.expect("it is known");
        let first = message(&mut watching.into_inner())
            .await
            .expect("it goes on");
        assert_eq!(
            first.expect("a status").status(),
            ServingStatus::Serving,
            "{service}"
        );
    }
    let request = HealthCheckRequest {
        service: "liaison.office.v1.Nothing".to_owned(),
    };
    let status = south
        .health
        .check(request)
        .await
        .expect_err("there is none");
    assert_eq!(status.code(), tonic::Code::NotFound);
}

/// Asks the reflection service of one version for its services, and for the file of a type.
macro_rules! reflect {
    ($version:ident, $channel:expr) => {{
        use tonic_reflection::pb::$version::ServerReflectionRequest;
        use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
        use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;

        let ask = |question| ServerReflectionRequest {
            host: String::new(),
            message_request: Some(question),
        };
        let questions = vec![
            ask(MessageRequest::ListServices(String::new())),
            ask(MessageRequest::FileContainingSymbol(
                "liaison.office.v1.Document".to_owned(),
            )),
            ask(MessageRequest::FileContainingSymbol(
                "google.rpc.BadRequest".to_owned(),
            )),
        ];
        let mut client = ServerReflectionClient::new($channel);
        let answers = client
            .server_reflection_info(tokio_stream::iter(questions))
            .await;
        let mut answers = answers.expect("it is taken").into_inner();
        let mut services = Vec::new();
        let mut files = 0;
        while let Some(answer) = message(&mut answers).await.expect("it goes on") {
            match answer.message_response.expect("an answer") {
                MessageResponse::ListServicesResponse(list) => {
                    services.extend(list.service.into_iter().map(|service| service.name));
                }
                MessageResponse::FileDescriptorResponse(found) => {
                    assert!(!found.file_descriptor_proto.is_empty());
                    files += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        services.sort();
        (services, files)
    }};
}

#[tokio::test]
async fn reflection_lists_every_service_in_both_versions() {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    let old = reflect!(v1alpha, south.channel.clone());
    let new = reflect!(v1, south.channel.clone());
    for (services, files) in [old, new] {
        assert_eq!(files, 2, "the files of both types are there");
        for service in [
            "grpc.health.v1.Health",
            "liaison.ledger.v1.LedgerService",
            "liaison.line.v1.LineService",
            "liaison.office.v1.ContactService",
            "liaison.office.v1.DocumentService",
            "liaison.office.v1.MeetingService",
            "liaison.office.v1.OfficeService",
        ] {
            assert!(
                services.iter().any(|name| name == service),
                "{service}: {services:?}"
            );
        }
    }
}
