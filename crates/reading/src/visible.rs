//! Text from elsewhere, made visible.
//!
//! A subject, a name or a remark comes from the other side of the line, and is kept as it came. Where it is shown it must
//! not move the cursor, turn the reading around, hide a part of itself, or pass for two lines. So whatever is not seen, or
//! steers, is written out, in one notation everywhere: `‹U+202E›`. Letters of every script stay as they are, with as many
//! marks above and below as any of them needs ([`MARKS_MAX`]).
//!
//! What is written out is:
//!
//! - controls (C0, DEL, C1), and with them escape sequences and line breaks;
//! - characters that format or hide: bidi embeddings, overrides, isolates and marks, zero-width spaces and joiners, the
//!   byte order mark, soft hyphens, variation selectors, tags, interlinear annotations, fillers;
//! - line and paragraph separators;
//! - what nobody can say the shape of: private use, noncharacters, what Unicode has not assigned (as far as this build's
//!   standard library knows);
//! - marks that stand on nothing, or too many on one letter.
//!
//! An emoji of several parts comes apart, since joiners are shown. Made visible twice is the same as made visible once. JSON
//! has its own notation, which leaves the value as it is: [`json`].
//!
//! ```
//! use reading::visible;
//!
//! assert_eq!(visible::line("Flood\u{202e}\u{1b}[2J\nwarning"), "Flood‹U+202E›‹U+001B›[2J‹U+000A›warning");
//! assert_eq!(visible::line("홍수 경보, crue, наводнение"), "홍수 경보, crue, наводнение");
//! assert_eq!(visible::json("\"a\u{202e}b\""), r#""a\u202eb""#);
//! ```

use std::borrow::Cow;
use std::fmt::Write as _;

/// A letter carries at most so many marks: real scripts need five or six, a flood runs over the lines above and below.
pub const MARKS_MAX: u32 = 8;

/// Text on one line: a cell, a field, a message. Line breaks and tabs are written out like everything else that steers.
pub fn line(text: &str) -> Cow<'_, str> {
    walk(text, |_| false, write_out)
}

/// Text of several lines: its line breaks (`\n`, `\r\n`) and tabs stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    if !text.contains("\r\n") {
        return walk(text, is_layout, write_out);
    }
    let lines = text
        .split("\r\n")
        .map(|line| walk(line, is_layout, write_out));
    Cow::Owned(lines.collect::<Vec<_>>().join("\r\n"))
}

/// What was put together here, with its line breaks, tabs, and colours (`ESC [ … m`): the last guard before a terminal. It
/// cannot tell our colours and lines from somebody else's, so what comes from elsewhere goes through [`line()`] first.
pub fn styled(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return lines(text);
    }
    let mut shown = String::with_capacity(text.len());
    let (mut rest, mut searched) = (text, 0);
    while let Some(found) = rest[searched..].find("\u{1b}[") {
        let at = searched + found;
        match style_length(&rest[at..]) {
            Some(length) => {
                shown.push_str(&lines(&rest[..at]));
                shown.push_str(&rest[at..at + length]);
                (rest, searched) = (&rest[at + length..], 0);
            }
            None => searched = at + 1,
        }
    }
    shown.push_str(&lines(rest));
    Cow::Owned(shown)
}

/// JSON that a serializer wrote, with the same characters as JSON escapes: the value stays, and a terminal is not steered.
/// Line breaks stay, since none stands inside a string.
pub fn json(encoded: &str) -> Cow<'_, str> {
    walk(encoded, |letter| letter == '\n', escape)
}

/// Whether a character is not seen or steers, wherever it stands: all that is written out but for superfluous marks.
pub fn is_hidden(letter: char) -> bool {
    Kind::of(letter) == Kind::Hidden
}

/// What a character is to whoever reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is seen, and takes its room.
    Seen,
    /// It is seen on the letter before it.
    Mark,
    /// It is not seen, or steers.
    Hidden,
}

impl Kind {
    fn of(letter: char) -> Self {
        match letter {
            ' '..='~' => Self::Seen,
            // Letters, marks and symbols to Unicode, and yet nothing is seen: joiners, fillers, variation selectors.
            '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}' => Self::Hidden,
            // Vowels and finals of Hangul in parts stand in the syllable before them.
            '\u{1161}'..='\u{11ff}' | '\u{d7b0}'..='\u{d7ff}' if is_shown(letter) => Self::Mark,
            letter if is_space(letter) || is_shown(letter) => Self::Seen,
            letter if is_shown_after(letter) => Self::Mark,
            _ => Self::Hidden,
        }
    }
}

/// Spaces of other widths take room and steer nothing.
fn is_space(letter: char) -> bool {
    letter.is_whitespace() && !letter.is_control() && !matches!(letter, '\u{2028}' | '\u{2029}')
}

/// Whether the standard library shows it as it is: it is assigned, and neither control, format, separator nor private
/// use; nor a mark, since a mark alone stands on nothing.
fn is_shown(letter: char) -> bool {
    letter.escape_debug().next() == Some(letter)
}

/// The same behind a letter, where a mark has something to stand on.
fn is_shown_after(letter: char) -> bool {
    let mut buffer = [b'a'; 5];
    let length = 1 + letter.encode_utf8(&mut buffer[1..]).len();
    let pair = std::str::from_utf8(&buffer[..length]).expect("a letter behind a letter is UTF-8");
    pair.escape_debug().nth(1) == Some(letter)
}

/// Whether marks may stand on it: on spaces, quotes and brackets they would touch what is not theirs.
fn carries_marks(letter: char) -> bool {
    !letter.is_whitespace() && !letter.is_ascii_punctuation()
}

fn is_layout(letter: char) -> bool {
    matches!(letter, '\n' | '\t')
}

/// The text, with `write` for all that is not seen, unless `keeps` says otherwise.
fn walk(
    text: &str,
    keeps: impl Fn(char) -> bool,
    write: impl Fn(&mut String, char),
) -> Cow<'_, str> {
    let mut shown: Option<String> = None;
    // How many more marks the letter before carries.
    let mut room = 0;
    for (at, letter) in text.char_indices() {
        let stays = match Kind::of(letter) {
            Kind::Seen => {
                room = if carries_marks(letter) { MARKS_MAX } else { 0 };
                true
            }
            Kind::Mark if room > 0 => {
                room -= 1;
                true
            }
            Kind::Mark => false,
            Kind::Hidden => {
                room = 0;
                keeps(letter)
            }
        };
        if stays {
            if let Some(shown) = &mut shown {
                shown.push(letter);
            }
        } else {
            write(shown.get_or_insert_with(|| text[..at].to_owned()), letter);
        }
    }
    shown.map_or(Cow::Borrowed(text), Cow::Owned)
}

fn write_out(shown: &mut String, letter: char) {
    // A string takes all that is written to it.
    let _ = write!(shown, "‹U+{:04X}›", u32::from(letter));
}

fn escape(shown: &mut String, letter: char) {
    for unit in letter.encode_utf16(&mut [0; 2]) {
        let _ = write!(shown, "\\u{unit:04x}");
    }
}

/// How long the sequence is that sets colours or emphasis; `None` if it is another one.
fn style_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|letter: char| !matches!(letter, '0'..='9' | ';' | ':'))?;
    parameters[end..].starts_with('m').then_some(end + 3)
}

#[cfg(test)]
mod tests;
