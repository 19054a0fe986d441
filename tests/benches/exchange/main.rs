//! How fast the pair exchanges documents, beside what it can be measured by, in one run.
//!
//! `cargo bench --profile dist -p tests --bench exchange -- --help`

mod disk;
mod endure;
mod jetstream;
mod load;
mod pair;
mod process;
mod relay;
mod report;

use std::error::Error;
use std::time::Duration;

use pair::Way;
use report::Report;

/// A document of about 350 bytes in all.
pub(crate) const BODY_BYTES: usize = 280;

/// What is measured, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// How long each measurement runs.
    pub(crate) each: Duration,
    /// How often the whole is gone through; of each figure the median is told.
    pub(crate) rounds: usize,
}

const HELP: &str = "\
Measures with 350-byte documents over loopback, three processes as a user would run them, alternating:
  (a) a bare tonic relay of two hops that stores nothing
  (b) the pair: every document synced at both offices, and DELIVERED
  (c) NATS JetStream, when a nats-server 2.10 or newer is on PATH
  (d) with --beside DIR, the pair that DIR/south and DIR/north make, of another version; with --beside open-line, the
      same pair with its line in plain text; with --beside open-client, (b) called over TLS, and the same pair called in
      plain text

Or, with --documents N: what a ledger of N documents costs. Memory at full rate beside readers that never read, and
with the peer away until the outbox is full; the delivery of all that was accepted; the time of a start with a
snapshot and without, of a tally and of a verification. Takes about 1 KB of disk a document; prints JSON.

usage: cargo bench --profile dist -p tests --bench exchange -- [--output text|json] [--seconds N] [--rounds N] [--beside DIR|open-line|open-client]
       cargo bench --profile dist -p tests --bench exchange -- --documents N";

fn main() -> Result<(), Box<dyn Error>> {
    let mut plan = Plan {
        each: Duration::from_secs(3),
        rounds: 3,
    };
    let mut json = false;
    let mut documents = None;
    let mut beside = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // cargo says this to every benchmark.
            "--bench" => {}
            "--help" | "-h" => {
                println!("{HELP}");
                return Ok(());
            }
            "--output" => json = args.next().as_deref() == Some("json"),
            "--seconds" => plan.each = Duration::from_secs_f64(number(args.next())?),
            "--rounds" => plan.rounds = number(args.next())? as usize,
            "--beside" => beside = Some(args.next().ok_or("--beside what?")?),
            "--documents" => documents = Some(number(args.next())? as u64),
            other => return Err(format!("unknown argument {other:?}\n{HELP}").into()),
        }
    }
    let binaries = process::build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if let Some(documents) = documents {
        let figures = runtime.block_on(endure::measure(documents, &binaries))?;
        println!("{:#}", figures.to_json());
        return Ok(());
    }
    let mut ours = Way::of(binaries);
    let other = match beside.as_deref() {
        None => None,
        Some("open-line") => Some(Way {
            open_line: true,
            ..ours.clone()
        }),
        Some("open-client") => {
            let plain = ours.clone();
            ours.tls_client = true;
            Some(plain)
        }
        Some(directory) => Some(Way::of(process::built_in(directory)?)),
    };
    let report = runtime.block_on(measure(plan, &ours, other.as_ref()))?;
    if json {
        println!("{}", report.to_json());
    } else {
        println!("{}", report.to_text());
    }
    Ok(())
}

fn number(text: Option<String>) -> Result<f64, Box<dyn Error>> {
    let text = text.ok_or("a number is missing")?;
    Ok(text.parse()?)
}

async fn measure(plan: Plan, ours: &Way, beside: Option<&Way>) -> Result<Report, Box<dyn Error>> {
    let mut report = Report::default();
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}", plan.rounds);
        report
            .fdatasync
            .push(disk::measure(Duration::from_secs(1))?);
        report.relay.push(relay::measure(plan).await?);
        // Whoever goes first finds another machine than whoever follows: they take turns.
        if let Some(other) = beside.filter(|_| round % 2 == 0) {
            report.beside.push(pair::measure(plan, other).await?);
        }
        report.pair.push(pair::measure(plan, ours).await?);
        if let Some(other) = beside.filter(|_| round % 2 == 1) {
            report.beside.push(pair::measure(plan, other).await?);
        }
        match jetstream::measure(plan).await? {
            Some(figures) => report.jetstream.push(figures),
            None => eprintln!("nats-server is not on PATH: JetStream is not measured"),
        }
    }
    Ok(report)
}
