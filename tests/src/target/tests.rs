//! A target, called.

use std::time::Duration;

use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::*;
use crate::relay::{PassOutRequest, PassRequest, PassResponse, RelayServiceClient};

async fn start(target: Target) -> RelayServiceClient<Channel> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(target.serve(listener));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    RelayServiceClient::new(endpoint.connect().await.expect("it serves"))
}

fn request(index: u32) -> PassRequest {
    PassRequest {
        request_id: index.to_string(),
        ..PassRequest::default()
    }
}

async fn pass(client: &RelayServiceClient<Channel>, index: u32) -> Result<PassResponse, Status> {
    let answer = client.clone().pass(request(index)).await;
    answer.map(tonic::Response::into_inner)
}

fn garbage(kind: Garbage) -> Target {
    Target {
        faults: Shares {
            garbage: 1.0,
            kinds: vec![kind],
            ..Shares::default()
        },
        ..Target::default()
    }
}

fn ending(ending: Ending) -> Target {
    Target {
        connections: Connections {
            ends: Some((ending, 10)),
            streams_max: None,
        },
        ..Target::default()
    }
}

#[tokio::test]
async fn every_kind_of_call_is_answered_at_its_pace() {
    const DELAY: Duration = Duration::from_micros(500);
    let mut client = start(Target {
        delay: Delay::Fixed(DELAY),
        ..Target::default()
    })
    .await;
    let begun = Instant::now();
    assert_eq!(pass(&client, 7).await.expect("an answer").request_id, "7");
    assert!(begun.elapsed() >= DELAY);

    let many = tokio_stream::iter((0..20).map(request));
    let mut answers = client.pass_many(many).await.expect("a stream").into_inner();
    for index in 0..20 {
        let answer = answers.message().await.expect("an answer");
        assert_eq!(answer.expect("20 answers").request_id, index.to_string());
    }

    let begun = Instant::now();
    let out = PassOutRequest {
        answers: 5,
        ..PassOutRequest::default()
    };
    let mut answers = client.pass_out(out).await.expect("a stream").into_inner();
    let mut count = 0;
    while answers.message().await.expect("an answer").is_some() {
        count += 1;
    }
    assert_eq!(count, 5);
    assert!(begun.elapsed() >= 5 * DELAY);

    let all = tokio_stream::iter((0..20).map(request));
    let answer = client.pass_in(all).await.expect("an answer").into_inner();
    assert_eq!(answer.messages, 20);
}

#[tokio::test]
async fn nothing_is_answered_in_a_stall() {
    let stall = Stall {
        at: Duration::ZERO,
        lasts: Duration::from_millis(50),
    };
    let client = start(Target {
        stall: Some(stall),
        ..Target::default()
    })
    .await;
    let begun = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for index in 0..20 {
        let client = client.clone();
        calls.spawn(async move { pass(&client, index).await.map(|_| Instant::now()) });
    }
    for answered in calls.join_all().await {
        assert!(answered.expect("an answer") >= begun + stall.lasts);
    }
}

#[tokio::test]
async fn calls_are_refused_and_reset() {
    let faults = Shares {
        refuse: 0.3,
        reset: 0.2,
        ..Shares::default()
    };
    let client = start(Target {
        faults,
        ..Target::default()
    })
    .await;
    let mut codes = std::collections::BTreeMap::new();
    for index in 0..1_000 {
        let code = match pass(&client, index).await {
            Ok(_) => Code::Ok,
            Err(status) => status.code(),
        };
        *codes.entry(format!("{code:?}")).or_insert(0) += 1;
    }
    // gRPC makes INTERNAL of RST_STREAM with INTERNAL_ERROR.
    let wanted = [("Internal", 200), ("Ok", 500), ("Unavailable", 300)];
    assert_eq!(
        codes.into_iter().collect::<Vec<_>>(),
        wanted.map(|(code, count)| (code.to_owned(), count))
    );
}

#[tokio::test]
async fn garbage_is_no_answer() {
    for kind in Garbage::ALL {
        let client = start(garbage(kind)).await;
        let answer = pass(&client, 1).await;
        // tonic takes a message without a status after it for an answer; others do not.
        assert!(answer.is_err(), "{kind:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_connection_that_goes_away_loses_nothing() {
    let client = start(ending(Ending::GoAway)).await;
    for index in 0..35 {
        pass(&client, index)
            .await
            .expect("the next connection takes it");
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_loses_a_call() {
    let client = start(ending(Ending::Cut)).await;
    let mut failed = Vec::new();
    for index in 1..=20 {
        if pass(&client, index).await.is_err() {
            failed.push(index);
        }
    }
    assert_eq!(failed, [10, 20]);
}

#[tokio::test]
async fn there_is_health_unless_there_is_none() {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;

    for health in [Some(ServingStatus::NotServing), None] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let target = Target {
            health,
            ..Target::default()
        };
        tokio::spawn(target.serve(listener));
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        let mut client = HealthClient::new(endpoint.connect().await.expect("it serves"));
        let answer = client.check(HealthCheckRequest::default()).await;
        match health {
            Some(_) => assert_eq!(answer.expect("an answer").into_inner().status, 2),
            None => assert_eq!(answer.expect_err("no service").code(), Code::Unimplemented),
        }
    }
}
