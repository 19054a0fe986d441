//! `liaison completions`: completions for a shell.

use clap::Args;
use clap_complete::Shell;

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
    /// Writes the completions of `cli`, the whole command line.
    pub(crate) fn run(self, mut cli: clap::Command, settings: &Settings) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut cli, "liaison", &mut script);
        settings.output.bytes(&script)
    }
}
