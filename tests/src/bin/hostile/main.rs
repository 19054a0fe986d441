//! Attacks a real office, with a good client beside: `cargo run --release -p tests --bin hostile -- --help`.
//!
//! South runs under a limit of memory. Each attack goes on for some seconds, bounded in connections and calls, while a
//! good client works as it always does, without asking twice. What is shown: South lives, its memory stays below what
//! is promised, no call of the good client fails, and what the attack is to meet with is met.

mod attack;
mod body;
mod crowd;
mod flood;
mod good;
mod offices;
mod report;
mod unread;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use attack::{ATTACKS, Attack};
use good::Good;
use offices::Offices;
use report::{Outcome, Report};

/// Why the run could not be made.
#[derive(Debug)]
struct Failed(String);

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

const EXAMPLES: &str = "\
Examples:
  cargo run --release -p tests --bin hostile
  cargo run --release -p tests --bin hostile -- --only half-bodies --seconds 20
  cargo run --release -p tests --bin hostile -- --output json

JSON: an array of {attack, peak_mib, calls, failures, p50_ms, p99_ms, calm_p99_ms, found}.
Exit code: 0 everything held; 1 the run could not be made; 99 something did not hold.";

/// Attacks a real office on loopback, bounded in count and time, with a good client beside it
#[derive(Debug, Parser)]
#[command(name = "hostile", version, after_help = EXAMPLES)]
struct Arguments {
    /// How long each attack goes on
    #[arg(long, value_name = "N", default_value_t = 4)]
    seconds: u64,
    /// Connections of an attack on memory
    #[arg(long, value_name = "N", default_value_t = 20)]
    connections: usize,
    /// This attack only
    #[arg(long, value_name = "ATTACK")]
    only: Option<String>,
    /// Name the attacks, and do nothing
    #[arg(long)]
    list: bool,
    /// Use south and north from this directory, and build nothing
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        for attack in ATTACKS {
            println!("{:<20} {}", attack.name, attack.what);
        }
        return ExitCode::SUCCESS;
    }
    match run(&arguments).await {
        Ok(report) => {
            match arguments.output {
                Output::Text => print!("{}", report.to_text()),
                Output::Json => println!("{}", report.to_json()),
            }
            if report.is_clean() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(99)
            }
        }
        Err(Failed(what)) => {
            eprintln!("error: {what}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<Report, Failed> {
    offices::raise_handles();
    let seconds = Duration::from_secs(arguments.seconds);
    let wanted = |attack: &&Attack| {
        let only = arguments.only.as_deref();
        only.is_none_or(|only| only == attack.name)
    };
    let attacks: Vec<&Attack> = ATTACKS.iter().filter(wanted).collect();
    if attacks.is_empty() {
        return Err(Failed(
            "there is no such attack; --list names them".to_owned(),
        ));
    }
    if arguments.binaries.is_none() {
        eprintln!("building what is attacked");
    }
    let mut offices = Offices::start(arguments.binaries.as_deref()).await?;
    offices.fill().await?;
    let good = Good::begin(&offices).await.map_err(Failed)?;
    let calm = good.work(seconds).await;
    let mut report = Report::new(&calm);
    for attack in attacks {
        // Memory that is freed stays with the allocator: what one attack took would count for the next.
        offices.end().await;
        offices = Offices::start(arguments.binaries.as_deref()).await?;
        offices.fill().await?;
        offices.forget_peak();
        let good = Good::begin(&offices).await.map_err(Failed)?;
        let connections = arguments.connections;
        let (met, worked) = tokio::join!(
            attack.run(&offices, connections, seconds),
            good.work(seconds)
        );
        let mut found = met.err().into_iter().collect::<Vec<_>>();
        // Whatever was under way is over now, and the office as it was.
        let after = match Good::begin(&offices).await {
            Ok(good) => good
                .work(Duration::from_secs(1))
                .await
                .failures
                .into_iter()
                .next(),
            Err(error) => Some(error),
        };
        found.extend(after.map(|what| format!("afterwards: {what}")));
        report.add(Outcome::judge(attack.name, &mut offices, &worked, found));
        eprintln!("{}", report.last_line());
    }
    offices.end().await;
    Ok(report)
}
