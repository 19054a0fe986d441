//! The parts of the page that are tables.

use maud::{Markup, Render, html};
use words::figures::{count, latency, percent, thousands};

use super::pieces::{Foreign, Table, cut, mark, pairs, section};
use super::ranges;
use crate::report::{FigureComparison, Report, Spread, StepReport};
use crate::show::figures::{
    NONE, QUANTILES, by_code, bytes, figure, mean_of, quantiles, rate, seconds, time_of,
    workflows_tell_more,
};

/// Letters of a failure's message that are shown.
const MESSAGE_MAX: usize = 400;

/// Response, service and lag side by side.
pub(super) fn latencies(report: &Report) -> Table {
    let mut table = Table::new("Response, service and lag", &[""]);
    for name in QUANTILES {
        table.column(html! { (name) }, true);
    }
    table.column(html! { "mean" }, true);
    table.column(html! { "measured" }, false);
    for (name, measured, latencies) in [
        ("Response", "intended to done", &report.response),
        ("Service", "sent to done", &report.service),
        ("Lag", "intended to sent", &report.lag),
    ] {
        let quantiles = quantiles(latencies);
        let name = html! { strong { (name) } };
        let mean = mean_of(latencies, latencies.mean_us);
        let measured = html! { small { (measured) } };
        let mut cells: Vec<&dyn Render> = vec![&name];
        cells.extend(quantiles.iter().map(|cell| cell as &dyn Render));
        cells.extend([&mean as &dyn Render, &measured]);
        table.row(&cells);
    }
    table
}

/// The workflows and their steps; empty where they tell no more than the run does.
pub(super) fn workflows(report: &Report) -> Markup {
    let steps = || report.workflows.iter().flat_map(|one| &one.steps);
    if !workflows_tell_more(report) {
        return Markup::default();
    }
    let scale = ranges::scale_of(steps().flat_map(|step| [&step.response, &step.service]));
    let mut table = Table::new(
        "Workflows and their steps",
        &["", ">calls", ">failed", ">p50", ">p99", ">max"],
    );
    table.column(ranges::axis(scale), false);
    for workflow in &report.workflows {
        let end_to_end = &workflow.end_to_end;
        let finished = thousands(workflow.finished);
        table.row_of(
            Some("group"),
            &[
                &Foreign(&workflow.name),
                &thousands(workflow.started),
                &thousands(workflow.failed),
                &time_of(end_to_end, end_to_end.p50_us),
                &time_of(end_to_end, end_to_end.p99_us),
                &time_of(end_to_end, end_to_end.max_us),
                &html! { small { "end to end, pauses included; " (finished) " finished" } },
            ],
        );
        for step in &workflow.steps {
            let drawing = [("response", &step.response), ("service", &step.service)];
            table.row_of(
                Some("step"),
                &[
                    &step_name(step),
                    &calls_and_retries(step),
                    &thousands(step.errors),
                    &time_of(&step.response, step.response.p50_us),
                    &time_of(&step.response, step.response.p99_us),
                    &time_of(&step.response, step.response.max_us),
                    &ranges::bars(scale, &drawing),
                ],
            );
        }
    }
    let lead = html! {
        "The dot is half of the calls, the bar reaches to 99 in 100, the thread to the slowest: "
        b style="color:var(--response)" { "response" } " above, " b style="color:var(--service)" { "service" }
        " below it. The figures are the response."
    };
    section("Workflows and steps", &lead, &table.render())
}

fn step_name(step: &StepReport) -> Markup {
    let method = step.method.rsplit('.').next().unwrap_or(&step.method);
    html! { (Foreign(&step.name)) small class="method" { br; (Foreign(method)) } }
}

fn calls_and_retries(step: &StepReport) -> Markup {
    html! {
        (thousands(step.calls))
        @if step.retries > 0 { br; small { (thousands(step.retries)) " again" } }
    }
}

/// The thresholds, with their heading; empty if none was given.
pub(super) fn thresholds(report: &Report) -> Markup {
    if report.thresholds.is_empty() {
        return Markup::default();
    }
    let mut table = Table::new("Thresholds", &["the run fails if", ">seen", "verdict"]);
    for threshold in &report.thresholds {
        let words = if threshold.failed { "failed" } else { "holds" };
        table.row(&[
            &html! { code { (Foreign(&threshold.text)) } },
            &Foreign(&threshold.seen),
            &mark(!threshold.failed, words),
        ]);
    }
    html! { h2 { "Thresholds" } (table) }
}

/// The books, with their heading; empty if none were made up.
pub(super) fn books(report: &Report) -> Markup {
    let Some(books) = &report.books else {
        return Markup::default();
    };
    let figure = |number: u64| html! { (thousands(number)) };
    let amiss = |number: u64| {
        if number == 0 {
            figure(0)
        } else {
            mark(false, &thousands(number))
        }
    };
    let verdict = if books.balance() {
        mark(true, "They balance: every answer is in both ledgers, once.")
    } else {
        mark(false, "They do NOT balance.")
    };
    let at_rest = if books.quiet {
        html! { "yes" }
    } else {
        mark(false, "no: the ledgers may differ for now")
    };
    let counted = html! { (thousands(books.unknown_but_counted)) " of these" };
    let figures = pairs(&[
        ("sent", figure(books.sent)),
        ("answered", figure(books.answered)),
        ("refused", figure(books.refused)),
        ("unknown: no answer came", figure(books.unknown)),
        ("unknown but counted", counted),
        ("in South’s ledger", figure(books.south)),
        ("in North’s ledger", figure(books.north)),
        ("lost", amiss(books.lost)),
        ("doubled", amiss(books.doubled)),
        ("refused but counted", amiss(books.refused_but_counted)),
        ("the line at rest", at_rest),
    ]);
    html! {
        h2 { "The books" }
        p { (verdict) }
        (figures)
        @if !books.examples.is_empty() {
            ul class="examples" {
                @for example in &books.examples { li { code { (Foreign(example)) } } }
            }
        }
    }
}

/// Where the time went; empty if it is not known.
pub(super) fn breakdown(report: &Report) -> Markup {
    let Some(breakdown) = &report.breakdown else {
        return Markup::default();
    };
    let rect =
        |index: usize| html! { rect class={ "s" (index % 5) } width="100%" height="100%" {} };
    let mut table = Table::new(
        "Where the time went",
        &["stage", ">mean", ">share", ">p50", ">p99", ">max"],
    );
    for (index, stage) in breakdown.stages.iter().enumerate() {
        let latency = &stage.latency;
        let name = html! {
            span class="swatch stack" style="margin-top:0;margin-bottom:0;height:10px" {
                svg width="10" height="10" { (rect(index)) }
            }
            (Foreign(&stage.name))
        };
        table.row(&[
            &name,
            &mean_of(latency, latency.mean_us),
            &format!("{:.1} %", breakdown.part(stage) * 100.0),
            &time_of(latency, latency.p50_us),
            &time_of(latency, latency.p99_us),
            &time_of(latency, latency.max_us),
        ]);
    }
    let samples = count(breakdown.samples, "sample", "samples");
    let lead = html! {
        "From the client’s call until the office that made the step knows that its peer has it: " (latency(breakdown.mean_us()))
        " on average, over " (samples) "."
    };
    let body = html! {
        div class="stack whole" aria-hidden="true" {
            @for (index, stage) in breakdown.stages.iter().enumerate() {
                @let grow = (breakdown.part(stage) * 1e4).round() / 1e4;
                svg style={ "flex-basis:0;flex-grow:" (grow) } width="1" { (rect(index)) }
            }
        }
        (table)
    };
    section("Where the time went", &lead, &body)
}

/// What went on inside streams; empty if there were none.
pub(super) fn streams(report: &Report) -> Markup {
    let Some(streams) = &report.streams else {
        return Markup::default();
    };
    let mut table = Table::new("Streams", &["", ">p50", ">p90", ">p99", ">p99.9", ">max"]);
    for (name, latencies) in [
        ("each message", &streams.message),
        ("opened to first message", &streams.first_message),
        ("opened to end", &streams.life),
    ] {
        let quantiles = quantiles(latencies);
        let mut cells: Vec<&dyn Render> = vec![&name];
        cells.extend(quantiles.iter().map(|cell| cell as &dyn Render));
        table.row(&cells);
    }
    let lead = html! {
        (count(streams.opened, "stream was", "streams were")) " opened; "
        (count(streams.messages_sent, "message was", "messages were")) " sent on them, "
        (thousands(streams.messages_received)) " received."
    };
    section("Streams", &lead, &table.render())
}

/// How it compares with a run saved before; empty if it was not compared.
pub(super) fn comparison(report: &Report) -> Markup {
    let Some(comparison) = &report.comparison else {
        return Markup::default();
    };
    let lead = html! {
        "Before: " code { (Foreign(&comparison.baseline)) }
        ". The dot is the median, the line reaches from the smallest of the repeats to the largest: before above, "
        b style="color:var(--service)" { "now" } " below it."
        @if !comparison.setup_differs.is_empty() {
            " The setups differ: " (Foreign(&comparison.setup_differs.join("; "))) "."
        }
    };
    let mut table = Table::new(
        "Compared with before",
        &["", ">before", ">now", ">change", "spreads", "verdict"],
    );
    for one in &comparison.figures {
        table.row(&[
            &Foreign(&one.name),
            &in_words(one.before, &one.unit),
            &in_words(one.now, &one.unit),
            &change(one),
            &ranges::spreads(one.before, one.now),
            &verdict(&one.verdict),
        ]);
    }
    section("Compared with before", &lead, &table.render())
}

fn in_words(spread: Spread, unit: &str) -> Markup {
    let figure = |number| figure(number, unit);
    html! {
        (Foreign(&figure(spread.median)))
        @if spread.repeats >= 2 {
            br; small { (Foreign(&figure(spread.min))) " to " (Foreign(&figure(spread.max))) }
        }
    }
}

fn change(one: &FigureComparison) -> String {
    if one.before.median <= 0.0 {
        return NONE.to_owned();
    }
    let change = (one.now.median / one.before.median - 1.0) * 100.0;
    let sign = if change < 0.0 { "−" } else { "+" };
    format!("{sign}{:.1} %", change.abs())
}

fn verdict(verdict: &str) -> Markup {
    match verdict {
        "better" => mark(true, "better"),
        "worse" => mark(false, "worse"),
        other => html! { (Foreign(other)) },
    }
}

/// The repeats; empty if there was one.
pub(super) fn repeats(report: &Report) -> Markup {
    if report.repeats.len() < 2 {
        return Markup::default();
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
            &(index + 1),
            &rate(repeat.achieved_rate),
            &thousands(repeat.calls),
            &thousands(repeat.errors),
            &time_of(&repeat.response, repeat.response.p50_us),
            &time_of(&repeat.response, repeat.response.p99_us),
            &time_of(&repeat.response, repeat.response.max_us),
            &time_of(&repeat.service, repeat.service.p99_us),
            &mark(repeat.valid, if repeat.valid { "yes" } else { "no" }),
        ]);
    }
    let lead = html! { "The figures above are all of them together." };
    section("Repeats", &lead, &table.render())
}

/// Calls by status code, and what the failures were.
pub(super) fn failures(report: &Report) -> Markup {
    if report.codes.is_empty() && report.failures.is_empty() {
        return Markup::default();
    }
    let mut codes = Table::new("Status codes", &["status code", ">calls", ">share", ""]);
    for (code, number) in by_code(report) {
        let part = number as f64 / report.calls.max(1) as f64;
        let class = if code == "OK" { "stage" } else { "bar" };
        codes.row(&[
            &html! { code { (Foreign(code)) } },
            &thousands(number),
            &percent(part, 1.0),
            // A single failure among thousands is still seen.
            &ranges::bar(class, part.max(0.004)),
        ]);
    }
    let mut failures = Table::new(
        "Failures",
        &[">calls", "status code", "step", "message of the first"],
    );
    for failure in &report.failures {
        let message = cut(&failure.message, MESSAGE_MAX);
        failures.row(&[
            &thousands(failure.count),
            &html! { code { (Foreign(&failure.code)) } },
            &Foreign(&failure.step),
            &html! { span class="message" { (Foreign(&message)) } },
        ]);
    }
    let body = html! { (codes) @if !report.failures.is_empty() { (failures) } };
    section("Status codes and failures", &Markup::default(), &body)
}

/// What was called and how, and what the generator took.
pub(super) fn setup(report: &Report) -> Markup {
    let (setup, generator) = (&report.setup, &report.generator);
    let words = |text: &str| html! { (Foreign(text)) };
    let some = |number: u64| html! { @if number > 0 { (thousands(number)) } };
    let some_seconds = |number: f64| html! { @if number > 0.0 { (seconds(number)) } };
    let some_us = |number: f64| html! { @if number > 0.0 { (latency(number)) } };
    let body = pairs(&[
        ("plan or method", words(&setup.plan)),
        ("targets", words(&setup.targets.join(", "))),
        ("loop", words(&setup.loop_kind)),
        ("schedule", words(&setup.schedule)),
        ("duration", some_seconds(setup.duration_s)),
        ("warm-up, not measured", some_seconds(setup.warmup_s)),
        ("seed", html! { (setup.seed) }),
        ("part of the schedule", words(&setup.shard)),
        ("arrivals due", some(report.arrivals)),
        ("never sent", some(report.unsent)),
        ("under way when it was ended", some(report.unfinished)),
        ("messages sent", words(&bytes(report.bytes_sent))),
        ("messages received", words(&bytes(report.bytes_received))),
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
            some_us(generator.cpu_us_per_call),
        ),
        ("waited for a processor", some_seconds(generator.cpu_wait_s)),
        ("version", words(&setup.version)),
        ("labels", words(&setup.labels.join(", "))),
        ("command line", words(&setup.command)),
    ]);
    section("Setup and generator", &Markup::default(), &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::fixture;

    #[test]
    fn books_tell_what_is_amiss() {
        assert!(books(&fixture::full()).0.contains("They balance"));
        let page = books(&fixture::amiss()).0;
        assert!(page.contains("They do NOT balance"));
        assert!(page.contains("not in North's ledger"));
    }

    #[test]
    fn a_megabyte_of_message_is_cut() {
        let mut report = fixture::tiny();
        report.failures = vec![crate::report::FailureCount {
            message: "ü".repeat(1 << 20),
            ..Default::default()
        }];
        assert!(failures(&report).0.len() < 4_000);
    }

    #[test]
    fn a_change_has_its_sign() {
        let page = comparison(&fixture::full()).0;
        assert!(page.contains("−20.6 %"), "{page}");
        assert!(page.contains("+5.2 %"));
    }
}
