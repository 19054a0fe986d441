//! What becomes of a report: printed, saved, compared, judged.

use std::path::Path;

use report::{Report, Threshold, show};

use super::arguments::FilesArgs;
use command::failure::Failure;
use command::output::{Format, note};
use command::settings::Settings;

/// Reads a run that was saved.
pub(super) fn read_saved(path: &Path) -> Result<Report, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Failed(format!("failed to read {}: {error}", path.display())))?;
    report::saved::read(&text)
        .map_err(|error| Failure::Failed(format!("failed to read {}: {error}", path.display())))
}

/// Judges a report, writes and prints it, and says by the failure what it came to.
pub(super) fn tell(
    mut report: Report,
    fail_if: &[Threshold],
    baseline: Option<&Path>,
    files: &FilesArgs,
    settings: &Settings,
) -> Result<(), Failure> {
    report.thresholds = fail_if.iter().map(|it| it.check(&report)).collect();
    if let Some(path) = baseline {
        let before = read_saved(path)?;
        let name = path.display().to_string();
        report.comparison = Some(report::compare(&before, &name, &report));
    }
    // Written before it is printed: whoever reads stdout may close it.
    let written = write_files(&report, files);
    match settings.output.format {
        Format::Text => {
            // They are left out on the way where they are not wanted.
            let text = show::text(&report);
            settings.output.text(&text)?;
        }
        Format::Json => settings.output.json(&report.clone().without_histograms())?,
        Format::Ghz => settings.output.text(&show::ghz(&report))?,
    }
    written?;
    verdict(&report, fail_if)
}

fn write_files(report: &Report, files: &FilesArgs) -> Result<(), Failure> {
    let write = |path: &Option<std::path::PathBuf>, text: &dyn Fn() -> String| {
        let Some(path) = path else { return Ok(()) };
        std::fs::write(path, text()).map_err(|error| {
            Failure::Failed(format!("failed to write {}: {error}", path.display()))
        })?;
        note(&format!("written: {}", path.display()));
        Ok(())
    };
    write(&files.save, &|| report::saved::save(report))?;
    write(&files.html, &|| show::html(report))?;
    write(&files.csv_out, &|| show::csv(report))
}

/// What a script is told.
fn verdict(report: &Report, fail_if: &[Threshold]) -> Result<(), Failure> {
    let held: Vec<_> = report.thresholds.iter().filter(|it| it.failed).collect();
    if !held.is_empty() {
        let held: Vec<_> = held
            .iter()
            .map(|it| format!("{} ({})", it.text, it.seen))
            .collect();
        return Err(Failure::Disagreed(format!(
            "--fail-if held: {}",
            held.join("; ")
        )));
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
