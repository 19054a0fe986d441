//! Rows of the screen, handed out one after another; and a line that fits into one.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::text::Line;

use crate::palette::FAINT;

/// Rows of the screen that are still free.
pub(super) struct Rows(pub(super) Rect);

impl Rows {
    /// So many from above, or as many as there are.
    pub(super) fn above(&mut self, height: u16) -> Rect {
        let height = height.min(self.0.height);
        let taken = Rect { height, ..self.0 };
        self.0.y += height;
        self.0.height -= height;
        taken
    }

    /// So many from below.
    pub(super) fn below(&mut self, height: u16) -> Rect {
        let height = height.min(self.0.height);
        self.0.height -= height;
        Rect {
            y: self.0.bottom(),
            height,
            ..self.0
        }
    }
}

/// A line in so many columns; what is cut off is seen to be.
pub(super) fn render_cut(line: &Line<'_>, room: usize, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() || room == 0 {
        return;
    }
    let room = room.min(usize::from(area.width)) as u16;
    let (end, _) = buffer.set_line(area.x, area.y, line, room);
    if line.width() > usize::from(room) && end > area.x {
        buffer.set_stringn(area.x + room - 1, area.y, "…", 1, FAINT);
    }
}
