//! A Mermaid sequence diagram: a message a step, a note a day.

use std::fmt::Write as _;
use std::io::{self, Write};

use office::{Exchanges, Place};
use reading::visible;

use super::Form;
use crate::payload::subject_of;
use crate::told::Told;

/// A message's text is cut there, in characters.
const TEXT_CHARS_MAX: usize = 60;

pub(super) struct Diagram<W> {
    out: W,
    day: Option<jiff::civil::Date>,
    messages: u64,
}

impl<W: Write> Diagram<W> {
    pub(super) fn begin(mut out: W) -> io::Result<Self> {
        out.write_all(b"sequenceDiagram\n    participant South\n    participant North\n")?;
        Ok(Self {
            out,
            day: None,
            messages: 0,
        })
    }
}

impl<W: Write> Form for Diagram<W> {
    fn step(&mut self, told: &Told, wanted: bool) -> io::Result<()> {
        if !wanted {
            return Ok(());
        }
        let step = &told.step;
        let day = told.local.date();
        if self.day != Some(day) {
            let words = day.strftime("%a %Y-%m-%d");
            writeln!(self.out, "    Note over South,North: {words}")?;
            self.day = Some(day);
        }
        let (author, peer) = match step.id.place {
            Place::South => ("South", "North"),
            Place::North => ("North", "South"),
        };
        // A cross: the step is inert.
        let arrow = if told.applied.inert { "-x" } else { "->>" };
        let clock = told.local.strftime("%H:%M");
        let (collection, id) = told.exchange;
        let mut text = format!(
            "{clock} {}, {} {}/{}",
            step.kind,
            collection.word(),
            id.place,
            id.sequence
        );
        let subject = subject_of(step.kind, &told.payload);
        if !subject.is_empty() {
            let _ = write!(text, ": {subject}");
        }
        writeln!(self.out, "    {author}{arrow}{peer}: {}", escaped(&text))?;
        self.messages += 1;
        Ok(())
    }

    fn finish(&mut self, _: &Exchanges) -> io::Result<u64> {
        self.out.flush()?;
        Ok(self.messages)
    }
}

/// What a browser would act on is made visible. A semicolon ends a statement, and # begins an entity: both are written
/// as entities; angle brackets are for HTML.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for (count, letter) in visible::line(text).chars().enumerate() {
        if count == TEXT_CHARS_MAX {
            escaped.push('…');
            break;
        }
        match letter {
            ';' | '#' | '<' | '>' | '"' | '%' => {
                let _ = write!(escaped, "#{};", u32::from(letter));
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_ends_no_message_and_turns_no_reading_around() {
        assert_eq!(
            escaped("a;b\u{202e}c\n<d>"),
            "a#59;b‹U+202E›c‹U+000A›#60;d#62;"
        );
        assert!(escaped(&"\u{200b}".repeat(40)).ends_with('…'));
    }
}
