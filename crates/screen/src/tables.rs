//! The figures: response, rates, errors and lag, of the last second and of the run.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;
use ratatui_core::text::{Line, Span};
use report::IntervalLatency;

use crate::figures;
use crate::history::Second;
use crate::palette::{FAINT, Palette, STRONG};
use crate::view::View;

/// The generator sends so much later than intended: it may soon, or does, measure itself.
const LAG_DOUBTFUL_US: u64 = 1_000;
const LAG_BAD_US: u64 = 10_000;

/// Response of the last second and of the run.
pub(super) fn latency_table(view: &View, area: Rect, buffer: &mut Buffer) {
    type Of = fn(&IntervalLatency) -> u64;
    let all: [(&str, Of); 5] = [
        ("p50", |one| one.p50_us),
        ("p90", |one| one.p90_us),
        ("p99", |one| one.p99_us),
        ("p99.9", |one| one.p999_us),
        ("max", |one| one.max_us),
    ];
    // What matters most stays where there is less room.
    let columns: &[usize] = match area.width {
        57.. => &[0, 1, 2, 3, 4],
        48.. => &[0, 2, 3, 4],
        39.. => &[0, 2, 4],
        _ => &[0, 2],
    };
    let row = |name: &str, cell: &dyn Fn(Of, &str) -> String| {
        let cells = columns.iter().filter_map(|column| all.get(*column));
        let cells = cells.map(|(head, of)| format!("{:>9}", cell(*of, head)));
        let cells = cells.collect::<Vec<_>>().concat();
        format!(" {name:<11}{cells}")
    };
    let last = view.history.seconds.back();
    let figure = |latency: Option<&IntervalLatency>, of: Of| {
        latency.map_or(figures::NONE.to_owned(), |one| figures::latency(of(one)))
    };
    let second = last.filter(|one| one.is_answered);
    let second = second.map(|one| &one.response);
    let total = &view.history.total;
    let run = total.is_answered.then_some(&total.response);
    let lines = [
        (row("response", &|_, head| head.to_owned()), FAINT),
        (row("this second", &|of, _| figure(second, of)), STRONG),
        (row("so far", &|of, _| figure(run, of)), Style::new()),
    ];
    lines_at(area, lines, buffer);
}

fn lines_at<const N: usize>(area: Rect, lines: [(String, Style); N], buffer: &mut Buffer) {
    for ((text, style), y) in lines.into_iter().zip(area.top()..area.bottom()) {
        buffer.set_stringn(area.x, y, text, usize::from(area.width), style);
    }
}

/// Rates, errors and lag of the last second and of the run, beside [`latency_table`].
pub(super) fn rate_table(view: &View, area: Rect, buffer: &mut Buffer) {
    let head = format!(
        "{:>9}{:>10}{:>12}{:>9}",
        "offered", "achieved", "errors", "lag p99"
    );
    lines_at(area, [(head, FAINT)], buffer);
    let total = &view.history.total;
    let none = || figures::NONE.to_owned();
    let rows = [
        view.history.seconds.back().map(|second| {
            let lag = second.is_answered.then_some(second.lag_p99_us);
            let rates = (second.offered_rate, second.achieved_rate);
            (rates, (second.errors, second.calls), lag, STRONG)
        }),
        (total.calls > 0 || total.is_answered).then(|| {
            let lag = total.is_answered.then_some(total.lag_p99_us);
            let rates = (total.offered_rate, total.achieved_rate);
            let errors = (total.errors, total.calls);
            (rates, errors, lag, Style::new())
        }),
    ];
    for (row, y) in rows.into_iter().zip((area.top()..area.bottom()).skip(1)) {
        let line = match row {
            Some(((offered, achieved), (errors, calls), lag, style)) => Line::from(vec![
                Span::styled(format!("{:>9}", figures::rate(offered)), style),
                Span::styled(format!("{:>10}", figures::rate(achieved)), style),
                Span::styled(
                    format!("{:>12}", errors_words(errors, calls)),
                    style.patch(errors_style(view.palette, errors)),
                ),
                Span::styled(
                    format!("{:>9}", lag.map_or_else(none, figures::latency)),
                    style.patch(lag_style(view.palette, lag)),
                ),
            ]),
            None => Line::from(format!("{0:>9}{0:>10}{0:>12}{0:>9}", figures::NONE)),
        };
        buffer.set_line(area.x, y, &line, area.width);
    }
}

fn errors_words(errors: u64, calls: u64) -> String {
    let share = figures::share(errors, calls);
    match errors {
        0 => "0".to_owned(),
        _ => format!("{} {}", figures::count(errors), share.replace(' ', "")),
    }
}

fn errors_style(palette: Palette, errors: u64) -> Style {
    if errors > 0 {
        palette.bad()
    } else {
        Style::new()
    }
}

fn lag_style(palette: Palette, lag_us: Option<u64>) -> Style {
    match lag_us {
        Some(lag) if lag > LAG_BAD_US => palette.bad(),
        Some(lag) if lag > LAG_DOUBTFUL_US => palette.doubtful(),
        _ => Style::new(),
    }
}

/// What [`rate_table`] says, as far as it fits into a line or two.
pub(super) fn facts(view: &View) -> Vec<Vec<Span<'static>>> {
    let palette = view.palette;
    let second = view.history.seconds.back();
    let total = &view.history.total;
    let rate = |of: fn(&Second) -> f64| {
        second.map_or(figures::NONE.to_owned(), |one| figures::rate(of(one)))
    };
    let lag = second.filter(|one| one.is_answered);
    let lag = lag.map(|one| one.lag_p99_us);
    let fact = |name: &'static str, value: String, style: Style| {
        vec![
            Span::styled(name, FAINT),
            Span::styled(format!(" {value}"), STRONG.patch(style)),
        ]
    };
    vec![
        fact(
            "rate",
            format!(
                "{} of {}",
                rate(|one| one.achieved_rate),
                rate(|one| one.offered_rate)
            ),
            Style::new(),
        ),
        fact(
            "errors",
            errors_words(total.errors, total.calls),
            errors_style(palette, total.errors),
        ),
        fact(
            "lag p99",
            lag.map_or(figures::NONE.to_owned(), figures::latency),
            lag_style(palette, lag),
        ),
    ]
}

/// As many of the groups on a line as there is room for.
pub(super) fn wrapped(groups: Vec<Vec<Span<'static>>>, width: u16) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    for group in groups {
        let group = Line::from(group);
        match lines.last_mut() {
            Some(line) if line.width() + 2 + group.width() <= usize::from(width) => {
                line.push_span(Span::raw("  "));
                for span in group {
                    line.push_span(span);
                }
            }
            _ => {
                let mut line = Line::raw(" ");
                for span in group {
                    line.push_span(span);
                }
                lines.push(line);
            }
        }
    }
    lines
}
