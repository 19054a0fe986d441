//! XES 1.0 (IEEE 1849): a trace an exchange, an event a step.

use std::fmt::Write as _;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};

use office::{Collection, Exchanges, StepId};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, Event};

use super::Form;
use crate::payload::{PayloadTold, officers_of};
use crate::told::Told;

/// Prefix, name and definition of the extensions used.
const EXTENSIONS: [(&str, &str, &str); 4] = [
    (
        "Concept",
        "concept",
        "http://www.xes-standard.org/concept.xesext",
    ),
    ("Time", "time", "http://www.xes-standard.org/time.xesext"),
    (
        "Organizational",
        "org",
        "http://www.xes-standard.org/org.xesext",
    ),
    (
        "Lifecycle",
        "lifecycle",
        "http://www.xes-standard.org/lifecycle.xesext",
    ),
];

/// Events wait in a file until their trace is written: one exchange may last as long as the ledger.
pub(super) struct Xes<W: Write> {
    out: W,
    waiting: BufWriter<std::fs::File>,
    offset: u64,
    events: Vec<Waiting>,
}

struct Waiting {
    exchange: (u8, StepId),
    offset: u64,
    len: u32,
}

impl<W: Write> Xes<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        Ok(Self {
            out,
            waiting: BufWriter::new(tempfile::tempfile()?),
            offset: 0,
            events: Vec::new(),
        })
    }
}

impl<W: Write> Form for Xes<W> {
    fn step(&mut self, told: &Told, wanted: bool) -> io::Result<()> {
        if !wanted {
            return Ok(());
        }
        let mut xml = Writer::new(Vec::new());
        event(&mut xml, told)?;
        let bytes = xml.into_inner();
        self.waiting.write_all(&bytes)?;
        let (collection, id) = told.exchange;
        self.events.push(Waiting {
            exchange: (number(collection), id),
            offset: self.offset,
            len: bytes.len() as u32,
        });
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn finish(&mut self, _: &Exchanges) -> io::Result<u64> {
        // Traces in the order of their first events: so a log that is read in order is nearly a ledger.
        let mut traces = std::collections::BTreeMap::new();
        for (index, event) in self.events.iter().enumerate() {
            traces.entry(event.exchange).or_insert(index);
        }
        let first = |event: &Waiting| traces.get(&event.exchange).copied();
        self.events
            .sort_by_cached_key(|event| (first(event), event.offset));
        let mut xml = Writer::new(&mut self.out);
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        open_log(&mut xml)?;
        self.waiting.flush()?;
        let mut file = BufReader::new(self.waiting.get_mut());
        file.rewind()?;
        let (mut at, mut bytes) = (0, Vec::new());
        let mut open = None;
        for event in &self.events {
            if open != Some(event.exchange) {
                if open.is_some() {
                    xml.write_event(Event::End(BytesEnd::new("trace")))?;
                }
                xml.get_mut().write_all(b"\n")?;
                xml.write_event(Event::Start(BytesStart::new("trace")))?;
                let (collection, id) = event.exchange;
                attribute(
                    &mut xml,
                    "string",
                    "concept:name",
                    &id.name(COLLECTIONS[collection as usize]),
                )?;
                open = Some(event.exchange);
            }
            if event.offset != at {
                file.seek(SeekFrom::Start(event.offset))?;
            }
            bytes.resize(event.len as usize, 0);
            file.read_exact(&mut bytes)?;
            at = event.offset + u64::from(event.len);
            xml.get_mut().write_all(b"\n")?;
            xml.get_mut().write_all(&bytes)?;
        }
        if open.is_some() {
            xml.write_event(Event::End(BytesEnd::new("trace")))?;
        }
        xml.write_event(Event::End(BytesEnd::new("log")))?;
        self.out.write_all(b"\n")?;
        self.out.flush()?;
        Ok(self.events.len() as u64)
    }
}

const COLLECTIONS: [Collection; 5] = [
    Collection::Documents,
    Collection::Meetings,
    Collection::Contacts,
    Collection::Calls,
    Collection::Steps,
];

fn number(collection: Collection) -> u8 {
    let index = COLLECTIONS.iter().position(|known| *known == collection);
    index.unwrap_or(0) as u8
}

fn open_log(xml: &mut Writer<impl Write>) -> io::Result<()> {
    let log = BytesStart::new("log").with_attributes([
        ("xes.version", "1.0"),
        ("xes.features", ""),
        ("xmlns", "http://www.xes-standard.org/"),
    ]);
    xml.write_event(Event::Start(log))?;
    for (name, prefix, uri) in EXTENSIONS {
        let extension = BytesStart::new("extension").with_attributes([
            ("name", name),
            ("prefix", prefix),
            ("uri", uri),
        ]);
        xml.write_event(Event::Empty(extension))?;
    }
    let global = BytesStart::new("global").with_attributes([("scope", "trace")]);
    xml.write_event(Event::Start(global))?;
    attribute(xml, "string", "concept:name", "")?;
    xml.write_event(Event::End(BytesEnd::new("global")))?;
    let global = BytesStart::new("global").with_attributes([("scope", "event")]);
    xml.write_event(Event::Start(global))?;
    attribute(xml, "string", "concept:name", "")?;
    attribute(xml, "date", "time:timestamp", "1970-01-01T00:00:00Z")?;
    attribute(xml, "string", "org:group", "")?;
    attribute(xml, "string", "lifecycle:transition", "complete")?;
    xml.write_event(Event::End(BytesEnd::new("global")))?;
    let classifier =
        BytesStart::new("classifier").with_attributes([("name", "What"), ("keys", "concept:name")]);
    xml.write_event(Event::Empty(classifier))
}

fn event(xml: &mut Writer<Vec<u8>>, told: &Told) -> io::Result<()> {
    let step = &told.step;
    xml.write_event(Event::Start(BytesStart::new("event")))?;
    attribute(xml, "string", "concept:name", step.kind.words())?;
    attribute(xml, "date", "time:timestamp", &step.authored_at.to_string())?;
    attribute(xml, "string", "org:group", step.id.place.word())?;
    attribute(xml, "string", "lifecycle:transition", "complete")?;
    let officers = officers_of(step.kind, &told.payload);
    if let Some((_, officer)) = officers
        .iter()
        .find(|(role, _)| ["by", "signatory"].contains(role))
    {
        attribute(xml, "string", "org:resource", &officer.name)?;
    }
    let payload = PayloadTold::new(step.kind, &told.payload, false);
    for (kind, key, value) in [
        ("int", "entry", told.sequence.to_string()),
        ("date", "recorded_at", told.recorded_at.to_string()),
        ("string", "direction", told.direction().to_owned()),
        ("string", "step", step.id.to_string()),
        ("string", "parent", told.parent_name()),
        ("string", "request_id", told.request_id_text()),
        ("boolean", "inert", told.applied.inert.to_string()),
        ("string", "counted", told.counted().to_owned()),
        ("string", "counted_day", told.counted_day()),
        ("string", "counted_office", told.counted_office().to_owned()),
        ("string", "payload", json_for_xml(&payload.text())),
        ("string", "payload_bytes", payload.bytes.unwrap_or_default()),
        ("string", "made_by", told.made_by.clone()),
    ] {
        if !value.is_empty() {
            attribute(xml, kind, key, &value)?;
        }
    }
    xml.write_event(Event::End(BytesEnd::new("event")))
}

fn attribute(xml: &mut Writer<impl Write>, kind: &str, key: &str, value: &str) -> io::Result<()> {
    let value: String = value
        .chars()
        .map(|letter| if is_xml(letter) { letter } else { '\u{fffd}' })
        .collect();
    let element = BytesStart::new(kind).with_attributes([("key", key), ("value", &*value)]);
    xml.write_event(Event::Empty(element))
}

/// Whether XML 1.0 has a way to write a letter, and no reader takes it for another.
fn is_xml(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r')
        || !(letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}'))
}

/// JSON with the letters escaped that XML cannot write. Outside of its strings JSON has none of them.
fn json_for_xml(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if is_xml(letter) {
            text.push(letter);
        } else {
            let _ = write!(text, "\\u{:04x}", u32::from(letter));
        }
    }
    text
}
