//! The search for the highest rate that holds.

use maud::{Markup, html};
use words::figures::percent;

use super::chart::Chart;
use super::pieces::{Foreign, Table, mark, section};
use super::scale::Scale;
use crate::report::{Report, SearchReport, Trial};
use crate::show::figures::{rate, time, time_of};

/// The curve and its table; empty if nothing was searched for.
pub(super) fn search(report: &Report) -> Markup {
    let Some(search) = &report.search else {
        return Markup::default();
    };
    let lead = html! {
        @match search.found_rate {
            Some(found) => { "The highest rate that held is " strong { (rate(found)) } "." }
            None => "No rate that was tried held.",
        }
        " Goal: " code { (Foreign(&search.goal)) } ". It ended so: " (Foreign(&search.ended)) "."
    };
    let body = html! { @if let Some(curve) = curve(search) { (curve) } (table(search)) };
    section("Search for the highest rate", &lead, &body)
}

fn curve(search: &SearchReport) -> Option<Markup> {
    let mut trials: Vec<&Trial> = search
        .trials
        .iter()
        .filter(|trial| trial.response.count > 0)
        .collect();
    trials.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    let p99 = |trial: &&Trial| trial.response.p99_us.max(1) as f64;
    let lowest = trials.iter().map(p99).reduce(f64::min)?;
    let highest = trials.iter().map(p99).reduce(f64::max)?;
    let x = Scale::from_zero(trials.last().map_or(1.0, |trial| trial.rate));
    let y = Scale::log(lowest, highest);
    let mut chart = Chart::new(
        "search",
        "Response p99 at each rate tried",
        "A full dot held the goal, an empty one did not; a dotted one is of a generator that did not keep up.",
        240.0,
        (x, x.number_ticks(8.0)),
        (y, y.time_ticks()),
    );
    chart.x_name("offered a second; ● held, ○ did not");
    let points: Vec<_> = trials
        .iter()
        .map(|trial| Some((trial.rate, p99(trial))))
        .collect();
    chart.line("line curve", &points);
    if let Some(found) = search.found_rate {
        chart.across("across", found, &format!("{} holds", rate(found)));
    }
    for trial in trials {
        let class = match trial {
            Trial { valid: false, .. } => "unknown",
            Trial { held: true, .. } => "held",
            _ => "fell",
        };
        let words = format!(
            "{} offered: p99 {}{}",
            rate(trial.rate),
            time(trial.response.p99_us),
            verdict(trial)
        );
        chart.dot(class, trial.rate, p99(&trial), &words);
    }
    Some(chart.render())
}

fn verdict(trial: &Trial) -> String {
    if !trial.valid {
        ", the generator did not keep up".to_owned()
    } else if trial.because.is_empty() {
        ", held".to_owned()
    } else {
        format!(", {}", trial.because)
    }
}

fn table(search: &SearchReport) -> Table {
    let mut table = Table::new(
        "The rates tried",
        &[
            ">offered",
            ">achieved",
            ">p50",
            ">p99",
            ">max",
            ">errors",
            "held",
        ],
    );
    for trial in &search.trials {
        let verdict = if trial.valid {
            mark(trial.held, if trial.held { "yes" } else { &trial.because })
        } else {
            mark(false, "the generator did not keep up")
        };
        table.row(&[
            &rate(trial.rate),
            &rate(trial.achieved_rate),
            &time_of(&trial.response, trial.response.p50_us),
            &time_of(&trial.response, trial.response.p99_us),
            &time_of(&trial.response, trial.response.max_us),
            &percent(trial.errors as f64, trial.calls as f64),
            &verdict,
        ]);
    }
    table
}
