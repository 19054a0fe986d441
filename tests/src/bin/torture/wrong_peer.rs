//! Cycles with a peer that answers wrongly: the office stays healthy, refuses as documented, and loses nothing.

use std::sync::Arc;
use std::time::Duration;

use ledger::Reader;
use office::line::LineHash;
use office::{Limits, Place};
use protocol::pb::line as pb;
use tokio::time::sleep;
use tonic::Code;

use crate::Failed;
use crate::check::Findings;
use crate::documents::sending;
use crate::draw::Draw;
use crate::fake_peer::{Called, Expected, Fake, call, expect, garbage};
use crate::load::{Load, Mix};
use crate::pair::Pair;
use crate::report::Report;
use crate::watch::{self, wait_until};

/// How a peer is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    ParcelBeforeHello,
    EndlessHello,
    HelloNeverSaid,
    HelloIncomplete,
    UnknownVersion,
    OldEpoch,
    OtherPlace,
    LateHello,
    ClaimsMoreThanWasSent,
    RepeatEqual,
    RepeatOldEqual,
    RepeatOther,
    Gap,
    OtherHash,
    FaultyEnvelope,
    TooLarge,
    Garbage,
    /// From here on the office calls, and is answered wrongly.
    Called(Called),
}

const WRONGS: [Wrong; 26] = [
    Wrong::ParcelBeforeHello,
    Wrong::EndlessHello,
    Wrong::HelloNeverSaid,
    Wrong::HelloIncomplete,
    Wrong::UnknownVersion,
    Wrong::OldEpoch,
    Wrong::OtherPlace,
    Wrong::LateHello,
    Wrong::ClaimsMoreThanWasSent,
    Wrong::RepeatEqual,
    Wrong::RepeatOldEqual,
    Wrong::RepeatOther,
    Wrong::Gap,
    Wrong::OtherHash,
    Wrong::FaultyEnvelope,
    Wrong::TooLarge,
    Wrong::Garbage,
    Wrong::Called(Called::Nothing),
    Wrong::Called(Called::EndlessHello),
    Wrong::Called(Called::AcknowledgementBeforeHello),
    Wrong::Called(Called::AcknowledgesWhatWasNotSent),
    Wrong::Called(Called::AcknowledgesAnotherHash),
    Wrong::Called(Called::GivesBackUninvited),
    Wrong::Called(Called::UnknownVersion),
    Wrong::Called(Called::HasLessThanItHad),
    Wrong::Called(Called::Refuses),
];

/// The honest peer, which a stranger's Hello cut off, dials again soon: its Hello may end the stranger's stream before
/// the lie is told. Then it is told again.
const FORESTALLED_MAX: u32 = 20;

/// One cycle of each.
pub(crate) const KINDS: u64 = WRONGS.len() as u64;

const QUIET_MIX: Mix = Mix {
    unary: 1,
    streams: 1,
    meetings: 1,
    contacts: 1,
    documents_max: 20,
};

/// One cycle: honest traffic, then the lie, then honest traffic again.
pub(crate) async fn cycle(
    pair: &mut Pair,
    draw: &mut Draw,
    number: u64,
    report: &mut Report,
) -> Result<Findings, Failed> {
    let load = Load::start(&pair.client, &mut draw.part(), QUIET_MIX);
    sleep(Duration::from_millis(20)).await;
    load.finish().await;
    pair.quiet().await?;
    let wrong = WRONGS[(number % KINDS) as usize];
    let place = *draw.one_of(&Place::BOTH);
    let mut findings = match wrong {
        Wrong::Called(called) => answered(pair, place, called, draw).await?,
        caller => called_by(pair, place, caller, draw).await?,
    };
    report.wrong_peers += 1;
    let load = Load::start(&pair.client, &mut draw.part(), QUIET_MIX);
    sleep(Duration::from_millis(10)).await;
    load.finish().await;
    findings.add(pair.check().await?);
    Ok(findings)
}

/// What the honest peer would say, and send.
struct Honest {
    hello: pb::Hello,
    first: pb::Parcel,
    last: pb::Parcel,
}

impl Honest {
    fn read(pair: &Pair, peer: Place) -> Result<Self, Failed> {
        let failed = |error: ledger::LedgerError| Failed(error.to_string());
        let reader = pair.ledger(peer)?;
        let office = ledger::fold(&reader, Limits::default()).map_err(failed)?;
        let hello = office.line().hello();
        let parcel = |sequence| parcel(&reader, peer, sequence);
        Ok(Self {
            first: parcel(1)?,
            last: parcel(hello.appended.sequence)?,
            hello: protocol::hello_to_pb(&hello),
        })
    }

    fn next_sequence(&self) -> u64 {
        self.last.sequence + 1
    }

    /// The parcel that would come next: this envelope and payload, rightly hashed.
    fn next(&self, envelope: &[u8], payload: &[u8]) -> pb::Parcel {
        let sequence = self.next_sequence();
        let before = protocol::hash_from_bytes(&self.last.hash).unwrap_or_default();
        pb::Parcel {
            sequence,
            envelope: envelope.to_vec().into(),
            payload: payload.to_vec().into(),
            hash: hash_bytes(before.next(sequence, envelope, payload)),
        }
    }
}

fn hash_bytes(hash: LineHash) -> bytes::Bytes {
    hash.0.to_vec().into()
}

fn parcel(reader: &Reader, author: Place, sequence: u64) -> Result<pb::Parcel, Failed> {
    let failed = || Failed(format!("there is no step {sequence} of {author} to repeat"));
    let mut steps = reader.steps_of(author, sequence.saturating_sub(1));
    let step = steps
        .next_step()
        .map_err(|error| Failed(error.to_string()))?;
    let (sequence, entry) = step.ok_or_else(failed)?;
    match entry.record {
        ledger::Record::Outbound(parcel) | ledger::Record::Inbound(parcel) => Ok(pb::Parcel {
            sequence,
            envelope: parcel.envelope,
            payload: parcel.payload,
            hash: hash_bytes(parcel.hash),
        }),
        _ => Err(failed()),
    }
}

/// A stranger calls `place`, and says it is its peer.
async fn called_by(
    pair: &mut Pair,
    place: Place,
    wrong: Wrong,
    draw: &mut Draw,
) -> Result<Findings, Failed> {
    let mut findings = Findings::default();
    let address = pair.office(place)?.address;
    if wrong == Wrong::Garbage {
        garbage(address, draw).await;
        healthy(pair, place, draw, &mut findings).await;
        return Ok(findings);
    }
    let honest = Honest::read(pair, place.peer())?;
    let (says, expected) = script(wrong, &honest);
    let peer = pair.identity(place.peer())?;
    let office = || tests::secured::channel(address, Arc::clone(&peer));
    let mut outcome = call(office(), says.clone()).await;
    for _ in 0..FORESTALLED_MAX {
        if !outcome.is_forestalled() {
            break;
        }
        outcome = call(office(), says.clone()).await;
    }
    if let Err(what) = expect(&outcome, &expected) {
        findings.unhealthy(format!("{wrong:?} at {place}: {what}"));
    }
    // Whatever a caller claims, it goes on.
    healthy(pair, place, draw, &mut findings).await;
    Ok(findings)
}

/// What is said, and what must come of it.
fn script(wrong: Wrong, honest: &Honest) -> (Vec<pb::carry_request::Message>, Expected) {
    use pb::carry_request::Message::{Hello, Parcel};
    let said = |hello| vec![Hello(hello)];
    let after_hello = |parcel| vec![Hello(honest.hello.clone()), Parcel(parcel)];
    let last = || honest.last.clone();
    let refused = Expected::Status;
    let disorder = refused(Code::InvalidArgument, "OUT_OF_ORDER");
    let conflict = refused(Code::AlreadyExists, "IDEMPOTENCY_CONFLICT");
    let received = Expected::Acknowledged(honest.last.sequence);
    match wrong {
        Wrong::ParcelBeforeHello => (vec![Parcel(last())], disorder),
        Wrong::EndlessHello => (vec![Hello(honest.hello.clone()); 200], disorder),
        Wrong::HelloNeverSaid => (Vec::new(), disorder),
        Wrong::RepeatEqual => (after_hello(last()), received),
        Wrong::RepeatOldEqual => (after_hello(honest.first.clone()), received),
        Wrong::RepeatOther => {
            let mut parcel = last();
            parcel.payload = b"something else".to_vec().into();
            (after_hello(parcel), conflict)
        }
        Wrong::Gap => {
            let mut parcel = honest.next(b"", b"");
            parcel.sequence += 1;
            (after_hello(parcel), refused(Code::Aborted, "SEQUENCE_GAP"))
        }
        Wrong::OtherHash => {
            let mut parcel = honest.next(&honest.last.envelope, &honest.last.payload);
            parcel.hash = vec![7; 32].into();
            (after_hello(parcel), conflict)
        }
        Wrong::FaultyEnvelope => {
            let faulty = refused(Code::InvalidArgument, "FAULTY_ENVELOPE");
            (after_hello(honest.next(b"no envelope", b"")), faulty)
        }
        Wrong::TooLarge => {
            let parcel = honest.next(&honest.last.envelope, &vec![0; 18 * 1024 * 1024]);
            (after_hello(parcel), Expected::AnyRefusal)
        }
        Wrong::Garbage | Wrong::Called(_) => (Vec::new(), Expected::AnyRefusal),
        of_hello => {
            let (hello, code, reason) = wrong_hello(of_hello, honest);
            (said(hello), refused(code, reason))
        }
    }
}

/// A Hello that is wrong, and how it is refused.
fn wrong_hello(wrong: Wrong, honest: &Honest) -> (pb::Hello, Code, &'static str) {
    let mut hello = honest.hello.clone();
    let (code, reason) = match wrong {
        Wrong::HelloIncomplete => {
            hello.received = None;
            (Code::InvalidArgument, "OUT_OF_ORDER")
        }
        Wrong::UnknownVersion => {
            (hello.version_min, hello.version_max) = (90, 99);
            (Code::FailedPrecondition, "UNSUPPORTED_VERSION")
        }
        Wrong::OldEpoch => {
            hello.epoch = 0;
            (Code::FailedPrecondition, "STALE_EPOCH")
        }
        Wrong::OtherPlace => {
            let place = protocol::place_from_pb(hello.place).unwrap_or(Place::South);
            hello.place = protocol::place_to_pb(place.peer()).into();
            (Code::InvalidArgument, "WRONG_PLACE")
        }
        Wrong::LateHello => {
            hello.appended = Some(pb::Mark {
                sequence: honest.first.sequence,
                hash: honest.first.hash.clone(),
            });
            (Code::DataLoss, "LEDGERS_DISAGREE")
        }
        Wrong::ClaimsMoreThanWasSent => {
            hello.received.get_or_insert_default().sequence += 1_000_000;
            (Code::DataLoss, "LEDGERS_DISAGREE")
        }
        other => unreachable!("{other:?} is no wrong Hello"),
    };
    (hello, code, reason)
}

/// `place` dials, and is answered wrongly.
async fn answered(
    pair: &mut Pair,
    place: Place,
    called: Called,
    draw: &mut Draw,
) -> Result<Findings, Failed> {
    let mut findings = Findings::default();
    let honest = Honest::read(pair, place.peer())?;
    let before = marks(pair, place).await?;
    let fake = Fake::start(
        &pair.identity(place.peer())?,
        called,
        honest.hello,
        honest.last,
    )
    .await?;
    pair.lines[place]
        .tell(&format!("to {}", fake.address))
        .await?;
    pair.lines[place].tell("reset").await?;
    // Called twice: the office has given up the first stream by itself.
    if !wait_until(|| async { fake.calls() >= 2 }).await {
        findings.unhealthy(format!(
            "{place} does not leave a peer that says {called:?}"
        ));
    }
    if called == Called::HasLessThanItHad {
        refuses(pair, place, draw, &mut findings).await;
    } else {
        healthy(pair, place, draw, &mut findings).await;
        let after = marks(pair, place).await?;
        if after.acknowledged > before.appended {
            findings.unhealthy(format!("{place} believes a false acknowledgement"));
        }
    }
    mend(pair, place).await?;
    healthy(pair, place, draw, &mut findings).await;
    Ok(findings)
}

async fn marks(pair: &Pair, place: Place) -> Result<protocol::pb::office::Marks, Failed> {
    let known = watch::office(pair.client.doors.channel(place).await).await;
    let known = known.ok_or_else(|| Failed(format!("{place} does not say how it is")))?;
    Ok(known.marks.unwrap_or_default())
}

/// The line leads to the honest peer again, and Hello has passed.
async fn mend(pair: &mut Pair, place: Place) -> Result<(), Failed> {
    let peer = pair.office(place.peer())?.address;
    pair.lines[place].tell(&format!("to {peer}")).await?;
    pair.lines[place].tell("reset").await?;
    let up = wait_until(|| async {
        let known = watch::office(pair.client.doors.channel(place).await).await;
        known.is_some_and(|known| known.connection() == protocol::pb::office::Connection::Up)
    });
    if up.await {
        return Ok(());
    }
    Err(Failed(format!(
        "{place} does not find its honest peer again"
    )))
}

/// It serves, and takes a document.
async fn healthy(pair: &Pair, place: Place, draw: &mut Draw, findings: &mut Findings) {
    let channel = pair.client.doors.channel(place).await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    let request = tonic_health::pb::HealthCheckRequest::default();
    let serving = tonic_health::pb::health_check_response::ServingStatus::Serving;
    match health.check(request).await {
        Ok(answer) if answer.get_ref().status() == serving => {}
        other => findings.unhealthy(format!("{place} does not serve: {other:?}")),
    }
    let document = sending(draw, protocol::pb::office::Wait::Recorded);
    let lane = pair.client.account.new_lane();
    if let Err(refused) = pair.client.ask(place, lane, 0, &document.into()).await {
        findings.unhealthy(format!("{place} takes no document: {refused:?}"));
    }
}

/// The ledgers seem to disagree: it takes no document until they do not.
async fn refuses(pair: &Pair, place: Place, draw: &mut Draw, findings: &mut Findings) {
    let document = sending(draw, protocol::pb::office::Wait::Recorded);
    let lane = pair.client.account.new_lane();
    match pair.client.ask(place, lane, 0, &document.into()).await {
        Err(crate::client::Refused::ForGood(status)) if status.code() == Code::DataLoss => {}
        other => findings.unhealthy(format!(
            "{place} should refuse with DATA_LOSS while the ledgers disagree: {other:?}"
        )),
    }
}
