//! The commands, and how each is run.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::{
    call, completions, contact, document, inbox, load_command as load, man, meeting,
    scenario_command, send, simulate, status, telephone, up, watch,
};
use command::failure::Failure;
use command::format::Format;
use command::settings::{GlobalArgs, Settings};

/// The commands in the order in which somebody meets them, each in one group.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Begin", &["up", "simulate"]),
    (
        "Work",
        &[
            "inbox",
            "send",
            "document",
            "meeting",
            "contact",
            "call",
            "telephone",
            "status",
            "watch",
        ],
    ),
    ("Records", &["ledger", "tally", "import", "replay"]),
    ("Scenarios", &["scenario"]),
    ("Wire", &["tap", "proxy", "load"]),
    (
        "Operate",
        if cfg!(feature = "tls") {
            &["pki", "completions", "man", "help"]
        } else {
            &["completions", "man", "help"]
        },
    ),
];

const FIRST_LOOK: &str = "\
A first look:
  liaison simulate kaesong-2018        98 days of the office of 2018, in a moment
  liaison up                           two offices that talk to each other, and lines to copy";

const AFTER_LONG_HELP: &str = "\
Settings: flags stand over the environment (LIAISON_SOUTH, LIAISON_NORTH, LIAISON_OFFICE, LIAISON_TIMEOUT, \
LIAISON_OUTPUT, LIAISON_DATA), that over --config FILE, that over the defaults. LIAISON_LOG=debug logs to stderr.

Exit codes: 0 done, 1 failed, 2 usage, 64 + gRPC code when an office refused (78: not reachable), 99 a comparison \
failed, 130 interrupted.";

/// Two liaison offices that exchange documents and meetings over gRPC, and the ledgers that count them
#[derive(Debug, Parser)]
#[command(name = "liaison", version, max_term_width = 100, after_long_help = AFTER_LONG_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    settings: GlobalArgs,

    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// The command line as it was given; ends the process if it cannot be read, or asks for help.
    pub(crate) fn read() -> Self {
        let read = Self::command()
            .help_template(help_template(&Self::command()))
            .try_get_matches();
        let matches = read.unwrap_or_else(|error| match of_two_meanings(&error) {
            Some(text) => {
                let _ = Failure::Usage(text.to_owned()).report(Format::Text);
                std::process::exit(error.exit_code())
            }
            None => error.exit(),
        });
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// What may be meant by a word that is no command, since it has two meanings.
fn of_two_meanings(error: &clap::Error) -> Option<&'static str> {
    let word = error.get(ContextKind::InvalidSubcommand)?;
    (error.kind() == ErrorKind::InvalidSubcommand && word.to_string() == "line").then_some(
        "there is no command `line`, which may mean two things:\n  the telephone, cut by a statement of an office, while \
         documents go on: liaison telephone cut\n  the line between the offices, on which nothing arrives then: liaison \
         up --control ADDR, or liaison proxy between two offices of your own",
    )
}

/// The first page of help: examples, and the commands in their groups.
fn help_template(cli: &clap::Command) -> String {
    let mut groups = String::new();
    for (group, names) in GROUPS {
        let _ = writeln!(groups, "{group}:");
        for name in names {
            let about = match cli.find_subcommand(name).and_then(clap::Command::get_about) {
                Some(about) => about.to_string(),
                None => "Explain a command: liaison help COMMAND".to_owned(),
            };
            let _ = writeln!(groups, "  {name:<11}  {about}");
        }
        groups.push('\n');
    }
    format!(
        "{{about-with-newline}}\n{FIRST_LOOK}\n\n{{usage-heading}} {{usage}}\n\n{groups}{{options}}{{after-help}}"
    )
}

#[derive(Debug, Subcommand)]
enum Command {
    Simulate(simulate::SimulateArgs),
    Scenario(scenario_command::ScenarioArgs),
    Up(up::UpArgs),
    Inbox(inbox::InboxArgs),
    Send(send::SendArgs),
    Document(document::DocumentArgs),
    Meeting(meeting::MeetingArgs),
    Contact(contact::ContactArgs),
    Call(call::CallArgs),
    Telephone(telephone::TelephoneArgs),
    Status(status::StatusArgs),
    Watch(watch::WatchArgs),
    Tally(records::TallyArgs),
    Import(records::ImportArgs),
    Ledger(records::LedgerArgs),
    Replay(records::ReplayArgs),
    Load(load::LoadArgs),
    Tap(wire::TapArgs),
    Proxy(wire::ProxyArgs),
    #[cfg(feature = "tls")]
    Pki(pki::PkiArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Runs the command, and says what came of it.
pub(crate) fn run(cli: Cli) -> ExitCode {
    // What a tap shows are the calls; who has connected stands among them.
    let is_tap = matches!(cli.command, Command::Tap(_));
    log_to_stderr(if is_tap { "warn" } else { LOGGED });
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
            Self::Inbox(args) => args.run(settings),
            Self::Send(args) => args.run(settings),
            Self::Document(args) => args.run(settings),
            Self::Meeting(args) => args.run(settings),
            Self::Contact(args) => args.run(settings),
            Self::Call(args) => args.run(settings),
            Self::Telephone(args) => args.run(settings),
            Self::Status(args) => args.run(settings),
            Self::Watch(args) => args.run(settings),
            Self::Tally(args) => args.run(settings),
            Self::Import(args) => args.run(settings),
            Self::Ledger(args) => args.run(settings),
            Self::Replay(args) => args.run(settings),
            Self::Load(args) => args.run(settings),
            Self::Tap(args) => args.run(settings),
            Self::Proxy(args) => args.run(settings),
            #[cfg(feature = "tls")]
            Self::Pki(args) => args.run(settings),
            Self::Completions(args) => args.run(Cli::command(), settings),
            Self::Man(args) => args.run(Cli::command(), settings),
        }
    }
}

/// Warnings; and what the proxy does to whom, since that is what it is run for.
const LOGGED: &str = "warn,proxy=info";

fn log_to_stderr(logged: &str) {
    let wanted = std::env::var("LIAISON_LOG").ok();
    let wanted = wanted.and_then(|directives| directives.parse::<Targets>().ok());
    let filter = wanted.unwrap_or_else(|| logged.parse().expect("it is a list of targets"));
    let lines = tracing_subscriber::fmt::layer()
        .fmt_fields(service::VisibleFields)
        .with_writer(std::io::stderr)
        .with_target(false);
    // A second subscriber is refused; there is none here.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_stands_in_one_group() {
        let mut grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let cli = Cli::command();
        let mut there: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
        there.push("help");
        grouped.sort_unstable();
        there.sort_unstable();
        assert_eq!(grouped, there);
    }

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
