//! What ten million documents cost an office: memory, time to fold one, and time for a snapshot.
//!
//! `cargo bench -p office`. The figures stand in `request.rs`, `answers.rs` and `document.rs`.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::hint::black_box;
use std::time::Instant;

use office::line::LineHash;
use office::request::Fingerprint;
use office::{
    Content, Exchanges, Limits, Mutation, Office, Place, RequestId, Step, StepId, StepKind,
};

const DOCUMENTS: u64 = 10_000_000;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    fold_alone();
    fingerprint_alone();
    let office = whole_office();
    snapshot(&office);
}

fn sent(sequence: u64) -> Step {
    Step {
        id: StepId::new(Place::South, sequence),
        parent: None,
        kind: StepKind::DocumentSent,
        authored_at: jiff::Timestamp::UNIX_EPOCH,
        content: Content::Document { deadline: None },
    }
}

fn acknowledged(sequence: u64) -> Step {
    Step {
        id: StepId::new(Place::North, sequence),
        parent: Some(StepId::new(Place::South, sequence)),
        kind: StepKind::DocumentAcknowledged,
        ..sent(sequence)
    }
}

fn request(sequence: u64) -> RequestId {
    // Spread, as random UUIDs are.
    let spread = u128::from(sequence).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    RequestId(spread.to_be_bytes())
}

fn fold_alone() {
    let mut exchanges = Exchanges::default();
    let start = Instant::now();
    for sequence in 1..=DOCUMENTS {
        black_box(exchanges.apply(&sent(sequence)));
    }
    tell("fold of a document sent", start, DOCUMENTS);
    let start = Instant::now();
    for sequence in 1..=DOCUMENTS {
        black_box(exchanges.apply(&acknowledged(sequence)));
    }
    tell("fold of a document acknowledged", start, DOCUMENTS);
}

fn whole_office() -> Office {
    let mut office = Office::new(Place::South, Limits::default());
    let start = Instant::now();
    for sequence in 1..=DOCUMENTS {
        office.record(&sent(sequence), LineHash::ZERO, Mutation::default());
    }
    tell(
        "record of a document, without a request id",
        start,
        DOCUMENTS,
    );
    let mut office = Office::new(Place::South, Limits::default());
    let start = Instant::now();
    for sequence in 1..=DOCUMENTS {
        let mutation = Mutation {
            request_id: Some(request(sequence)),
            payload: b"a document",
            author: "",
        };
        office.record(&sent(sequence), LineHash::ZERO, mutation);
    }
    tell(
        "record of a document, with its request (one SHA-256)",
        start,
        DOCUMENTS,
    );
    for sequence in 1..=DOCUMENTS {
        office.record(&acknowledged(sequence), LineHash::ZERO, Mutation::default());
    }
    println!(
        "resident with {DOCUMENTS} answered documents: {}",
        resident()
    );
    office
}

fn fingerprint_alone() {
    let start = Instant::now();
    for _ in 0..DOCUMENTS {
        black_box(Fingerprint::of(
            StepKind::DocumentSent,
            None,
            black_box(b"a document"),
        ));
    }
    tell("fingerprint of a request (SHA-256)", start, DOCUMENTS);
}

fn snapshot(office: &Office) {
    let start = Instant::now();
    let snapshot = office.to_snapshot();
    println!(
        "snapshot written: {} bytes in {:?}",
        snapshot.len(),
        start.elapsed()
    );
    let start = Instant::now();
    let again = Office::from_snapshot(&snapshot, Limits::default()).expect("it reads back");
    println!("snapshot read: {:?}", start.elapsed());
    assert_eq!(again.exchanges(), office.exchanges());
}

fn tell(what: &str, start: Instant, count: u64) {
    println!(
        "{what}: {} ns",
        start.elapsed().as_nanos() / u128::from(count)
    );
}

/// As Linux tells it.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    line.unwrap_or("not known here").to_owned()
}
