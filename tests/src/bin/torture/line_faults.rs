//! Line-fault cycles: the line cut, delayed, torn, trickled, silent; or a process stopped for a while.

use office::Place;
use tokio::time::sleep;

use crate::Failed;
use crate::check::Findings;
use crate::draw::Draw;
use crate::kills::ms;
use crate::load::{Load, Mix};
use crate::pair::{LONGER_THAN_ANY_MS, Pair};
use crate::report::Report;

#[derive(Debug, Clone, Copy)]
enum Fault {
    Cut,
    CutUp,
    CutDown,
    Delay,
    Reset,
    TornNext,
    TornOften,
    Trickle,
    /// Silent for longer than any time-out.
    HalfOpen,
    Refuse,
    /// SIGSTOP for longer than any time-out.
    Stop,
}

const FAULTS: [Fault; 11] = [
    Fault::Cut,
    Fault::CutUp,
    Fault::CutDown,
    Fault::Delay,
    Fault::Reset,
    Fault::TornNext,
    Fault::TornOften,
    Fault::Trickle,
    Fault::HalfOpen,
    Fault::Refuse,
    Fault::Stop,
];

const PLACES: [&[Place]; 3] = [&[Place::South], &[Place::North], &Place::BOTH];

/// One cycle: one to three faults, one after another, on either line or both.
pub(crate) async fn cycle(
    pair: &mut Pair,
    draw: &mut Draw,
    report: &mut Report,
) -> Result<Findings, Failed> {
    let load = Load::start(&pair.client, &mut draw.part(), Mix::FULL);
    sleep(ms(draw, 0, 20)).await;
    for _ in 0..draw.within(1, 3) {
        let fault = *draw.one_of(&FAULTS);
        let places = *draw.one_of(&PLACES);
        strike(pair, fault, places, draw).await?;
        report.line_faults += 1;
        report.stops += u64::from(matches!(fault, Fault::Stop));
    }
    for place in Place::BOTH {
        pair.lines[place].mend().await?;
    }
    load.finish().await;
    report.repeated += pair.ask_again(draw, 3).await;
    pair.check().await
}

async fn strike(
    pair: &mut Pair,
    fault: Fault,
    places: &[Place],
    draw: &mut Draw,
) -> Result<(), Failed> {
    let long = draw.percent(15);
    let time = if long || matches!(fault, Fault::HalfOpen | Fault::Stop) {
        ms(draw, LONGER_THAN_ANY_MS, LONGER_THAN_ANY_MS + 200)
    } else {
        ms(draw, 5, 250)
    };
    if let Fault::Stop = fault {
        for place in places {
            pair.office(*place)?.stop()?;
        }
        sleep(time).await;
        for place in places {
            pair.office(*place)?.go_on()?;
        }
        return Ok(());
    }
    let (low, spread) = (draw.within(1, 40), draw.within(0, 40));
    let (begin, end) = match fault {
        Fault::Cut => ("cut".to_owned(), "restore"),
        Fault::CutUp => ("cut up".to_owned(), "restore"),
        Fault::CutDown => ("cut down".to_owned(), "restore"),
        Fault::Delay => (format!("delay {low}ms..{}ms", low + spread), "delay off"),
        Fault::Reset => ("reset".to_owned(), "restore"),
        Fault::TornNext => ("reset 1/1".to_owned(), "reset off"),
        Fault::TornOften => (format!("reset 1/{}", low * 2), "reset off"),
        Fault::Trickle => (
            format!("trickle {}B/{}ms", low * 4, 1 + spread / 8),
            "trickle off",
        ),
        Fault::HalfOpen => ("half-open".to_owned(), "restore"),
        Fault::Refuse => ("refuse".to_owned(), "restore"),
        Fault::Stop => return Ok(()),
    };
    for place in places {
        pair.lines[*place].tell(&begin).await?;
        if let Fault::Refuse = fault {
            // What is open stays open: break it, so that dialling again is refused.
            pair.lines[*place].tell("reset").await?;
        }
    }
    sleep(time).await;
    for place in places {
        pair.lines[*place].tell(end).await?;
    }
    Ok(())
}
