//! What the keys do and the words mean.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Margin, Rect};
use ratatui_core::style::Style;

use crate::view::View;

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

pub(super) fn draw(view: &View, screen: Rect, buffer: &mut Buffer) {
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
