//! The events of an XES log, one after another, each with the attributes of its trace.

use std::io::BufRead;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use reading::Mistake;
use serde_json::{Map, Value};

use super::input::{Input, Position, TooLong, Watch};
use super::{Asked, Raw, SourceError, Take, mistake};

/// What stands before the name of a trace's attribute.
const OF_TRACE: &str = "case:";

/// Elements that are an attribute with one value. Lists and containers are passed over.
const ATTRIBUTES: [&str; 6] = ["string", "date", "int", "float", "boolean", "id"];

pub(super) fn each(
    input: impl BufRead,
    asked: &Asked,
    take: &mut Take<'_>,
) -> Result<(), SourceError> {
    let (input, watch) = Input::open(input, asked.row_bytes_max)?;
    let mut xml = Reader::from_reader(input);
    let mut log = Log {
        asked,
        watch,
        open: Vec::new(),
        passed_over: 0,
        found: false,
        case: vec![None; asked.columns.len()],
        event: None,
    };
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        if log.event.is_none() {
            log.watch.begin_part();
        }
        match xml.read_event_into(&mut buffer) {
            Ok(Event::Start(element)) => log.start(&element),
            Ok(Event::Empty(element)) => {
                log.start(&element);
                if let Some(raw) = log.end() {
                    take(raw).map_err(SourceError::Stop)?;
                }
            }
            Ok(Event::End(_)) => {
                if let Some(raw) = log.end() {
                    take(raw).map_err(SourceError::Stop)?;
                }
            }
            Ok(Event::Eof) => {
                return ended(
                    log.found,
                    log.open.is_empty(),
                    "the file has no <log>",
                    log.watch.position(),
                );
            }
            Ok(_) => {}
            Err(error) => return Err(unreadable(error, log.watch.position(), asked)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Log,
    Trace,
    Event,
    Attribute,
}

struct Log<'l> {
    asked: &'l Asked,
    watch: Watch,
    /// The elements that are open, as far as they are known.
    open: Vec<Element>,
    /// How many elements are open that are passed over, with all inside.
    passed_over: usize,
    found: bool,
    /// The attributes asked for of the trace that is open.
    case: Vec<Option<String>>,
    event: Option<Found>,
}

/// An event, as far as it has been read.
struct Found {
    at: Position,
    fields: Vec<Option<String>>,
    whole: Map<String, Value>,
    mistake: Option<Mistake>,
}

impl Log<'_> {
    fn start(&mut self, element: &BytesStart<'_>) {
        if self.passed_over > 0 {
            self.passed_over += 1;
            return;
        }
        let name = element.local_name();
        let name: &str = name.as_ref();
        let known = match (self.open.last(), name) {
            (None, "log") => Element::Log,
            (Some(Element::Log), "trace") => Element::Trace,
            (Some(Element::Log | Element::Trace), "event") => Element::Event,
            (Some(Element::Trace | Element::Event), name) if ATTRIBUTES.contains(&name) => {
                Element::Attribute
            }
            _ => {
                self.passed_over = 1;
                return;
            }
        };
        match known {
            Element::Log => self.found = true,
            Element::Trace => self.case.fill(None),
            Element::Event => {
                self.event = Some(Found {
                    at: self.watch.position(),
                    fields: self.case.clone(),
                    whole: Map::new(),
                    mistake: None,
                });
            }
            Element::Attribute => self.attribute(element),
        }
        self.open.push(known);
    }

    fn attribute(&mut self, element: &BytesStart<'_>) {
        let read = key_and_value(element);
        let at = self.watch.position();
        match (read, &mut self.event) {
            (Ok((key, value)), None) => {
                let columns = self.asked.columns.iter().zip(&mut self.case);
                for (_, field) in
                    columns.filter(|(name, _)| name.strip_prefix(OF_TRACE) == Some(&*key))
                {
                    *field = Some(value.clone());
                }
            }
            (Ok((key, value)), Some(event)) => {
                let columns = self.asked.columns.iter().zip(&mut event.fields);
                for (_, field) in columns.filter(|(name, _)| **name == key) {
                    if field.replace(value.clone()).is_some() {
                        let message = format!("the attribute {key:?} stands twice in an event");
                        let twice = mistake(at.line, at.column, message, "leave one of them out");
                        event.mistake.get_or_insert(twice);
                    }
                }
                if self.asked.text {
                    event.whole.insert(key, value.into());
                }
            }
            (Err(message), Some(event)) => {
                let remedy = "write it as <string key=\"…\" value=\"…\"/>";
                let mistake = mistake(at.line, at.column, message, remedy);
                event.mistake.get_or_insert(mistake);
            }
            // A column of it is missing then, and told with each event.
            (Err(_), None) => {}
        }
    }

    /// An element ends; gives the event that is over.
    fn end(&mut self) -> Option<Result<Raw, Mistake>> {
        if self.passed_over > 0 {
            self.passed_over -= 1;
            return None;
        }
        match self.open.pop()? {
            Element::Event => {}
            Element::Trace => {
                self.case.fill(None);
                return None;
            }
            Element::Log | Element::Attribute => return None,
        }
        let event = self.event.take()?;
        if let Some(mistake) = event.mistake {
            return Some(Err(mistake));
        }
        Some(Ok(Raw {
            line: event.at.line,
            columns: vec![event.at.column.max(1); event.fields.len()],
            fields: event.fields,
            text: if self.asked.text {
                Value::from(event.whole).to_string()
            } else {
                String::new()
            },
        }))
    }
}

/// The end of the file: an error if no log was found, or it was not closed.
pub(super) fn ended(
    found: bool,
    closed: bool,
    no_log: &str,
    at: Position,
) -> Result<(), SourceError> {
    let told = match (found, closed) {
        (true, true) => return Ok(()),
        (true, false) => {
            let message = "the log ends before it is closed".to_owned();
            mistake(at.line, at.column, message, "give the whole file")
        }
        (false, _) => {
            let remedy = "give a whole log, or name what it is with --format";
            mistake(1, 1, no_log.to_owned(), remedy)
        }
    };
    Err(SourceError::Mistake(told))
}

/// Why the file cannot be read on.
pub(super) fn unreadable(error: quick_xml::Error, at: Position, asked: &Asked) -> SourceError {
    let message = match error {
        quick_xml::Error::Io(error) if !TooLong::is(&error) => {
            return SourceError::Io(std::io::Error::new(error.kind(), error));
        }
        quick_xml::Error::Io(_) => {
            format!("an event is longer than {} bytes", asked.row_bytes_max)
        }
        error => format!("the log is no XML: {error}"),
    };
    let remedy =
        "nothing behind this can be read; mend it, or name what it is with --format or --encoding";
    SourceError::Mistake(mistake(at.line, at.column, message, remedy))
}

fn key_and_value(element: &BytesStart<'_>) -> Result<(String, String), String> {
    let (mut key, mut value) = (None, None);
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| format!("an attribute is no XML: {error}"))?;
        let field = match attribute.key.as_ref() {
            "key" => &mut key,
            "value" => &mut value,
            _ => continue,
        };
        let text = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| format!("an attribute's value cannot be read: {error}"))?;
        *field = Some(text.into_owned());
    }
    match (key, value) {
        (Some(key), Some(value)) => Ok((key, value)),
        (None, _) => Err("an attribute has no key".to_owned()),
        (Some(key), None) => Err(format!("the attribute {key:?} has no value")),
    }
}
