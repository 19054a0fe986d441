//! The command line of the liaison offices.
//!
//! **The decision.** One file a subcommand, and each has the same shape: arguments as typed become arguments as
//! meant, one call or one reading of a ledger follows, and one function prints what came of it. Nothing here
//! holds a rule: what is allowed, the office says.
//!
//! **The invariant.** Data goes to stdout, everything else to stderr, and the exit code alone tells a script
//! what happened ([`command::failure::Failure::exit_code`]).

mod arguments;
mod call;
mod completions;
mod contact;
mod contact_terms;
mod document;
mod inbox;
mod load_command;
mod man;
mod meeting;
mod scenario_command;
mod send;
mod simulate;
mod status;
mod telephone;
mod up;
mod watch;

use std::process::ExitCode;

fn main() -> ExitCode {
    arguments::run(arguments::Cli::read())
}
