//! Kill cycles: SIGKILL of either office or both, under load, at a drawn moment or as soon as one of them has told that a
//! document is delivered: mostly before its own note of that is on disk.

use std::time::Duration;

use office::Place;
use prost::Message as _;
use protocol::pb::office as pb;
use tokio::time::sleep;

use crate::Failed;
use crate::check::Findings;
use crate::documents::sending;
use crate::draw::Draw;
use crate::load::{Load, Mix};
use crate::pair::Pair;
use crate::report::Report;

/// Either office as often as the other, and both together half as often.
const VICTIMS: [&[Place]; 5] = [
    &[Place::South],
    &[Place::South],
    &[Place::North],
    &[Place::North],
    &Place::BOTH,
];

/// One cycle.
pub(crate) async fn cycle(
    pair: &mut Pair,
    draw: &mut Draw,
    report: &mut Report,
) -> Result<Findings, Failed> {
    let victims = *draw.one_of(&VICTIMS);
    let moment = ms(draw, 1, 60);
    let away = if draw.percent(40) {
        ms(draw, 1, 40)
    } else {
        Duration::ZERO
    };
    let peer_away = draw.percent(20);
    let again = draw.percent(15).then(|| ms(draw, 0, 12));
    let at_receipt = draw.percent(30);
    let load = Load::start(&pair.client, &mut draw.part(), Mix::FULL);
    sleep(moment).await;
    let told = if at_receipt {
        told_delivered(pair, draw, victims[0]).await
    } else {
        None
    };
    for victim in victims {
        kill(pair, *victim, report).await?;
    }
    if let Some(sequence) = told {
        let noted = has_noted(&pair.ledger(victims[0])?, sequence)?;
        report.kills_before_the_note += u64::from(!noted);
    }
    sleep(away).await;
    if peer_away {
        for place in Place::BOTH {
            pair.lines[place].tell("cut").await?;
        }
    }
    for victim in victims {
        pair.start(*victim, 0).await?;
    }
    if let Some(again) = again {
        sleep(again).await;
        kill(pair, victims[0], report).await?;
        pair.start(victims[0], 0).await?;
    }
    if peer_away {
        sleep(ms(draw, 1, 30)).await;
        for place in Place::BOTH {
            pair.lines[place].tell("restore").await?;
        }
    }
    load.finish().await;
    report.repeated += pair.ask_again(draw, 6).await;
    pair.check().await
}

/// Sends a document until it is told delivered; its line sequence.
async fn told_delivered(pair: &Pair, draw: &mut Draw, place: Place) -> Option<u64> {
    let mutation = sending(draw, pb::Wait::Delivered).into();
    let lane = pair.client.account.new_lane();
    let answer = pair.client.ask(place, lane, 0, &mutation).await.ok()?;
    let receipt = pb::SendDocumentResponse::decode(answer).ok()?.receipt?;
    receipt.name.rsplit('/').next()?.parse().ok()
}

/// Whether the ledger says that the peer has this office's steps through `sequence`.
fn has_noted(reader: &ledger::Reader, sequence: u64) -> Result<bool, Failed> {
    let failed = |error: ledger::LedgerError| Failed(error.to_string());
    // Each entry about a step stands behind it, so no note of it is missed.
    let mut cursor = reader.after(sequence);
    while let Some(entry) = cursor.next_entry().map_err(failed)? {
        if let ledger::Record::AcknowledgementTaken(taken) = entry.record
            && taken.through.sequence >= sequence
        {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn kill(pair: &mut Pair, victim: Place, report: &mut Report) -> Result<(), Failed> {
    let unanswered = pair.kill(victim).await?;
    report.kills += 1;
    report.kills_with_unanswered_work += u64::from(unanswered > 0);
    report.unanswered_at_kills += unanswered;
    Ok(())
}

pub(crate) fn ms(draw: &mut Draw, low: u64, high: u64) -> Duration {
    Duration::from_millis(draw.within(low, high))
}
