//! What becomes of a report: printed, saved, compared, judged.

use std::path::Path;

use report::{Report, Threshold, ThresholdReport, show};

use super::arguments::FilesArgs;
use command::failure::Failure;
use command::file_out::FileOut;
use command::output::{Format, Output, note};
use command::settings::Settings;

/// Reads a run that was saved.
pub(super) fn read_saved(path: &Path) -> Result<Report, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Failed(format!("failed to read {}: {error}", path.display())))?;
    report::saved::read(&text)
        .map_err(|error| Failure::Failed(format!("failed to read {}: {error}", path.display())))
}

/// Refuses ghz's format where there is no run that could be printed so.
pub(super) fn no_ghz(settings: &Settings, command: &str) -> Result<(), Failure> {
    if settings.output.format != Format::Ghz {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "--output ghz is how a run is printed, and `liaison {command}` prints none; give --output text or json"
    )))
}

/// By what a run is judged, and where it goes: read before it begins, so that what cannot be is said at once.
pub(super) struct Judge<'a> {
    fail_if: &'a [Threshold],
    /// The run to compare with, and the name of its file.
    baseline: Option<(String, Report)>,
    files: &'a FilesArgs,
    settings: &'a Settings,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        fail_if: &'a [Threshold],
        baseline: Option<&Path>,
        files: &'a FilesArgs,
        settings: &'a Settings,
    ) -> Result<Self, Failure> {
        let of_baseline = fail_if.iter().find(|it| it.needs_baseline());
        if let (Some(threshold), None) = (of_baseline, baseline) {
            return Err(Failure::Usage(format!(
                "--fail-if '{threshold}' speaks of a baseline, and there is none; give --baseline FILE, a run that was saved"
            )));
        }
        let baseline = match baseline {
            Some(path) => Some((path.display().to_string(), read_saved(path)?)),
            None => None,
        };
        let FilesArgs {
            save,
            html,
            markdown,
            csv_out,
            force,
            ..
        } = files;
        let paths = [save, html, markdown, csv_out].into_iter().flatten();
        room(paths.map(AsRef::as_ref), *force)?;
        Ok(Self {
            fail_if,
            baseline,
            files,
            settings,
        })
    }

    /// Judges a report, writes and prints it, and says by the failure what it came to.
    pub(super) fn tell(&self, mut report: Report) -> Result<(), Failure> {
        let before = self.baseline.as_ref();
        let fail_if = self.fail_if.iter();
        report.thresholds = fail_if
            .map(|it| it.check_against(&report, before.map(|(_, before)| before)))
            .collect();
        report.comparison = before.map(|(name, before)| report::compare(before, name, &report));
        report.setup.command = super::kept::command_line();
        for label in &self.files.labels {
            if !report.setup.labels.contains(label) {
                report.setup.labels.push(label.clone());
            }
        }
        // Written before it is printed: whoever reads stdout may close it.
        let written = self.write(&report);
        if !matches!(written, Ok(true)) {
            print(&report, self.settings)?;
        }
        written?;
        verdict(&report, self.fail_if)
    }

    /// Writes the files that are wanted; says whether one of them was stdout.
    fn write(&self, report: &Report) -> Result<bool, Failure> {
        let files = self.files;
        let pages = [
            (files.save.as_deref(), Page::Saved),
            (files.html.as_deref(), Page::Html),
            (files.markdown.as_deref(), Page::Markdown),
            (files.csv_out.as_deref(), Page::Csv),
        ];
        write_pages(report, &pages, self.settings.output)
    }
}

/// Prints a report in the format that is wanted.
pub(super) fn print(report: &Report, settings: &Settings) -> Result<(), Failure> {
    let output = settings.output;
    match output.format {
        // Styles are left out on the way where they are not wanted.
        Format::Text => output.text(&show::text(report, output.width())),
        Format::Json => output.json(&report.clone().without_histograms()),
        Format::Ghz => output.text(&show::ghz(report)),
    }
}

/// A way to write a report down.
#[derive(Debug, Clone, Copy)]
pub(super) enum Page {
    Saved,
    Html,
    Markdown,
    Csv,
}

impl Page {
    fn of(self, report: &Report) -> String {
        match self {
            Self::Saved => report::saved::save(report),
            Self::Html => show::html(report),
            Self::Markdown => show::markdown(report),
            Self::Csv => show::csv(report),
        }
    }
}

/// What stands for stdout.
fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Writes each page that has a place; says whether one was printed instead of text.
pub(super) fn write_pages(
    report: &Report,
    pages: &[(Option<&Path>, Page)],
    output: Output,
) -> Result<bool, Failure> {
    let mut printed = false;
    for (path, page) in pages {
        let Some(path) = path else { continue };
        let text = page.of(report);
        if is_stdout(path) {
            printed = true;
            output.data(&text)?;
            continue;
        }
        // What is there was either not there when it was looked for, or is to be written over.
        FileOut::write(path, &text, true).map_err(|error| {
            Failure::Failed(format!("failed to write {}: {error}", path.display()))
        })?;
        note(&format!("written: {}", path.display()));
    }
    Ok(printed)
}

/// Refuses to write over a file, unless that is wanted, and where no file can be.
pub(super) fn room<'p>(paths: impl Iterator<Item = &'p Path>, force: bool) -> Result<(), Failure> {
    for path in paths.filter(|path| !is_stdout(path)) {
        let beside = path.parent().unwrap_or(Path::new(""));
        if !beside.as_os_str().is_empty() && !beside.is_dir() {
            return Err(Failure::Usage(format!(
                "{} cannot be written: there is no directory {}; make it first",
                path.display(),
                beside.display()
            )));
        }
        if path.is_file() && !force {
            return Err(Failure::Usage(format!(
                "{} is there already; give another name, or --force to write over it",
                path.display()
            )));
        }
    }
    Ok(())
}

/// The thresholds that were failed, in words.
pub(super) fn held(thresholds: &[ThresholdReport]) -> Option<String> {
    let held = thresholds.iter().filter(|it| it.failed);
    let held: Vec<_> = held
        .map(|it| format!("{} ({})", it.text, it.seen))
        .collect();
    (!held.is_empty()).then(|| format!("--fail-if held: {}", held.join("; ")))
}

/// The figures that are worse than before, in words.
pub(super) fn worse(report: &Report) -> Option<String> {
    let comparison = report.comparison.as_ref()?;
    let worse: Vec<&str> = comparison.worse().map(|one| one.name.as_str()).collect();
    (!worse.is_empty()).then(|| format!("worse than {}: {}", comparison.baseline, worse.join(", ")))
}

/// What a script is told.
fn verdict(report: &Report, fail_if: &[Threshold]) -> Result<(), Failure> {
    let said = [held(&report.thresholds), worse(report)];
    let said: Vec<String> = said.into_iter().flatten().collect();
    if !said.is_empty() {
        return Err(Failure::Disagreed(said.join("; ")));
    }
    if report.interrupted {
        return Err(Failure::Interrupted);
    }
    if let Some(books) = report.books.as_ref().filter(|books| !books.balance()) {
        return Err(Failure::Failed(format!(
            "the books do not balance: {} lost, {} doubled, {} refused and counted all the same; `liaison ledger \
             reconcile` and `liaison ledger show` tell more",
            books.lost, books.doubled, books.refused_but_counted
        )));
    }
    if let Some(search) = &report.search {
        return match search.found_rate {
            Some(_) => Ok(()),
            None => Err(Failure::Failed(format!(
                "no rate was found at which {} holds: {}",
                search.goal, search.ended
            ))),
        };
    }
    if report.errors > 0 && !fail_if.iter().any(Threshold::allows_errors) {
        return Err(Failure::Failed(format!(
            "{} of {} calls failed; --fail-if 'errors>1%' would allow so many",
            report.errors, report.calls
        )));
    }
    if !report.valid {
        let why: Vec<_> = report
            .invalid_because
            .iter()
            .map(|it| it.text.as_str())
            .collect();
        return Err(Failure::Failed(format!(
            "the run is not valid, its figures are the generator's too: {}",
            why.join("; ")
        )));
    }
    if report.calls == 0 {
        return Err(Failure::Failed(
            "not one call ended within the run: nothing was measured; give --duration or --deadline more".to_owned(),
        ));
    }
    Ok(())
}
