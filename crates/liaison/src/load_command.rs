//! `liaison load`: load on the offices, or on any gRPC method, and the books of it.

mod arguments;
mod bench;
mod books;
mod compare;
mod kept;
mod live;
mod merge;
mod outcome;
mod plan;
mod prometheus;
mod remade;
mod schedule;
mod told;
mod watched;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum as _};

use self::arguments::RunArgs;
use self::compare::CompareArgs;
use self::merge::MergeArgs;
use self::told::ReportArgs;
use command::failure::Failure;
use command::format::Format;
use command::settings::Settings;

const EXAMPLES: &str = "\
Each arrival is due at a time that is fixed before the run, whatever the target does meanwhile. Response is measured from \
then, service from when the call was sent; lag is what lies between, and a run whose generator could not keep up says so.

Examples:
  liaison load kaesong-2018 --rate 2000 --duration 30s          (while `liaison up` runs)
  liaison load document --rate 500 --duration 10s --fail-if 'p99>20ms' --fail-if 'lost>0'
  liaison load kaesong-2018 --find-max 'p99<10ms,errors<0.1%' --duration 5s
  liaison load mine.toml --schedule ramp:100..2000 --duration 1m --html report.html
  liaison load kaesong-2018 --schedule ledger:liaison-data/kaesong-2018-1 --speed 36000
  liaison load --target 127.0.0.1:8080 --call pkg.Service/Method --data @request.json --rate 1000 --duration 30s
  liaison load --target 127.0.0.1:8080 --call grpc.health.v1.Health/Check --concurrency-only 64 --total 200000
  liaison load document --rate 500 --shard 1/2 --start-at 12:00 --save a.json        (and --shard 2/2 elsewhere)
  liaison load --schedule tap:calls.pcapng --target localhost:8080 --rekey request_id=uuid --correlate auto --compare
  liaison load merge a.json b.json --html both.html
  liaison load document --rate 500 --repeat 5 --label after --baseline before.json --save after.json
  liaison load report after.json --markdown -      (and load compare before.json after.json)

Plans: `liaison load --list` names those that are shipped; `liaison load --show document > mine.toml` copies one.

Exit codes: 0 done, 1 calls failed (unless a --fail-if speaks of errors) or the run is not valid, 99 a --fail-if held or a \
figure is worse than in --baseline (✗), 130 interrupted; the report is printed before each.

JSON: {\"valid\", \"offered_rate\", \"achieved_rate\", \"calls\", \"errors\", \"response\": {\"p50_us\", \"p90_us\", \"p99_us\", \
\"p999_us\", \"max_us\", …}, \"service\", \"lag\", \"workflows\", \"streams\", \"books\": {\"sent\", \"answered\", \"unknown\", \
\"south\", \"north\", \"lost\", \"doubled\", …}, \"breakdown\", \"intervals\", …}; --save adds the histograms. Of --schedule tap:FILE \
{\"calls\": [{\"call\", \"path\", \"status\", …}], \"values\", \"left_out\", \"differences\": [{\"call\", \"at\", \"recorded\", \
\"now\"}]}.";

/// Put load on the offices, or on any gRPC method, and see how they bear it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct LoadArgs {
    #[command(subcommand)]
    command: Option<LoadCommand>,

    #[command(flatten)]
    run: Box<RunArgs>,

    /// How to print data [default: text]
    #[arg(
        long,
        global = true,
        env = "LIAISON_OUTPUT",
        value_name = "text|json|ghz",
        value_parser = every_format(),
        hide_possible_values = true,
        help_heading = "Settings",
        hide_env_values = true
    )]
    output: Option<Format>,
}

/// The formats, ghz's too, which no other command offers.
fn every_format() -> impl TypedValueParser<Value = Format> {
    let words = ["text", "json", "ghz"];
    PossibleValuesParser::new(words).try_map(|word| Format::from_str(&word, false))
}

#[derive(Debug, Subcommand)]
enum LoadCommand {
    Report(ReportArgs),
    Compare(CompareArgs),
    Merge(MergeArgs),
}

impl LoadArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self.command {
            Some(LoadCommand::Report(args)) => args.run(settings),
            Some(LoadCommand::Compare(args)) => args.run(settings),
            Some(LoadCommand::Merge(args)) => args.run(settings),
            None => bench::run(&self.run, settings),
        }
    }
}
