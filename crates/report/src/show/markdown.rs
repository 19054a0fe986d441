//! A report in Markdown, for a pull request or a wiki: its tables are those of GitHub.

use std::fmt::Write as _;

use words::figures::{percent, thousands};
use words::style::clean;

use super::figures::{QUANTILES, by_code, figure, quantiles, rate, time_of, workflows_tell_more};
use super::head::{run_in_words, verdicts};
use crate::report::{ComparisonReport, Report};

/// A report in Markdown.
pub fn markdown(report: &Report) -> String {
    let mut page = Page(String::new());
    page.head(report);
    page.latency(report);
    page.workflows(report);
    page.codes(report);
    page.failures(report);
    page.repeats(report);
    if let Some(comparison) = &report.comparison {
        page.comparison(comparison);
    }
    page.thresholds(report);
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        let _ = writeln!(self.0, "\n## {heading}\n");
    }

    /// A table. A heading that begins with `>` stands to the right.
    fn table(&mut self, headings: &[&str], rows: &[Vec<String>]) {
        let names: Vec<&str> = headings
            .iter()
            .map(|it| it.trim_start_matches('>'))
            .collect();
        let rules = headings
            .iter()
            .map(|it| if it.starts_with('>') { "---:" } else { "---" });
        let rules: Vec<&str> = rules.collect();
        self.line(&format!("| {} |", names.join(" | ")));
        self.line(&format!("| {} |", rules.join(" | ")));
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| told(cell)).collect();
            self.line(&format!("| {} |", cells.join(" | ")));
        }
    }

    fn head(&mut self, report: &Report) {
        let setup = &report.setup;
        self.line(&format!("# {}\n", told(&setup.plan)));
        self.line(&told(&run_in_words(report)));
        if let Some(at) = report.started_at {
            self.line(&format!("\nBegun {}", at.strftime("%Y-%m-%d %H:%M UTC")));
        }
        if !setup.labels.is_empty() {
            self.line(&format!("\nLabels: {}", told(&setup.labels.join(", "))));
        }
        if !setup.command.is_empty() {
            // A fence is longer than any run of its own sign within.
            let command = clean(&setup.command);
            let fence = "`".repeat(longest_run(&command).max(2) + 1);
            self.line(&format!("\n{fence}\n{command}\n{fence}"));
        }
        self.line("");
        for (good, words) in verdicts(report, "INVALID: the generator did not keep up") {
            let sign = if good { "✓" } else { "✗" };
            self.line(&format!("- {sign} {}", told(&words)));
        }
        for one in &report.invalid_because {
            self.line(&format!("- {}: {}", told(&one.resource), told(&one.text)));
        }
        self.line("");
        let rows = [
            ("offered", rate(report.offered_rate)),
            ("achieved", rate(report.achieved_rate)),
            ("calls", thousands(report.calls)),
            ("failed", failed(report.errors, report.calls)),
        ];
        let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
        self.table(&["", ">"], &rows);
    }

    fn latency(&mut self, report: &Report) {
        self.heading("Latency");
        let rows = [
            ("response", &report.response),
            ("service", &report.service),
            ("lag", &report.lag),
        ];
        let rows = rows.map(|(name, latencies)| {
            let name = std::iter::once(name.to_owned());
            name.chain(quantiles(latencies)).collect()
        });
        self.table(&with_quantiles(&[""]), &rows);
    }

    fn workflows(&mut self, report: &Report) {
        if !workflows_tell_more(report) {
            return;
        }
        self.heading("Workflows and their steps");
        let mut rows = Vec::new();
        for workflow in &report.workflows {
            let (calls, errors) = (workflow.started, workflow.failed);
            let mut row = vec![
                workflow.name.clone(),
                thousands(calls),
                failed(errors, calls),
            ];
            row.extend(quantiles(&workflow.end_to_end));
            rows.push(row);
            for step in &workflow.steps {
                let name = format!("{}.{}", workflow.name, step.name);
                let mut row = vec![name, thousands(step.calls), failed(step.errors, step.calls)];
                row.extend(quantiles(&step.response));
                rows.push(row);
            }
        }
        self.table(&with_quantiles(&["response", ">calls", ">failed"]), &rows);
    }

    fn codes(&mut self, report: &Report) {
        if report.codes.is_empty() {
            return;
        }
        self.heading("Status codes");
        let rows: Vec<_> = by_code(report)
            .into_iter()
            .map(|(code, number)| {
                let share = percent(number as f64, report.calls as f64);
                vec![code.clone(), thousands(number), share]
            })
            .collect();
        self.table(&["code", ">calls", ">share"], &rows);
    }

    fn failures(&mut self, report: &Report) {
        if report.failures.is_empty() {
            return;
        }
        self.heading("Failures");
        let rows: Vec<_> = report
            .failures
            .iter()
            .map(|one| {
                let (code, step, message) = (&one.code, &one.step, &one.message);
                vec![
                    thousands(one.count),
                    code.clone(),
                    step.clone(),
                    message.clone(),
                ]
            })
            .collect();
        self.table(&[">calls", "code", "step", "first message"], &rows);
    }

    fn repeats(&mut self, report: &Report) {
        if report.repeats.len() < 2 {
            return;
        }
        self.heading("Repeats");
        let rows: Vec<_> = report
            .repeats
            .iter()
            .zip(1..)
            .map(|(one, number)| {
                let number: u64 = number;
                vec![
                    number.to_string(),
                    rate(one.achieved_rate),
                    failed(one.errors, one.calls),
                    time_of(&one.response, one.response.p50_us),
                    time_of(&one.response, one.response.p99_us),
                    if one.valid { "✓" } else { "✗" }.to_owned(),
                ]
            })
            .collect();
        self.table(
            &[">", ">achieved", ">failed", ">p50", ">p99", "valid"],
            &rows,
        );
    }

    fn comparison(&mut self, comparison: &ComparisonReport) {
        self.heading("Compared with before");
        self.line(&format!("Before: {}\n", told(&comparison.baseline)));
        for differs in &comparison.setup_differs {
            self.line(&format!("- the setup differs: {}", told(differs)));
        }
        let rows: Vec<_> = comparison
            .figures
            .iter()
            .map(|one| {
                let sign = match one.verdict.as_str() {
                    "better" => "✓ ",
                    "worse" => "✗ ",
                    _ => "",
                };
                vec![
                    one.name.clone(),
                    figure(one.before.median, &one.unit),
                    figure(one.now.median, &one.unit),
                    format!("{sign}{}", one.verdict),
                ]
            })
            .collect();
        self.line("");
        self.table(&["", ">before", ">now", ""], &rows);
    }

    fn thresholds(&mut self, report: &Report) {
        if report.thresholds.is_empty() {
            return;
        }
        self.heading("Thresholds");
        let rows: Vec<_> = report
            .thresholds
            .iter()
            .map(|one| {
                let sign = if one.failed { "✗ failed" } else { "✓" };
                vec![one.text.clone(), one.seen.clone(), sign.to_owned()]
            })
            .collect();
        self.table(&["the run fails if", "seen", ""], &rows);
    }
}

fn with_quantiles<'h>(first: &[&'h str]) -> Vec<&'h str> {
    const RIGHT: [&str; 5] = [">p50", ">p90", ">p99", ">p99.9", ">max"];
    debug_assert!(
        RIGHT
            .iter()
            .zip(QUANTILES)
            .all(|(one, other)| one.ends_with(other))
    );
    first.iter().copied().chain(RIGHT).collect()
}

fn failed(errors: u64, calls: u64) -> String {
    match errors {
        0 => "0".to_owned(),
        errors => format!(
            "{} ({})",
            thousands(errors),
            percent(errors as f64, calls as f64)
        ),
    }
}

/// Text from elsewhere: visible, on one line, and nothing that Markdown or HTML would act on.
fn told(text: &str) -> String {
    let mut told = String::new();
    for letter in clean(text).chars() {
        match letter {
            '&' => told.push_str("&amp;"),
            '<' => told.push_str("&lt;"),
            '>' => told.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '@' => {
                told.push('\\');
                told.push(letter);
            }
            _ => told.push(letter),
        }
    }
    told
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|letter| letter != '`').map(str::len);
    runs.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::fixture;

    #[test]
    fn tables_have_as_many_cells_in_each_row() {
        for report in [
            fixture::full(),
            fixture::amiss(),
            fixture::tiny(),
            Report::default(),
        ] {
            let page = markdown(&report);
            let mut width = None;
            for line in page.lines() {
                if !line.starts_with('|') {
                    width = None;
                    continue;
                }
                let cells = line.replace("\\|", "").matches('|').count();
                assert_eq!(*width.get_or_insert(cells), cells, "{line}");
            }
        }
    }

    #[test]
    fn it_tells_what_the_others_tell() {
        let mut report = fixture::full();
        report.setup.labels = vec!["commit=abc".to_owned()];
        report.setup.command = "liaison load `x`".to_owned();
        let page = markdown(&report);
        for part in [
            "# ",
            "| response |",
            "## Status codes",
            "| service p99 | ",
            "✗ worse |",
            "Labels: commit=abc",
            "```\nliaison load `x`\n```",
        ] {
            assert!(page.contains(part), "{part} is missing in {page}");
        }
    }

    #[test]
    fn what_came_from_elsewhere_is_text() {
        assert_eq!(
            told("a|b<i>_c_\u{202e}\n"),
            "a\\|b&lt;i&gt;\\_c\\_‹U+202E›‹U+000A›"
        );
    }
}
