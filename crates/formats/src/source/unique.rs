//! JSON of which no object has a key twice: which of two values was meant, nobody can say.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::input::Position;

/// Reads a value, and keeps the first key that stands twice in an object of it, with where it stands again.
pub(super) struct Unique<'s> {
    twice: &'s RefCell<Option<(String, Position)>>,
    /// How far the file was read.
    position: &'s dyn Fn() -> Position,
}

impl<'s> Unique<'s> {
    pub(super) fn new(
        twice: &'s RefCell<Option<(String, Position)>>,
        position: &'s dyn Fn() -> Position,
    ) -> Self {
        Self { twice, position }
    }

    fn same(&self) -> Self {
        Self { ..*self }
    }
}

impl<'de> DeserializeSeed<'de> for Unique<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.same())? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let known = values.contains_key(&key);
            if known && self.twice.borrow().is_none() {
                let Position { line, column } = (self.position)();
                // It was read to its closing quote.
                let column = column.saturating_sub(key.chars().count() + 1);
                *self.twice.borrow_mut() = Some((key.clone(), Position { line, column }));
            }
            let value = map.next_value_seed(self.same())?;
            values.insert(key, value);
        }
        Ok(Value::Object(values))
    }
}

/// What is said of a key that stands twice, and what to do.
pub(super) fn words(key: &str) -> (String, &'static str) {
    let key = key.chars().take(80).collect::<String>();
    let message = format!("the key {key:?} stands twice in one object");
    (message, "leave one of them out, or give it another name")
}

/// Where the first key of a line that stands twice stands again, in characters from 1. The line is read again for it, byte
/// by byte, since a reader of a whole line does not say how far it is.
pub(super) fn column(line: &[u8]) -> usize {
    let rest = Rest {
        line,
        taken: Cell::new(0),
    };
    let twice = RefCell::default();
    let position = || rest.position();
    let mut reader = serde_json::Deserializer::from_reader(&rest);
    // It was read before.
    let _ = Unique::new(&twice, &position).deserialize(&mut reader);
    twice
        .into_inner()
        .map_or(1, |(_, position)| position.column.max(1))
}

/// What is left of a line.
struct Rest<'l> {
    line: &'l [u8],
    taken: Cell<usize>,
}

impl Rest<'_> {
    /// How far it was read, in characters.
    fn position(&self) -> Position {
        let taken = String::from_utf8_lossy(&self.line[..self.taken.get()]);
        let column = taken.chars().count();
        Position { line: 1, column }
    }
}

impl io::Read for &Rest<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&self.line[self.taken.get()..]).read(buffer)?;
        self.taken.set(self.taken.get() + read);
        Ok(read)
    }
}
