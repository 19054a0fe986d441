//! A report as one page for a browser: nothing is fetched from anywhere, and it is complete without script.
//!
//! The page is HTML, a style sheet, and drawings in SVG made here. It forbids the browser all else (its
//! Content-Security-Policy has no source for scripts, pictures or fonts), so that whatever a server put into an error message
//! stays text even if it were not escaped, which all text is. What is pointed at tells its figures by `<title>`.

mod chart;
mod markup;
mod over_time;
mod ranges;
mod scale;
mod search;
mod spectrum;
mod tables;

use crate::report::Report;
use markup::{esc, mark, pairs, put, section};
use over_time::Columns;
use words::figures::thousands;

use super::figures::{
    Hidden, count, elapsed, hidden, percent, rate, seconds, thresholds_failed, time,
};

/// A report as one self-contained HTML page.
pub fn html(report: &Report) -> String {
    let mut page = String::with_capacity(128 * 1024);
    put!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"generator\" content=\"Liaison {}\"><title>{}</title>\n<style>\n{}</style></head>\n<body><main>\n",
        esc(&report.setup.version),
        esc(&title(report)),
        include_str!("html/page.css")
    );
    page.push_str(&header(report));
    page.push_str(&charts(report));
    page.push_str(&tables::workflows(report));
    page.push_str(&verdict_details(report));
    page.push_str(&tables::breakdown(report));
    page.push_str(&tables::streams(report));
    page.push_str(&search::search(report));
    page.push_str(&tables::comparison(report));
    page.push_str(&tables::repeats(report));
    page.push_str(&tables::failures(report));
    page.push_str(&tables::setup(report));
    put!(
        page,
        "<footer>Liaison {}. Response is measured from when a call was intended, service from when it was sent, lag \
         is what lies between.</footer>\n</main></body></html>\n",
        esc(&report.setup.version)
    );
    page
}

fn title(report: &Report) -> String {
    let verdict = if report.valid { "" } else { "INVALID: " };
    format!("{verdict}{}, {}", report.setup.plan, report.setup.schedule)
}

fn header(report: &Report) -> String {
    let setup = &report.setup;
    let mut page = "<header><p class=\"kicker\">Load report".to_owned();
    if let Some(started_at) = report.started_at {
        // A reader wants the minute; the nanosecond is in the saved run.
        put!(
            page,
            ", {}",
            esc(&started_at.strftime("%-d %B %Y, %H:%M UTC").to_string())
        );
    }
    put!(page, "</p><h1>{}</h1>", esc(&setup.plan));
    let mut parts = vec![setup.schedule.clone()];
    if report.duration_s > 0.0 {
        parts.push(format!("for {}", seconds(report.duration_s)));
    }
    if !setup.targets.is_empty() {
        parts.push(format!("at {}", setup.targets.join(", ")));
    }
    put!(page, "<p class=\"subtitle\">{}</p>", esc(&parts.join(", ")));
    if !report.valid {
        page.push_str(&invalid(report));
    }
    page.push_str(&verdicts(report));
    page.push_str(&key_figures(report));
    page + "</header>\n"
}

fn invalid(report: &Report) -> String {
    let reasons: Vec<_> = report
        .invalid_because
        .iter()
        .map(|one| (one.resource.as_str(), esc(&one.text)))
        .collect();
    format!(
        "<div class=\"invalid\" role=\"alert\"><strong>INVALID: these figures are not the target’s</strong><p>The \
         generator could not keep up with its own schedule. What it was short of:</p>{}</div>",
        pairs(&reasons)
    )
}

fn verdicts(report: &Report) -> String {
    let mut all = vec![if report.valid {
        mark(true, "Valid: the generator kept up")
    } else {
        mark(false, "Invalid: the generator did not keep up")
    }];
    if report.interrupted {
        all.push(mark(false, "Interrupted before its end"));
    }
    let failed = thresholds_failed(report);
    if !report.thresholds.is_empty() {
        all.push(if failed == 0 {
            mark(true, "Every threshold holds")
        } else {
            mark(
                false,
                &format!(
                    "{failed} of {}",
                    count(
                        report.thresholds.len() as u64,
                        "threshold failed",
                        "thresholds failed"
                    )
                ),
            )
        });
    }
    if let Some(books) = &report.books {
        all.push(if books.balance() {
            mark(true, "The books balance")
        } else {
            mark(false, "The books do NOT balance")
        });
    }
    let mut page = "<ul class=\"verdicts\">".to_owned();
    for one in all {
        put!(page, "<li>{one}</li>");
    }
    page + "</ul>"
}

fn key_figures(report: &Report) -> String {
    let response = &report.response;
    let (_, calls_rate) = elapsed(report);
    let achieved = if report.offered_rate > 0.0 {
        let part = percent(report.achieved_rate, report.offered_rate);
        format!("{part} of {}", rate(report.offered_rate))
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
        ("Response, half", time(response.p50_us), "p50".to_owned()),
        (
            "99 in 100",
            time(response.p99_us),
            format!("p99; p99.9 {}", time(response.p999_us)),
        ),
        (
            "The slowest",
            time(response.max_us),
            format!("lag p99 {}", time(report.lag.p99_us)),
        ),
    ];
    let mut page = "<div class=\"keys\">".to_owned();
    for (name, figure, more) in keys {
        let (number, unit) = figure.rsplit_once(' ').unwrap_or((&figure, ""));
        put!(
            page,
            "<div class=\"key\"><p class=\"name\">{}</p><p class=\"figure\">{}",
            esc(name),
            esc(number)
        );
        if !unit.is_empty() {
            put!(page, "<small>{}</small>", esc(unit));
        }
        put!(page, "</p><p class=\"more\">{}</p></div>", esc(&more));
    }
    page + "</div>"
}

fn charts(report: &Report) -> String {
    let mut page = String::new();
    let columns = Columns::of(report);
    if let Some(heat) = columns.as_ref().and_then(Columns::heat) {
        let lead = "From when each call was intended to when it was done. The stronger the shade of a cell, the more calls; \
                    after a stall a tall column stands where all who waited are answered.";
        page.push_str(&section("Response over time", lead, &heat));
    }
    if report.calls > 0 {
        let mut body = hidden(report)
            .map(|hidden| callout(hidden, report.valid))
            .unwrap_or_default();
        let spectrum = spectrum::spectrum(report);
        let lead = spectrum.as_ref().map_or(
            "",
            |_| "Each step to the right looks at a tenth as many calls, and they are the slowest.",
        );
        body.push_str(&spectrum.unwrap_or_default());
        body.push_str(&tables::latencies(report));
        page.push_str(&section("How slow are the slow ones", lead, &body));
    }
    if let Some(columns) = columns {
        page.push_str(&small_charts(&columns));
    }
    page
}

/// What other tools do not show. Of an invalid run nobody can say whose the wait was.
fn callout(hidden: Hidden, valid: bool) -> String {
    let whose = if valid {
        "A generator that sends only when an answer has come reports the second figure: the shaded gap is what it hides."
    } else {
        "The generator itself was late, so that the shaded gap may be its own and not the target’s."
    };
    format!(
        "<p class=\"callout\">At {}, callers waited <b>{}</b>; counted only from when the call was sent, it is <i>{}</i>. {whose}</p>",
        hidden.name,
        time(hidden.response_us),
        time(hidden.service_us)
    )
}

fn small_charts(columns: &Columns) -> String {
    let keyline = |class, words| {
        format!(
            "<span class=\"keyline\"><svg width=\"26\" height=\"8\" aria-hidden=\"true\"><path class=\"line {class}\" \
             d=\"M1 4h24\"/></svg>{words}</span>"
        )
    };
    let rates_lead = format!(
        "{} against {}, arrivals a second",
        keyline("offered", "offered"),
        keyline("achieved", "finished")
    );
    let mut page = "<section><h2>From second to second</h2><div class=\"two\">".to_owned();
    let errors = columns
        .errors()
        .unwrap_or_else(|| format!("<p>{}</p>", mark(true, "No call failed")));
    let mut one = |heading: &str, lead: &str, chart: &str| {
        put!(
            page,
            "<div><h3>{heading}</h3><p class=\"lead\">{lead}</p>{chart}</div>"
        );
    };
    one("Rate", &rates_lead, &columns.rates());
    one("Errors", "calls that failed, a second", &errors);
    if let Some(lag) = columns.lag() {
        one(
            "Lag",
            "how long calls that were due waited at the generator",
            &lag,
        );
    }
    if let Some(in_flight) = columns.in_flight() {
        one(
            "In flight",
            "calls that were sent and not yet done",
            &in_flight,
        );
    }
    page + "</div></section>\n"
}

fn verdict_details(report: &Report) -> String {
    let (thresholds, books) = (tables::thresholds(report), tables::books(report));
    match (thresholds.is_empty(), books.is_empty()) {
        (true, true) => String::new(),
        (false, false) => {
            format!("<section class=\"two\"><div>{thresholds}</div><div>{books}</div></section>\n")
        }
        _ => format!("<section>{thresholds}{books}</section>\n"),
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
        // A report of nothing at all is a page too.
        assert!(html(&Report::default()).contains("</html>"));
    }
}
