//! One frame: what stands where, at any size.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::text::{Line, Span};
use ratatui_core::widgets::Widget as _;
use words::style::clean;

use crate::palette::{FAINT, REVERSED, STRONG};
use crate::rows::{Rows, render_cut};
use crate::view::View;
use crate::{figures, help, over_time, tables};

const GAUGE_MIN: u16 = 4;
const WARM_UP: &str = "warm-up ";
/// So wide, both tables stand side by side.
const WIDE: u16 = 100;

/// Draws a frame, as large as `buffer` is.
pub fn draw(view: &View, buffer: &mut Buffer) {
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
        tables::latency_table(view, left, buffer);
        tables::rate_table(view, right, buffer);
        for y in left.top()..left.bottom() {
            buffer.set_stringn(left.x + latencies, y, "│", 1, FAINT);
        }
    } else {
        let facts = tables::wrapped(tables::facts(view), screen.width);
        for line in facts {
            line.render(rows.above(1), buffer);
        }
        tables::latency_table(view, rows.above(3), buffer);
    }
    over_time::draw(view, rows, buffer);
    if view.help {
        help::draw(view, screen, buffer);
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
