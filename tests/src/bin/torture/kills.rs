//! Kill cycles: SIGKILL of either office or both, at a drawn moment under load.

use std::time::Duration;

use office::Place;
use tokio::time::sleep;

use crate::Failed;
use crate::check::Findings;
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
    let load = Load::start(&pair.client, &mut draw.part(), Mix::FULL);
    sleep(moment).await;
    for victim in victims {
        kill(pair, *victim, report).await?;
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
