//! How far behind its schedule a replay is, beside the same schedule walked by a bare timer, in one run.
//!
//! `cargo bench --profile dist -p tests --bench lag -- --help`

#[allow(
    dead_code,
    reason = "what the offices cost is measured by the other benchmark"
)]
#[path = "../exchange/process.rs"]
mod process;
mod schedule;
mod timers;

use std::error::Error;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use office::{PerPlace, Place};
use process::{Binaries, Process};
use replay::{Clock, Fetched, Lag, LagReport, Manner, Plan, Played, Recording, Selection};
use replay::{Rules, compare};
use schedule::Schedule;
use tonic::transport::{Channel, Endpoint};

const HELP: &str = "\
Writes a pair of ledgers with plain documents of 350 bytes, evenly spaced, every second one of North's, and replays it
at speed 1 at two offices, processes of their own, as they would run. Prints how far behind its schedule each document
was sent, beside bare timers that walk the same schedule and send nothing: tokio's, whose grain is a millisecond, and
a thread that parks. What came out is compared with what was recorded.

usage: cargo bench --profile dist -p tests --bench lag -- [--rate DOCUMENTS_A_SECOND] [--seconds N] [--rounds N]";

fn main() -> Result<(), Box<dyn Error>> {
    let (mut rate, mut seconds, mut rounds) = (5_000, 10, 1);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || -> Result<u64, Box<dyn Error>> {
            Ok(args.next().ok_or("a number is missing")?.parse()?)
        };
        match arg.as_str() {
            // cargo says this to every benchmark.
            "--bench" => {}
            "--help" | "-h" => {
                println!("{HELP}");
                return Ok(());
            }
            "--rate" => rate = number()?.clamp(1, 1_000_000),
            "--seconds" => seconds = number()?.max(1),
            "--rounds" => rounds = number()?,
            other => return Err(format!("unknown argument {other:?}\n{HELP}").into()),
        }
    }
    let binaries = process::build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let schedule = Schedule { rate, seconds };
    // Beside the other files of the build: a temporary directory may lie in memory.
    let data = tempfile::tempdir_in(".")?;
    let recording = schedule.record(data.path())?;
    println!(
        "{} documents, {rate} a second for {seconds} s; load average {}",
        schedule.documents(),
        load_average()
    );
    for round in 1..=rounds {
        let by_tokio = runtime.block_on(timers::tokio(schedule));
        let by_thread = timers::thread(schedule);
        let offices = data.path().join(format!("offices-{round}"));
        let (played, wall) = runtime.block_on(replayed(&recording, &binaries, &offices))?;
        let lag = played.lag.report();
        let per_s = played.made as f64 / wall.as_secs_f64();
        println!(
            "round {round}: {per_s:.0} a second; no difference; load average {}",
            load_average()
        );
        println!("{}", row("replay at two offices", lag));
        println!("{}", row("tokio's timer, no sends", by_tokio));
        println!("{}", row("a thread that parks, no sends", by_thread));
        println!(
            "  p99 over tokio's timer: {:.2}; over the thread's: {:.2}",
            lag.p99_us as f64 / by_tokio.p99_us.max(1) as f64,
            lag.p99_us as f64 / by_thread.p99_us.max(1) as f64,
        );
    }
    Ok(())
}

fn row(what: &str, lag: LagReport) -> String {
    let ms = |us: u64| us as f64 / 1_000.0;
    format!(
        "  {what:<30} lag p50 {:>7.3} ms, p99 {:>7.3} ms, max {:>8.3} ms",
        ms(lag.p50_us),
        ms(lag.p99_us),
        ms(lag.max_us)
    )
}

/// Over the last minute, as the system tells it.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Replays at speed 1 at two offices; what came out must be what was recorded.
async fn replayed(
    recording: &Recording,
    binaries: &Binaries,
    data: &Path,
) -> Result<(Played, Duration), Box<dyn Error>> {
    let offices = start(binaries, data)?;
    let dial = async |place: Place| -> Result<Channel, Box<dyn Error>> {
        let address = format!("http://{}", offices[place].address);
        Ok(Endpoint::from_shared(address)?.connect().await?)
    };
    let channels = PerPlace::new(dial(Place::South).await?, dial(Place::North).await?);
    let before = replay::sequences(&channels).await?;
    let manner = Manner {
        seed: 1,
        streams: true,
        patience: replay::LIVE,
        timeout: Duration::from_secs(30),
        now: schedule::opened_at(),
    };
    let (_controls, pressed) = std::sync::mpsc::sync_channel(1);
    let start = tokio::time::Instant::now();
    let plan = Plan::new(recording, Selection::default());
    let clock = Clock::System(pressed);
    let played = replay::play(plan, channels.clone(), manner, clock, Arc::default()).await?;
    let wall = start.elapsed();
    let after = replay::quiet(&channels, Duration::from_secs(30)).await?;
    let found = Fetched::sides(&channels, &before, &after.sequences);
    let recorded = recording.sides();
    let rules = Rules::default();
    let compared = tokio::task::spawn_blocking(move || compare(recorded, found, &rules)).await??;
    if !compared.agreed() || played.refused > 0 {
        return Err(format!("it did not come out as it was recorded: {compared:?}").into());
    }
    Ok((played, wall))
}

fn start(binaries: &Binaries, data: &Path) -> Result<PerPlace<Process>, Box<dyn Error>> {
    // Each must know the other's port before it starts.
    let free = || -> Result<String, Box<dyn Error>> {
        Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
    };
    let (at_south, at_north) = (free()?, free()?);
    let office = |place: Place, program: &Path, own: &str, peer: &str| {
        let mut command = Command::new(program);
        command.args(["--listen", own, "--peer", peer, "--data"]);
        command.arg(data.join(place.word())).arg("--identities");
        Process::start(command.arg(data.join("identities")))
    };
    let south = office(Place::South, &binaries.south, &at_south, &at_north)?;
    let north = office(Place::North, &binaries.north, &at_north, &at_south)?;
    Ok(PerPlace::new(south, north))
}

/// The figures of lags that were recorded one by one.
fn report(lags: impl Iterator<Item = Duration>) -> LagReport {
    let mut all = Lag::default();
    lags.for_each(|lag| all.record(lag));
    all.report()
}
