//! Tortures two real offices: `cargo run --release -p tests --bin torture -- --help`.

mod account;
mod arguments;
mod binaries;
mod check;
mod client;
mod client_faults;
mod clock_jumps;
mod contacts;
mod cycle;
mod documents;
mod doors;
mod draw;
mod fake_peer;
mod kills;
mod line_faults;
mod load;
mod meetings;
mod mutation;
mod pair;
mod process;
mod report;
mod simulate;
mod soak;
mod watch;
mod wrong_peer;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Output};
use binaries::Binaries;
use cycle::Runner;

/// Why a cycle, or the whole run, could not be carried out.
#[derive(Debug, Clone)]
struct Failed(String);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    eprintln!("seed {}", arguments.seed);
    if arguments.binaries.is_none() {
        eprintln!("building south, north and liaison");
    }
    let binaries = match Binaries::find(arguments.binaries.as_deref()) {
        Ok(binaries) => binaries,
        Err(Failed(what)) => {
            eprintln!("error: {what}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(minutes) = arguments.soak_minutes {
        return soak::run(&arguments, &binaries, minutes).await;
    }
    let report = Runner::new(&arguments, binaries).run().await;
    match arguments.output {
        Output::Json => println!("{}", report.to_json()),
        Output::Text => print!("{}", report.to_text()),
    }
    if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(99)
    }
}
