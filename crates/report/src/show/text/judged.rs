//! What a run is held against: the ledgers, other rates, its repeats, a run of before, and thresholds.

use words::figures::{percent, thousands};
use words::style::{BAD, FAINT, GOOD, HEADING, LOUD, PLAIN};
use words::table::{Cell, Table};

use super::frame::bar;
use super::page::{Page, mark, sign};
use crate::report::{ComparisonReport, Report, Spread};
use crate::show::figures::{figure, rate, time_of};
use crate::show::head::books_verdict;

/// What to do where nothing can be judged.
const TOO_FEW: &str =
    "With fewer than five runs a side it may all be chance: repeat both, with --repeat 5.";

impl Page {
    pub(super) fn books(&mut self, report: &Report) {
        let Some(books) = &report.books else {
            return;
        };
        self.heading("The books");
        let mut table = Table::bare(&["", ">", "", "", ">"]);
        let amiss =
            |number: u64| Cell::of(if number > 0 { LOUD } else { PLAIN }, &thousands(number));
        let plain = |number: u64| Cell::from(thousands(number));
        for (name, number, other, figure) in [
            (
                "sent",
                plain(books.sent),
                "in South's ledger",
                plain(books.south),
            ),
            (
                "answered",
                plain(books.answered),
                "in North's ledger",
                plain(books.north),
            ),
            ("refused", plain(books.refused), "lost", amiss(books.lost)),
            (
                "unknown",
                plain(books.unknown),
                "doubled",
                amiss(books.doubled),
            ),
            (
                "unknown but counted",
                plain(books.unknown_but_counted),
                "refused but counted",
                amiss(books.refused_but_counted),
            ),
        ] {
            table.cells(vec![name.into(), number, "  ".into(), other.into(), figure]);
        }
        self.table(table);
        if !books.quiet {
            self.words(
                BAD,
                "The line was not at rest: the ledgers may differ for now.",
            );
        }
        let (good, words) = books_verdict(books.balance());
        self.line(&format!("  {}", mark(good, &words)));
        for example in &books.examples {
            self.words(PLAIN, example);
        }
    }

    pub(super) fn search(&mut self, report: &Report) {
        let Some(search) = &report.search else {
            return;
        };
        self.heading("Search for the highest rate");
        let found = search.found_rate.map_or_else(
            || "no rate that was tried held".to_owned(),
            |found| format!("{} is the highest that held", rate(found)),
        );
        self.words(HEADING, &found);
        self.words(
            FAINT,
            &format!("goal {}; it ended so: {}", search.goal, search.ended),
        );
        let mut trials: Vec<_> = search.trials.iter().collect();
        trials.sort_by(|one, other| one.rate.total_cmp(&other.rate));
        // Between the smallest and the largest on a logarithmic scale, as latencies are.
        let logarithm = |us: u64| (us.max(1) as f64).ln();
        let p99s = || trials.iter().map(|one| logarithm(one.response.p99_us));
        let lowest = p99s().fold(f64::MAX, f64::min);
        let highest = p99s().fold(f64::MIN, f64::max);
        let mut table = Table::headed(FAINT, &[">rate", ">achieved", ">errors", ">p99", "", ""]);
        for trial in trials {
            let part = (logarithm(trial.response.p99_us) - lowest) / (highest - lowest).max(1e-9);
            let (style, sign) = sign(trial.held && trial.valid);
            let why = if trial.valid {
                &trial.because
            } else {
                "the generator did not keep up"
            };
            table.cells(vec![
                rate(trial.rate).into(),
                rate(trial.achieved_rate).into(),
                percent(trial.errors as f64, trial.calls as f64).into(),
                time_of(&trial.response, trial.response.p99_us).into(),
                bar(part.max(0.02), 24).into(),
                Cell::of(style, format!("{sign} {why}").trim_end()),
            ]);
        }
        self.table(table);
    }

    pub(super) fn repeats(&mut self, report: &Report) {
        if report.repeats.len() < 2 {
            return;
        }
        self.heading("Repeats (all that is above is of them together)");
        let mut table = Table::headed(
            FAINT,
            &[
                ">",
                ">achieved",
                ">calls",
                ">failed",
                ">p50",
                ">p99",
                ">max",
                ">service p99",
                "valid",
            ],
        );
        for (index, repeat) in report.repeats.iter().enumerate() {
            let (style, sign) = sign(repeat.valid);
            table.cells(vec![
                (index + 1).to_string().into(),
                rate(repeat.achieved_rate).into(),
                thousands(repeat.calls).into(),
                thousands(repeat.errors).into(),
                time_of(&repeat.response, repeat.response.p50_us).into(),
                time_of(&repeat.response, repeat.response.p99_us).into(),
                time_of(&repeat.response, repeat.response.max_us).into(),
                time_of(&repeat.service, repeat.service.p99_us).into(),
                Cell::of(style, sign),
            ]);
        }
        self.table(table);
    }

    pub(super) fn comparison(&mut self, heading: &str, comparison: &ComparisonReport) {
        self.heading(heading);
        self.words(FAINT, &comparison.baseline);
        for differs in &comparison.setup_differs {
            self.words(PLAIN, &format!("the setup differs: {differs}"));
        }
        let mut table = Table::headed(
            FAINT,
            &[
                "",
                ">before",
                "smallest to largest",
                ">now",
                "smallest to largest",
                "",
            ],
        );
        for one in &comparison.figures {
            let (style, sign) = match one.verdict.as_str() {
                "better" => (GOOD, "✓ "),
                "worse" => (BAD, "✗ "),
                _ => (PLAIN, "  "),
            };
            table.cells(vec![
                Cell::from(&one.name),
                figure(one.before.median, &one.unit).into(),
                Cell::of(FAINT, &range(one.before, &one.unit)),
                figure(one.now.median, &one.unit).into(),
                Cell::of(FAINT, &range(one.now, &one.unit)),
                Cell::of(style, &format!("{sign}{}", one.verdict)),
            ]);
        }
        self.table(table);
        if comparison.is_too_few() {
            self.words(PLAIN, TOO_FEW);
        }
    }

    pub(super) fn thresholds(&mut self, report: &Report) {
        if report.thresholds.is_empty() {
            return;
        }
        self.heading("Thresholds");
        let mut table = Table::bare(&["", "", "", ""]);
        for threshold in &report.thresholds {
            let (style, sign) = sign(!threshold.failed);
            table.cells(vec![
                Cell::of(style, sign),
                Cell::from(&threshold.text),
                format!("seen {}", threshold.seen).into(),
                Cell::of(style, if threshold.failed { "failed" } else { "" }),
            ]);
        }
        self.table(table);
    }
}

fn range(spread: Spread, unit: &str) -> String {
    if spread.repeats < 2 {
        return String::new();
    }
    format!(
        "{} to {}",
        figure(spread.min, unit),
        figure(spread.max, unit)
    )
}
