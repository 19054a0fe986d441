//! The arguments of a run.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::uri::Authority;
use jiff::Timestamp;
use jiff::civil::Time;
use load::transport::Target;
use replay::Speed;
use report::{Goal, Shard, Threshold};
use words::time::{self, Moment, Typed};

use super::remade::RemakeArgs;
use command::settings::OfficesArgs;
use command::system;

/// What is called, when, and what becomes of the figures.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct RunArgs {
    /// A plan: one that is shipped (see --list), or a TOML file
    #[arg(value_name = "PLAN", required_unless_present_any = ["call", "list", "show", "schedule"])]
    pub(super) plan: Option<String>,

    /// Name the plans that are shipped
    #[arg(long)]
    pub(super) list: bool,

    /// Print a plan that is shipped, to copy from
    #[arg(long, value_name = "PLAN")]
    pub(super) show: Option<String>,

    /// The target of a plan of your own, or of --call: HOST:PORT, dns:///HOST:PORT or unix:///PATH
    #[arg(long, value_name = "TARGET", help_heading = "Target")]
    pub(super) target: Option<Target>,

    /// What the target is called in requests [default: as --target has it]
    #[arg(
        long,
        value_name = "NAME",
        requires = "target",
        help_heading = "Target"
    )]
    pub(super) authority: Option<Authority>,

    /// The method to call, such as pkg.Service/Method
    #[arg(
        long,
        value_name = "METHOD",
        requires = "target",
        conflicts_with = "plan",
        help_heading = "Target"
    )]
    pub(super) call: Option<String>,

    /// The request in protobuf JSON, with placeholders: text, @FILE, or @- for stdin; an array is the messages of a stream
    /// [default: {}]
    #[arg(long, value_name = "JSON|@FILE", help_heading = "Target")]
    pub(super) data: Option<String>,

    /// A CSV file whose columns stand in {{csv NAME}}
    #[arg(long, value_name = "FILE", requires = "call", help_heading = "Target")]
    pub(super) csv: Option<PathBuf>,

    /// Metadata of every call, with placeholders; may be repeated
    #[arg(short = 'H', long, value_name = "KEY: VALUE", help_heading = "Target")]
    pub(super) metadata: Vec<String>,

    /// .proto files, where the target has no reflection; may be repeated
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    pub(super) proto: Vec<PathBuf>,

    /// Where imports of --proto are looked for; may be repeated
    #[arg(long, value_name = "DIR", requires = "proto", help_heading = "Target")]
    pub(super) import_path: Vec<PathBuf>,

    /// A descriptor set (buf build -o, protoc -o), where the target has no reflection
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "proto",
        help_heading = "Target"
    )]
    pub(super) descriptor_set: Option<PathBuf>,

    /// Messages sent on a stream; of one that only receives: after so many it is ended, which is no failure
    #[arg(long, value_name = "N", requires = "call", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Target")]
    pub(super) messages: Option<u32>,

    /// End a stream after so long, which is no failure
    #[arg(long, value_name = "DURATION", requires = "call", value_parser = parse_length, help_heading = "Target")]
    pub(super) stream_for: Option<Duration>,

    /// From one message of a stream to the next
    #[arg(long, value_name = "DURATION", requires = "call", value_parser = time::parse_duration, help_heading = "Target")]
    pub(super) every: Option<Duration>,

    /// Speak TLS to --target
    #[arg(long, requires = "target", help_heading = "Target")]
    pub(super) tls: bool,

    /// Certificates to trust, in PEM [default: the system's]
    #[arg(long, value_name = "FILE", requires = "tls", help_heading = "Target")]
    pub(super) ca: Option<PathBuf>,

    /// The name in the server's certificate [default: the host of --target]
    #[arg(long, value_name = "NAME", requires = "tls", help_heading = "Target")]
    pub(super) server_name: Option<String>,

    /// Our own certificate, in PEM
    #[arg(long, value_name = "FILE", requires_all = ["tls", "key"], help_heading = "Target")]
    pub(super) cert: Option<PathBuf>,

    /// Its key, in PEM
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "Target")]
    pub(super) key: Option<PathBuf>,

    /// Exchanges or calls begun a second
    #[arg(long, value_name = "N", help_heading = "Schedule")]
    pub(super) rate: Option<f64>,

    /// How long, such as 30s or 5m
    #[arg(long, value_name = "DURATION", value_parser = time::parse_duration, help_heading = "Schedule")]
    pub(super) duration: Option<Duration>,

    /// After so many it ends
    #[arg(long, value_name = "N", help_heading = "Schedule")]
    pub(super) total: Option<u64>,

    /// A first part that is not measured
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = time::parse_duration, help_heading = "Schedule")]
    pub(super) warmup: Duration,

    /// constant, poisson, step:100,200,400/10s, ramp:100..1000, burst:50/1s, scenario:NAME|FILE, ledger:DIR, or tap:FILE: calls that
    /// were recorded, made again
    #[arg(
        long,
        value_name = "SHAPE",
        default_value = "constant",
        help_heading = "Schedule"
    )]
    pub(super) schedule: String,

    /// With scenario:, ledger: or tap:, how many times as fast as it was written or recorded
    #[arg(
        long,
        value_name = "N|max",
        conflicts_with = "rate",
        help_heading = "Schedule"
    )]
    pub(super) speed: Option<Speed>,

    /// No schedule: so many at a time, each begun when the one before has ended. What a slow target does to its callers
    /// is not seen so
    #[arg(long, value_name = "N", conflicts_with_all = ["rate", "schedule", "speed", "find_max", "shard"], value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Schedule")]
    pub(super) concurrency_only: Option<u32>,

    /// The seed of all draws
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Schedule")]
    pub(super) seed: u64,

    /// Take the I-th of N parts of the schedule, such as 1/2
    #[arg(long, value_name = "I/N", help_heading = "Schedule")]
    pub(super) shard: Option<Shard>,

    /// Begin at this time, for several shards to begin together
    #[arg(long, value_name = "TIME", value_parser = parse_start, help_heading = "Schedule")]
    pub(super) start_at: Option<Start>,

    /// Under way at most; what is due then waits, and that is lag
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Generator")]
    pub(super) in_flight: u32,

    /// Connections to each target [default: 1, and more when all their streams are taken]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000), help_heading = "Generator")]
    pub(super) connections: Option<u32>,

    /// Threads that make calls
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Generator")]
    pub(super) threads: u16,

    /// The largest answer taken, such as 64MiB
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = parse_size, help_heading = "Generator")]
    pub(super) message_max: usize,

    /// How long a call may take, where the plan does not say [default: --timeout]
    #[arg(long, value_name = "DURATION", value_parser = parse_length, help_heading = "Generator")]
    pub(super) deadline: Option<Duration>,

    /// The run is not valid if 1 in 100 calls is sent later than this
    #[arg(long, value_name = "DURATION", default_value = "10ms", value_parser = time::parse_duration, help_heading = "Generator")]
    pub(super) lag_max: Duration,

    /// The run fails (exit code 99) if this holds, such as 'p99.9>5ms', 'errors>0.1%', 'lost>0' or 'p99>baseline+10%'; may be
    /// repeated
    #[arg(long, value_name = "CONDITION", help_heading = "Verdict")]
    pub(super) fail_if: Vec<Threshold>,

    /// Find the highest rate at which this holds, such as 'p99<10ms,errors<0.1%'; --rate is tried first, each for --duration
    #[arg(long, value_name = "CONDITIONS", conflicts_with_all = ["total", "repeat", "shard", "speed"], help_heading = "Verdict")]
    pub(super) find_max: Option<Goal>,

    /// Run so many times, and tell the spread
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000), help_heading = "Verdict")]
    pub(super) repeat: u32,

    /// Compare with a run that was saved: a figure that is worse (✗) fails the run (exit code 99). It takes --repeat 5 on both
    /// sides to judge
    #[arg(long, value_name = "FILE", help_heading = "Verdict")]
    pub(super) baseline: Option<PathBuf>,

    /// Do not read the ledgers afterwards
    #[arg(long, help_heading = "Verdict")]
    pub(super) no_books: bool,

    #[command(flatten)]
    pub(super) remade: RemakeArgs,

    #[command(flatten)]
    pub(super) files: FilesArgs,

    /// Serve the figures for Prometheus while the run lasts, such as 127.0.0.1:9100
    #[arg(long, value_name = "ADDR", help_heading = "Results")]
    pub(super) prometheus: Option<SocketAddr>,

    /// Plain lines, no live view
    #[arg(long, help_heading = "Results")]
    pub(super) plain: bool,

    #[command(flatten)]
    pub(super) offices: OfficesArgs,
}

/// Where the results go, beside stdout.
#[derive(Debug, Clone, Args)]
pub(crate) struct FilesArgs {
    /// Save the run with its command line, to report, compare or merge it later
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(super) save: Option<PathBuf>,

    /// Write the report as one HTML file
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(super) html: Option<PathBuf>,

    /// Write the report in Markdown; `-` prints it instead of text
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(super) markdown: Option<PathBuf>,

    /// Write what happened from second to second
    #[arg(long = "csv-out", value_name = "FILE", help_heading = "Results")]
    pub(super) csv_out: Option<PathBuf>,

    /// Write over files that are there
    #[arg(long, help_heading = "Results")]
    pub(super) force: bool,

    /// What to call the run, such as commit=abc; kept with it; may be repeated
    #[arg(long = "label", value_name = "TEXT", help_heading = "Results")]
    pub(super) labels: Vec<String>,
}

/// When a run is to start, as typed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    /// Today, when the clocks show this.
    Today(Time),
    /// A time, or a while from when it was typed.
    At(Moment, Timestamp),
}

impl Start {
    /// The time meant.
    pub(super) fn time(self) -> Result<Timestamp, String> {
        match self {
            Self::Today(time) => {
                let today = time::clocks().to_datetime(system::now()).date();
                Typed::Local(today.to_datetime(time)).at(&time::clocks())
            }
            Self::At(moment, now) => moment.after(now),
        }
    }
}

/// A time; one of today if it is only an hour and minute.
fn parse_start(text: &str) -> Result<Start, String> {
    if let Ok(time) = text.parse() {
        return Ok(Start::Today(time));
    }
    Ok(Start::At(time::parse_moment(text)?, system::now()))
}

/// A duration that is not 0.
fn parse_length(text: &str) -> Result<Duration, String> {
    let length = time::parse_duration(text)?;
    if length.is_zero() {
        return Err("nothing is answered in no time; give it some, such as 5s".to_owned());
    }
    Ok(length)
}

/// Bytes: a number, and KiB, MiB, kB or MB behind it.
fn parse_size(text: &str) -> Result<usize, String> {
    const SIZE_MAX: usize = 1 << 30;
    const UNITS: [(&str, usize); 5] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("", 1),
    ];
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let unit = UNITS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(unit));
    let size = unit.and_then(|(_, unit)| number.parse::<usize>().ok()?.checked_mul(*unit));
    match size {
        Some(size) if (1..=SIZE_MAX).contains(&size) => Ok(size),
        Some(_) => Err("a message has 1 byte to 1024MiB".to_owned()),
        None => Err(format!("{text:?} is no size; write it as 64MiB")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_leaves_some_time() {
        assert_eq!(parse_length("5s"), Ok(Duration::from_secs(5)));
        assert!(parse_length("0").is_err() && parse_length("5").is_err());
    }

    #[test]
    fn sizes_are_written_with_their_unit() {
        assert_eq!(parse_size("16MiB"), Ok(16 << 20));
        assert_eq!(parse_size("4 MB"), Ok(4_000_000));
        assert_eq!(
            (parse_size("512"), parse_size("1kib")),
            (Ok(512), Ok(1_024))
        );
        for wrong in [
            "",
            "MiB",
            "0",
            "-1",
            "2GiB",
            "1.5MiB",
            "1025MiB",
            "99999999999999999999",
        ] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_start_is_a_time_of_today_a_time_or_a_while_from_now() {
        let start = |text| parse_start(text).and_then(Start::time);
        let noon = start("12:00").expect("it is one of today");
        let civil = time::clocks().to_datetime(noon);
        assert_eq!((civil.hour(), civil.minute()), (12, 0));
        assert!(start("2018-09-14T10:00").is_ok());
        assert!(start("30s").expect("a while from now") > system::now());
        assert!(start("noon").is_err());
    }
}
