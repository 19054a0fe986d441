//! `liaison load report`: a saved run, told once more.

use std::path::PathBuf;

use clap::Args;

use super::outcome::{self, Page, read_saved};
use command::failure::Failure;
use command::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  liaison load report run.json
  liaison load report run.json --html run.html
  liaison load report run.json --markdown - >> $GITHUB_STEP_SUMMARY

JSON: as `liaison load` prints it.";

/// Tell of a saved run: as text, in Markdown, as HTML
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReportArgs {
    /// A run that was saved with --save
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Write it as one HTML file; `-` prints it instead of text
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write it in Markdown; `-` prints it instead of text
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    /// Write over files that are there
    #[arg(long)]
    force: bool,
}

impl ReportArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let report = read_saved(&self.run)?;
        let pages = [
            (self.html.as_deref(), Page::Html),
            (self.markdown.as_deref(), Page::Markdown),
        ];
        outcome::room(pages.into_iter().filter_map(|(path, _)| path), self.force)?;
        let printed = outcome::write_pages(&report, &pages, settings.output)?;
        if printed {
            return Ok(());
        }
        outcome::print(&report, settings)
    }
}
