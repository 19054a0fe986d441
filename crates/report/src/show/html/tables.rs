//! The parts of the page that are tables.

use words::figures::thousands;

use super::markup::{Table, cut, esc, mark, pairs, put, section};
use super::ranges;
use crate::report::{FigureComparison, Report, Spread, StepReport};
use crate::show::figures::{
    QUANTILES, bytes, count, figure, percent, quantiles, rate, seconds, time, time_us,
    workflows_tell_more,
};

/// Letters of a failure's message that are shown.
const MESSAGE_MAX: usize = 400;

/// Response, service and lag side by side.
pub(super) fn latencies(report: &Report) -> String {
    let mut headings = vec![""];
    let names: Vec<_> = QUANTILES.iter().map(|name| format!(">{name}")).collect();
    headings.extend(names.iter().map(String::as_str));
    headings.extend([">mean", "measured"]);
    let mut table = Table::new("Response, service and lag", &headings);
    for (name, measured, latencies) in [
        ("Response", "intended to done", &report.response),
        ("Service", "sent to done", &report.service),
        ("Lag", "intended to sent", &report.lag),
    ] {
        let mut cells = vec![format!("<strong>{name}</strong>")];
        cells.extend(quantiles(latencies).map(time));
        cells.push(time_us(latencies.mean_us));
        cells.push(format!("<small>{measured}</small>"));
        table.row(&cells);
    }
    table.render()
}

/// The workflows and their steps; empty where they tell no more than the run does.
pub(super) fn workflows(report: &Report) -> String {
    let steps = || report.workflows.iter().flat_map(|one| &one.steps);
    if !workflows_tell_more(report) {
        return String::new();
    }
    let scale = ranges::scale_of(steps().flat_map(|step| [&step.response, &step.service]));
    let axis = ranges::axis(scale);
    let mut table = Table::new(
        "Workflows and their steps",
        &["", ">calls", ">failed", ">p50", ">p99", ">max", &axis],
    );
    for workflow in &report.workflows {
        let end_to_end = &workflow.end_to_end;
        table.row_of(
            "group",
            &[
                esc(&workflow.name),
                thousands(workflow.started),
                thousands(workflow.failed),
                time(end_to_end.p50_us),
                time(end_to_end.p99_us),
                time(end_to_end.max_us),
                format!(
                    "<small>end to end, pauses included; {} finished</small>",
                    thousands(workflow.finished)
                ),
            ],
        );
        for step in &workflow.steps {
            let method = step.method.rsplit('.').next().unwrap_or(&step.method);
            table.row_of(
                "step",
                &[
                    format!(
                        "{}<small class=\"method\"><br>{}</small>",
                        esc(&step.name),
                        esc(method)
                    ),
                    calls_and_retries(step),
                    thousands(step.errors),
                    time(step.response.p50_us),
                    time(step.response.p99_us),
                    time(step.response.max_us),
                    ranges::bars(
                        scale,
                        &[("response", &step.response), ("service", &step.service)],
                    ),
                ],
            );
        }
    }
    let lead = "The dot is half of the calls, the bar reaches to 99 in 100, the thread to the slowest: \
                <b style=\"color:var(--response)\">response</b> above, <b style=\"color:var(--service)\">service</b> \
                below it. The figures are the response.";
    section("Workflows and steps", lead, &table.render())
}

fn calls_and_retries(step: &StepReport) -> String {
    let calls = thousands(step.calls);
    if step.retries == 0 {
        return calls;
    }
    format!(
        "{calls}<br><small>{} again</small>",
        thousands(step.retries)
    )
}

/// The thresholds, with their heading; empty if none was given.
pub(super) fn thresholds(report: &Report) -> String {
    if report.thresholds.is_empty() {
        return String::new();
    }
    let mut table = Table::new("Thresholds", &["the run fails if", ">seen", "verdict"]);
    for threshold in &report.thresholds {
        let words = if threshold.failed { "failed" } else { "holds" };
        table.row(&[
            format!("<code>{}</code>", esc(&threshold.text)),
            esc(&threshold.seen),
            mark(!threshold.failed, words),
        ]);
    }
    format!("<h2>Thresholds</h2>{}", table.render())
}

/// The books, with their heading; empty if none were made up.
pub(super) fn books(report: &Report) -> String {
    let Some(books) = &report.books else {
        return String::new();
    };
    let amiss = |number: u64| {
        if number == 0 {
            "0".to_owned()
        } else {
            mark(false, &thousands(number))
        }
    };
    let verdict = if books.balance() {
        mark(true, "They balance: every answer is in both ledgers, once.")
    } else {
        mark(false, "They do NOT balance.")
    };
    let mut page = format!("<h2>The books</h2><p>{verdict}</p>");
    page.push_str(&pairs(&[
        ("sent", thousands(books.sent)),
        ("answered", thousands(books.answered)),
        ("refused", thousands(books.refused)),
        ("unknown: no answer came", thousands(books.unknown)),
        (
            "unknown but counted",
            format!("{} of these", thousands(books.unknown_but_counted)),
        ),
        ("in South’s ledger", thousands(books.south)),
        ("in North’s ledger", thousands(books.north)),
        ("lost", amiss(books.lost)),
        ("doubled", amiss(books.doubled)),
        ("refused but counted", amiss(books.refused_but_counted)),
        (
            "the line at rest",
            if books.quiet {
                "yes".to_owned()
            } else {
                mark(false, "no: the ledgers may differ for now")
            },
        ),
    ]));
    if !books.examples.is_empty() {
        page.push_str("<ul class=\"examples\">");
        for example in &books.examples {
            put!(page, "<li><code>{}</code></li>", esc(example));
        }
        page.push_str("</ul>");
    }
    page
}

/// Where the time went; empty if it is not known.
pub(super) fn breakdown(report: &Report) -> String {
    let Some(breakdown) = &report.breakdown else {
        return String::new();
    };
    let total: f64 = breakdown.stages.iter().map(|one| one.latency.mean_us).sum();
    let mut stack = "<div class=\"stack whole\" aria-hidden=\"true\">".to_owned();
    let mut table = Table::new(
        "Where the time went",
        &["stage", ">mean", ">share", ">p50", ">p99", ">max"],
    );
    for (index, stage) in breakdown.stages.iter().enumerate() {
        let part = if total > 0.0 {
            stage.latency.mean_us / total
        } else {
            0.0
        };
        let rect = format!(
            "<rect class=\"s{}\" width=\"100%\" height=\"100%\"/>",
            index % 5
        );
        put!(
            stack,
            "<svg style=\"flex-basis:0;flex-grow:{}\" width=\"1\">{rect}</svg>",
            (part * 1e4).round() / 1e4
        );
        table.row(&[
            format!(
                "<span class=\"swatch stack\" style=\"margin-top:0;margin-bottom:0;height:10px\"><svg \
                 width=\"10\" height=\"10\">{rect}</svg></span>{}",
                esc(&stage.name)
            ),
            time_us(stage.latency.mean_us),
            format!("{:.1} %", part * 100.0),
            time(stage.latency.p50_us),
            time(stage.latency.p99_us),
            time(stage.latency.max_us),
        ]);
    }
    let lead = format!(
        "From the client’s call until the office that made the step knows that its peer has it: {} on average, over {}.",
        esc(&time_us(total)),
        count(breakdown.samples, "sample", "samples")
    );
    section(
        "Where the time went",
        &lead,
        &(stack + "</div>" + &table.render()),
    )
}

/// What went on inside streams; empty if there were none.
pub(super) fn streams(report: &Report) -> String {
    let Some(streams) = &report.streams else {
        return String::new();
    };
    let mut table = Table::new("Streams", &["", ">p50", ">p90", ">p99", ">p99.9", ">max"]);
    for (name, latencies) in [
        ("each message", &streams.message),
        ("opened to first message", &streams.first_message),
        ("opened to end", &streams.life),
    ] {
        let mut cells = vec![name.to_owned()];
        cells.extend(quantiles(latencies).map(time));
        table.row(&cells);
    }
    let lead = format!(
        "{} opened; {} sent on them, {} received.",
        count(streams.opened, "stream was", "streams were"),
        count(streams.messages_sent, "message was", "messages were"),
        thousands(streams.messages_received)
    );
    section("Streams", &lead, &table.render())
}

/// How it compares with a run saved before; empty if it was not compared.
pub(super) fn comparison(report: &Report) -> String {
    let Some(comparison) = &report.comparison else {
        return String::new();
    };
    let mut lead = format!(
        "Before: <code>{}</code>. The dot is the median, the line reaches from the smallest of the repeats to the \
         largest: before above, <b style=\"color:var(--service)\">now</b> below it.",
        esc(&comparison.baseline)
    );
    if !comparison.setup_differs.is_empty() {
        put!(
            lead,
            " The setups differ: {}.",
            esc(&comparison.setup_differs.join("; "))
        );
    }
    let mut table = Table::new(
        "Compared with before",
        &["", ">before", ">now", ">change", "spreads", "verdict"],
    );
    for one in &comparison.figures {
        table.row(&[
            esc(&one.name),
            in_words(one.before, &one.unit),
            in_words(one.now, &one.unit),
            change(one),
            ranges::spreads(one.before, one.now),
            verdict(&one.verdict),
        ]);
    }
    section("Compared with before", &lead, &table.render())
}

fn in_words(spread: Spread, unit: &str) -> String {
    let median = esc(&figure(spread.median, unit));
    if spread.repeats < 2 {
        return median;
    }
    format!(
        "{median}<br><small>{} to {}</small>",
        esc(&figure(spread.min, unit)),
        esc(&figure(spread.max, unit))
    )
}

fn change(one: &FigureComparison) -> String {
    if one.before.median <= 0.0 {
        return "–".to_owned();
    }
    let change = (one.now.median / one.before.median - 1.0) * 100.0;
    let sign = if change < 0.0 { "−" } else { "+" };
    format!("{sign}{:.1} %", change.abs())
}

fn verdict(verdict: &str) -> String {
    match verdict {
        "better" => mark(true, "better"),
        "worse" => mark(false, "worse"),
        other => esc(other),
    }
}

/// The repeats; empty if there was one.
pub(super) fn repeats(report: &Report) -> String {
    if report.repeats.len() < 2 {
        return String::new();
    }
    let mut table = Table::new(
        "Repeats",
        &[
            ">repeat",
            ">achieved",
            ">calls",
            ">failed",
            ">response p50",
            ">p99",
            ">max",
            ">service p99",
            "valid",
        ],
    );
    for (index, repeat) in report.repeats.iter().enumerate() {
        table.row(&[
            (index + 1).to_string(),
            rate(repeat.achieved_rate),
            thousands(repeat.calls),
            thousands(repeat.errors),
            time(repeat.response.p50_us),
            time(repeat.response.p99_us),
            time(repeat.response.max_us),
            time(repeat.service.p99_us),
            mark(repeat.valid, if repeat.valid { "yes" } else { "no" }),
        ]);
    }
    let lead = "The figures above are all of them together.";
    section("Repeats", lead, &table.render())
}

/// Calls by status code, and what the failures were.
pub(super) fn failures(report: &Report) -> String {
    if report.codes.is_empty() && report.failures.is_empty() {
        return String::new();
    }
    let mut codes = Table::new("Status codes", &["status code", ">calls", ">share", ""]);
    let mut by_count: Vec<_> = report.codes.iter().collect();
    by_count.sort_by(|one, other| other.1.cmp(one.1));
    for (code, number) in by_count {
        let part = *number as f64 / report.calls.max(1) as f64;
        let class = if code == "OK" { "stage" } else { "bar" };
        codes.row(&[
            format!("<code>{}</code>", esc(code)),
            thousands(*number),
            percent(part, 1.0),
            // A single failure among thousands is still seen.
            ranges::bar(class, part.max(0.004)),
        ]);
    }
    let mut body = codes.render();
    if !report.failures.is_empty() {
        let mut failures = Table::new(
            "Failures",
            &[">calls", "status code", "step", "message of the first"],
        );
        for failure in &report.failures {
            failures.row(&[
                thousands(failure.count),
                format!("<code>{}</code>", esc(&failure.code)),
                esc(&failure.step),
                format!(
                    "<span class=\"message\">{}</span>",
                    esc(&cut(&failure.message, MESSAGE_MAX))
                ),
            ]);
        }
        body.push_str(&failures.render());
    }
    section("Status codes and failures", "", &body)
}

/// What was called and how, and what the generator took.
pub(super) fn setup(report: &Report) -> String {
    let (setup, generator) = (&report.setup, &report.generator);
    let some = |number: u64| {
        if number == 0 {
            String::new()
        } else {
            thousands(number)
        }
    };
    let some_seconds = |number: f64| {
        if number > 0.0 {
            seconds(number)
        } else {
            String::new()
        }
    };
    let body = pairs(&[
        ("plan or method", esc(&setup.plan)),
        ("targets", esc(&setup.targets.join(", "))),
        ("loop", esc(&setup.loop_kind)),
        ("schedule", esc(&setup.schedule)),
        ("duration", some_seconds(setup.duration_s)),
        ("warm-up, not measured", some_seconds(setup.warmup_s)),
        ("seed", setup.seed.to_string()),
        ("part of the schedule", esc(&setup.shard)),
        ("arrivals due", some(report.arrivals)),
        ("never sent", some(report.unsent)),
        ("under way when it was ended", some(report.unfinished)),
        ("messages sent", bytes(report.bytes_sent)),
        ("messages received", bytes(report.bytes_received)),
        ("most in flight, allowed", some(setup.in_flight_max)),
        ("most in flight, seen", some(generator.in_flight_max)),
        ("threads", some(generator.threads)),
        ("connections", some(generator.connections)),
        (
            "processor time of the generator",
            some_seconds(generator.cpu_s),
        ),
        (
            "processor time for each call",
            if generator.cpu_us_per_call > 0.0 {
                time_us(generator.cpu_us_per_call)
            } else {
                String::new()
            },
        ),
        ("waited for a processor", some_seconds(generator.cpu_wait_s)),
        ("version", esc(&setup.version)),
    ]);
    section("Setup and generator", "", &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::fixture;

    #[test]
    fn books_tell_what_is_amiss() {
        assert!(books(&fixture::full()).contains("They balance"));
        let page = books(&fixture::amiss());
        assert!(page.contains("They do NOT balance"));
        assert!(page.contains("not in North&#39;s ledger"));
    }

    #[test]
    fn a_megabyte_of_message_is_cut() {
        let mut report = fixture::tiny();
        report.failures = vec![crate::report::FailureCount {
            message: "ü".repeat(1 << 20),
            ..Default::default()
        }];
        assert!(failures(&report).len() < 4_000);
    }

    #[test]
    fn a_change_has_its_sign() {
        let page = comparison(&fixture::full());
        assert!(page.contains("−20.6 %"), "{page}");
        assert!(page.contains("+5.2 %"));
    }
}
