//! What a run came to, in short: how many calls, how fast, and how long they took.

use anstyle::Style;
use words::figures::{count, latency, percent, thousands};
use words::style::{BAD, FAINT, HEADING, PLAIN};
use words::table::{Cell, Table};

use super::page::Page;
use crate::report::Report;
use crate::show::figures::{
    bytes, elapsed, hidden, mean_of, quantiles, rate, seconds, time, time_of,
};

impl Page {
    pub(super) fn summary(&mut self, report: &Report) {
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
            ("Slowest:", time_of(response, response.max_us), PLAIN, ""),
            ("Fastest:", time_of(response, response.min_us), PLAIN, ""),
            ("Average:", mean_of(response, response.mean_us), PLAIN, ""),
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

    pub(super) fn latency(&mut self, report: &Report) {
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
            row.extend(quantiles(latencies).map(|words| Cell::of(style, &words)));
            row.push(mean_of(latencies, latencies.mean_us).into());
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
