//! What messages say: by a schema, or by numbers where there is none.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bytes::Bytes;
use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::{Map, Value};
use tap::{Message, Side};
use template::Schema;
use template::wire::{Field, Fields};
use words::hex;

/// Messages within messages are followed so deep.
const DEPTH_MAX: usize = 32;
/// Methods that are remembered.
const FOUND_MAX: usize = 1_024;
/// What a compressed message may unpack to.
const UNPACKED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The schemas that are known; the first that has a method says what its messages are.
#[derive(Debug, Clone, Default)]
pub struct Known {
    schemas: Vec<Schema>,
    /// What was found before: to look a method up costs more than to read its messages.
    found: RefCell<BTreeMap<String, Option<[MessageDescriptor; 2]>>>,
}

impl Known {
    /// One more.
    pub fn add(&mut self, schema: Schema) {
        self.schemas.push(schema);
        self.found.take();
    }

    /// One more, which is asked first.
    pub fn prefer(&mut self, schema: Schema) {
        self.schemas.insert(0, schema);
        self.found.take();
    }

    /// What a side of a method sends; `path` as in `:path`.
    pub fn message(&self, path: &str, from: Side) -> Option<MessageDescriptor> {
        let mut found = self.found.borrow_mut();
        if let Some(messages) = found.get(path) {
            return messages.as_ref().map(|it| it[from as usize].clone());
        }
        let mut schemas = self.schemas.iter();
        let method = schemas.find_map(|schema| schema.method(path).ok());
        let messages = method.map(|method| [method.input, method.output]);
        // A path may be anything: those that were made up are forgotten.
        if found.len() >= FOUND_MAX {
            found.clear();
        }
        let message = messages.as_ref().map(|it| it[from as usize].clone());
        found.insert(path.to_owned(), messages);
        message
    }

    /// What a message of a call says, and the bytes that say it; why that is not known, otherwise.
    pub fn say(
        &self,
        path: Option<&str>,
        from: Side,
        encoding: &str,
        message: &Message,
    ) -> (Result<Value, String>, Bytes) {
        let unpacked = match tap::unpacked(message, encoding, UNPACKED_BYTES_MAX) {
            Ok(unpacked) => unpacked,
            Err(why) => return (Err(why), message.bytes.clone()),
        };
        if message.is_cut() {
            let kept = words::figures::bytes(unpacked.len() as u64);
            return (Err(format!("cut: the first {kept} were kept")), unpacked);
        }
        let descriptor = path.and_then(|path| self.message(path, from));
        let said = descriptor.and_then(|descriptor| by_schema(descriptor, &unpacked));
        let said = said.or_else(|| by_number(&unpacked, DEPTH_MAX));
        (
            said.ok_or_else(|| "no message of protobuf".to_owned()),
            unpacked,
        )
    }

    /// What bytes say that are such a message, or by their numbers.
    pub fn read(bytes: &[u8], descriptor: Option<&MessageDescriptor>) -> Option<Value> {
        let said = descriptor.and_then(|descriptor| by_schema(descriptor.clone(), bytes));
        said.or_else(|| by_number(bytes, DEPTH_MAX))
    }

    /// The names of the fields of a path, as far as they are known.
    pub fn named(path: &[u32], descriptor: Option<&MessageDescriptor>) -> String {
        let mut of = descriptor.cloned();
        let step = |number: &u32| {
            let field = of.as_ref().and_then(|it| it.get_field(*number));
            let name = field.as_ref().map(|it| it.name().to_owned());
            of = field.and_then(|it| it.kind().as_message().cloned());
            name.unwrap_or_else(|| number.to_string())
        };
        let steps: Vec<String> = path.iter().map(step).collect();
        steps.join(".")
    }

    /// What the details of a status say.
    pub fn details(&self, details: &[u8]) -> Option<Value> {
        let mut descriptors = self
            .schemas
            .iter()
            .filter_map(|it| it.message("google.rpc.Status"));
        let said = descriptors.find_map(|descriptor| by_schema(descriptor, details));
        said.or_else(|| by_number(details, DEPTH_MAX))
    }
}

fn by_schema(descriptor: MessageDescriptor, bytes: &[u8]) -> Option<Value> {
    let message = DynamicMessage::decode(descriptor, bytes).ok()?;
    let options = SerializeOptions::new().stringify_64_bit_integers(true);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .ok()
}

/// The fields by their numbers: texts, messages and numbers, as far as their bytes can be taken for such.
pub(crate) fn by_number(bytes: &[u8], depth: usize) -> Option<Value> {
    let mut fields = Map::new();
    for field in Fields::of(bytes) {
        let (number, field) = field?;
        let value = match field {
            Field::Varint(value) => Value::from(value),
            Field::Fixed32(value) => Value::from(value),
            Field::Fixed64(value) => Value::from(value),
            Field::Delimited(bytes) => delimited(bytes, depth),
        };
        match fields.get_mut(&number.to_string()) {
            None => {
                fields.insert(number.to_string(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Some(Value::Object(fields))
}

fn delimited(bytes: &[u8], depth: usize) -> Value {
    let text = std::str::from_utf8(bytes).ok();
    let is_text = |text: &&str| {
        !text
            .chars()
            .any(|it| it.is_control() && !matches!(it, '\n' | '\t' | '\r'))
    };
    if let Some(text) = text.filter(is_text) {
        return Value::from(text);
    }
    let within = depth
        .checked_sub(1)
        .and_then(|depth| by_number(bytes, depth));
    within.unwrap_or_else(|| Value::from(format!("0x{}", hex::joined(bytes))))
}
