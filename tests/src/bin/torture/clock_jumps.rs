//! Clock cycles: an office comes back with a clock that is an hour off. Time never orders or deduplicates.

use office::Place;
use tokio::time::sleep;

use crate::Failed;
use crate::check::Findings;
use crate::draw::Draw;
use crate::kills::ms;
use crate::load::{Load, Mix};
use crate::pair::Pair;
use crate::report::Report;

const HOUR_SECONDS: i64 = 3_600;

/// One cycle: forward, back, and right again, each under load.
pub(crate) async fn cycle(
    pair: &mut Pair,
    draw: &mut Draw,
    report: &mut Report,
) -> Result<Findings, Failed> {
    let place = *draw.one_of(&Place::BOTH);
    let sign = if draw.percent(50) { 1 } else { -1 };
    for offset in [sign * HOUR_SECONDS, -sign * HOUR_SECONDS, 0] {
        let load = Load::start(&pair.client, &mut draw.part(), Mix::FULL);
        sleep(ms(draw, 1, 40)).await;
        pair.kill(place).await?;
        pair.start(place, offset).await?;
        sleep(ms(draw, 1, 40)).await;
        load.finish().await;
        report.clock_jumps += 1;
    }
    report.repeated += pair.ask_again(draw, 6).await;
    pair.check().await
}
