//! `liaison completions`: completions for a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::arguments::Cli;
use command::failure::Failure;
use command::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  liaison completions bash > ~/.local/share/bash-completion/completions/liaison
  liaison completions zsh > ~/.zfunc/_liaison
  liaison completions fish > ~/.config/fish/completions/liaison.fish";

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "liaison", &mut script);
        settings.output.bytes(&script)
    }
}
