//! Log lines that steer no terminal: what a peer or a client said stands in their fields.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};

use reading::visible;
use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sends log lines to stderr. `directives` is what is logged, such as `info` or `server=debug`.
pub fn init_logs(directives: &str, json: bool) -> Result<(), String> {
    let filter: Targets = directives
        .parse()
        .map_err(|error| format!("failed to read what to log ({directives:?}): {error}"))?;
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer().with_ansi(colours);
    let logs = tracing_subscriber::registry().with(filter);
    let set = if json {
        let lines = lines.json();
        let lines = lines.with_writer(|| VisibleJson::new(std::io::stderr()));
        logs.with(lines).try_init()
    } else {
        let lines = lines.fmt_fields(VisibleFields);
        logs.with(lines.with_writer(std::io::stderr)).try_init()
    };
    set.map_err(|error| error.to_string())
}

/// Writes the fields of an event or a span as `message name=value …`, each on the line it belongs to, with all that is
/// not seen or steers written out ([`visible::line`]).
///
/// The subscriber's own format takes escape sequences away, and leaves line breaks and what turns the reading around.
#[derive(Debug, Clone, Copy, Default)]
pub struct VisibleFields;

impl<'w> FormatFields<'w> for VisibleFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = Visitor {
            writer,
            is_first: true,
            written: Ok(()),
        };
        fields.record(&mut visitor);
        visitor.written
    }
}

struct Visitor<'w> {
    writer: Writer<'w>,
    is_first: bool,
    written: fmt::Result,
}

impl Visitor<'_> {
    fn write(&mut self, field: &Field, value: &str) {
        if self.written.is_err() {
            return;
        }
        // What came from the `log` crate says so in fields of its own, which the line says already.
        if field.name().starts_with("log.") {
            return;
        }
        let space = if self.is_first { "" } else { " " };
        self.is_first = false;
        self.written = match field.name() {
            "message" => write!(self.writer, "{space}{value}"),
            name => {
                let name = name.strip_prefix("r#").unwrap_or(name);
                write!(self.writer, "{space}{name}={value}")
            }
        };
    }
}

impl Visit for Visitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let shown = visible::line(value);
        if field.name() == "message" {
            self.write(field, &shown);
        } else {
            // In quotes, so that it does not pass for another field.
            self.write(field, &format!("{shown:?}"));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        self.write(field, &visible::line(&value));
    }
}

/// Takes lines of JSON, and escapes in them what a terminal would act on ([`visible::json`]).
#[derive(Debug)]
pub(crate) struct VisibleJson<W> {
    out: W,
}

impl<W: Write> VisibleJson<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write> Write for VisibleJson<W> {
    /// Takes a whole line, as the subscriber gives it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.out.write_all(visible::json(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const HOSTILE: &str = "a\u{202e}b\u{1b}[2J\nERROR forged\u{9b}\u{200b}";

    #[derive(Debug, Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no writer panics").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Memory {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("no writer panics").clone()).expect("it is text")
        }
    }

    fn speak() {
        let span = tracing::info_span!("call", of = %HOSTILE, later = tracing::field::Empty);
        span.record("later", tracing::field::display(HOSTILE));
        let _entered = span.enter();
        tracing::info!(text = HOSTILE, why = %HOSTILE, count = 7, "said {HOSTILE}");
    }

    #[test]
    fn a_line_stays_a_line_and_steers_nothing() {
        let memory = Memory::default();
        let out = memory.clone();
        let lines = tracing_subscriber::fmt()
            .with_ansi(false)
            .fmt_fields(VisibleFields)
            .with_writer(move || out.clone())
            .finish();
        tracing::subscriber::with_default(lines, speak);
        let text = memory.text();
        let shown = visible::line(HOSTILE);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert_eq!(visible::lines(&text), text);
        for wanted in [
            format!("call{{of={shown} later={shown}}}"),
            format!("said {shown} text=\"{shown}\" why={shown} count=7"),
        ] {
            assert!(text.contains(&wanted), "{wanted} is missing in {text}");
        }
    }

    #[test]
    fn a_line_of_json_has_the_same_value() {
        let memory = Memory::default();
        let out = memory.clone();
        let lines = tracing_subscriber::fmt()
            .json()
            .with_writer(move || VisibleJson::new(out.clone()))
            .finish();
        tracing::subscriber::with_default(lines, speak);
        let text = memory.text();
        assert_eq!(visible::lines(&text), text);
        assert!(
            text.contains("\\u202e") && text.contains("\\u009b"),
            "{text}"
        );
    }
}
