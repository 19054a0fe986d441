//! A delimited row into its fields, line by line, quoted as RFC 4180 has it or with backslashes before quotes.

/// A field, and where it begins in its row, in characters from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) text: String,
    pub(super) column: usize,
}

/// How far a row has come with its last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Come {
    Whole,
    /// A quote is open.
    Open,
    /// It cannot be read on; what is wrong stands there, in characters from 1.
    Torn(&'static str, usize),
}

const AFTER_QUOTE: &str = "text follows a quote that closes";
const ACROSS_LINES: &str = "a quote that opens is closed on another line, inside a field";
const LONE_RETURN: &str = "a row ends with a carriage return alone";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but spaces yet.
    Begun,
    Plain,
    Quoted,
    /// Behind a backslash in quotes.
    Escaped,
    /// Behind a quote that closes, or is the first of two.
    Closed,
}

/// One way of reading.
#[derive(Debug, Clone)]
struct Reading {
    delimiter: char,
    /// Whether a backslash in quotes takes the next letter as it is.
    escapes: bool,
    state: State,
    fields: Vec<Field>,
    field: Field,
    column: usize,
    lines: usize,
    /// Where a quote stands in a field that is not quoted.
    stray: Option<usize>,
    torn: Option<(&'static str, usize)>,
}

impl Reading {
    fn new(delimiter: char) -> Self {
        Self {
            delimiter,
            escapes: false,
            state: State::Begun,
            fields: Vec::new(),
            field: Field {
                text: String::new(),
                column: 1,
            },
            column: 0,
            lines: 0,
            stray: None,
            torn: None,
        }
    }

    fn end_field(&mut self) {
        let next = Field {
            text: String::new(),
            column: self.column + 1,
        };
        self.fields.push(std::mem::replace(&mut self.field, next));
        self.state = State::Begun;
    }

    /// Takes a line with its line end.
    fn take(&mut self, line: &str) {
        self.lines += 1;
        let content = line.strip_suffix('\n').unwrap_or(line);
        let content = content.strip_suffix('\r').unwrap_or(content);
        if self.lines == 1 && !content.contains(['"', '\r']) {
            return self.take_plain(content);
        }
        for letter in content.chars() {
            self.column += 1;
            self.letter(letter);
        }
        if matches!(self.state, State::Quoted | State::Escaped) {
            self.state = State::Quoted;
            self.field.text.push_str(&line[content.len()..]);
            self.column += line.len() - content.len();
        }
    }

    /// A row without quotes: most are.
    fn take_plain(&mut self, content: &str) {
        for part in content.split(self.delimiter) {
            if self.state == State::Plain {
                self.column += 1;
                self.end_field();
            }
            self.state = State::Plain;
            self.field.text.push_str(part);
            self.column += part.chars().count();
        }
    }

    fn letter(&mut self, letter: char) {
        let ends = letter == self.delimiter;
        match self.state {
            State::Quoted if letter == '"' => self.state = State::Closed,
            State::Quoted if letter == '\\' && self.escapes => self.state = State::Escaped,
            State::Quoted => self.field.text.push(letter),
            State::Escaped => {
                if letter != '"' && letter != '\\' {
                    self.field.text.push('\\');
                }
                self.field.text.push(letter);
                self.state = State::Quoted;
            }
            _ if ends => self.end_field(),
            State::Closed if letter == '"' => {
                self.field.text.push('"');
                self.state = State::Quoted;
            }
            State::Closed if letter == ' ' => {}
            State::Closed => self.tear(AFTER_QUOTE),
            State::Begun if letter == '"' => {
                self.field.text.clear();
                self.state = State::Quoted;
            }
            State::Begun | State::Plain => {
                if letter == '\r' {
                    self.tear(LONE_RETURN);
                }
                if letter == '"' {
                    self.stray = self.stray.or(Some(self.column));
                }
                if letter != ' ' {
                    self.state = State::Plain;
                }
                self.field.text.push(letter);
            }
        }
    }

    fn tear(&mut self, what: &'static str) {
        self.torn = self.torn.or(Some((what, self.column)));
    }

    fn come(&self) -> Come {
        match (self.torn, self.stray) {
            (Some((what, column)), _) => Come::Torn(what, column),
            (None, Some(column)) if self.lines > 1 => Come::Torn(ACROSS_LINES, column),
            _ if self.state == State::Quoted => Come::Open,
            _ => Come::Whole,
        }
    }
}

/// The fields of a line whose quotes are letters.
pub(super) fn plain(delimiter: char, line: &str) -> Vec<Field> {
    let mut reading = Reading::new(delimiter);
    reading.take_plain(line);
    reading.end_field();
    reading.fields
}

/// A row that is being read. Where a backslash stands before a quote both ways are tried: the plain one stands if it
/// comes out clean, and with as many fields as are wanted.
#[derive(Debug)]
pub(super) struct Split {
    plain: Reading,
    /// The same with backslashes, from the first line on that has one before a quote.
    escaped: Option<Reading>,
    width: Option<usize>,
}

impl Split {
    pub(super) fn new(delimiter: char, width: Option<usize>) -> Self {
        Self {
            plain: Reading::new(delimiter),
            escaped: None,
            width,
        }
    }

    /// Takes the row's next line, with its line end.
    pub(super) fn take(&mut self, line: &str) -> Come {
        if self.escaped.is_none() && line.contains("\\\"") {
            self.escaped = Some(Reading {
                escapes: true,
                ..self.plain.clone()
            });
        }
        self.plain.take(line);
        let escaped = self.escaped.as_mut().map(|reading| {
            reading.take(line);
            reading.come()
        });
        match (self.plain.come(), escaped) {
            (Come::Torn(..), Some(other @ (Come::Whole | Come::Open))) => other,
            (plain, _) => plain,
        }
    }

    /// The fields of a row that is whole.
    pub(super) fn fields(self) -> Vec<Field> {
        let whole = |reading: &Reading| reading.come() == Come::Whole;
        let is_clean = |reading: &Reading| {
            let width = reading.fields.len() + 1;
            reading.stray.is_none() && self.width.is_none_or(|wanted| wanted == width)
        };
        let mut reading = match self.escaped {
            Some(escaped)
                if whole(&escaped)
                    && (!whole(&self.plain) || (!is_clean(&self.plain) && is_clean(&escaped))) =>
            {
                escaped
            }
            _ => self.plain,
        };
        reading.end_field();
        reading.fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[&str], width: usize) -> Vec<String> {
        let mut split = Split::new(',', Some(width));
        for (index, line) in lines.iter().enumerate() {
            let last = index + 1 == lines.len();
            let come = split.take(line);
            assert_eq!(come, if last { Come::Whole } else { Come::Open }, "{line}");
        }
        let fields = split.fields().into_iter();
        fields.map(|field| field.text).collect()
    }

    #[test]
    fn quotes_are_doubled_or_have_a_backslash_before_them() {
        for (lines, wanted) in [
            (&["a,\"b\"\"c\",d\r\n"][..], &["a", "b\"c", "d"][..]),
            (&["a,\"b \\\"c\\\", d\",e"], &["a", "b \"c\", d", "e"]),
            (&["a,\"b \\\", d\",e"], &["a", "b \", d", "e"]),
            (&["a,\"C:\\\",e"], &["a", "C:\\", "e"]),
            (&["a,\"x \\\\\\\" y\",e"], &["a", "x \\\" y", "e"]),
            (
                &["a,\"b\n", "c \\\"d\\\"\n", "e\",f"],
                &["a", "b\nc \"d\"\ne", "f"],
            ),
            (&["a, \"b, c\" ,5\" pipe"], &["a", "b, c", "5\" pipe"]),
        ] {
            assert_eq!(fields(lines, 3), wanted, "{lines:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_torn() {
        for (lines, column) in [
            (&["a,\"b\"c"][..], 6),
            (&["a,\"b\n", "c,\"d\"\n"], 9),
            (&["a,\"b\n", "c,\",d\",e\n"], 11),
            (&["a\rb\n"], 2),
        ] {
            let mut split = Split::new(',', None);
            let come = lines.iter().map(|line| split.take(line)).last();
            assert!(
                matches!(come, Some(Come::Torn(_, at)) if at == column),
                "{lines:?}: {come:?}"
            );
        }
    }
}
