//! The commands, and how each is run.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;
use crate::output::Format;
use crate::settings::{GlobalArgs, Settings};
use crate::{
    call, completions, contact, document, import, ledger_command, line, load_command as load, man,
    meeting, proxy, replay, scenario_command, send, simulate, status, tally, up, watch,
};

const AFTER_HELP: &str = "\
A first look:
  liaison simulate kaesong-2018        98 days of the office of 2018, in a moment
  liaison up                           two offices that talk to each other, and lines to copy

Settings: flags stand over the environment (LIAISON_SOUTH, LIAISON_NORTH, LIAISON_OFFICE, LIAISON_TIMEOUT, \
LIAISON_OUTPUT, LIAISON_DATA), that over --config FILE, that over the defaults. LIAISON_LOG=debug logs to stderr.

Exit codes: 0 done, 1 failed, 2 usage, 64 + gRPC code when an office refused (78: not reachable), 99 a comparison \
failed, 130 interrupted.";

/// Two liaison offices that exchange documents and meetings over gRPC, and the ledgers that count them
#[derive(Debug, Parser)]
#[command(name = "liaison", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    settings: GlobalArgs,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Simulate(simulate::SimulateArgs),
    Scenario(scenario_command::ScenarioArgs),
    Up(up::UpArgs),
    Send(send::SendArgs),
    Document(document::DocumentArgs),
    Meeting(meeting::MeetingArgs),
    Contact(contact::ContactArgs),
    Call(call::CallArgs),
    Line(line::LineArgs),
    Status(status::StatusArgs),
    Watch(watch::WatchArgs),
    Tally(tally::TallyArgs),
    Import(import::ImportArgs),
    Ledger(ledger_command::LedgerArgs),
    Replay(replay::ReplayArgs),
    Load(load::LoadArgs),
    Proxy(proxy::ProxyArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Runs the command, and says what came of it.
pub(crate) fn run(cli: Cli) -> ExitCode {
    log_to_stderr();
    let format = Settings::format_of(&cli.settings);
    let settings = match Settings::read(&cli.settings) {
        Ok(settings) => settings,
        Err(failure) => return failure.report(format),
    };
    let is_load = matches!(cli.command, Command::Load(_));
    if settings.output.format == Format::Ghz && !is_load {
        let text = "--output ghz is for `liaison load`; give --output text or json";
        return Failure::Usage(text.to_owned()).report(Format::Text);
    }
    match cli.command.run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(settings.output.format),
    }
}

impl Command {
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self {
            Self::Simulate(args) => args.run(settings),
            Self::Scenario(args) => args.run(settings),
            Self::Up(args) => args.run(settings),
            Self::Send(args) => args.run(settings),
            Self::Document(args) => args.run(settings),
            Self::Meeting(args) => args.run(settings),
            Self::Contact(args) => args.run(settings),
            Self::Call(args) => args.run(settings),
            Self::Line(args) => args.run(settings),
            Self::Status(args) => args.run(settings),
            Self::Watch(args) => args.run(settings),
            Self::Tally(args) => args.run(settings),
            Self::Import(args) => args.run(settings),
            Self::Ledger(args) => args.run(settings),
            Self::Replay(args) => args.run(settings),
            Self::Load(args) => args.run(settings),
            Self::Proxy(args) => args.run(),
            Self::Completions(args) => args.run(settings),
            Self::Man(args) => args.run(settings),
        }
    }
}

/// Warnings; and what the proxy does to whom, since that is what it is run for.
const LOGGED: &str = "warn,proxy=info";

fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("LIAISON_LOG").unwrap_or_else(|_| EnvFilter::new(LOGGED));
    // A second subscriber is refused; there is none here.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .fmt_fields(service::VisibleFields)
        .with_writer(std::io::stderr)
        .with_target(false)
        .try_init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            if command.has_subcommands() {
                for inner in command.get_subcommands() {
                    check(inner, &path);
                }
                return;
            }
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.contains("Example") && help.contains("\n  liaison "),
                "{path} has none"
            );
        }
        for command in Cli::command().get_subcommands() {
            check(command, "liaison");
        }
    }
}
