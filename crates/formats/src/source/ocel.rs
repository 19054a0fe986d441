//! The events of an OCEL 2.0 log in JSON, one after another, whatever stands beside them; and the objects of a JSON array.

use std::cell::RefCell;
use std::io::BufRead;

use reading::Mistake;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;

use super::input::{Input, Position, TooLong, Watch};
use super::unique::{self, Unique};
use super::{Asked, Raw, SourceError, Take, mistake, table};
use crate::import_error::ImportError;

/// What a list of rows stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// In a log, as its events.
    Log,
    /// In nothing: it is the file.
    Array,
}

impl Whole {
    fn words(self) -> &'static str {
        match self {
            Self::Log => "log is no OCEL 2.0 in JSON",
            Self::Array => "file is no JSON array of objects",
        }
    }

    fn row(self) -> &'static str {
        match self {
            Self::Log => "event",
            Self::Array => "object",
        }
    }
}

pub(super) fn each(
    input: impl BufRead,
    whole: Whole,
    asked: &Asked,
    take: &mut Take<'_>,
) -> Result<(), SourceError> {
    let (input, watch) = Input::open(input, asked.row_bytes_max)?;
    let mut log = Log {
        whole,
        asked,
        watch: watch.clone(),
        take,
        stop: None,
        found: whole == Whole::Array,
    };
    let mut reader = serde_json::Deserializer::from_reader(input);
    let read = match whole {
        Whole::Log => LogSeed(&mut log).deserialize(&mut reader),
        Whole::Array => EventsSeed(&mut log).deserialize(&mut reader),
    };
    let read = read.and_then(|()| reader.end());
    let (stop, found) = (log.stop, log.found);
    if let Some(stop) = stop {
        return Err(SourceError::Stop(stop));
    }
    let at = watch.position();
    match read {
        Ok(()) if found => Ok(()),
        Ok(()) => Err(SourceError::Mistake(mistake(
            1,
            1,
            "the log has no list of events".to_owned(),
            "write it as OCEL 2.0 in JSON, or name what it is with --format",
        ))),
        Err(error) if error.is_io() => {
            let error = std::io::Error::from(error);
            if !TooLong::is(&error) {
                return Err(SourceError::Io(error));
            }
            Err(SourceError::Mistake(too_long(at, whole, asked)))
        }
        Err(error) => {
            let text = error.to_string();
            let what = text.split(" at line").next().unwrap_or_default();
            Err(SourceError::Mistake(mistake(
                error.line() as u64,
                error.column(),
                format!("the {}: {what}", whole.words()),
                "nothing behind this can be read; give the whole file as UTF-8, or name what it is with --format or \
                 --encoding",
            )))
        }
    }
}

fn too_long(at: Position, whole: Whole, asked: &Asked) -> Mistake {
    mistake(
        at.line,
        at.column,
        format!(
            "an {} is longer than {} bytes",
            whole.row(),
            asked.row_bytes_max
        ),
        "nothing behind this can be read; leave it out",
    )
}

struct Log<'l, 't> {
    whole: Whole,
    asked: &'l Asked,
    watch: Watch,
    take: &'l mut Take<'t>,
    stop: Option<ImportError>,
    found: bool,
}

/// The whole log: an object.
struct LogSeed<'s, 'l, 't>(&'s mut Log<'l, 't>);

impl<'de> DeserializeSeed<'de> for LogSeed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for LogSeed<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with a list of events")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "events" {
                self.0.found = true;
                map.next_value_seed(EventsSeed(self.0))?;
            } else {
                self.0.watch.pass_over();
                map.next_value::<IgnoredAny>()?;
            }
            self.0.watch.begin_part();
        }
        Ok(())
    }
}

/// The list of events.
struct EventsSeed<'s, 'l, 't>(&'s mut Log<'l, 't>);

impl<'de> DeserializeSeed<'de> for EventsSeed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for EventsSeed<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while let Some((at, event, twice)) = events.next_element_seed(EventSeed(&self.0.watch))? {
            let raw = match twice {
                None => raw(self.0.asked, self.0.whole, at, &event),
                Some((key, at)) => {
                    let (message, remedy) = unique::words(&key);
                    Err(mistake(at.line, at.column, message, remedy))
                }
            };
            if let Err(stop) = (self.0.take)(raw) {
                self.0.stop = Some(stop);
                return Err(A::Error::custom("no more is wanted"));
            }
        }
        Ok(())
    }
}

/// One event, with where it begins, its first character is read already; and the first key that stands twice in it.
struct EventSeed<'s>(&'s Watch);

impl<'de> DeserializeSeed<'de> for EventSeed<'_> {
    type Value = (Position, Value, Option<(String, Position)>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let at = self.0.position();
        self.0.begin_part();
        let twice = RefCell::default();
        let position = || self.0.position();
        let event = Unique::new(&twice, &position).deserialize(deserializer)?;
        Ok((at, event, twice.into_inner()))
    }
}

pub(super) fn raw(
    asked: &Asked,
    whole: Whole,
    at: Position,
    event: &Value,
) -> Result<Raw, Mistake> {
    if !event.is_object() {
        let (message, remedy) = match whole {
            Whole::Log => (
                "an event is no object",
                "write it with an id, a type and a time",
            ),
            Whole::Array => (
                "an element is no object",
                "write it as {\"from\": \"a\", \"to\": \"b\"}",
            ),
        };
        return Err(mistake(at.line, at.column, message.to_owned(), remedy));
    }
    let fields = asked.columns.iter().map(|name| match whole {
        Whole::Log => field(event, name),
        Whole::Array => table::field(event, name),
    });
    Ok(Raw {
        line: at.line,
        fields: fields.collect(),
        columns: vec![at.column.max(1); asked.columns.len()],
        text: if asked.text {
            event.to_string()
        } else {
            String::new()
        },
    })
}

/// An event's own value, an attribute of it, or the ids of the objects that it is related to so: a JSON list if there are
/// several.
fn field(event: &Value, name: &str) -> Option<String> {
    if ["id", "type", "time"].contains(&name) {
        return text(&event[name]);
    }
    let all = |list: &str, key: &str, value: &str| -> Vec<Value> {
        let found = event[list].as_array().into_iter().flatten();
        let found = found.filter(|found| found[key] == name);
        found.map(|found| found[value].clone()).collect()
    };
    if let Some(value) = all("attributes", "name", "value").first() {
        return text(value);
    }
    match &all("relationships", "qualifier", "objectId")[..] {
        [] => None,
        [only] => text(only),
        several => Some(Value::from(several).to_string()),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
