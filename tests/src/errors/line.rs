//! A stranger on the line: what South tells a caller who says it is North.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use office::line::{LineHash, VERSION_MAX, VERSION_MIN};
use office::{Content, Place, Step, StepId, StepKind};
use prost::Message as _;
use protocol::pb::line::{self as pb, carry_request, carry_response};
use protocol::pb::office as office_pb;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::harness::{Clients, Pair, Refused, document, message, refused, sending, try_send};

/// South alone; nobody listens where its peer should be.
async fn south() -> (Pair, Clients) {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let clients = peer_clients(&pair);
    (pair, clients)
}

/// Those of South, on whose line North calls.
fn peer_clients(pair: &Pair) -> Clients {
    let mut clients = pair.clients(Place::South);
    clients.line = pair.as_peer(Place::South);
    clients
}

fn hello() -> pb::Hello {
    pb::Hello {
        place: office_pb::Place::North.into(),
        epoch: 1,
        version_min: VERSION_MIN,
        version_max: VERSION_MAX,
        appended: Some(mark(0, LineHash::ZERO)),
        received: Some(mark(0, LineHash::ZERO)),
        restoring: false,
    }
}

fn mark(sequence: u64, hash: LineHash) -> pb::Mark {
    pb::Mark {
        sequence,
        hash: Bytes::copy_from_slice(&hash.0),
    }
}

/// A step of North, as the line carries it after `before`.
fn parcel(
    before: LineHash,
    sequence: u64,
    kind: StepKind,
    parent: Option<StepId>,
    payload: Bytes,
) -> (pb::Parcel, LineHash) {
    let step = Step {
        id: StepId::new(Place::North, sequence),
        parent,
        kind,
        authored_at: Timestamp::UNIX_EPOCH,
        content: Content::Plain,
    };
    sealed(
        before,
        sequence,
        protocol::encode_envelope(&step, None),
        payload,
    )
}

fn sealed(
    before: LineHash,
    sequence: u64,
    envelope: Bytes,
    payload: Bytes,
) -> (pb::Parcel, LineHash) {
    let hash = before.next(sequence, &envelope, &payload);
    let parcel = pb::Parcel {
        sequence,
        envelope,
        payload,
        hash: Bytes::copy_from_slice(&hash.0),
    };
    (parcel, hash)
}

fn letter(before: LineHash, sequence: u64, subject: &str) -> (pb::Parcel, LineHash) {
    let payload = document(subject).encode_to_vec().into();
    parcel(before, sequence, StepKind::DocumentSent, None, payload)
}

/// A stream to South.
struct Call {
    say: mpsc::Sender<pb::CarryRequest>,
    hear: Streaming<pb::CarryResponse>,
}

impl Call {
    /// Begins a stream with `first`.
    async fn begin(south: &Clients, first: carry_request::Message) -> Result<Self, Status> {
        let (say, said) = mpsc::channel(64);
        let first = pb::CarryRequest {
            message: Some(first),
        };
        say.try_send(first).expect("there is room");
        let hear = south.line.clone().carry(ReceiverStream::new(said)).await?;
        Ok(Self {
            say,
            hear: hear.into_inner(),
        })
    }

    /// Begins a stream with a Hello that passes.
    async fn open(south: &Clients, hello: pb::Hello) -> Self {
        let begun = Self::begin(south, carry_request::Message::Hello(hello)).await;
        let mut call = begun.expect("the Hello passes");
        let answer = call.next().await.expect("South answers");
        assert!(
            matches!(answer, carry_response::Message::Hello(_)),
            "{answer:?}"
        );
        call
    }

    fn send(&self, parcel: &pb::Parcel) {
        let request = pb::CarryRequest {
            message: Some(carry_request::Message::Parcel(parcel.clone())),
        };
        self.say.try_send(request).expect("there is room");
    }

    async fn next(&mut self) -> Result<carry_response::Message, Status> {
        let response = message(&mut self.hear).await?;
        let response = response.ok_or_else(|| Status::ok("the stream ended"))?;
        Ok(response.message.expect("a message"))
    }

    /// Waits until South acknowledges through `sequence`.
    async fn acknowledged(&mut self, sequence: u64) -> pb::Acknowledgement {
        loop {
            match self.next().await.expect("the stream goes on") {
                carry_response::Message::Acknowledgement(acknowledgement) => {
                    let through = acknowledgement.through.as_ref().expect("a mark");
                    assert!(through.sequence <= sequence, "{acknowledgement:?}");
                    if through.sequence == sequence {
                        return acknowledgement;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits until South breaks the stream.
    async fn broken(mut self) -> Refused {
        loop {
            match self.next().await {
                Ok(_) => {}
                Err(status) => return refused(&status),
            }
        }
    }
}

async fn refused_hello(south: &Clients, hello: pb::Hello) -> Refused {
    let begun = Call::begin(south, carry_request::Message::Hello(hello)).await;
    refused(&begun.map(drop).expect_err("the Hello does not pass"))
}

#[tokio::test]
async fn a_parcel_is_taken_once_and_acknowledged_as_often_as_it_comes() {
    let (pair, south) = south().await;
    let mut call = Call::open(&south, hello()).await;
    call.acknowledged(0).await;
    let (first, hash) = letter(LineHash::ZERO, 1, "first");
    call.send(&first);
    let acknowledged = call.acknowledged(1).await;
    assert_eq!(
        acknowledged.through,
        Some(mark(1, hash)),
        "with the line hash"
    );
    call.send(&first);
    call.acknowledged(1).await;
    let (second, _) = letter(hash, 2, "second");
    call.send(&second);
    call.acknowledged(2).await;
    // Older than the mark: compared with the ledger.
    call.send(&first);
    call.acknowledged(2).await;
    assert_eq!(south.tally().await.documents, 2);
    drop(pair);
}

#[tokio::test]
async fn a_gap_says_which_parcel_was_expected() {
    let (_pair, south) = south().await;
    let call = Call::open(&south, hello()).await;
    call.send(&letter(LineHash::ZERO, 2, "too soon").0);
    let broken = call.broken().await;
    assert_eq!(broken.why(), (Code::Aborted, "SEQUENCE_GAP"));
    assert_eq!((broken.says("expected"), broken.says("got")), ("1", "2"));
    assert_eq!(south.tally().await.documents, 0);
}

#[tokio::test]
async fn a_known_parcel_with_other_content_is_a_conflict() {
    let (_pair, south) = south().await;
    let mut call = Call::open(&south, hello()).await;
    let (first, hash) = letter(LineHash::ZERO, 1, "first");
    let (second, _) = letter(hash, 2, "second");
    call.send(&first);
    call.send(&second);
    call.acknowledged(2).await;
    call.send(&letter(hash, 2, "another second").0);
    let broken = call.broken().await;
    assert_eq!(broken.why(), (Code::AlreadyExists, "IDEMPOTENCY_CONFLICT"));
    assert_eq!(broken.says("sequence"), "2");

    let received = mark(0, LineHash::ZERO);
    let again = pb::Hello {
        appended: Some(mark(
            2,
            LineHash(second.hash[..].try_into().expect("32 bytes")),
        )),
        received: Some(received),
        ..hello()
    };
    let call = Call::open(&south, again.clone()).await;
    call.send(&letter(LineHash::ZERO, 1, "another first").0);
    let broken = call.broken().await;
    assert_eq!(broken.why(), (Code::AlreadyExists, "IDEMPOTENCY_CONFLICT"));
    assert_eq!(broken.says("sequence"), "1");

    let call = Call::open(&south, again).await;
    let mut wrong = letter(
        LineHash(second.hash[..].try_into().expect("32 bytes")),
        3,
        "third",
    )
    .0;
    wrong.payload = document("not what was hashed").encode_to_vec().into();
    call.send(&wrong);
    let broken = call.broken().await;
    assert_eq!(broken.why(), (Code::AlreadyExists, "IDEMPOTENCY_CONFLICT"));
    assert_eq!(south.tally().await.documents, 2);
}

#[tokio::test]
async fn an_envelope_that_cannot_be_read_breaks_the_stream() {
    let (_pair, south) = south().await;
    let nonsense = Bytes::from_static(b"\xff\xff\xff");
    let unnamed = pb::Envelope::default().encode_to_vec().into();
    let misnamed = parcel(
        LineHash::ZERO,
        9,
        StepKind::DocumentSent,
        None,
        Bytes::new(),
    );
    for envelope in [nonsense, unnamed, misnamed.0.envelope] {
        let call = Call::open(&south, hello()).await;
        call.send(&sealed(LineHash::ZERO, 1, envelope, Bytes::new()).0);
        let broken = call.broken().await;
        assert_eq!(broken.why(), (Code::InvalidArgument, "FAULTY_ENVELOPE"));
        assert_eq!(broken.says("sequence"), "1");
    }
    assert_eq!(south.marks().await.received, 0);
}

#[tokio::test]
async fn a_step_that_is_illegal_in_content_is_recorded_and_blocks_nothing() {
    let (_pair, south) = south().await;
    let mut call = Call::open(&south, hello()).await;
    let no_such = StepId::new(Place::South, 77);
    let kinds = [
        (StepKind::DocumentAcknowledged, Some(no_such), Bytes::new()),
        (StepKind::MeetingClosed, Some(no_such), Bytes::new()),
        (StepKind::ContactConfirmed, None, Bytes::new()),
        (
            StepKind::MeetingProposed,
            None,
            Bytes::from_static(b"\xff\xff"),
        ),
        (
            StepKind::DocumentSent,
            None,
            Bytes::from_static(b"\xff\xff"),
        ),
    ];
    let mut hash = LineHash::ZERO;
    for (index, (kind, parent, payload)) in kinds.into_iter().enumerate() {
        let sent = parcel(hash, index as u64 + 1, kind, parent, payload);
        call.send(&sent.0);
        hash = sent.1;
    }
    call.send(&letter(hash, 6, "at last").0);
    call.acknowledged(6).await;
    let tally = south.tally().await;
    assert_eq!(
        (tally.documents, tally.exchanges),
        (1, 1),
        "inert steps count nothing"
    );
}

#[tokio::test]
async fn a_hello_of_no_common_version_names_the_range() {
    let (_pair, south) = south().await;
    let newer = pb::Hello {
        version_min: VERSION_MAX + 1,
        version_max: VERSION_MAX + 2,
        ..hello()
    };
    let status = refused_hello(&south, newer).await;
    assert_eq!(
        status.why(),
        (Code::FailedPrecondition, "UNSUPPORTED_VERSION")
    );
    let range = (VERSION_MIN.to_string(), VERSION_MAX.to_string());
    assert_eq!(
        (status.says("min"), status.says("max")),
        (&*range.0, &*range.1)
    );
    // One that speaks more than South does is understood.
    let wider = pb::Hello {
        version_max: VERSION_MAX + 2,
        ..hello()
    };
    Call::open(&south, wider).await;
}

#[tokio::test]
async fn a_hello_from_before_a_restore_is_stale_even_after_a_restart() {
    let (mut pair, _) = south().await;
    // As South logs it when North says so in answer to South's own Hello.
    pair.kill(Place::South);
    let disk = ledger::DiskStorage::existing(pair.path("south"));
    let options = ledger::LedgerOptions::default();
    let (mut ledger, _) =
        ledger::Ledger::open(Arc::new(disk), Place::South, options, now(), |_| {}).expect("whole");
    let raised = ledger::Record::EpochRaised {
        place: Place::North,
        epoch: 3,
        restoring: false,
    };
    ledger.append(now(), &raised);
    ledger.take_batch().expect("one").commit().expect("room");
    drop(ledger);
    pair.start_office(Place::South).await;
    for _ in 0..2 {
        let south = peer_clients(&pair);
        let status = refused_hello(&south, hello()).await;
        assert_eq!(status.why(), (Code::FailedPrecondition, "STALE_EPOCH"));
        assert_eq!((status.says("said"), status.says("known")), ("1", "3"));
        pair.kill(Place::South);
        pair.start_office(Place::South).await;
    }
}

#[tokio::test]
async fn a_stream_says_hello_first_and_once_and_says_who_it_is() {
    let (_pair, south) = south().await;
    let first = carry_request::Message::Parcel(letter(LineHash::ZERO, 1, "first").0);
    let begun = Call::begin(&south, first).await.map(drop);
    let status = refused(&begun.expect_err("no Hello"));
    assert_eq!(status.why(), (Code::InvalidArgument, "OUT_OF_ORDER"));
    let status = refused_hello(&south, pb::Hello::default()).await;
    assert_eq!(status.why(), (Code::InvalidArgument, "OUT_OF_ORDER"));
    let mirrored = pb::Hello {
        place: office_pb::Place::South.into(),
        ..hello()
    };
    let status = refused_hello(&south, mirrored).await;
    assert_eq!(status.why(), (Code::InvalidArgument, "WRONG_PLACE"));
    assert!(status.message.contains("--peer"), "{}", status.message);

    let call = Call::open(&south, hello()).await;
    let again = pb::CarryRequest {
        message: Some(carry_request::Message::Hello(hello())),
    };
    call.say.try_send(again).expect("there is room");
    assert_eq!(
        call.broken().await.why(),
        (Code::InvalidArgument, "OUT_OF_ORDER")
    );
}

#[tokio::test]
async fn a_newer_hello_ends_the_older_stream() {
    let (_pair, south) = south().await;
    let older = Call::open(&south, hello()).await;
    let mut newer = Call::open(&south, hello()).await;
    let broken = older.broken().await;
    // It is not the caller's mistake: it dials again at once.
    assert_eq!(broken.why(), (Code::Unavailable, "NEWER_HELLO"));
    let retry = broken.details.retry_info().and_then(|it| it.retry_delay);
    assert_eq!(retry, Some(std::time::Duration::ZERO));
    assert!(broken.message.contains("newer"), "{}", broken.message);
    newer.send(&letter(LineHash::ZERO, 1, "first").0);
    newer.acknowledged(1).await;
}

#[tokio::test]
async fn marks_that_cannot_be_are_data_loss_and_change_nothing() {
    let (_pair, south) = south().await;
    try_send(&south, sending(document("before")))
        .await
        .expect("it is taken");
    let other = LineHash([7; 32]);
    let faults = [
        pb::Hello {
            received: Some(mark(2, other)),
            ..hello()
        },
        pb::Hello {
            received: Some(mark(1, other)),
            ..hello()
        },
    ];
    for hello in faults {
        let status = refused_hello(&south, hello).await;
        assert_eq!(status.why(), (Code::DataLoss, "LEDGERS_DISAGREE"));
        let sent = try_send(&south, sending(document("after"))).await;
        sent.expect("anybody may call");
        let office = south.office().await;
        assert_eq!(office.connection(), office_pb::Connection::Dialling);
    }

    // The peer forgot what South has of it.
    let mut call = Call::open(&south, hello()).await;
    call.send(&letter(LineHash::ZERO, 1, "first").0);
    call.acknowledged(1).await;
    let status = refused_hello(&south, hello()).await;
    assert_eq!(status.why(), (Code::DataLoss, "LEDGERS_DISAGREE"));
}

/// Whoever calls may say that it lost something: what it lost is given back once it says so when it is asked.
#[tokio::test]
async fn a_caller_that_says_it_is_being_restored_is_given_nothing_yet() {
    let (_pair, south) = south().await;
    let mut call = Call::open(&south, hello()).await;
    let (first, hash) = letter(LineHash::ZERO, 1, "first");
    call.send(&first);
    call.send(&letter(hash, 2, "second").0);
    call.acknowledged(2).await;
    let restoring = pb::Hello {
        appended: Some(mark(1, hash)),
        restoring: true,
        ..hello()
    };
    // It is answered, so that it can confirm what South says; and no more.
    let call = Call::open(&south, restoring).await;
    let broken = call.broken().await;
    assert_eq!(broken.why(), (Code::Unavailable, "HELLO_UNCONFIRMED"));
    assert!(broken.details.retry_info().is_some());
}

#[tokio::test]
async fn no_caller_shuts_the_peer_out() {
    let (mut pair, _) = south().await;
    let mut documents = 0;
    for epoch in [2, 1_000, 1 << 32, (1 << 32) + 1, u64::MAX] {
        let south = peer_clients(&pair);
        let appended = Some(mark(documents, south_hash(&pair, documents)));
        let claims = pb::Hello {
            epoch,
            appended,
            ..hello()
        };
        let first = carry_request::Message::Hello(claims);
        let begun = Call::begin(&south, first).await;
        let refused = match begun {
            Ok(call) => call.broken().await,
            Err(status) => refused(&status),
        };
        let known = [
            (Code::Unavailable, "HELLO_UNCONFIRMED"),
            (Code::InvalidArgument, "EPOCH_OUT_OF_RANGE"),
        ];
        assert!(known.contains(&refused.why()), "{refused:?}");
        pair.kill(Place::South);
        pair.start_office(Place::South).await;
        let south = peer_clients(&pair);
        documents += 1;
        let hash = south_hash(&pair, documents - 1);
        let honest = pb::Hello {
            appended: Some(mark(documents - 1, hash)),
            ..hello()
        };
        let mut call = Call::open(&south, honest).await;
        call.send(&letter(hash, documents, "from the peer").0);
        call.acknowledged(documents).await;
    }
}

/// The line hash that South holds at this step of North's.
fn south_hash(pair: &Pair, sequence: u64) -> LineHash {
    let reader = crate::harness::ledger_of(&pair.path("south"));
    let step = reader.step(StepId::new(Place::North, sequence));
    match step.expect("whole").map(|entry| entry.record) {
        Some(ledger::Record::Inbound(parcel)) => parcel.hash,
        _ => LineHash::ZERO,
    }
}

fn now() -> Timestamp {
    "2026-11-28T00:00:00Z".parse().expect("a time")
}
