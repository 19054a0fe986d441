//! The faults of a soak, and what each does.

use std::time::Duration;

use office::Place;
use tokio::time::{Instant, sleep};

use crate::Failed;
use crate::draw::Draw;
use crate::kills::ms;
use crate::pair::Pair;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL, and a start on what is left.
    Kill,
    /// Bytes are held.
    Cut,
    /// Connections are reset in mid-frame.
    ResetInFrame,
    Delay,
    /// SIGSTOP, and later SIGCONT.
    Stop,
    /// Bytes are dropped.
    HalfOpen,
}

/// In this order, again and again.
pub(crate) const FAULTS: [Fault; 6] = [
    Fault::Kill,
    Fault::Cut,
    Fault::ResetInFrame,
    Fault::Delay,
    Fault::Stop,
    Fault::HalfOpen,
];

impl Fault {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Cut => "cut",
            Self::ResetInFrame => "reset_in_frame",
            Self::Delay => "delay",
            Self::Stop => "stop",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What a fault came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Struck {
    /// How long an office took from its start until it listened.
    pub(crate) restart: Duration,
}

const LINES: [&[Place]; 3] = [&[Place::South], &[Place::North], &Place::BOTH];

/// Makes a fault and mends it. `place` is the office that a fault of a process befalls.
pub(crate) async fn strike(
    pair: &mut Pair,
    fault: Fault,
    place: Place,
    draw: &mut Draw,
) -> Result<Struck, Failed> {
    let lines = *draw.one_of(&LINES);
    match fault {
        Fault::Kill => {
            pair.kill(place).await?;
            sleep(ms(draw, 0, 2_000)).await;
            let started = Instant::now();
            pair.start(place, 0).await?;
            let restart = started.elapsed();
            return Ok(Struck { restart });
        }
        Fault::Cut => weather(pair, lines, "cut", "restore", ms(draw, 1_000, 5_000)).await?,
        Fault::ResetInFrame => {
            weather(pair, lines, "reset 1/1", "reset off", ms(draw, 100, 1_000)).await?;
        }
        Fault::Delay => {
            let delay = format!("delay {}ms..{}ms", draw.within(1, 20), draw.within(20, 80));
            weather(pair, lines, &delay, "delay off", ms(draw, 2_000, 5_000)).await?;
        }
        Fault::Stop => {
            pair.office(place)?.stop()?;
            sleep(ms(draw, 500, 6_000)).await;
            pair.office(place)?.go_on()?;
        }
        Fault::HalfOpen => {
            weather(pair, lines, "half-open", "restore", ms(draw, 2_000, 6_000)).await?;
        }
    }
    Ok(Struck::default())
}

async fn weather(
    pair: &mut Pair,
    lines: &[Place],
    begin: &str,
    end: &str,
    time: Duration,
) -> Result<(), Failed> {
    for place in lines {
        pair.lines[*place].tell(begin).await?;
    }
    sleep(time).await;
    for place in lines {
        pair.lines[*place].tell(end).await?;
    }
    Ok(())
}
