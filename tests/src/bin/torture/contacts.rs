//! Clients that record contacts and calls; the peer's clients confirm the contacts.

use office::{Collection, Place};
use prost::Message as _;
use protocol::pb::office as pb;
use tonic::Code;

use crate::client::{Client, Refused};
use crate::draw::Draw;
use crate::mutation::Mutation;
use crate::watch;

const CONTACTS_MAX: u64 = 8;
/// The day the office opened, 14 September 2018.
const OPENED_SECONDS: u64 = 1_536_883_200;

/// Records contacts and calls at `place`.
pub(crate) async fn record(client: Client, place: Place, mut draw: Draw) {
    let lanes = [client.account.new_lane(), client.account.new_lane()];
    for order in 0..CONTACTS_MAX {
        if client.has_enough() {
            return;
        }
        if draw.percent(25) {
            let call = recording_call(&mut draw);
            let _ = ask(&client, place, lanes[0], order, &call).await;
        } else if draw.percent(30) {
            crossing(&client, &mut draw).await;
        } else {
            confirmed(&client, place, lanes, order, &mut draw).await;
        }
    }
}

async fn confirmed(client: &Client, place: Place, lanes: [u64; 2], order: u64, draw: &mut Draw) {
    let contact = contact(draw);
    let Some(answer) = ask(client, place, lanes[0], order, &recording(draw, contact)).await else {
        return;
    };
    let Some(name) = name(answer) else { return };
    let confirmation = confirming(draw, name.clone());
    if arrived(client, place.peer(), &name).await {
        ask(client, place.peer(), lanes[1], order, &confirmation).await;
    }
}

/// Both offices record the same contact at once; South's stands, and North confirms it.
async fn crossing(client: &Client, draw: &mut Draw) {
    let contact = contact(draw);
    let (south, north) = (
        recording(draw, contact.clone()),
        recording(draw, contact.clone()),
    );
    let lane = || client.account.new_lane();
    let (south, _) = tokio::join!(
        ask(client, Place::South, lane(), 0, &south),
        ask(client, Place::North, lane(), 0, &north),
    );
    let Some(name) = south.and_then(name) else {
        return;
    };
    let confirmation = confirming(draw, name.clone());
    if arrived(client, Place::North, &name).await {
        ask(client, Place::North, lane(), 0, &confirmation).await;
    }
}

async fn arrived(client: &Client, place: Place, name: &str) -> bool {
    match Collection::Contacts.parse(name) {
        Ok(id) => watch::arrival(client, place, id.sequence).await,
        Err(_) => false,
    }
}

async fn ask(
    client: &Client,
    place: Place,
    lane: u64,
    order: u64,
    mutation: &Mutation,
) -> Option<bytes::Bytes> {
    let outcome = client.ask(place, lane, order, mutation).await;
    if let Err(Refused::ForGood(status)) = &outcome {
        // The peer's record of the same contact may have come first.
        let first_come = matches!(status.code(), Code::FailedPrecondition | Code::Aborted)
            && matches!(
                mutation,
                Mutation::RecordContact(_) | Mutation::ConfirmContact(_)
            );
        if !first_come {
            let what = format!("{place} refused {}: {status}", mutation.name());
            client.account.wrong(what);
        }
    }
    outcome.ok()
}

fn name(answer: bytes::Bytes) -> Option<String> {
    let recorded = pb::RecordContactResponse::decode(answer).ok()?;
    Some(recorded.contact?.name)
}

fn contact(draw: &mut Draw) -> pb::Contact {
    let kinds = [
        pb::ContactKind::RegularConsultation,
        pb::ContactKind::OnDemandConsultation,
        pb::ContactKind::NotStated,
    ];
    pb::Contact {
        kind: (*draw.one_of(&kinds)).into(),
        // Known by kind and beginning: each is another.
        begun_at: Some(prost_types::Timestamp {
            seconds: (OPENED_SECONDS + draw.within(0, 8_000_000)) as i64,
            nanos: draw.within(0, 999_999_999) as i32,
        }),
        topics: vec![format!("Item {}", draw.within(1, 1_000))],
        ..Default::default()
    }
}

fn recording(draw: &mut Draw, contact: pb::Contact) -> Mutation {
    pb::RecordContactRequest {
        request_id: draw.request_id().to_string(),
        contact: Some(contact),
    }
    .into()
}

fn confirming(draw: &mut Draw, name: String) -> Mutation {
    pb::ConfirmContactRequest {
        request_id: draw.request_id().to_string(),
        name,
        confirmation: Some(pb::Remark::default()),
    }
    .into()
}

fn recording_call(draw: &mut Draw) -> Mutation {
    let kinds = [pb::CallKind::Opening, pb::CallKind::Closing];
    let outcomes = [pb::CallOutcome::Answered, pb::CallOutcome::Unanswered];
    pb::RecordCallRequest {
        request_id: draw.request_id().to_string(),
        call: Some(pb::Call {
            kind: (*draw.one_of(&kinds)).into(),
            day: format!("2018-10-{:02}", draw.within(1, 31)),
            outcome: (*draw.one_of(&outcomes)).into(),
            remark: None,
        }),
    }
    .into()
}
