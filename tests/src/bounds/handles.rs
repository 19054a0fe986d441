//! File handles: an office that has few goes on.

use std::process::Command;

use office::Place;
use protocol::pb::office as pb;
use tokio::net::TcpStream;

use super::wire::greet;
use crate::harness::{Clients, Pair, Process, document, sending, try_send, until};

const HANDLES: u32 = 64;
/// 240 MiB: the ledger goes through several segments.
const DOCUMENTS: usize = 80;
const BODY_BYTES: usize = 3 * 1024 * 1024;

/// The same command, with few handles.
fn with_few_handles(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(format!("ulimit -n {HANDLES}; exec \"$0\" \"$@\""))
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[tokio::test]
async fn an_office_with_few_file_handles_serves_and_records_under_a_crowd() {
    let pair = Pair::idle(&[]).await;
    let mut command = Process::command(Place::South);
    command
        .args(["--listen", "127.0.0.1:0", "--peer", "127.0.0.1:9"])
        .arg("--data")
        .arg(pair.data(Place::South))
        .arg("--identities")
        .arg(pair.identities());
    let log = pair.path("few.log");
    let started = Process::start(with_few_handles(&command), &log).await;
    let south = started.expect("it starts with few handles");
    let clients = Clients::of(south.address);
    clients.office().await;
    let address = south.address;
    let crowd = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            // Half of them never begin.
            for _ in 0..100 {
                held.push(greet(address).await);
                held.extend(TcpStream::connect(address).await);
            }
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            if held.len() > 1_000 {
                held.drain(..500);
            }
        }
    });
    for number in 0..DOCUMENTS {
        let request = pb::SendDocumentRequest {
            request_id: crate::harness::request_id(),
            document: Some(pb::Document {
                body: vec![7; BODY_BYTES].into(),
                ..document(&format!("number {number}"))
            }),
            wait: pb::Wait::Recorded.into(),
        };
        try_send(&clients, request)
            .await
            .unwrap_or_else(|status| panic!("{number}: {status}; {}", south.log()));
    }
    let another = until("a place for another", async || {
        let another = Clients::of(address);
        let sent = try_send(&another, sending(document("another"))).await;
        sent.is_ok().then_some(another)
    });
    drop(another.await);
    crowd.abort();
    let segments = std::fs::read_dir(pair.data(Place::South)).expect("it is there");
    let segments = segments
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".segment"))
        .count();
    assert!(segments >= 3, "{segments} segments");
    let ended = south.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    let warnings = ended.log.lines().filter(|line| line.contains("WARN"));
    assert!(warnings.count() <= 8, "{}", ended.log);
    assert!(ended.log.contains("ulimit -n"), "{}", ended.log);
}
