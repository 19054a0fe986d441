//! The latest failures.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;
use ratatui_core::text::{Line, Span};
use words::style::clean;

use crate::figures;
use crate::history::Failure;
use crate::palette::{FAINT, Palette};
use crate::rows::render_cut;
use crate::view::View;

/// The latest failures, the newest first.
pub(super) fn draw(view: &View, area: Rect, buffer: &mut Buffer) {
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
