//! How an office is seen by whoever runs it: over HTTP, as a process.

use std::fmt::Write as _;

use office::Place;
use protocol::pb::ledger::WatchEntriesRequest;
use protocol::pb::office as pb;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::documented::holds;
use crate::harness::{Pair, document, send, sending, until, within};

/// Has an office tell how it is.
pub(crate) const ADMIN: [&str; 2] = ["--admin", "127.0.0.1:0"];

/// South alone, and where it is seen.
async fn south() -> (Pair, String) {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office_with(Place::South, &ADMIN).await;
    let at = seen_at(&pair, Place::South).await;
    (pair, at)
}

/// Where an office is seen that was started with [`ADMIN`].
pub(crate) async fn seen_at(pair: &Pair, place: Place) -> String {
    until("where the metrics are", async || {
        let log = pair.process(place).log();
        let (_, after) = log.split_once("http://")?;
        Some(after.split_once("/metrics")?.0.to_owned())
    })
    .await
}

/// The status line and the body of what is answered.
async fn ask(at: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(at).await.expect("it listens");
    let mut answer = String::new();
    let asked = async {
        stream.write_all(request.as_bytes()).await?;
        stream.read_to_string(&mut answer).await
    };
    within("an answer", asked).await.expect("HTTP");
    let (head, body) = answer.split_once("\r\n\r\n").expect("HTTP");
    let status = head.lines().next().expect("a status");
    (status.to_owned(), body.to_owned())
}

pub(crate) async fn get(at: &str, path: &str) -> (String, String) {
    ask(at, &format!("GET {path} HTTP/1.1\r\nhost: {at}\r\n\r\n")).await
}

/// The value of the one series that begins so.
fn value<'a>(metrics: &'a str, series: &str) -> &'a str {
    let found: Vec<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
        .collect();
    assert_eq!(found.len(), 1, "{series} in {metrics}");
    found[0]
}

#[tokio::test]
async fn calls_refusals_and_what_waits_are_counted() {
    let (pair, at) = south().await;
    let mut south = pair.clients(Place::South);
    for _ in 0..3 {
        send(&south, "news", pb::Wait::Recorded).await;
    }
    let unnamed = pb::GetDocumentRequest {
        name: "offices/south/documents/9".to_owned(),
    };
    let none = south.documents.get_document(unnamed).await;
    none.expect_err("there are three");
    let mut faulty = sending(document("news"));
    faulty.request_id = "no UUID".to_owned();
    let refused = south.documents.send_document(faulty).await;
    refused.expect_err("it has no id");

    let (status, metrics) = get(&at, "/metrics").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(metrics.ends_with("# EOF\n"));
    let sent = r#"{grpc_type="unary",grpc_service="liaison.office.v1.DocumentService",grpc_method="SendDocument""#;
    for (series, count) in [
        (format!("grpc_server_started_total{sent}}}"), "4"),
        (format!("grpc_server_msg_received_total{sent}}}"), "4"),
        (format!("grpc_server_msg_sent_total{sent}}}"), "3"),
        (
            format!("grpc_server_handled_total{sent},grpc_code=\"OK\"}}"),
            "3",
        ),
        (
            format!("grpc_server_handled_total{sent},grpc_code=\"InvalidArgument\"}}"),
            "1",
        ),
        (
            format!("rpc_server_call_duration_seconds_count{sent}}}"),
            "4",
        ),
        (
            r#"liaison_refusals_total{reason="NOT_FOUND"}"#.to_owned(),
            "1",
        ),
        (
            r#"liaison_refusals_total{reason="INVALID_FIELD"}"#.to_owned(),
            "1",
        ),
        (r#"liaison_tally{what="documents"}"#.to_owned(), "3"),
        ("liaison_unacknowledged_steps".to_owned(), "3"),
        ("liaison_line_up".to_owned(), "0"),
        ("liaison_draining".to_owned(), "0"),
        ("liaison_held".to_owned(), "0"),
    ] {
        assert_eq!(value(&metrics, &series), count, "{series}");
    }
    for more in [
        "liaison_outbox_bytes",
        "liaison_oldest_unacknowledged_seconds",
        "liaison_ledger_bytes",
        "liaison_sync_seconds_count",
        "liaison_certificate_expiry_timestamp_seconds",
    ] {
        let told: f64 = value(&metrics, more).parse().expect("a number");
        assert!(told > 0.0, "{more}");
    }
    // What callers said is in no label.
    assert!(!metrics.contains("news") && !metrics.contains("documents/9"));
    holds("crates/service/README.md", "metrics", &table(&metrics));
    tells_the_same(&south.office().await);
}

/// What `liaison status` shows of it.
fn tells_the_same(office: &pb::GetOfficeResponse) {
    let refused = |reason: &str| {
        let found = office.refusals.iter().find(|it| it.reason == reason);
        found.map(|it| it.count)
    };
    assert_eq!(
        (refused("NOT_FOUND"), refused("INVALID_FIELD")),
        (Some(1), Some(1))
    );
    assert_eq!(office.documents, 3);
    assert!(office.ledger_bytes > 0 && office.oldest_unacknowledged.is_some());
    assert!(office.identity.ends_with("/office/south/server/south"));
    assert!(office.identity_until.is_some());
}

/// What is told, for people: name, type, labels, help.
fn table(metrics: &str) -> String {
    let mut table = "| name | type | labels | |\n| --- | --- | --- | --- |\n".to_owned();
    for told in metrics.split("# HELP ").skip(1) {
        let (name, rest) = told.split_once(' ').expect("a name");
        let (help, rest) = rest.split_once('\n').expect("a help");
        let kind = rest.split_once("# TYPE ").expect("a type").1;
        let kind = kind.lines().next().and_then(|line| line.rsplit_once(' '));
        let (_, kind) = kind.expect("a type");
        let ending = if kind == "counter" { "_total" } else { "" };
        let mut samples = rest.lines().filter(|line| !line.starts_with('#'));
        let sample = samples.find(|line| line.contains('{')).unwrap_or_default();
        let labels: Vec<String> = sample
            .split(['{', ','])
            .filter_map(|part| Some(part.split_once("=\"")?.0))
            .filter(|label| *label != "le")
            .map(|label| format!("`{label}`"))
            .collect();
        let _ = writeln!(
            table,
            "| `{name}{ending}` | {kind} | {} | {} |",
            labels.join(", "),
            help.trim_end_matches('.')
        );
    }
    table
}

#[tokio::test]
async fn who_may_not_and_who_meets_a_limit_is_told_by_address_and_nothing_that_he_said() {
    let mut pair = Pair::idle(&["--limit", "caller_watchers_max=1"]).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    send(&south, "secret", pb::Wait::Recorded).await;
    let mut line = south.line.clone();
    let carried = line.carry(tokio_stream::empty()).await;
    carried.expect_err("nobody is the peer in plain text");
    let mut ledger = south.ledger.clone();
    let watch = WatchEntriesRequest::default();
    let _watched = ledger.watch_entries(watch).await.expect("there is a place");
    let again = ledger.watch_entries(watch).await;
    again.expect_err("there is one place");
    let ended = pair.take(Place::South).stop().await;
    for reason in ["NO_IDENTITY", "EXHAUSTED"] {
        let told = ended.log.lines().find(|line| line.contains(reason));
        let told = told.unwrap_or_else(|| panic!("{reason} in {}", ended.log));
        assert!(
            told.contains("a call was refused") && told.contains("127.0.0.1:"),
            "{told}"
        );
    }
    assert!(!ended.log.contains("secret"), "{}", ended.log);
}

#[tokio::test]
async fn the_peer_has_no_say_in_whether_an_office_is_ready() {
    let (mut pair, at) = south().await;
    for path in ["/livez", "/readyz"] {
        let ok = ("HTTP/1.1 200 OK".to_owned(), "ok\n".to_owned());
        assert_eq!(get(&at, path).await, ok, "{path}");
    }
    pair.start_office(Place::North).await;
    pair.connected(Place::South).await;
    let (_, metrics) = get(&at, "/metrics").await;
    assert_eq!(value(&metrics, "liaison_line_up"), "1");
}

#[tokio::test]
async fn whoever_comes_under_another_name_or_asks_for_more_is_told_no() {
    let (_pair, at) = south().await;
    for (request, status) in [
        ("GET /metrics HTTP/1.1\r\nhost: evil.example\r\n\r\n", "421"),
        ("GET /metrics HTTP/1.1\r\n\r\n", "421"),
        ("POST /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n", "405"),
        ("GET /admin HTTP/1.1\r\nhost: localhost\r\n\r\n", "404"),
        ("GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n", "200"),
    ] {
        let (told, _) = ask(&at, request).await;
        assert!(told.contains(status), "{request:?}: {told}");
    }
}
