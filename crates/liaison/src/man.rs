//! `liaison man`: manual pages.

use std::path::PathBuf;

use clap::Args;
use clap_mangen::Man;

use command::failure::Failure;
use command::output::note;
use command::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  liaison man | man -l -
  liaison man --out ~/.local/share/man/man1";

/// Print the manual page, or write one for each command
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManArgs {
    /// Write a page for each command here, instead of the first to stdout
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl ManArgs {
    /// Writes the pages of `cli`, the whole command line.
    pub(crate) fn run(self, cli: clap::Command, settings: &Settings) -> Result<(), Failure> {
        let Some(out) = self.out else {
            let mut page = Vec::new();
            Man::new(cli).render(&mut page).map_err(Failure::Output)?;
            return settings.output.bytes(&page);
        };
        let failed = |error: std::io::Error| {
            Failure::Failed(format!(
                "failed to write manual pages to {}: {error}",
                out.display()
            ))
        };
        std::fs::create_dir_all(&out).map_err(failed)?;
        clap_mangen::generate_to(cli, &out).map_err(failed)?;
        note(&format!("manual pages written to {}", out.display()));
        Ok(())
    }
}
