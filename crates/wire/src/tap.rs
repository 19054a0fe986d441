//! `liaison tap`: what passes between a client and a server of gRPC, shown and recorded.

mod export;
mod live;
mod looking;
mod show;

use clap::{Args, Subcommand};
use command::failure::Failure;
use command::settings::Settings;
use proxy::parse_address;

pub(crate) use live::known;
pub use looking::{Looking, Watching};
pub use show::read_recording;

use crate::ends::TlsArgs;
use crate::flags::LookingOn;
use crate::schemas::SchemaArgs;

const EXAMPLES: &str = "\
Examples:
  # Between a client and your service: the client dials 6001, and each call is shown as it happens
  liaison tap --listen 127.0.0.1:6001 --to localhost:8080

  # The same, recorded, with what must not be kept blanked
  liaison tap --listen 127.0.0.1:6001 --to localhost:8080 --record calls.pcapng --redact user.email

  # What was recorded: all calls, one of them in full, byte by byte, as a diagram
  liaison tap show calls.pcapng
  liaison tap show calls.pcapng --call 3
  liaison tap show calls.pcapng --call 3 --bytes
  liaison tap show calls.pcapng --call 3 --diagram

It prints `listening ADDR` once it listens, and ends on SIGTERM and Ctrl-C. Messages are shown with the names \
of their fields where the service has reflection, or with --proto or --descriptor-set; with numbers otherwise.

A line: when (seconds since it began), the call (#1) or the connection (c1), → from the client or ← from the \
server, and what. `=` is how a call ended. A screen that is slower than what passes is told how many lines it was not shown.

--output json prints one object an event: {\"at_s\", \"connection\", \"call\", \"stream\", \"from\", \
\"event\", …}; the last of a call is {\"event\": \"ended\", \"call\", \"path\", \"status\", \"took_s\", \
\"messages_up\", \"messages_down\", …}.

JSON: as said above, after {\"event\": \"listening\", \"address\": ADDR}.";

/// Show and record the calls between any gRPC client and server
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct TapArgs {
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0", value_parser = parse_address)]
    pub(crate) listen: String,

    /// The service to carry connections to
    #[arg(long, value_name = "HOST:PORT", required = true, value_parser = parse_address)]
    pub(crate) to: Option<String>,

    #[command(flatten)]
    pub(crate) looking: LookingOn,

    #[command(flatten)]
    pub(crate) schema: SchemaArgs,

    #[command(flatten)]
    pub(crate) tls: TlsArgs,

    /// Listen on other than loopback addresses too: anyone who reaches them can use the tap
    #[arg(long)]
    pub(crate) insecure_bind: bool,

    #[command(subcommand)]
    command: Option<TapCommand>,
}

#[derive(Debug, Subcommand)]
enum TapCommand {
    Show(show::ShowArgs),
    Export(export::ExportArgs),
}

impl TapArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// It cannot be done.
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self.command {
            Some(TapCommand::Show(args)) => args.run(settings),
            Some(TapCommand::Export(args)) => args.run(settings),
            None => live::run(&self, settings.output),
        }
    }
}
