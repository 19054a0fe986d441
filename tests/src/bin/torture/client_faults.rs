//! Cycles with clients that cancel, come too late, or ask again from elsewhere.

use std::time::Duration;

use office::Place;
use protocol::pb::office as pb;
use tokio::time::{sleep, timeout};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use pb::document_service_client::DocumentServiceClient;

use crate::Failed;
use crate::check::Findings;
use crate::documents::sending;
use crate::doors::connection;
use crate::draw::Draw;
use crate::kills::ms;
use crate::load::{Load, Mix};
use crate::mutation::Mutation;
use crate::pair::Pair;
use crate::report::Report;

#[derive(Debug, Clone, Copy)]
enum Fault {
    Cancelled,
    DeadlinePassed,
    SameFromAnotherConnection,
    OtherBody,
    ConnectionDropped,
}

const FAULTS: [Fault; 5] = [
    Fault::Cancelled,
    Fault::DeadlinePassed,
    Fault::SameFromAnotherConnection,
    Fault::OtherBody,
    Fault::ConnectionDropped,
];

/// One cycle of each.
pub(crate) const KINDS: u64 = FAULTS.len() as u64;

const REQUESTS: u64 = 20;

/// One cycle: clients with a fault, beside clients without.
pub(crate) async fn cycle(
    pair: &mut Pair,
    draw: &mut Draw,
    number: u64,
    report: &mut Report,
) -> Result<Findings, Failed> {
    let fault = FAULTS[(number % KINDS) as usize];
    let place = *draw.one_of(&Place::BOTH);
    let load = Load::start(&pair.client, &mut draw.part(), Mix::FULL);
    let mut findings = Findings::default();
    for _ in 0..REQUESTS {
        let outcome = match fault {
            Fault::Cancelled => cancelled(pair, place, draw).await,
            Fault::DeadlinePassed => deadline_passed(pair, place, draw).await,
            Fault::SameFromAnotherConnection => repeated(pair, place, draw, false).await,
            Fault::OtherBody => other_body(pair, place, draw).await,
            Fault::ConnectionDropped => repeated(pair, place, draw, true).await,
        };
        if let Err(Failed(what)) = outcome {
            findings.unhealthy(format!("{fault:?} at {place}: {what}"));
        }
        report.client_faults += 1;
    }
    load.finish().await;
    findings.add(pair.check().await?);
    Ok(findings)
}

/// A request that its client gives up in flight; a while later it asks again, and must get one answer.
async fn cancelled(pair: &Pair, place: Place, draw: &mut Draw) -> Result<(), Failed> {
    let mutation = Mutation::from(sending(draw, pb::Wait::Delivered));
    let lane = pair.client.account.new_lane();
    let channel = connection(pair.office(place)?.address);
    pair.client.account.note(place, lane, 0, &mutation);
    let patience = Duration::from_micros(draw.within(0, 3_000));
    // Dropped when the time is up: the call is reset.
    let _ = timeout(patience, mutation.call(channel)).await;
    settled(pair, place, lane, &mutation).await
}

/// A request whose deadline passes, since the line is cut. It stands all the same, and is answered when asked again.
async fn deadline_passed(pair: &mut Pair, place: Place, draw: &mut Draw) -> Result<(), Failed> {
    let document = sending(draw, pb::Wait::Delivered);
    let mutation = Mutation::from(document.clone());
    let lane = pair.client.account.new_lane();
    pair.lines[place].tell("cut").await?;
    pair.client.account.note(place, lane, 0, &mutation);
    let mut request = Request::new(document);
    request.set_timeout(ms(draw, 1, 20));
    let mut documents = DocumentServiceClient::new(connection(pair.office(place)?.address));
    let status = documents.send_document(request).await.err();
    pair.lines[place].tell("restore").await?;
    settled(pair, place, lane, &mutation).await?;
    match status.as_ref().map(Status::code) {
        // The client's own clock may be first to say so.
        Some(Code::DeadlineExceeded | Code::Cancelled) => Ok(()),
        _ => Err(Failed(format!("DEADLINE_EXCEEDED was due: {status:?}"))),
    }
}

/// The same request from two connections at once; one of them may be dropped meanwhile.
async fn repeated(pair: &Pair, place: Place, draw: &mut Draw, dropped: bool) -> Result<(), Failed> {
    let mutation = Mutation::from(sending(draw, pb::Wait::Recorded));
    let lane = pair.client.account.new_lane();
    let address = pair.office(place)?.address;
    pair.client.account.note(place, lane, 0, &mutation);
    let first = {
        let (mutation, channel) = (mutation.clone(), connection(address));
        tokio::spawn(async move { mutation.call(channel).await })
    };
    if dropped {
        sleep(Duration::from_micros(draw.within(0, 2_000))).await;
        first.abort();
    }
    settled(pair, place, lane, &mutation).await?;
    if let Ok(answer) = first.await {
        let answer = answer.map_err(|status| Failed(status.to_string()))?;
        pair.client.account.acknowledge(mutation.id(), answer);
    }
    Ok(())
}

/// The same request id with another document is refused, and changes nothing.
async fn other_body(pair: &Pair, place: Place, draw: &mut Draw) -> Result<(), Failed> {
    let document = sending(draw, pb::Wait::Recorded);
    let mutation = Mutation::from(document.clone());
    let lane = pair.client.account.new_lane();
    settled(pair, place, lane, &mutation).await?;
    let mut other = sending(draw, pb::Wait::Recorded);
    other.request_id.clone_from(&document.request_id);
    let channel = connection(pair.office(place)?.address);
    let status = Mutation::from(other).call(channel).await.err();
    let details = status
        .as_ref()
        .map(|status| (status.code(), status.get_error_details()));
    let reason = details.as_ref().and_then(|(code, details)| {
        let info = details.error_info()?;
        Some((*code, info.reason.as_str()))
    });
    if reason == Some((Code::AlreadyExists, "IDEMPOTENCY_CONFLICT")) {
        return Ok(());
    }
    Err(Failed(format!(
        "ALREADY_EXISTS IDEMPOTENCY_CONFLICT was due: {status:?}"
    )))
}

/// Asks until answered.
async fn settled(pair: &Pair, place: Place, lane: u64, mutation: &Mutation) -> Result<(), Failed> {
    let outcome = pair.client.ask(place, lane, 0, mutation).await;
    outcome
        .map(drop)
        .map_err(|refused| Failed(format!("{refused:?}")))
}
