//! Bars over time: one column a second, the latest at the right.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
/// Where a bar would have ended, had all that was asked for been done.
const MISSING: &str = "·";

/// One bar.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bar {
    pub(super) value: f64,
    /// What the value should have been, if it is less.
    pub(super) wanted: f64,
    pub(super) style: Style,
}

/// Draws the last of `bars` that there is room for; `most` fills the height.
pub(super) fn draw(
    bars: impl DoubleEndedIterator<Item = Bar>,
    most: f64,
    missing: Style,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.is_empty() {
        return;
    }
    let steps = f64::from(area.height) * 8.0;
    let level = |value: f64| {
        if most > 0.0 && value > 0.0 {
            // What is not nothing is seen.
            ((value / most * steps).round() as u32).clamp(1, u32::from(area.height) * 8)
        } else {
            0
        }
    };
    for (bar, x) in bars.rev().zip((area.left()..area.right()).rev()) {
        let (value, wanted) = (level(bar.value), level(bar.wanted));
        for (row, y) in (0..).zip((area.top()..area.bottom()).rev()) {
            let floor = row * 8;
            let filled = value.saturating_sub(floor).min(8);
            let Some(cell) = buffer.cell_mut((x, y)) else {
                continue;
            };
            if filled > 0 {
                cell.set_symbol(EIGHTHS[filled as usize]);
                cell.set_style(bar.style);
            } else if wanted > floor {
                cell.set_symbol(MISSING);
                cell.set_style(missing);
            }
        }
    }
}
