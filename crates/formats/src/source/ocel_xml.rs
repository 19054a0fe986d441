//! The events of an OCEL 2.0 log in XML, one after another, each as it would stand in JSON.

use std::io::BufRead;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use reading::Mistake;
use serde_json::{Map, Value, json};

use super::input::{Input, Position, Watch};
use super::ocel::{self, Whole};
use super::xes::{ended, unreadable};
use super::{Asked, Raw, SourceError, Take, mistake};

/// The elements that are looked at, each with what it stands in.
const KNOWN: [(&str, &str); 7] = [
    ("", "log"),
    ("log", "events"),
    ("events", "event"),
    ("event", "attributes"),
    ("attributes", "attribute"),
    ("event", "objects"),
    ("objects", "relationship"),
];

pub(super) fn each(
    input: impl BufRead,
    asked: &Asked,
    take: &mut Take<'_>,
) -> Result<(), SourceError> {
    let (input, watch) = Input::open(input, asked.row_bytes_max)?;
    let mut xml = Reader::from_reader(input);
    let mut log = Log {
        watch,
        open: Vec::new(),
        passed_over: 0,
        found: false,
        event: None,
    };
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        if log.event.is_none() {
            log.watch.begin_part();
        }
        let event = xml.read_event_into(&mut buffer);
        let event = event.map_err(|error| unreadable(error, log.watch.position(), asked))?;
        match &event {
            Event::Start(element) | Event::Empty(element) => log.start(element),
            Event::Text(text) => log.text(&text.xml_content(XmlVersion::Implicit1_0)),
            Event::CData(text) => log.text(&text.xml_content(XmlVersion::Implicit1_0)),
            Event::GeneralRef(name) => {
                let letter = name.resolve_char_ref().ok().flatten().map(String::from);
                let entity = quick_xml::escape::resolve_predefined_entity(name);
                let text = letter.or(entity.map(str::to_owned));
                log.text(&text.unwrap_or_else(|| format!("&{};", &**name)));
            }
            Event::Eof => {
                let no_log = "the log is no OCEL 2.0 in JSON or XML: it has no <events>";
                return ended(log.found, log.open.is_empty(), no_log, log.watch.position());
            }
            _ => {}
        }
        let ends = matches!(event, Event::Empty(_) | Event::End(_));
        if ends && let Some(event) = log.end() {
            take(event.raw(asked)).map_err(SourceError::Stop)?;
        }
    }
}

struct Log {
    watch: Watch,
    /// The elements that are open, as far as they are known.
    open: Vec<&'static str>,
    /// How many elements are open that are passed over, with all inside.
    passed_over: usize,
    found: bool,
    event: Option<Found>,
}

/// An event, as far as it has been read.
struct Found {
    at: Position,
    whole: Map<String, Value>,
    attributes: Vec<Value>,
    relationships: Vec<Value>,
    mistake: Option<Mistake>,
}

impl Log {
    fn start(&mut self, element: &BytesStart<'_>) {
        if self.passed_over > 0 {
            self.passed_over += 1;
            return;
        }
        let stands_in = self.open.last().copied().unwrap_or_default();
        let name = element.local_name();
        let name: &str = name.as_ref();
        let known = KNOWN.iter().find(|known| **known == (stands_in, name));
        let Some((_, known)) = known else {
            self.passed_over = 1;
            return;
        };
        self.open.push(known);
        self.found |= *known == "events";
        let at = self.watch.position();
        let values = values(element);
        if *known == "event" {
            self.event = Some(Found {
                at,
                whole: Map::new(),
                attributes: Vec::new(),
                relationships: Vec::new(),
                mistake: None,
            });
        }
        let Some(event) = &mut self.event else {
            return;
        };
        match (values, *known) {
            (Ok(values), "event") => event.whole = values,
            (Ok(mut values), "attribute") => {
                values.insert("value".to_owned(), "".into());
                event.attributes.push(values.into());
            }
            (Ok(values), "relationship") => {
                let get = |key: &str| values.get(key).cloned().unwrap_or_default();
                let (object, qualifier) = (get("object-id"), get("qualifier"));
                let related = json!({"objectId": object, "qualifier": qualifier});
                event.relationships.push(related);
            }
            (Ok(_), _) => {}
            (Err(message), _) => {
                let wrong = mistake(at.line, at.column, message, "write it as OCEL 2.0 has it");
                event.mistake.get_or_insert(wrong);
            }
        }
    }

    /// A part of an attribute's value.
    fn text(&mut self, text: &str) {
        if self.passed_over > 0 || self.open.last() != Some(&"attribute") {
            return;
        }
        let attribute = self
            .event
            .as_mut()
            .and_then(|event| event.attributes.last_mut());
        if let Some(Value::String(value)) = attribute.map(|attribute| &mut attribute["value"]) {
            value.push_str(text);
        }
    }

    /// An element ends; gives the event that is over.
    fn end(&mut self) -> Option<Found> {
        if self.passed_over > 0 {
            self.passed_over -= 1;
            return None;
        }
        let ended = self.open.pop()?;
        if ended == "event" {
            self.event.take()
        } else {
            None
        }
    }
}

impl Found {
    fn raw(mut self, asked: &Asked) -> Result<Raw, Mistake> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        self.whole
            .insert("attributes".to_owned(), self.attributes.into());
        self.whole
            .insert("relationships".to_owned(), self.relationships.into());
        ocel::raw(asked, Whole::Log, self.at, &self.whole.into())
    }
}

/// What an element says in its tag.
fn values(element: &BytesStart<'_>) -> Result<Map<String, Value>, String> {
    let mut found = Map::new();
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| format!("an attribute is no XML: {error}"))?;
        let text = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| format!("an attribute's value cannot be read: {error}"))?;
        found.insert(attribute.key.as_ref().to_owned(), text.into_owned().into());
    }
    Ok(found)
}
