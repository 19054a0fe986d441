//! Styles of text for a terminal, and text from elsewhere made safe to show.

use anstyle::{AnsiColor, Style};
use reading::visible;

/// A heading.
pub const HEADING: Style = Style::new().bold();
/// What is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What is not.
pub const BAD: Style = AnsiColor::Red.on_default();
/// What stands in the background.
pub const FAINT: Style = Style::new().dimmed();

/// What is not, and must not be overlooked.
pub const LOUD: Style = AnsiColor::Red.on_default().bold();
/// What is said by its place alone.
pub const PLAIN: Style = Style::new();

/// `text`, which is of one line, in `style`. Nothing is nothing in any style.
pub fn styled(style: Style, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("{style}{}{style:#}", visible::line(text))
}

/// Text from elsewhere on one line, made visible: a subject must not move the cursor, nor turn the reading around.
pub fn clean(text: &str) -> String {
    visible::line(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_cannot_move_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\nc"), "a‹U+001B›[2Jb‹U+000A›c");
        assert_eq!(styled(GOOD, ""), "");
        assert_eq!(
            styled(GOOD, "a\u{1b}[31mb"),
            "\u{1b}[32ma‹U+001B›[31mb\u{1b}[0m"
        );
    }
}
