//! What ratatui draws on: a frame is collected, and written to stderr at once.
//!
//! The backend that ratatui brings along does the same for everything that a terminal can do, and is a dozen crates
//! more to compile.

use std::fmt::Write as _;
use std::io;

use ratatui_core::backend::{Backend, ClearType, WindowSize};
use ratatui_core::buffer::Cell;
use ratatui_core::layout::{Position, Size};
use ratatui_core::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr as _;

use super::terminal;

/// Where a terminal does not know how large it is.
const SIZE_UNKNOWN: Size = Size {
    width: 80,
    height: 24,
};
/// A terminal that knows them shows what is between the two at once; others take no notice.
const FRAME_BEGINS: &str = "\x1b[?2026h";
const FRAME_ENDS: &str = "\x1b[?2026l";

pub(super) type Terminal = ratatui_core::terminal::Terminal<Screen>;

/// Takes the terminal, to draw on.
pub(super) fn take() -> io::Result<Terminal> {
    terminal::take()?;
    let taken = Terminal::new(Screen::default());
    if taken.is_err() {
        terminal::give_back();
    }
    taken
}

#[derive(Debug, Default)]
pub(super) struct Screen {
    frame: String,
    cursor: Position,
}

impl Backend for Screen {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut style = None;
        let mut next = None;
        for (x, y, cell) in content {
            if next != Some((x, y)) {
                self.set_cursor_position((x, y))?;
            }
            // How far the cursor moves over a wide letter, terminals do not agree.
            next = (cell.symbol().width() == 1).then_some((x + 1, y));
            if style != Some((cell.fg, cell.bg, cell.modifier)) {
                style = Some((cell.fg, cell.bg, cell.modifier));
                self.frame.push_str(&rendition(cell));
            }
            self.frame.push_str(cell.symbol());
        }
        if style.is_some() {
            self.frame.push_str("\x1b[0m");
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.frame.push_str("\x1b[?25l");
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.frame.push_str("\x1b[?25h");
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.cursor = position.into();
        let (row, column) = (u32::from(self.cursor.y) + 1, u32::from(self.cursor.x) + 1);
        write!(self.frame, "\x1b[{row};{column}H").map_err(io::Error::other)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.frame.push_str(match region {
            ClearType::All => "\x1b[2J",
            ClearType::AfterCursor => "\x1b[J",
            ClearType::BeforeCursor => "\x1b[1J",
            ClearType::CurrentLine => "\x1b[2K",
            ClearType::UntilNewLine => "\x1b[K",
        });
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        let size = rustix::termios::tcgetwinsize(io::stderr())?;
        Ok(if size.ws_col == 0 || size.ws_row == 0 {
            SIZE_UNKNOWN
        } else {
            Size::new(size.ws_col, size.ws_row)
        })
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.size()?,
            pixels: Size::default(),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        let frame = std::mem::take(&mut self.frame);
        if frame.is_empty() {
            return Ok(());
        }
        terminal::write(|out| {
            for part in [FRAME_BEGINS, &frame, FRAME_ENDS] {
                out.extend_from_slice(part.as_bytes());
            }
            Ok(())
        })
    }
}

/// The escape sequence of a cell's colours and emphasis.
fn rendition(cell: &Cell) -> String {
    let mut codes = String::from("0");
    for (modifier, code) in [
        (Modifier::BOLD, ";1"),
        (Modifier::DIM, ";2"),
        (Modifier::REVERSED, ";7"),
    ] {
        if cell.modifier.contains(modifier) {
            codes.push_str(code);
        }
    }
    codes.push_str(&colour(cell.fg, 30));
    codes.push_str(&colour(cell.bg, 40));
    format!("\x1b[{codes}m")
}

/// A colour's code; `base` is 30 before and 40 behind the text.
fn colour(colour: Color, base: u8) -> String {
    match colour {
        // The oldest codes where they do: every terminal knows them.
        Color::Indexed(index @ 0..8) => format!(";{}", base + index),
        Color::Indexed(index @ 8..16) => format!(";{}", base + 60 + (index - 8)),
        Color::Indexed(index) => format!(";{};5;{index}", base + 8),
        Color::Rgb(red, green, blue) => format!(";{};2;{red};{green};{blue}", base + 8),
        // The palette has no others.
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_colour_has_its_codes() {
        let mut cell = Cell::default();
        assert_eq!(rendition(&cell), "\x1b[0m");
        cell.fg = Color::Indexed(1);
        cell.bg = Color::Indexed(9);
        cell.modifier = Modifier::BOLD;
        assert_eq!(rendition(&cell), "\x1b[0;1;31;101m");
        cell.fg = Color::Indexed(208);
        cell.bg = Color::Rgb(1, 2, 3);
        cell.modifier = Modifier::DIM;
        assert_eq!(rendition(&cell), "\x1b[0;2;38;5;208;48;2;1;2;3m");
    }

    #[test]
    fn neighbours_of_one_style_are_one_run() {
        let mut screen = Screen::default();
        let cell = Cell::new("x");
        screen
            .draw([(3, 1, &cell), (4, 1, &cell), (0, 2, &cell)].into_iter())
            .unwrap();
        assert_eq!(screen.frame, "\x1b[2;4H\x1b[0mxx\x1b[3;1Hx\x1b[0m");
    }
}
