//! What is drawn over time: rate, p99 and the heat strip, on one scale of seconds; and the latest failures below.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Modifier, Style};
use ratatui_core::text::{Line, Span};
use ratatui_core::widgets::Widget as _;

use crate::bars::{self, Bar};
use crate::history::Second;
use crate::palette::{FAINT, Palette};
use crate::rows::Rows;
use crate::view::View;
use crate::{failures, figures, heat};

/// Labels of what is drawn over time stand in so many columns.
const GUTTER: u16 = 10;
const GUTTER_NARROW: u16 = 8;

/// What is drawn over time, and the latest failures.
pub(super) fn draw(view: &View, mut rows: Rows, buffer: &mut Buffer) {
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
    let listed = (view.history.failures.len() as u16).min(failures_most);
    if listed > 0 {
        let area = rows.below(listed);
        failures::draw(view, area, buffer);
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
