//! A report as one page for a browser: nothing is fetched from anywhere, and it is complete without script.
//!
//! The page is HTML, a style sheet, and drawings in SVG made here. It forbids the browser all else (its
//! Content-Security-Policy has no source for scripts, pictures or fonts), so that whatever a server put into an error message
//! stays text even if it were not escaped, which all text is: maud sees to that, and to nothing being left open. Attributes
//! stand between double quotes, for maud escapes no single ones. What is pointed at tells its figures by `<title>`.

mod chart;
mod over_time;
mod pieces;
mod ranges;
mod scale;
mod search;
mod spectrum;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use words::figures::{count, percent, thousands};

use super::figures::{Hidden, elapsed, hidden, rate, time, time_of};
use super::head::{run_in_words, verdicts};
use crate::report::Report;
use over_time::Columns;
use pieces::{Foreign, mark, pairs, section};

const STYLES: PreEscaped<&str> = PreEscaped(include_str!("html/page.css"));
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A report as one self-contained HTML page.
pub fn html(report: &Report) -> String {
    let version = Foreign(&report.setup.version);
    let page = html! {
        (DOCTYPE) "\n"
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content={ "Liaison " (version) };
                title { (Foreign(&title(report))) }
                "\n" style { "\n" (STYLES) }
            }
            "\n"
            body {
                main {
                    "\n"
                    (header(report))
                    (charts(report))
                    (tables::workflows(report))
                    (verdict_details(report))
                    (tables::breakdown(report))
                    (tables::streams(report))
                    (search::search(report))
                    (tables::comparison(report))
                    (tables::repeats(report))
                    (tables::failures(report))
                    (tables::setup(report))
                    footer {
                        "Liaison " (version) ". Response is measured from when a call was intended, service from when \
                         it was sent, lag is what lies between."
                    }
                    "\n"
                }
            }
        }
        "\n"
    };
    page.into_string()
}

fn title(report: &Report) -> String {
    let verdict = if report.valid { "" } else { "INVALID: " };
    format!("{verdict}{}, {}", report.setup.plan, report.setup.schedule)
}

fn header(report: &Report) -> Markup {
    // A reader wants the minute; the nanosecond is in the saved run.
    let started_at = report.started_at;
    let started_at = started_at.map(|at| at.strftime("%-d %B %Y, %H:%M UTC").to_string());
    html! {
        header {
            p class="kicker" { "Load report" @if let Some(at) = started_at { ", " (at) } }
            h1 { (Foreign(&report.setup.plan)) }
            p class="subtitle" { (Foreign(&run_in_words(report))) }
            @if !report.valid { (invalid(report)) }
            (verdict_list(report))
            (key_figures(report))
        }
        "\n"
    }
}

fn invalid(report: &Report) -> Markup {
    let reasons = report.invalid_because.iter();
    let reasons: Vec<_> = reasons
        .map(|one| (one.resource.as_str(), html! { (Foreign(&one.text)) }))
        .collect();
    html! {
        div class="invalid" role="alert" {
            strong { "INVALID: these figures are not the target’s" }
            p { "The generator could not keep up with its own schedule. What it was short of:" }
            (pairs(&reasons))
        }
    }
}

fn verdict_list(report: &Report) -> Markup {
    let all = verdicts(report, "invalid: the generator did not keep up");
    html! {
        ul class="verdicts" {
            @for (good, words) in all { li { (mark(good, &sentence(&words))) } }
        }
    }
}

/// The same words where they begin a line.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

fn key_figures(report: &Report) -> Markup {
    let response = &report.response;
    let (_, calls_rate) = elapsed(report);
    let achieved = if report.offered_rate > 0.0 {
        let part = percent(report.achieved_rate, report.offered_rate);
        format!("{part} of {}", rate(report.offered_rate))
    } else if report.arrivals == 0 {
        "nothing was due".to_owned()
    } else {
        "each call after the one before".to_owned()
    };
    let keys = [
        (
            "Achieved",
            rate(report.achieved_rate).replace("/s", " /s"),
            achieved,
        ),
        ("Calls", thousands(report.calls), rate(calls_rate)),
        (
            "Failed",
            percent(report.errors as f64, report.calls as f64),
            count(report.errors, "call", "calls"),
        ),
        (
            "Response, half",
            time_of(response, response.p50_us),
            "p50".to_owned(),
        ),
        (
            "99 in 100",
            time_of(response, response.p99_us),
            format!("p99; p99.9 {}", time_of(response, response.p999_us)),
        ),
        (
            "The slowest",
            time_of(response, response.max_us),
            format!("lag p99 {}", time_of(&report.lag, report.lag.p99_us)),
        ),
    ];
    html! {
        div class="keys" {
            @for (name, figure, more) in &keys {
                @let (number, unit) = figure.rsplit_once(' ').unwrap_or((figure, ""));
                div class="key" {
                    p class="name" { (name) }
                    p class="figure" { (number) @if !unit.is_empty() { small { (unit) } } }
                    p class="more" { (more) }
                }
            }
        }
    }
}

fn charts(report: &Report) -> Markup {
    let columns = Columns::of(report);
    let heat = columns.as_ref().and_then(Columns::heat);
    let heat = heat.map(|heat| {
        let lead = html! {
            "From when each call was intended to when it was done. The stronger the shade of a cell, the more calls; after a \
             stall a tall column stands where all who waited are answered."
        };
        section("Response over time", &lead, &heat)
    });
    html! {
        @if let Some(heat) = heat { (heat) }
        @if report.response.count > 0 { (slow_ones(report)) }
        @if let Some(columns) = columns { (small_charts(&columns)) }
    }
}

fn slow_ones(report: &Report) -> Markup {
    let spectrum = spectrum::spectrum(report);
    let lead = html! {
        @if spectrum.is_some() {
            "Each step to the right looks at a tenth as many calls, and they are the slowest."
        }
    };
    let body = html! {
        @if let Some(hidden) = hidden(report) { (callout(hidden, report.valid)) }
        @if let Some(spectrum) = spectrum { (spectrum) }
        (tables::latencies(report))
    };
    section("How slow are the slow ones", &lead, &body)
}

/// What other tools do not show. Of an invalid run nobody can say whose the wait was.
fn callout(hidden: Hidden, valid: bool) -> Markup {
    let whose = if valid {
        "A generator that sends only when an answer has come reports the second figure: the shaded gap is what it hides."
    } else {
        "The generator itself was late, so that the shaded gap may be its own and not the target’s."
    };
    html! {
        p class="callout" {
            "At " (hidden.name) ", callers waited " b { (time(hidden.response_us)) }
            "; counted only from when the call was sent, it is " i { (time(hidden.service_us)) } ". " (whose)
        }
    }
}

fn small_charts(columns: &Columns) -> Markup {
    let rates_lead = html! {
        (key_line("offered", "offered")) " against " (key_line("achieved", "finished")) ", arrivals a second"
    };
    let lead = |words: &str| html! { (words) };
    let one = |heading: &str, lead: &Markup, chart: &Markup| {
        html! { div { h3 { (heading) } p class="lead" { (lead) } (chart) } }
    };
    let errors = columns.errors();
    let errors = errors.unwrap_or_else(|| html! { p { (mark(true, "No call failed")) } });
    let waited = lead("how long calls that were due waited at the generator");
    let in_flight = lead("calls that were sent and not yet done");
    html! {
        section {
            h2 { "From second to second" }
            div class="two" {
                (one("Rate", &rates_lead, &columns.rates()))
                (one("Errors", &lead("calls that failed, a second"), &errors))
                @if let Some(lag) = columns.lag() { (one("Lag", &waited, &lag)) }
                @if let Some(chart) = columns.in_flight() { (one("In flight", &in_flight, &chart)) }
            }
        }
        "\n"
    }
}

fn key_line(class: &str, words: &str) -> Markup {
    html! {
        span class="keyline" {
            svg width="26" height="8" aria-hidden="true" { path class={ "line " (class) } d="M1 4h24" {} }
            (words)
        }
    }
}

fn verdict_details(report: &Report) -> Markup {
    let (thresholds, books) = (tables::thresholds(report), tables::books(report));
    html! {
        @match (thresholds.0.is_empty(), books.0.is_empty()) {
            (true, true) => {}
            (false, false) => { section class="two" { div { (thresholds) } div { (books) } } "\n" }
            _ => { section { (thresholds) (books) } "\n" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::fixture;

    /// To look at: `SHOW=/tmp/pages cargo test -p report look -- --ignored`.
    #[test]
    #[ignore = "writes pages for somebody to look at"]
    fn look() {
        let Some(directory) = std::env::var_os("SHOW").map(std::path::PathBuf::from) else {
            return;
        };
        std::fs::create_dir_all(&directory).expect("a directory");
        let reports = [
            ("full", fixture::full()),
            ("amiss", fixture::amiss()),
            ("tiny", fixture::tiny()),
            ("hour", fixture::hour()),
        ];
        for (name, report) in reports {
            std::fs::write(directory.join(format!("{name}.html")), html(&report)).expect("a page");
        }
    }

    #[test]
    fn nothing_is_fetched_and_nothing_runs() {
        for page in [html(&fixture::full()), html(&fixture::amiss())] {
            for source in [
                "http:", "https:", "//", "src=", "url(", "@import", "<script", "<link", "href=",
                "onload",
            ] {
                assert!(!page.contains(source), "{source}");
            }
        }
    }

    #[test]
    fn what_a_hostile_server_says_is_text() {
        let page = html(&fixture::amiss());
        assert!(page.contains("&lt;script&gt;alert(&quot;1&quot;)"));
        assert!(!page.contains("<script"));
        assert!(
            !page
                .chars()
                .any(|letter| letter == '\u{1b}' || letter == '\u{202e}')
        );
        assert_eq!(
            page.matches("</title></head>").count() + page.matches("</title>\n<style>").count(),
            1
        );
    }

    #[test]
    fn an_invalid_run_says_so_before_any_figure() {
        let page = html(&fixture::amiss());
        let verdict = page.find("INVALID: these figures").expect("a verdict");
        let figure = page.find("class=\"keys\"").expect("figures");
        assert!(verdict < figure);
        assert!(page.contains("<title>INVALID: "));
        assert!(page.contains("The books do NOT balance"));
        assert!(!html(&fixture::full()).contains("INVALID"));
    }

    #[test]
    fn an_hour_is_no_large_page() {
        let size = html(&fixture::hour()).len();
        assert!(size < 400_000, "{size}");
    }

    #[test]
    fn every_drawing_that_is_read_has_a_name() {
        let page = html(&fixture::full());
        let named = page.matches("role=\"img\" aria-labelledby").count();
        assert_eq!(named, page.matches("<figure").count());
        assert!(named >= 7, "{named}");
        // An id that occurs twice names nothing.
        for id in page
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_shown() {
        let page = html(&fixture::tiny());
        for heading in [
            "The books",
            "Search",
            "Streams",
            "Compared",
            "Thresholds",
            "NaN",
            "inf",
        ] {
            assert!(!page.contains(heading), "{heading}");
        }
        assert!(page.contains("1.24<small>ms</small>"));
        // A report of nothing at all is a page too, and claims no latency.
        let nothing = html(&Report::default());
        assert!(nothing.contains("</html>") && nothing.contains("nothing was due"));
        assert!(!nothing.contains("µs"), "{nothing}");
    }
}
