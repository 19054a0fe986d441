//! One frame: what stands where, at any size.

use load::report::IntervalLatency;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Margin, Rect};
use ratatui_core::style::{Modifier, Style};
use ratatui_core::text::{Line, Span};
use ratatui_core::widgets::Widget as _;

use super::bars::{self, Bar};
use super::history::{Failure, Second};
use super::palette::{FAINT, Palette, REVERSED, STRONG};
use super::{View, figures, heat};
use crate::output::clean;

/// Labels of what is drawn over time stand in so many columns.
const GUTTER: u16 = 10;
const GUTTER_NARROW: u16 = 8;
const GAUGE_MIN: u16 = 4;
const WARM_UP: &str = "warm-up ";
/// So wide, both tables stand side by side.
const WIDE: u16 = 100;
/// The generator sends so much later than intended: it may soon, or does, measure itself.
const LAG_DOUBTFUL_US: u64 = 1_000;
const LAG_BAD_US: u64 = 10_000;

/// Rows of the screen that are still free.
struct Rows(Rect);

impl Rows {
    /// So many from above, or as many as there are.
    fn above(&mut self, height: u16) -> Rect {
        let height = height.min(self.0.height);
        let taken = Rect { height, ..self.0 };
        self.0.y += height;
        self.0.height -= height;
        taken
    }

    /// So many from below.
    fn below(&mut self, height: u16) -> Rect {
        let height = height.min(self.0.height);
        self.0.height -= height;
        Rect {
            y: self.0.bottom(),
            height,
            ..self.0
        }
    }
}

pub(super) fn draw(view: &View, buffer: &mut Buffer) {
    let screen = buffer.area;
    let mut rows = Rows(screen);
    title(view, rows.above(1), buffer);
    progress(view, rows.above(1), buffer);
    if rows.0.height > 8 {
        keys(view, rows.below(1), buffer);
    }
    let roomy = rows.0.height >= 20;
    rows.above(u16::from(roomy));
    if screen.width >= WIDE {
        let mut left = rows.above(3);
        let (latencies, rest) = (58, 59);
        let right = Rect {
            x: left.x + rest,
            width: left.width - rest,
            ..left
        };
        left.width = latencies;
        latency_table(view, left, buffer);
        rate_table(view, right, buffer);
        for y in left.top()..left.bottom() {
            buffer.set_stringn(left.x + latencies, y, "│", 1, FAINT);
        }
    } else {
        let facts = wrapped(facts(view), screen.width);
        for line in facts {
            line.render(rows.above(1), buffer);
        }
        latency_table(view, rows.above(3), buffer);
    }
    over_time(view, rows, buffer);
    if view.help {
        help(view, screen, buffer);
    }
}

/// The plan, where it goes, and the state.
fn title(view: &View, area: Rect, buffer: &mut Buffer) {
    let state = Line::from(state(view)).right_aligned();
    let room = usize::from(area.width).saturating_sub(state.width() + 1);
    let targets: Vec<_> = view.heading.targets.iter().map(|one| clean(one)).collect();
    let title = Line::from(vec![
        Span::styled(format!(" {}", clean(&view.heading.plan)), STRONG),
        Span::styled(" → ", FAINT),
        Span::raw(targets.join(", ")),
    ]);
    render_cut(&title, room, area, buffer);
    state.render(area, buffer);
}

fn state(view: &View) -> Span<'static> {
    let warming_up = match view.history.seconds.back() {
        Some(second) => second.warm_up,
        None => view.heading.warmup_s > 0.0,
    };
    let palette = view.palette;
    if view.stopping {
        Span::styled(" ■ stopping ", palette.doubtful().patch(REVERSED))
    } else if view.paused {
        Span::styled(" ‖ PAUSED ", palette.doubtful().patch(REVERSED))
    } else if warming_up {
        Span::styled("○ warming up ", palette.doubtful())
    } else {
        Span::styled("● running ", palette.good().patch(STRONG))
    }
}

/// The schedule, and how far it has come.
fn progress(view: &View, area: Rect, buffer: &mut Buffer) {
    let left = Line::from(vec![
        Span::raw(format!(" {}", clean(&view.heading.schedule))),
        Span::styled(" · ", FAINT),
        Span::raw(format!(
            "{} in flight",
            figures::count(view.history.in_flight)
        )),
    ]);
    let way = Way::of(view);
    let mut right = Line::from(Span::styled(
        format!("{}{}", way.of, figures::clock(way.passed_s)),
        STRONG,
    ));
    if let Some(length_s) = way.length_s {
        right.push_span(Span::raw(format!(" of {} ", figures::clock(length_s))));
        let room = area
            .width
            .saturating_sub((left.width() + right.width()) as u16 + 3);
        let width = room.clamp(GAUGE_MIN, (area.width / 3).max(GAUGE_MIN));
        let done = (way.share() * f64::from(width)).round() as usize;
        let style = if way.of.is_empty() {
            view.palette.good()
        } else {
            view.palette.doubtful()
        };
        right.push_span(Span::styled("━".repeat(done), style));
        right.push_span(Span::styled("─".repeat(usize::from(width) - done), FAINT));
    }
    right.push_span(Span::raw(" "));
    let room = usize::from(area.width).saturating_sub(right.width() + 1);
    render_cut(&left, room, area, buffer);
    right.right_aligned().render(area, buffer);
}

/// How far the run, or else its warm-up, has come.
struct Way {
    of: &'static str,
    passed_s: f64,
    length_s: Option<f64>,
}

impl Way {
    fn of(view: &View) -> Self {
        let history = &view.history;
        let warmup_s = view.heading.warmup_s;
        if history.seconds.is_empty() {
            let (of, length_s) = if warmup_s > 0.0 {
                (WARM_UP, Some(warmup_s))
            } else {
                ("", view.length_s)
            };
            return Self {
                of,
                passed_s: 0.0,
                length_s,
            };
        }
        // What has passed is the end of the last second, not its beginning.
        let now_s = history.at_s + history.last_s;
        if history.at_s < 0.0 {
            Self {
                of: WARM_UP,
                passed_s: (warmup_s + now_s).max(0.0),
                length_s: Some(warmup_s),
            }
        } else {
            Self {
                of: "",
                passed_s: now_s,
                length_s: view.length_s,
            }
        }
    }

    fn share(&self) -> f64 {
        match self.length_s {
            Some(length_s) if length_s > 0.0 => (self.passed_s / length_s).clamp(0.0, 1.0),
            _ => 0.0,
        }
    }
}

/// Response of the last second and of the run.
fn latency_table(view: &View, area: Rect, buffer: &mut Buffer) {
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
    let second = last.filter(|one| one.calls > 0).map(|one| &one.response);
    let total = &view.history.total;
    let run = (total.calls > 0).then_some(&total.response);
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
fn rate_table(view: &View, area: Rect, buffer: &mut Buffer) {
    let head = format!(
        "{:>9}{:>10}{:>12}{:>9}",
        "offered", "achieved", "errors", "lag p99"
    );
    lines_at(area, [(head, FAINT)], buffer);
    let total = &view.history.total;
    let none = || figures::NONE.to_owned();
    let rows = [
        view.history.seconds.back().map(|second| {
            let lag = (second.calls > 0).then_some(second.lag_p99_us);
            let rates = (second.offered_rate, second.achieved_rate);
            (rates, (second.errors, second.calls), lag, STRONG)
        }),
        (total.calls > 0).then(|| {
            let rates = (total.offered_rate, total.achieved_rate);
            let errors = (total.errors, total.calls);
            (rates, errors, Some(total.lag_p99_us), Style::new())
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
fn facts(view: &View) -> Vec<Vec<Span<'static>>> {
    let palette = view.palette;
    let second = view.history.seconds.back();
    let total = &view.history.total;
    let rate = |of: fn(&Second) -> f64| {
        second.map_or(figures::NONE.to_owned(), |one| figures::rate(of(one)))
    };
    let lag = second.filter(|one| one.calls > 0).map(|one| one.lag_p99_us);
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
fn wrapped(groups: Vec<Vec<Span<'static>>>, width: u16) -> Vec<Line<'static>> {
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

/// What is drawn over time, and the latest failures.
fn over_time(view: &View, mut rows: Rows, buffer: &mut Buffer) {
    let height = rows.0.height;
    let gap = u16::from(height >= 14);
    let chart = match height {
        30.. => 4,
        12.. => 2,
        5.. => 1,
        _ => 0,
    };
    let failures_most = match height {
        30.. => 5,
        18.. => 3,
        10.. => 2,
        5.. => 1,
        _ => 0,
    };
    let failures = (view.history.failures.len() as u16).min(failures_most);
    if failures > 0 {
        let area = rows.below(failures);
        list_failures(view, area, buffer);
        rows.below(gap);
    }
    rows.above(gap);
    let gutter = if rows.0.width < 70 {
        GUTTER_NARROW
    } else {
        GUTTER
    };
    // One column stays free at the right, as in the lines above.
    let plot = |area: Rect| Rect {
        x: area.x + gutter.min(area.width),
        width: area.width.saturating_sub(gutter + 1),
        ..area
    };
    rate_bars(view, gutter, plot(rows.above(chart)), buffer);
    rows.above(u16::from(height >= 22));
    latency_bars(view, gutter, plot(rows.above(chart)), buffer);
    if gap > 0 {
        legend(view.palette, plot(rows.above(1)), buffer);
    }
    if rows.0.height >= 3 {
        axis(plot(rows.below(1)), buffer);
    }
    heat::draw(
        &view.history.seconds,
        view.palette,
        gutter,
        plot(rows.0),
        buffer,
    );
}

fn rate_bars(view: &View, gutter: u16, area: Rect, buffer: &mut Buffer) {
    let style = |second: &Second| {
        if second.errors > 0 {
            view.palette.bad()
        } else {
            dim_in_warm_up(second, view.palette.rate())
        }
    };
    let bars = view.history.seconds.iter().map(|second| Bar {
        value: second.achieved_rate,
        wanted: second.offered_rate,
        style: style(second),
    });
    let seen = view.history.seconds.iter().rev();
    let most = seen
        .take(usize::from(area.width))
        .map(|second| second.achieved_rate.max(second.offered_rate))
        .fold(0.0, f64::max);
    bars::draw(bars, most, view.palette.bad(), area, buffer);
    let most = (most > 0.0).then(|| figures::rate(most));
    name_bars("rate", most, gutter, area, buffer);
}

fn latency_bars(view: &View, gutter: u16, area: Rect, buffer: &mut Buffer) {
    let seen = || {
        let latest = view.history.seconds.iter().rev();
        let latest = latest.take(usize::from(area.width));
        latest
            .map(|second| second.response.p99_us)
            .filter(|us| *us > 0)
    };
    let most = seen().max().unwrap_or(0);
    // Logarithmic, as the heat below: beside one stall all else would be equal. Half of the least is the ground.
    let ground = seen().min().unwrap_or(0) as f64 / 2.0;
    let height = |us: u64| {
        if us > 0 {
            (us as f64 / ground).ln()
        } else {
            0.0
        }
    };
    let bars = view.history.seconds.iter().map(|second| Bar {
        value: height(second.response.p99_us),
        wanted: 0.0,
        style: dim_in_warm_up(second, view.palette.latency()),
    });
    bars::draw(bars, height(most), Style::new(), area, buffer);
    let most = (most > 0).then(|| figures::latency(most));
    name_bars("p99", most, gutter, area, buffer);
}

fn dim_in_warm_up(second: &Second, style: Style) -> Style {
    if second.warm_up {
        style.add_modifier(Modifier::DIM)
    } else {
        style
    }
}

/// What the bars are, and how much the highest possible one is.
fn name_bars(name: &str, most: Option<String>, gutter: u16, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(gutter).saturating_sub(1);
    let x = area.left().saturating_sub(gutter);
    if area.is_empty() || gutter == 0 {
        return;
    }
    if area.height > 1
        && let Some(most) = most
    {
        buffer.set_stringn(x, area.top(), format!("{most:>width$}"), width, FAINT);
    }
    buffer.set_stringn(
        x,
        area.bottom() - 1,
        format!(" {name}"),
        width,
        Style::new(),
    );
}

/// How strongly which share of a second's calls shows.
fn legend(palette: Palette, area: Rect, buffer: &mut Buffer) {
    let mut samples = Vec::new();
    for (share, words) in palette.legend() {
        let (sample, style, words) = if palette.has_ramp() {
            ("██", Style::new().fg(palette.ramp(share)), words.to_owned())
        } else {
            // A shade is not one share, but all up to the next.
            (Palette::shade(share / 2.0), Style::new(), words.to_owned())
        };
        samples.push(Span::styled(format!("  {sample}"), style));
        samples.push(Span::styled(format!(" {words}"), FAINT));
    }
    let samples = Line::from(samples);
    let about = [
        "response: share of each second's calls",
        "share of calls",
        "",
    ]
    .into_iter()
    .map(|text| Span::styled(text, FAINT))
    .find(|about| about.width() + samples.width() <= usize::from(area.width));
    let Some(about) = about else {
        return;
    };
    let mut line = Line::from(about);
    for sample in samples {
        line.push_span(sample);
    }
    line.right_aligned().render(area, buffer);
}

/// How long ago.
fn axis(area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let step = if area.width >= 60 { 20 } else { 10 };
    let last = area.right() - 1;
    let mut free_to = area.right();
    for ago in (0..area.width).step_by(step) {
        let text = match ago {
            0 => "now ┘".to_owned(),
            _ => format!("−{ago} s ┘"),
        };
        let width = text.chars().count() as u16;
        let end = last - ago;
        if end + 1 < area.left() + width || end >= free_to {
            continue;
        }
        free_to = end + 1 - width;
        buffer.set_stringn(free_to, area.y, text, usize::from(width), FAINT);
    }
}

/// The latest failures, the newest first.
fn list_failures(view: &View, area: Rect, buffer: &mut Buffer) {
    let failures = view.history.failures.iter();
    for (failure, y) in failures.zip(area.top()..area.bottom()) {
        let line = failure_line(failure, view.palette, area.width >= 70);
        let row = Rect {
            y,
            height: 1,
            ..area
        };
        render_cut(&line, usize::from(area.width), row, buffer);
    }
}

fn failure_line(failure: &Failure, palette: Palette, columns: bool) -> Line<'static> {
    let style = if failure.just_now > 0 {
        palette.bad()
    } else {
        Style::new()
    };
    let just_now = match failure.just_now {
        0 => String::new(),
        new => format!("+{}", figures::count(new)),
    };
    // In columns where there is room for them.
    let [code_width, count_width, new_width, step_width] = if columns {
        [18, 8, 6, 16]
    } else {
        [0, 0, 0, 0]
    };
    let (code, step) = (clean(&failure.code), clean(&failure.step));
    let count = figures::count(failure.count);
    let figures = format!(" {code:<code_width$} {count:>count_width$} {just_now:<new_width$}");
    Line::from(vec![
        Span::styled(figures, style),
        Span::raw(format!(" {step:<step_width$}")),
        Span::styled(format!("  {}", clean(&failure.message)), FAINT),
    ])
}

/// The keys there are.
fn keys(view: &View, area: Rect, buffer: &mut Buffer) {
    let pause = if view.paused { "resume" } else { "pause" };
    let stop = if view.stopping {
        "stop at once"
    } else {
        "stop"
    };
    let mut spans = Vec::new();
    for (key, does) in [("space", pause), ("q", stop), ("?", "help")] {
        spans.push(Span::styled(format!(" {key}"), STRONG));
        spans.push(Span::styled(format!(" {does}  "), FAINT));
    }
    Line::from(spans).render(area, buffer);
    if view.history.total.unsent > 0 {
        let unsent = format!("{} not sent ", figures::count(view.history.total.unsent));
        let unsent = Line::from(Span::styled(unsent, view.palette.bad()));
        unsent.right_aligned().render(area, buffer);
    }
}

const HELP: [&str; 21] = [
    "space    pause and resume",
    "q, ^C    stop; once more: at once",
    "^L       draw the screen anew",
    "?, h     this help",
    "",
    "response when a call was due to when it was",
    "         done: what its caller waits",
    "lag      when it was due to when it was sent:",
    "         what the generator is late. Above",
    "         10 ms it measures itself",
    "offered  what was due; achieved: what was done",
    "",
    "rate     each column is a second; · is what was",
    "         due and not done; red: some failed",
    "p99      the same; its scale is logarithmic, so",
    "         that a stall does not level the rest",
    "heat     each column is a second's calls, each",
    "         row a latency, the lighter the more",
    "+12      so many failures this second",
    "",
    "any key closes this",
];

fn help(view: &View, screen: Rect, buffer: &mut Buffer) {
    let (width, height) = (52, HELP.len() as u16 + 2);
    let area = Rect {
        x: screen.x + screen.width.saturating_sub(width) / 2,
        y: screen.y + screen.height.saturating_sub(height) / 2,
        width: width.min(screen.width),
        height: height.min(screen.height),
    };
    for position in area.positions() {
        if let Some(cell) = buffer.cell_mut(position) {
            cell.reset();
        }
    }
    let style = view.palette.rate();
    for y in area.top()..area.bottom() {
        let line = if y == area.top() {
            format!("┌─ keys and words {}┐", "─".repeat(33))
        } else if y + 1 == area.bottom() {
            format!("└{}┘", "─".repeat(50))
        } else {
            format!("│{}│", " ".repeat(50))
        };
        buffer.set_stringn(area.x, y, line, usize::from(area.width), style);
    }
    let inside = area.inner(Margin::new(2, 1));
    for (text, y) in HELP.iter().zip(inside.top()..inside.bottom()) {
        buffer.set_stringn(inside.x, y, text, usize::from(inside.width), Style::new());
    }
}

/// A line in so many columns; what is cut off is seen to be.
fn render_cut(line: &Line<'_>, room: usize, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() || room == 0 {
        return;
    }
    let room = room.min(usize::from(area.width)) as u16;
    let (end, _) = buffer.set_line(area.x, area.y, line, room);
    if line.width() > usize::from(room) && end > area.x {
        buffer.set_stringn(area.x + room - 1, area.y, "…", 1, FAINT);
    }
}
