//! A soak: two offices at work for a long time under an even load, with a fault every 10 s. What they use is watched,
//! and at the end everything is checked. Nothing here grows with the documents sent.

mod check;
mod document;
mod fault;
mod lane;
mod report;
mod usage;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use office::Place;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::Failed;
use crate::arguments::{Arguments, Output};
use crate::binaries::Binaries;
use crate::check::Findings;
use crate::draw::Draw;
use crate::pair::Pair;

use fault::FAULTS;
use lane::{Lane, Share};
use report::SoakReport;
use usage::Sample;

/// A sample, and then a fault.
const ROUND: Duration = Duration::from_secs(10);
/// Rounds between two lines of progress.
const TOLD_ROUNDS: u64 = 6;

/// Runs a soak, and says what it came to.
pub(crate) async fn run(arguments: &Arguments, binaries: &Binaries, minutes: u64) -> ExitCode {
    let mut report = SoakReport {
        seed: arguments.seed,
        minutes,
        rate_asked: arguments.soak_rate,
        ..SoakReport::default()
    };
    let began = Instant::now();
    let mut draw = Draw::new(arguments.seed);
    let outcome = match Pair::begin(binaries, &[], &mut draw.part()).await {
        Ok(mut pair) => {
            let outcome = soak(&mut pair, &mut draw, &mut report).await;
            for wrong in pair.client.account.take_wrongs() {
                report.findings.unhealthy(wrong);
            }
            if arguments.keep || outcome.is_err() || !report.findings.is_clean() {
                report.data = Some(pair.abandon().display().to_string());
            }
            outcome
        }
        Err(failed) => Err(failed),
    };
    if let Err(Failed(what)) = outcome {
        report.findings.unhealthy(what);
    }
    report.seconds = began.elapsed().as_secs_f64();
    match arguments.output {
        Output::Json => println!("{}", report.to_json()),
        Output::Text => print!("{}", report.to_text()),
    }
    if report.findings.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(99)
    }
}

async fn soak(pair: &mut Pair, draw: &mut Draw, report: &mut SoakReport) -> Result<(), Failed> {
    let began = Instant::now();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let mut working = JoinSet::new();
    for (number, (place, share)) in (0..).zip(lane::shares()) {
        let lane = Lane::new(report, number, place, share, began);
        working.spawn(lane.work(pair.client.clone(), Arc::clone(&acknowledged)));
    }
    disturb(pair, draw, report, began, &acknowledged).await?;

    let mut lanes = Vec::new();
    while let Some(ended) = working.join_next().await {
        lanes.push(ended.map_err(|error| Failed(format!("a client failed: {error}")))?);
    }
    report.load_seconds = began.elapsed().as_secs_f64();
    for lane in &lanes {
        let documents = match lane.share {
            Share::Streamed => &mut report.documents_streamed,
            Share::Unary => &mut report.documents_unary,
        };
        *documents += lane.acknowledged;
    }
    eprintln!("the load is over; checking");
    pair.quiet().await?;
    sample(pair, report, began)?;
    let live = pair.live_tallies().await?;
    pair.drain().await?;
    report
        .findings
        .add(checked(pair, report.seed, lanes, live).await?);
    Ok(())
}

/// Samples and faults, round after round, until the time is over.
async fn disturb(
    pair: &mut Pair,
    draw: &mut Draw,
    report: &mut SoakReport,
    began: Instant,
    acknowledged: &AtomicU64,
) -> Result<(), Failed> {
    let rounds = report.minutes * 60 / ROUND.as_secs();
    for round in 1..rounds {
        sleep_until(began + ROUND * round as u32).await;
        pair.is_alive()?;
        sample(pair, report, began)?;
        let kinds = FAULTS.len() as u64;
        let fault = FAULTS[((round - 1) % kinds) as usize];
        let place = Place::BOTH[((round - 1) / kinds % 2) as usize];
        let struck = fault::strike(pair, fault, place, draw).await?;
        report.faults[fault as usize] += 1;
        report.restart_max = report.restart_max.max(struck.restart);
        if round % TOLD_ROUNDS == 0 {
            let (minutes, asked) = (round / TOLD_ROUNDS, report.minutes);
            let documents = acknowledged.load(Ordering::Relaxed);
            eprintln!("{minutes} of {asked} minutes, {documents} documents acknowledged");
        }
    }
    sleep_until(began + ROUND * rounds as u32).await;
    sample(pair, report, began)
}

fn sample(pair: &Pair, report: &mut SoakReport, began: Instant) -> Result<(), Failed> {
    for place in Place::BOTH {
        let id = pair.office(place)?.id();
        let id = id.ok_or_else(|| Failed(format!("{place} has ended by itself")))?;
        let ledger = pair.directory().join(place.word());
        let sample = Sample::take(began.elapsed(), id, &ledger)
            .map_err(|error| Failed(format!("failed to watch {place}: {error}")))?;
        report.usage[place].add(sample);
    }
    Ok(())
}

async fn checked(
    pair: &Pair,
    seed: u64,
    lanes: Vec<Lane>,
    live: office::PerPlace<protocol::pb::ledger::Tally>,
) -> Result<Findings, Failed> {
    let directory = pair.directory().to_owned();
    let checking =
        tokio::task::spawn_blocking(move || check::check(&directory, seed, &lanes, &live));
    checking
        .await
        .map_err(|error| Failed(format!("the check failed: {error}")))?
}
