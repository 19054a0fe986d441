//! A report for people on a terminal.
//!
//! It reads like what `ghz` and `k6` print, which people know. What makes the figures worthless comes first, in a frame; the
//! verdicts come last, where the eye is when the run is over.

mod frame;

use anstyle::Style;
use words::figures::{count, latency, percent, short_latency, thousands};
use words::style::clean;

use frame::{bar, boxed, wrap};
use words::style::{BAD, FAINT, GOOD, HEADING, LOUD, PLAIN, styled};
use words::table::{Cell, Table, WIDTH_MAX, cut};

use super::figures::{
    QUANTILES, bytes, elapsed, figure, hidden, quantiles, rate, seconds, thresholds_failed, time,
    workflows_tell_more,
};
use crate::latency::Latencies;
use crate::report::{Report, Spread, StepReport};

/// Everything below a heading stands so many columns in.
const INDENT: usize = 2;
/// No more kinds of failures are told: the others are summed up.
const FAILURES_MAX: usize = 12;

/// A report as text of at most 100 columns, with styles: who prints it leaves them out where they are not wanted.
pub fn text(report: &Report) -> String {
    let mut page = Page {
        text: String::new(),
    };
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
    page.comparison(report);
    page.thresholds(report);
    page.verdicts(report);
    page.text
}

struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Text over several lines, two columns in.
    fn words(&mut self, style: Style, words: &str) {
        for line in wrap(words, WIDTH_MAX - INDENT) {
            let line = styled(style, &line);
            self.line(&format!("  {line}"));
        }
    }

    fn heading(&mut self, heading: &str) {
        let heading = styled(HEADING, &format!("{heading}:"));
        self.line(&format!("\n{heading}"));
    }

    fn table(&mut self, table: Table) {
        self.text.push_str(&table.indented(INDENT).render());
    }

    fn invalid(&mut self, report: &Report) {
        let width = WIDTH_MAX - 4;
        let mut lines = vec!["INVALID: these figures are not the target's".to_owned()];
        lines.extend(wrap(
            "The generator could not keep up with its own schedule. What it was short of:",
            width,
        ));
        for one in &report.invalid_because {
            lines.push(String::new());
            lines.extend(wrap(&format!("{}: {}", one.resource, one.text), width));
        }
        let framed = boxed(&lines, LOUD);
        self.text.push_str(&framed);
        self.line("");
    }

    fn title(&mut self, report: &Report) {
        let setup = &report.setup;
        let plan = styled(HEADING, &cut(&clean(&setup.plan), WIDTH_MAX));
        self.line(&plan);
        let mut parts = Vec::new();
        if !setup.loop_kind.is_empty() {
            parts.push(format!("{} loop", setup.loop_kind));
        }
        if !setup.schedule.is_empty() {
            parts.push(setup.schedule.clone());
        }
        if report.duration_s > 0.0 {
            parts.push(format!("for {}", seconds(report.duration_s)));
        }
        if !setup.shard.is_empty() {
            parts.push(format!("part {}", setup.shard));
        }
        if !setup.targets.is_empty() {
            parts.push(format!("at {}", setup.targets.join(" and ")));
        }
        self.words(FAINT, &parts.join(", "));
    }

    fn summary(&mut self, report: &Report) {
        self.heading("Summary");
        let (total_s, calls_rate) = elapsed(report);
        let response = &report.response;
        let failed = if report.errors > 0 { BAD } else { PLAIN };
        let share = percent(report.errors as f64, report.calls as f64);
        let mut table = Table::bare(&["", ">", ""]);
        arrivals(&mut table, report);
        for (name, value, style, more) in [
            ("Count:", thousands(report.calls), PLAIN, "calls that ended"),
            ("Failed:", thousands(report.errors), failed, &share),
            ("Total:", seconds(total_s), PLAIN, ""),
            ("Slowest:", time(response.max_us), PLAIN, ""),
            ("Fastest:", time(response.min_us), PLAIN, ""),
            ("Average:", latency(response.mean_us), PLAIN, ""),
            (
                "Requests/sec:",
                rate(calls_rate).replace("/s", ""),
                PLAIN,
                "",
            ),
            ("Sent:", bytes(report.bytes_sent), PLAIN, ""),
            ("Received:", bytes(report.bytes_received), PLAIN, ""),
        ] {
            table.cells(fact(name, &value, style, more));
        }
        self.table(table);
        self.generator(report);
    }

    fn generator(&mut self, report: &Report) {
        let generator = &report.generator;
        if generator.threads == 0 {
            return;
        }
        let mut parts = vec![
            count(generator.threads, "thread", "threads"),
            count(generator.connections, "connection", "connections"),
        ];
        if report.setup.in_flight_max > 0 {
            parts.push(format!(
                "at most {} of {} calls in flight",
                thousands(generator.in_flight_max),
                thousands(report.setup.in_flight_max)
            ));
        }
        if generator.cpu_us_per_call > 0.0 {
            parts.push(format!(
                "{} of processor a call",
                latency(generator.cpu_us_per_call)
            ));
        }
        if generator.cpu_wait_s > 0.0 {
            parts.push(format!("waited {} for one", seconds(generator.cpu_wait_s)));
        }
        self.words(FAINT, &format!("Generator: {}", parts.join(", ")));
    }

    fn latency(&mut self, report: &Report) {
        self.heading("Latency distribution");
        let mut table = Table::headed(
            FAINT,
            &["", ">p50", ">p90", ">p99", ">p99.9", ">max", ">average", ""],
        );
        for (name, latencies, measured) in [
            ("response", &report.response, "intended to done"),
            ("service", &report.service, "sent to done"),
            ("lag", &report.lag, "intended to sent"),
        ] {
            let style = if name == "response" { HEADING } else { PLAIN };
            let mut row = vec![Cell::of(style, name)];
            row.extend(quantiles(latencies).map(|us| Cell::of(style, &time(us))));
            row.push(latency(latencies.mean_us).into());
            row.push(Cell::of(FAINT, measured));
            table.cells(row);
        }
        self.table(table);
        if let Some(hidden) = hidden(report) {
            let whose = if report.valid {
                "A generator that sends only when an answer has come would have told the second figure."
            } else {
                "The generator itself was late: the wait may be its own."
            };
            self.words(
                PLAIN,
                &format!(
                    "At {}, callers waited {}; counted only from when the call was sent, it is {}. {whose}",
                    hidden.name,
                    time(hidden.response_us),
                    time(hidden.service_us)
                ),
            );
        }
    }

    fn histogram(&mut self, report: &Report) {
        let buckets = buckets(&report.response);
        if buckets.is_empty() {
            return;
        }
        self.heading("Response time histogram");
        let most = buckets.iter().map(|one| one.count).max().unwrap_or(1);
        let mut table = Table::bare(&[">", "", ">", ">", ""]);
        for one in &buckets {
            let part = one.count as f64 / most as f64;
            table.cells(vec![
                short_latency(one.from_us as f64).into(),
                "to".into(),
                short_latency(one.to_us as f64).into(),
                format!("[{}]", thousands(one.count)).into(),
                format!("|{}", bar(part, 48)).into(),
            ]);
        }
        self.table(table);
    }

    fn workflows(&mut self, report: &Report) {
        if !workflows_tell_more(report) {
            return;
        }
        self.heading("Workflows and their steps");
        let mut table = Table::headed(
            FAINT,
            &[
                "response",
                ">calls",
                ">failed",
                ">p50",
                ">p90",
                ">p99",
                ">p99.9",
                ">max",
                ">service p99",
            ],
        );
        let failed =
            |number: u64| Cell::of(if number > 0 { BAD } else { PLAIN }, &thousands(number));
        for workflow in &report.workflows {
            let mut row = vec![
                Cell::of(HEADING, &format!("{}, end to end", workflow.name)),
                thousands(workflow.started).into(),
                failed(workflow.failed),
            ];
            row.extend(quantiles(&workflow.end_to_end).map(|us| time(us).into()));
            row.push(String::new().into());
            table.cells(row);
            for step in &workflow.steps {
                let mut row = vec![
                    format!("  {}", step.name).into(),
                    thousands(step.calls).into(),
                    failed(step.errors),
                ];
                row.extend(quantiles(&step.response).map(|us| time(us).into()));
                row.push(time(step.service.p99_us).into());
                table.cells(row);
            }
        }
        self.table(table);
        let retries: u64 = steps(report).map(|step| step.retries).sum();
        if retries > 0 {
            let calls = count(retries, "call was", "calls were");
            self.words(
                FAINT,
                &format!("{calls} made again, since what they build upon had not come yet; they are not counted"),
            );
        }
    }

    fn streams(&mut self, report: &Report) {
        let Some(streams) = &report.streams else {
            return;
        };
        self.heading("Streams");
        self.words(
            PLAIN,
            &format!(
                "{} opened, {} sent, {} received",
                thousands(streams.opened),
                count(streams.messages_sent, "message", "messages"),
                thousands(streams.messages_received)
            ),
        );
        let mut headings = vec![String::new()];
        headings.extend(QUANTILES.map(|name| format!(">{name}")));
        let headings: Vec<_> = headings.iter().map(String::as_str).collect();
        let mut table = Table::headed(FAINT, &headings);
        for (name, latencies) in [
            ("each message", &streams.message),
            ("opened to first message", &streams.first_message),
            ("opened to end", &streams.life),
        ] {
            let mut row = vec![name.into()];
            row.extend(quantiles(latencies).map(|us| time(us).into()));
            table.cells(row);
        }
        self.table(table);
    }

    fn breakdown(&mut self, report: &Report) {
        let Some(breakdown) = &report.breakdown else {
            return;
        };
        self.heading("Where the time went");
        let total: f64 = breakdown.stages.iter().map(|one| one.latency.mean_us).sum();
        let mut table = Table::headed(FAINT, &["stage", ">average", ">p50", ">p99", ">share", ""]);
        for stage in &breakdown.stages {
            let part = if total > 0.0 {
                stage.latency.mean_us / total
            } else {
                0.0
            };
            table.cells(vec![
                Cell::from(&stage.name),
                latency(stage.latency.mean_us).into(),
                time(stage.latency.p50_us).into(),
                time(stage.latency.p99_us).into(),
                format!("{:.1} %", part * 100.0).into(),
                bar(part, 36).into(),
            ]);
        }
        self.table(table);
        self.words(
            FAINT,
            &format!(
                "{} on average from the client's call until the office knows that its peer has it; {}",
                latency(total),
                count(breakdown.samples, "sample", "samples")
            ),
        );
    }

    fn codes(&mut self, report: &Report) {
        if report.codes.is_empty() {
            return;
        }
        self.heading("Status code distribution");
        let mut codes: Vec<_> = report.codes.iter().collect();
        codes.sort_by(|one, other| other.1.cmp(one.1));
        let mut table = Table::bare(&["", ">", ">"]);
        for (code, number) in codes {
            let style = if code == "OK" { GOOD } else { BAD };
            table.cells(vec![
                Cell::of(style, &format!("[{code}]")),
                count(*number, "response", "responses").into(),
                percent(*number as f64, report.calls as f64).into(),
            ]);
        }
        self.table(table);
    }

    fn failures(&mut self, report: &Report) {
        if report.failures.is_empty() {
            return;
        }
        self.heading("Error distribution");
        let mut table = Table::bare(&[">", "", "", ""]);
        for failure in report.failures.iter().take(FAILURES_MAX) {
            table.cells(vec![
                format!("[{}]", thousands(failure.count)).into(),
                Cell::of(BAD, &failure.code),
                Cell::from(&failure.step),
                Cell::from(&failure.message),
            ]);
        }
        self.table(table);
        let rest = report.failures.iter().skip(FAILURES_MAX);
        let kinds = rest.clone().count() as u64;
        if kinds > 0 {
            let calls: u64 = rest.map(|failure| failure.count).sum();
            let kinds = count(kinds, "kind more", "kinds more");
            self.words(
                FAINT,
                &format!("and {kinds}, {}", count(calls, "call", "calls")),
            );
        }
    }

    fn books(&mut self, report: &Report) {
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
        let verdict = books_verdict(books.balance());
        self.line(&format!("  {verdict}"));
        for example in &books.examples {
            self.words(PLAIN, example);
        }
    }

    fn search(&mut self, report: &Report) {
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
                time(trial.response.p99_us).into(),
                bar(part.max(0.02), 24).into(),
                Cell::of(style, format!("{sign} {why}").trim_end()),
            ]);
        }
        self.table(table);
    }

    fn repeats(&mut self, report: &Report) {
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
                time(repeat.response.p50_us).into(),
                time(repeat.response.p99_us).into(),
                time(repeat.response.max_us).into(),
                time(repeat.service.p99_us).into(),
                Cell::of(style, sign),
            ]);
        }
        self.table(table);
    }

    fn comparison(&mut self, report: &Report) {
        let Some(comparison) = &report.comparison else {
            return;
        };
        self.heading("Compared with before");
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
    }

    fn thresholds(&mut self, report: &Report) {
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

    fn verdicts(&mut self, report: &Report) {
        let mut all = vec![if report.valid {
            mark(true, "valid: the generator kept up")
        } else {
            mark(
                false,
                "INVALID: these figures are not the target's, see above",
            )
        }];
        if report.interrupted {
            all.push(mark(false, "interrupted before its end"));
        }
        if !report.thresholds.is_empty() {
            let failed = thresholds_failed(report);
            all.push(if failed == 0 {
                mark(true, "every threshold holds")
            } else {
                let of = count(
                    report.thresholds.len() as u64,
                    "threshold failed",
                    "thresholds failed",
                );
                mark(false, &format!("{failed} of {of}"))
            });
        }
        if let Some(books) = &report.books {
            all.push(books_verdict(books.balance()));
        }
        self.line("");
        for one in all {
            self.line(&one);
        }
    }
}

/// What was due, and what became of it.
fn arrivals(table: &mut Table, report: &Report) {
    let achieved = rate(report.achieved_rate);
    if report.offered_rate > 0.0 {
        let due = count(report.arrivals, "arrival was due", "arrivals were due");
        table.cells(fact("Offered:", &rate(report.offered_rate), PLAIN, &due));
        let part = percent(report.achieved_rate, report.offered_rate);
        let part = format!("{part} of what was offered");
        table.cells(fact("Achieved:", &achieved, HEADING, &part));
    } else {
        table.cells(fact("Achieved:", &achieved, HEADING, ""));
    }
    if report.unsent > 0 {
        let part = percent(report.unsent as f64, report.arrivals as f64);
        let part = format!("{part} of the arrivals");
        table.cells(fact("Never sent:", &thousands(report.unsent), BAD, &part));
    }
    if report.unfinished > 0 {
        let unfinished = thousands(report.unfinished);
        let more = "under way when it was ended";
        table.cells(fact("Unfinished:", &unfinished, BAD, more));
    }
}

fn fact(name: &str, value: &str, style: Style, more: &str) -> Vec<Cell> {
    vec![name.into(), Cell::of(style, value), Cell::of(FAINT, more)]
}

fn steps(report: &Report) -> impl Iterator<Item = &StepReport> {
    report.workflows.iter().flat_map(|one| &one.steps)
}

fn books_verdict(balance: bool) -> String {
    if balance {
        mark(true, "the books balance")
    } else {
        mark(false, "the books do NOT balance")
    }
}

/// Whether something is as it should be, in a sign and in words: never by colour alone.
fn mark(good: bool, words: &str) -> String {
    let (style, sign) = sign(good);
    styled(style, &format!("{sign} {words}"))
}

fn sign(good: bool) -> (Style, &'static str) {
    if good { (GOOD, "✓") } else { (BAD, "✗") }
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

/// A bar of the histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    from_us: u64,
    to_us: u64,
    count: u64,
}

/// The latencies on a logarithmic scale: 1, 2, 5 to the decade, or finer where that would be a few bars only. Those at either
/// end are not empty.
fn buckets(latencies: &Latencies) -> Vec<Bucket> {
    const COARSE: [u64; 3] = [10, 20, 50];
    const FINE: [u64; 10] = [10, 12, 15, 20, 25, 30, 40, 50, 60, 80];
    let coarse = buckets_at(latencies, &COARSE);
    if coarse.len() >= 6 || latencies.max_us < 100 {
        return coarse;
    }
    buckets_at(latencies, &FINE)
}

fn buckets_at(latencies: &Latencies, tenths: &[u64]) -> Vec<Bucket> {
    let decades = std::iter::successors(Some(1_u64), |decade| decade.checked_mul(10)).take(11);
    let ends = decades.flat_map(|decade| tenths.iter().map(move |tenth| tenth * decade / 10));
    let mut values = latencies.histogram.iter().peekable();
    let mut buckets = Vec::new();
    let mut from_us = 0;
    for to_us in ends.filter(|to_us| *to_us > 0) {
        let mut count = 0;
        while let Some((_, more)) = values.next_if(|(us, _)| *us < to_us) {
            count += more;
        }
        if to_us > from_us && (count > 0 || !buckets.is_empty()) {
            buckets.push(Bucket {
                from_us,
                to_us,
                count,
            });
        }
        from_us = to_us;
        if values.peek().is_none() {
            break;
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::show::fixture;

    /// Without the styles that are written here, and with whatever else moves a cursor.
    fn plain(report: &Report) -> String {
        let mut plain = text(report);
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
    fn nothing_moves_the_cursor() {
        let amiss = plain(&fixture::amiss());
        assert_eq!(reading::visible::lines(&amiss), amiss);
        assert!(amiss.contains("‹U+202E›"), "{amiss}");
        let styled = text(&fixture::full());
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
    fn every_call_has_its_bar() {
        for report in [fixture::full(), fixture::tiny()] {
            let buckets = buckets(&report.response);
            let sum: u64 = buckets.iter().map(|one| one.count).sum();
            assert_eq!(sum, report.calls);
            assert!(buckets.windows(2).all(|two| two[0].to_us == two[1].from_us));
        }
        let narrow = buckets(&fixture::latencies(700..900));
        let bounds: Vec<_> = narrow.iter().map(|one| (one.from_us, one.to_us)).collect();
        assert_eq!(bounds, [(600, 800), (800, 1_000)]);
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
            let styled = text(&report);
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
