//! A report for people on a terminal.
//!
//! It reads like what `ghz` and `k6` print, which people know. What makes the figures worthless comes first, in a frame; the
//! verdicts come last, where the eye is when the run is over.

mod calls;
mod frame;
mod histogram;
mod judged;
mod page;
mod summary;

use words::style::{FAINT, HEADING, LOUD, clean, styled};
use words::table::{WIDTH_MAX, cut};

use super::head::{run_in_words, verdicts};
use crate::report::{ComparisonReport, Report, Setup};
use frame::{boxed, wrap};
use page::{Page, mark};

/// A report as text with styles, its tables at most `width` columns wide: who prints it leaves styles out where they are not
/// wanted.
pub fn text(report: &Report, width: usize) -> String {
    let mut page = Page::of(width);
    if !report.valid {
        page.invalid(report);
    }
    page.title(report);
    page.summary(report);
    page.latency(report);
    page.histogram(report);
    page.workflows(report);
    page.streams(report);
    page.breakdown(report);
    page.codes(report);
    page.failures(report);
    page.books(report);
    page.search(report);
    page.repeats(report);
    if let Some(comparison) = &report.comparison {
        page.comparison("Compared with before", comparison);
    }
    page.thresholds(report);
    page.verdicts(report);
    page.text
}

/// How a run that was saved, `name`, compares with another.
pub fn comparison(name: &str, comparison: &ComparisonReport, width: usize) -> String {
    let mut page = Page::of(width);
    page.comparison(&format!("{} compared with", clean(name)), comparison);
    page.text.trim_start().to_owned()
}

impl Page {
    fn invalid(&mut self, report: &Report) {
        let width = WIDTH_MAX - 4;
        let mut lines = vec!["INVALID: these figures are not the target's".to_owned()];
        lines.extend(wrap(
            "The generator could not keep up with its own schedule. What it was short of:",
            width,
            width,
        ));
        for one in &report.invalid_because {
            lines.push(String::new());
            lines.extend(wrap(
                &format!("{}: {}", one.resource, one.text),
                width,
                width,
            ));
        }
        let framed = boxed(&lines, LOUD);
        self.text.push_str(&framed);
        self.line("");
    }

    fn title(&mut self, report: &Report) {
        let plan = styled(HEADING, &cut(&clean(&report.setup.plan), self.width));
        self.line(&plan);
        self.words(FAINT, &run_in_words(report));
        let Setup {
            labels, command, ..
        } = &report.setup;
        if !labels.is_empty() {
            self.words(FAINT, &format!("labels: {}", labels.join(", ")));
        }
        if !command.is_empty() {
            self.words(FAINT, command);
        }
    }

    fn verdicts(&mut self, report: &Report) {
        let invalid = "INVALID: these figures are not the target's, see above";
        self.line("");
        for (good, words) in verdicts(report, invalid) {
            self.line(&mark(good, &words));
        }
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use words::style::{BAD, GOOD};

    use super::*;
    use crate::show::fixture;

    /// Without the styles that are written here, and with whatever else moves a cursor.
    fn plain(report: &Report) -> String {
        let mut plain = text(report, WIDTH_MAX);
        for style in [BAD, FAINT, GOOD, HEADING, LOUD] {
            plain = plain.replace(&style.render().to_string(), "");
        }
        plain.replace("\u{1b}[0m", "")
    }

    #[test]
    fn it_fits_a_terminal() {
        for report in [
            fixture::full(),
            fixture::amiss(),
            fixture::tiny(),
            Report::default(),
        ] {
            for line in plain(&report).lines() {
                assert!(line.width() <= WIDTH_MAX, "{line}");
                assert_eq!(line, line.trim_end());
            }
        }
    }

    #[test]
    fn a_file_or_a_pipe_gets_it_whole() {
        let mut report = fixture::amiss();
        let message = "x".repeat(300);
        report.failures[0].message.clone_from(&message);
        report.setup.plan.clone_from(&message);
        assert!(!text(&report, WIDTH_MAX).contains(&message));
        let whole = text(&report, words::table::WHOLE);
        assert_eq!(whole.matches(&message).count(), 2, "{whole}");
    }

    #[test]
    fn a_saved_run_is_told_with_its_command_line_and_labels() {
        let mut report = fixture::tiny();
        report.setup.command = "liaison load document --rate 10".to_owned();
        report.setup.labels = vec!["commit=abc".to_owned(), "night".to_owned()];
        let told = plain(&report);
        assert!(
            told.contains("  liaison load document --rate 10\n"),
            "{told}"
        );
        assert!(told.contains("  labels: commit=abc, night\n"), "{told}");
    }

    #[test]
    fn nothing_moves_the_cursor() {
        let amiss = plain(&fixture::amiss());
        assert_eq!(reading::visible::lines(&amiss), amiss);
        assert!(amiss.contains("‹U+202E›"), "{amiss}");
        let styled = text(&fixture::full(), WIDTH_MAX);
        assert!(styled.contains("\u{1b}[1mSummary:\u{1b}[0m"));
    }

    #[test]
    fn an_invalid_run_says_so_first_and_last() {
        let text = plain(&fixture::amiss());
        assert!(text.starts_with('┏'));
        assert!(
            text.lines()
                .nth(1)
                .is_some_and(|line| line.contains("INVALID"))
        );
        assert!(text.contains("processor: The threads that make calls"));
        assert!(text.contains("✗ INVALID: these figures are not the target's, see above"));
        assert!(!plain(&fixture::full()).contains("INVALID"));
    }

    #[test]
    fn what_people_know_from_other_tools_is_there() {
        let text = plain(&fixture::full());
        for heading in [
            "Summary:",
            "Latency distribution:",
            "Response time histogram:",
            "Status code distribution:",
            "Error distribution:",
        ] {
            assert!(text.contains(&format!("\n{heading}\n")), "{heading}");
        }
        assert!(text.contains("Offered:        2,000/s  60,000 arrivals were due"));
        assert!(text.contains("98.4 % of what was offered"));
        assert!(text.contains("318 calls were made again"));
    }

    #[test]
    fn verdicts_are_told_in_signs_and_words() {
        let text = plain(&fixture::full());
        assert!(text.contains("  ✓ the books balance\n"));
        assert!(text.contains("✗  p99.9>1s"));
        assert!(text.contains("\n✗ 1 of 3 thresholds failed\n"));
        assert!(text.contains("11,000/s is the highest that held"));
        assert!(plain(&fixture::amiss()).contains("✗ the books do NOT balance"));
    }

    #[test]
    fn a_workflow_of_one_step_is_not_told_twice() {
        let mut report = fixture::full();
        report.workflows.retain(|workflow| workflow.name == "call");
        assert!(!plain(&report).contains("Workflows"));
        assert!(!crate::show::html(&report).contains("Workflows"));
    }

    #[test]
    fn what_is_not_there_is_not_told() {
        let text = plain(&fixture::tiny());
        for heading in [
            "Workflows",
            "books",
            "Streams",
            "Search",
            "Compared",
            "Thresholds",
            "Error dist",
        ] {
            assert!(!text.contains(heading), "{heading}");
        }
    }

    /// To look at: `SHOW=/tmp/pages cargo test -p report look -- --ignored`.
    #[test]
    #[ignore = "writes pages for somebody to look at"]
    fn look() {
        let Some(directory) = std::env::var_os("SHOW").map(std::path::PathBuf::from) else {
            return;
        };
        std::fs::create_dir_all(&directory).expect("a directory");
        for (name, report) in [
            ("full", fixture::full()),
            ("amiss", fixture::amiss()),
            ("tiny", fixture::tiny()),
        ] {
            let styled = text(&report, WIDTH_MAX);
            std::fs::write(directory.join(format!("{name}.ansi")), styled).expect("a page");
            std::fs::write(directory.join(format!("{name}.txt")), plain(&report)).expect("a page");
            let others = [
                super::super::ghz(&report),
                super::super::prometheus(&report),
                super::super::csv(&report),
            ];
            std::fs::write(
                directory.join(format!("{name}.others")),
                others.join("----\n"),
            )
            .expect("a page");
        }
    }
}
