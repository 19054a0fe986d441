//! What the calls came to: by workflow and step, on streams, by stage, by code, and what the failures were.

use words::figures::{count, latency, percent, thousands};
use words::style::{BAD, FAINT, GOOD, HEADING, PLAIN};
use words::table::{Cell, Table};

use super::frame::bar;
use super::page::Page;
use crate::report::{Report, StepReport};
use crate::show::figures::{QUANTILES, by_code, mean_of, quantiles, time_of, workflows_tell_more};

/// No more kinds of failures are told: the others are summed up.
const FAILURES_MAX: usize = 12;

impl Page {
    pub(super) fn workflows(&mut self, report: &Report) {
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
            row.extend(quantiles(&workflow.end_to_end).map(Cell::from));
            row.push(String::new().into());
            table.cells(row);
            for step in &workflow.steps {
                let mut row = vec![
                    format!("  {}", step.name).into(),
                    thousands(step.calls).into(),
                    failed(step.errors),
                ];
                row.extend(quantiles(&step.response).map(Cell::from));
                row.push(time_of(&step.service, step.service.p99_us).into());
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

    pub(super) fn streams(&mut self, report: &Report) {
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
            row.extend(quantiles(latencies).map(Cell::from));
            table.cells(row);
        }
        self.table(table);
    }

    pub(super) fn breakdown(&mut self, report: &Report) {
        let Some(breakdown) = &report.breakdown else {
            return;
        };
        self.heading("Where the time went");
        let mut table = Table::headed(FAINT, &["stage", ">average", ">p50", ">p99", ">share", ""]);
        for stage in &breakdown.stages {
            let part = breakdown.part(stage);
            let latency = &stage.latency;
            table.cells(vec![
                Cell::from(&stage.name),
                mean_of(latency, latency.mean_us).into(),
                time_of(latency, latency.p50_us).into(),
                time_of(latency, latency.p99_us).into(),
                format!("{:.1} %", part * 100.0).into(),
                bar(part, 36).into(),
            ]);
        }
        self.table(table);
        self.words(
            FAINT,
            &format!(
                "{} on average from the client's call until the office knows that its peer has it; {}",
                latency(breakdown.mean_us()),
                count(breakdown.samples, "sample", "samples")
            ),
        );
    }

    pub(super) fn codes(&mut self, report: &Report) {
        if report.codes.is_empty() {
            return;
        }
        self.heading("Status code distribution");
        let mut table = Table::bare(&["", ">", ">"]);
        for (code, number) in by_code(report) {
            let style = if code == "OK" { GOOD } else { BAD };
            table.cells(vec![
                Cell::of(style, &format!("[{code}]")),
                count(number, "response", "responses").into(),
                percent(number as f64, report.calls as f64).into(),
            ]);
        }
        self.table(table);
    }

    pub(super) fn failures(&mut self, report: &Report) {
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
}

fn steps(report: &Report) -> impl Iterator<Item = &StepReport> {
    report.workflows.iter().flat_map(|one| &one.steps)
}
