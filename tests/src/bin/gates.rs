//! What must not become dearer, counted in instructions: those are the same on a busy machine and on a quiet one.
//!
//! `gates` has valgrind count what each operation takes, and holds it against `tests/gates.json`; `gates --keep` writes
//! that anew. `gates OPERATION COUNT` does an operation so often, and is what is counted.
#![expect(clippy::print_stdout, reason = "figures are printed")]

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use ledger::{CHAIN_START, FORMAT_VERSION, MemoryStorage, Parcel, Record, encode_frame};
use load::{End, Schedule, Shape};
use office::authority::Speaker;
use office::document::{Document, Form};
use office::{Limits, Mutation, Office, Order, Place, RequestId};
use protocol::pb::office as pb;
use protocol::pb::office::document_service_client::DocumentServiceClient;
use server::{HandedOver, Io};
use template::{Schema, Scope, Template, Values};
use tonic::transport::Endpoint;

type Failed = Box<dyn Error>;

/// More than so much of what is kept is dearer.
const TOLERATED: f64 = 1.05;
/// How often an operation is done to see what one takes: the difference leaves out what is done once.
const COUNTS: [u64; 2] = [300, 1_300];

type Operation = fn(u64) -> Result<(), Failed>;
const OPERATIONS: [(&str, Operation); 4] = [
    ("document", |count| documents(count, true)),
    ("encode_frame", encode_frames),
    ("parcel", parcels),
    ("load_arrival", arrivals),
];
/// A document that nobody counts, to see what the metrics take of one.
const UNSEEN: (&str, Operation) = ("document_unseen", |count| documents(count, false));
/// They may take so much.
const METRICS_TOLERATED: f64 = 0.01;

fn main() -> Result<ExitCode, Failed> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => hold(),
        [keep] if keep == "--keep" => {
            let counted = serde_json::to_string_pretty(&count_all()?)?;
            std::fs::write(kept_at(), counted + "\n")?;
            Ok(ExitCode::SUCCESS)
        }
        [name, count] => {
            let mut operations = OPERATIONS.iter().chain([&UNSEEN]);
            let operation = operations.find(|(known, _)| known == name);
            let (_, operation) = operation.ok_or_else(|| format!("no operation {name}"))?;
            operation(count.parse()?)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Err("usage: gates [--keep | OPERATION COUNT]".into()),
    }
}

fn kept_at() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/gates.json"))
}

fn hold() -> Result<ExitCode, Failed> {
    let kept: BTreeMap<String, u64> = serde_json::from_slice(&std::fs::read(kept_at())?)?;
    let counted = count_all()?;
    let metrics = metrics_share(counted["document"])?;
    println!("metrics: {:.2} % of a document", metrics * 100.0);
    let mut dearer = metrics > METRICS_TOLERATED;
    for (name, now) in counted {
        let before = *kept
            .get(&name)
            .ok_or_else(|| format!("{name} is not kept"))?;
        let ratio = now as f64 / before as f64;
        let said = match ratio {
            ratio if ratio > TOLERATED => "DEARER",
            ratio if ratio * TOLERATED < 1.0 => "cheaper: keep that, with `gates --keep`",
            _ => "as it was",
        };
        dearer |= ratio > TOLERATED;
        println!("{name:<14} {now:>8} instructions, kept {before:>8}, {ratio:.3}  {said}");
    }
    Ok(ExitCode::from(u8::from(dearer)))
}

fn count_all() -> Result<BTreeMap<String, u64>, Failed> {
    let count = |name: &str| {
        let [few, many] = COUNTS;
        let difference = instructions(name, many)?.saturating_sub(instructions(name, few)?);
        Ok((name.to_owned(), difference / (many - few)))
    };
    OPERATIONS.iter().map(|(name, _)| count(name)).collect()
}

/// How much of a document's instructions the metrics take: whatever a start takes is in both.
fn metrics_share(document: u64) -> Result<f64, Failed> {
    let [_, count] = COUNTS;
    let unseen = instructions(UNSEEN.0, count)?;
    let more = instructions("document", count)?.saturating_sub(unseen);
    Ok(more as f64 / count as f64 / document as f64)
}

/// What valgrind counts in a run of its own.
fn instructions(name: &str, count: u64) -> Result<u64, Failed> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([name, &count.to_string()])
        .output()
        .map_err(|error| format!("valgrind cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let collected = collected.filter(|_| output.status.success());
    let (_, collected) = collected.ok_or_else(|| format!("nothing was counted: {said}"))?;
    Ok(collected.trim().parse()?)
}

fn now() -> Timestamp {
    Timestamp::from_second(1_536_883_200).expect("14 September 2018")
}

fn document() -> Document {
    Document {
        form: Form::Message,
        subject: "Delegation list".to_owned(),
        body: Bytes::new(),
        media_type: String::new(),
        signatory: None,
        addressee: None,
        in_reply_to: None,
        reference: String::new(),
        precedence: None,
        deadline: None,
    }
}

/// An own step judged, enveloped, hashed and recorded, as the owner does it.
fn author(office: &mut Office, number: u64, payload: &Bytes) -> Result<Parcel, Failed> {
    let request_id = RequestId((u128::from(number) + 1).to_le_bytes());
    let order = Order::SendDocument(document());
    let step = office.plan(now(), &order)?;
    let envelope = protocol::encode_envelope(&step, Some(request_id));
    let before = office.line().appended().hash;
    let hash = before.next(step.id.sequence, &envelope, payload);
    let mutation = Mutation {
        request_id: Some(request_id),
        payload,
        author: "",
    };
    office.record(&step, hash, mutation);
    Ok(Parcel {
        kind: step.kind,
        envelope,
        payload: payload.clone(),
        hash,
    })
}

fn payload() -> Bytes {
    Bytes::from(vec![b'x'; 340])
}

fn encode_frames(count: u64) -> Result<(), Failed> {
    let parcel = author(
        &mut Office::new(Place::South, Limits::default()),
        0,
        &payload(),
    )?;
    let record = Record::Outbound(parcel);
    let (mut buffer, mut chain) = (BytesMut::with_capacity(4096), CHAIN_START);
    for sequence in 1..=count {
        buffer.clear();
        chain = encode_frame(
            &mut buffer,
            FORMAT_VERSION,
            sequence,
            now(),
            &record,
            None,
            &chain,
        );
    }
    black_box(chain);
    Ok(())
}

/// A step authored at South, and taken at North.
fn parcels(count: u64) -> Result<(), Failed> {
    let mut south = Office::new(Place::South, Limits::default());
    let mut north = Office::new(Place::North, Limits::default());
    let payload = payload();
    for number in 0..count {
        let Parcel {
            envelope,
            payload,
            hash,
            ..
        } = author(&mut south, number, &payload)?;
        north
            .line()
            .take_parcel(number + 1, &envelope, &payload, hash)?;
        let (step, request_id) = protocol::decode_envelope(&envelope, &payload)?;
        let mutation = Mutation {
            request_id,
            payload: &payload,
            author: "",
        };
        north.record(&step, hash, mutation);
    }
    black_box(north.line().received());
    Ok(())
}

/// Sent to an office over a pipe, one after the other.
fn documents(count: u64, is_counted: bool) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(async {
        let setup = server::Setup {
            on_thread: false,
            with_snapshots: false,
            keep_alive: false,
            is_counted,
            ..server::Setup::new(Place::South, Arc::new(MemoryStorage::default()))
        };
        let (connections, handed_over) = tokio::sync::mpsc::channel(1);
        let office = server::Server::open(setup)?;
        let serving = office.serve(HandedOver::new(handed_over), std::future::pending());
        let serving = tokio::spawn(serving);
        let (own, theirs) = tokio::io::duplex(64 * 1024);
        let theirs: Box<dyn Io> = Box::new(theirs);
        connections.send((theirs, Speaker::Unnamed)).await?;
        let mut own = Some(TokioIo::new(own));
        let connector = tower::service_fn(move |_: http::Uri| {
            std::future::ready(
                own.take()
                    .ok_or_else(|| std::io::Error::other("it is taken")),
            )
        });
        let office = Endpoint::from_static("http://office");
        let channel = office.connect_with_connector(connector).await?;
        let mut client = DocumentServiceClient::new(channel);
        for number in 1..=count {
            let document = pb::Document {
                form: pb::DocumentForm::Message.into(),
                subject: "Delegation list".to_owned(),
                body: payload(),
                ..Default::default()
            };
            let request = pb::SendDocumentRequest {
                request_id: format!("00000000-0000-4000-8000-{number:012x}"),
                document: Some(document),
                ..Default::default()
            };
            black_box(client.send_document(request).await?);
        }
        serving.abort();
        Ok(())
    })
}

/// When a call is due, and its request.
fn arrivals(count: u64) -> Result<(), Failed> {
    let end = End {
        total: Some(count),
        ..End::OWN
    };
    let mut schedule = Schedule::new(&Shape::Constant, 10_000.0, 1, end)?;
    let schema = Schema::of_descriptor_set("the offices", protocol::DESCRIPTORS)?;
    let method = schema.method("liaison.office.v1.DocumentService/SendDocument")?;
    let data = serde_json::json!({
        "request_id": "{{request_id}}",
        "document": { "subject": "Load {{sequence}}", "body": "{{bytes 100}}" },
    });
    let template = Template::compile(&method.input, &data, &Scope::default())?;
    let mut values = Values {
        seed: 1,
        ..Values::default()
    };
    let mut out = BytesMut::with_capacity(4096);
    for index in 0..count {
        black_box(schedule.next());
        values.index = index;
        out.clear();
        template.encode(&values, &mut out)?;
    }
    Ok(())
}
