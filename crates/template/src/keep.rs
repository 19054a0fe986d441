//! Values taken out of answers, for later steps to use.

use std::fmt;

use bytes::Bytes;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::meant::meant_or_listed;
use crate::wire::{Field, Fields, varint};

/// A value taken out of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    /// Of a `string` field.
    Text(String),
    /// Of a `bytes` field.
    Bytes(Bytes),
    /// Of a whole-number field.
    Integer(i128),
    /// Of a `float` or `double` field.
    Float(f64),
    /// Of a `bool` field.
    Bool(bool),
    /// Of an enum field: its number, and its name if it is known.
    Enum(i32, Option<String>),
    /// A whole message, encoded.
    Message(Bytes),
}

/// A value that an answer does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeepError {
    /// The path leads nowhere.
    #[error("`{path}` cannot be kept: {message}; {remedy}")]
    Path {
        /// The path as written.
        path: String,
        /// What is wrong.
        message: String,
        /// What to write instead.
        remedy: String,
    },
    /// The answer does not have it.
    #[error(
        "the answer has no `{missing}`, so `{path}` cannot be kept; call so that it is answered, or keep something else"
    )]
    Absent {
        /// The path as written.
        path: String,
        /// As much of it as leads to what is missing.
        missing: String,
    },
    /// The answer is not the message it should be.
    #[error(
        "the answer cannot be read as {message_type}, so `{path}` cannot be kept; compare the schema with what the target runs"
    )]
    Unreadable {
        /// The path as written.
        path: String,
        /// The message that was expected.
        message_type: String,
    },
}

#[derive(Clone)]
struct Hop {
    field: FieldDescriptor,
    /// Which of a list, from its end if negative.
    index: Option<i64>,
}

/// A path into an answer, such as `receipt.name`, `items[0].id` or `steps[-1].name`.
#[derive(Clone)]
pub struct Keep {
    path: String,
    message_type: String,
    hops: Vec<Hop>,
}

// A descriptor's own `Debug` does not end where a message has itself as a field.
impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keep")
            .field("path", &self.path)
            .field("message_type", &self.message_type)
            .finish()
    }
}

impl Keep {
    /// Finds the way through the message `output`.
    pub fn compile(output: &MessageDescriptor, path: &str) -> Result<Self, KeepError> {
        let wrong = |message: String, remedy: String| KeepError::Path {
            path: path.to_owned(),
            message,
            remedy,
        };
        let mut hops: Vec<Hop> = Vec::new();
        let mut message = Some(output.clone());
        for part in path.split('.') {
            let Some(inside) = &message else {
                let before = hops.last().map_or("", |hop| hop.field.name());
                return Err(wrong(
                    format!("`{before}` is no message and has no fields"),
                    format!("end the path with `{before}`"),
                ));
            };
            let (name, index) = index_of(part).ok_or_else(|| {
                wrong(
                    format!("`{part}` is no field name"),
                    "write a path such as receipt.name, items[0].id or steps[-1].name".to_owned(),
                )
            })?;
            let named = inside.get_field_by_name(name);
            let field = named.or_else(|| inside.get_field_by_json_name(name));
            let field = field.ok_or_else(|| {
                let fields: Vec<FieldDescriptor> = inside.fields().collect();
                let fields: Vec<&str> = fields.iter().map(FieldDescriptor::name).collect();
                wrong(
                    format!("{} has no field `{name}`", inside.full_name()),
                    meant_or_listed(name, &fields, "its fields are"),
                )
            })?;
            if field.is_map() {
                return Err(wrong(
                    format!("`{name}` is a map"),
                    "keep a field that is none".to_owned(),
                ));
            }
            match (field.is_list(), index) {
                (true, None) => {
                    return Err(wrong(
                        format!("`{name}` is a list"),
                        format!("say which of it: `{name}[0]` is the first, `{name}[-1]` the last"),
                    ));
                }
                (false, Some(_)) => {
                    return Err(wrong(
                        format!("`{name}` is no list"),
                        format!("write `{name}`"),
                    ));
                }
                _ => {}
            }
            message = field.kind().as_message().cloned();
            hops.push(Hop { field, index });
        }
        Ok(Self {
            path: path.to_owned(),
            message_type: output.full_name().to_owned(),
            hops,
        })
    }

    /// What kind of value it takes.
    pub fn kind(&self) -> Kind {
        let last = self.hops.last().expect("a path has one part or more");
        last.field.kind()
    }

    /// Takes the value out of an encoded answer. A field of a scalar that is not there has its default.
    pub fn take(&self, answer: &[u8]) -> Result<Kept, KeepError> {
        let (last, way) = self.hops.split_last().expect("a path has one part or more");
        let mut message = Bytes::new();
        for (depth, hop) in way.iter().enumerate() {
            let inside = if depth == 0 { answer } else { &message };
            let found = self.delimited(hop, inside)?;
            message = found.ok_or_else(|| self.absent(depth))?;
        }
        let inside = if way.is_empty() { answer } else { &message };
        let absent = || self.absent(way.len());
        match last.field.kind() {
            Kind::Message(_) => Ok(Kept::Message(
                self.delimited(last, inside)?.ok_or_else(absent)?,
            )),
            Kind::String | Kind::Bytes => {
                let found = match self.delimited(last, inside)? {
                    Some(found) => found,
                    None if last.index.is_some() => return Err(absent()),
                    None => Bytes::new(),
                };
                if last.field.kind() == Kind::Bytes {
                    return Ok(Kept::Bytes(found));
                }
                let text = String::from_utf8(found.into()).map_err(|_| self.unreadable())?;
                Ok(Kept::Text(text))
            }
            kind => {
                let found = self.scalar(last, &kind, inside)?;
                if found.is_none() && last.index.is_some() {
                    return Err(absent());
                }
                let default = || default_of(&last.field);
                found
                    .map_or_else(default, |field| scalar_of(&kind, field))
                    .ok_or_else(|| self.unreadable())
            }
        }
    }

    /// The bytes of a string, bytes or message field.
    fn delimited(&self, hop: &Hop, message: &[u8]) -> Result<Option<Bytes>, KeepError> {
        let mut found = Vec::new();
        for field in Fields::of(message) {
            match field.ok_or_else(|| self.unreadable())? {
                (number, Field::Delimited(bytes)) if number == hop.field.number() => {
                    found.push(bytes);
                }
                _ => {}
            }
        }
        if hop.index.is_none() && hop.field.kind().as_message().is_some() && found.len() > 1 {
            // Pieces of one message merge, and joined they are that message.
            return Ok(Some(found.concat().into()));
        }
        Ok(nth(&found, hop.index).map(|bytes| Bytes::copy_from_slice(bytes)))
    }

    /// A scalar field, packed or not.
    fn scalar<'a>(
        &self,
        hop: &Hop,
        kind: &Kind,
        message: &'a [u8],
    ) -> Result<Option<Field<'a>>, KeepError> {
        let mut found = Vec::new();
        for field in Fields::of(message) {
            let (number, field) = field.ok_or_else(|| self.unreadable())?;
            if number != hop.field.number() {
                continue;
            }
            match field {
                Field::Delimited(packed) => {
                    let values = unpacked(kind, packed).ok_or_else(|| self.unreadable())?;
                    found.extend(values);
                }
                field => found.push(field),
            }
        }
        Ok(nth(&found, hop.index).copied())
    }

    fn absent(&self, depth: usize) -> KeepError {
        let missing: Vec<&str> = self.path.split('.').take(depth + 1).collect();
        KeepError::Absent {
            path: self.path.clone(),
            missing: missing.join("."),
        }
    }

    fn unreadable(&self) -> KeepError {
        KeepError::Unreadable {
            path: self.path.clone(),
            message_type: self.message_type.clone(),
        }
    }
}

/// `steps[-1]` as `steps` and −1.
fn index_of(part: &str) -> Option<(&str, Option<i64>)> {
    let (name, index) = match part.split_once('[') {
        None => (part, None),
        Some((name, index)) => (name, Some(index.strip_suffix(']')?.parse().ok()?)),
    };
    (!name.is_empty()).then_some((name, index))
}

/// The one at `index`, or the last: of a field that occurs twice, the last stands.
fn nth<T>(found: &[T], index: Option<i64>) -> Option<&T> {
    match index {
        None => found.last(),
        Some(index) if index >= 0 => found.get(index as usize),
        Some(index) => {
            let back = usize::try_from(index.unsigned_abs()).ok()?;
            found.get(found.len().checked_sub(back)?)
        }
    }
}

fn unpacked<'a>(kind: &Kind, mut packed: &'a [u8]) -> Option<Vec<Field<'a>>> {
    let mut values = Vec::new();
    while !packed.is_empty() {
        values.push(match kind {
            Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => {
                let (value, rest) = packed.split_first_chunk()?;
                packed = rest;
                Field::Fixed32(u32::from_le_bytes(*value))
            }
            Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => {
                let (value, rest) = packed.split_first_chunk()?;
                packed = rest;
                Field::Fixed64(u64::from_le_bytes(*value))
            }
            _ => Field::Varint(varint(&mut packed)?),
        });
    }
    Some(values)
}

fn scalar_of(kind: &Kind, field: Field<'_>) -> Option<Kept> {
    let zigzag = |value: u64| (value >> 1).cast_signed() ^ -(value & 1).cast_signed();
    let integer = |value: i64| Kept::Integer(value.into());
    Some(match (kind, field) {
        (Kind::Bool, Field::Varint(value)) => Kept::Bool(value != 0),
        (Kind::Enum(values), Field::Varint(value)) => {
            let number = value as i32;
            let value = values.get_value(number);
            Kept::Enum(number, value.map(|value| value.name().to_owned()))
        }
        (Kind::Int32, Field::Varint(value)) => integer((value as i32).into()),
        (Kind::Int64, Field::Varint(value)) => integer(value.cast_signed()),
        (Kind::Uint32, Field::Varint(value)) => integer((value as u32).into()),
        (Kind::Uint64, Field::Varint(value)) => Kept::Integer(value.into()),
        (Kind::Sint32 | Kind::Sint64, Field::Varint(value)) => integer(zigzag(value)),
        (Kind::Fixed32, Field::Fixed32(value)) => integer(value.into()),
        (Kind::Sfixed32, Field::Fixed32(value)) => integer(value.cast_signed().into()),
        (Kind::Fixed64, Field::Fixed64(value)) => Kept::Integer(value.into()),
        (Kind::Sfixed64, Field::Fixed64(value)) => integer(value.cast_signed()),
        (Kind::Float, Field::Fixed32(value)) => Kept::Float(f32::from_bits(value).into()),
        (Kind::Double, Field::Fixed64(value)) => Kept::Float(f64::from_bits(value)),
        _ => return None,
    })
}

fn default_of(field: &FieldDescriptor) -> Option<Kept> {
    Some(match field.default_value() {
        Value::Bool(value) => Kept::Bool(value),
        Value::I32(value) => Kept::Integer(value.into()),
        Value::I64(value) => Kept::Integer(value.into()),
        Value::U32(value) => Kept::Integer(value.into()),
        Value::U64(value) => Kept::Integer(value.into()),
        Value::F32(value) => Kept::Float(value.into()),
        Value::F64(value) => Kept::Float(value),
        Value::EnumNumber(number) => {
            let name = field.kind().as_enum()?.get_value(number);
            Kept::Enum(number, name.map(|value| value.name().to_owned()))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_reflect::{DescriptorPool, DynamicMessage};
    use protocol::pb::office as pb;

    use super::*;

    fn output(name: &str) -> MessageDescriptor {
        let pool = DescriptorPool::decode(protocol::DESCRIPTORS).expect("our own descriptors");
        let name = format!("liaison.office.v1.{name}");
        pool.get_message_by_name(&name).expect("a message")
    }

    fn meeting() -> Vec<u8> {
        let step = |name: &str| pb::MeetingStep {
            name: name.to_owned(),
            kind: pb::StepKind::MeetingConvened.into(),
            ..Default::default()
        };
        let meeting = pb::Meeting {
            name: "offices/south/meetings/1".to_owned(),
            steps: vec![step("offices/south/steps/1"), step("offices/north/steps/7")],
            allowed: vec![17, 18],
            counted: true,
            ..Default::default()
        };
        pb::ProposeMeetingResponse {
            meeting: Some(meeting),
        }
        .encode_to_vec()
    }

    #[test]
    fn values_are_taken_by_path() {
        let output = output("ProposeMeetingResponse");
        let answer = meeting();
        let take = |path| Keep::compile(&output, path).expect("a path").take(&answer);
        let text = |text: &str| Ok(Kept::Text(text.to_owned()));
        assert_eq!(take("meeting.name"), text("offices/south/meetings/1"));
        assert_eq!(
            take("meeting.steps[-1].name"),
            text("offices/north/steps/7")
        );
        assert_eq!(take("meeting.steps[0].name"), text("offices/south/steps/1"));
        let convened = "STEP_KIND_MEETING_CONVENED".to_owned();
        assert_eq!(
            take("meeting.steps[1].kind"),
            Ok(Kept::Enum(22, Some(convened)))
        );
        let accepted = "STEP_KIND_MEETING_ACCEPTED".to_owned();
        assert_eq!(
            take("meeting.allowed[-1]"),
            Ok(Kept::Enum(18, Some(accepted)))
        );
        assert_eq!(take("meeting.counted"), Ok(Kept::Bool(true)));
        assert_eq!(take("meeting.tip"), text(""));
        let none = "MEETING_STATE_UNSPECIFIED".to_owned();
        assert_eq!(take("meeting.state"), Ok(Kept::Enum(0, Some(none))));
        let Ok(Kept::Message(step)) = take("meeting.steps[1]") else {
            panic!("a message");
        };
        let step = pb::MeetingStep::decode(step).expect("a step");
        assert_eq!(step.name, "offices/north/steps/7");
    }

    #[test]
    fn what_is_not_there_is_told() {
        let output = output("ProposeMeetingResponse");
        let answer = meeting();
        let error = |path| {
            let keep = Keep::compile(&output, path).expect("a path");
            keep.take(&answer).unwrap_err().to_string()
        };
        assert!(error("meeting.terms.place").contains("no `meeting.terms`"));
        assert!(error("meeting.steps[2].name").contains("no `meeting.steps[2]`"));
        assert!(error("meeting.steps[-3].name").contains("no `meeting.steps[-3]`"));
        let keep = Keep::compile(&output, "meeting.name").expect("a path");
        assert!(matches!(
            keep.take(b"\x0a\xff"),
            Err(KeepError::Unreadable { .. })
        ));
    }

    #[test]
    fn a_wrong_path_is_told_when_it_is_compiled() {
        let output = output("ProposeMeetingResponse");
        let error = |path| Keep::compile(&output, path).unwrap_err().to_string();
        assert!(error("meeting.nam").contains("did you mean `name`?"));
        assert!(error("meeting.name.x").contains("`name` is no message"));
        assert!(error("meeting.steps.name").contains("`steps[-1]` the last"));
        assert!(error("meeting.name[0]").contains("is no list"));
        assert!(error("meeting..name").contains("is no field name"));
    }

    #[test]
    fn numbers_of_every_kind_are_taken_as_they_were_given() {
        let proto = "syntax = 'proto3'; message M { int32 a = 1; int64 b = 2; uint32 c = 3; uint64 d = 4; sint32 e = 5; \
            sint64 f = 6; fixed32 g = 7; sfixed32 h = 8; fixed64 i = 9; sfixed64 j = 10; float k = 11; double l = 12; \
            repeated sint64 m = 13; repeated double n = 14; }";
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("m.proto"), proto).expect("written");
        let set = protox::compile(["m.proto"], [directory.path()]).expect("a schema");
        let pool = DescriptorPool::from_file_descriptor_set(set).expect("descriptors");
        let output = pool.get_message_by_name("M").expect("the message");
        let json = serde_json::json!({"a": -1, "b": i64::MIN.to_string(), "c": u32::MAX, "d": u64::MAX.to_string(),
            "e": -7, "f": "-8", "g": 9, "h": -10, "i": "11", "j": "-12", "k": 0.5, "l": -2.25,
            "m": [1, -2, 3], "n": [0.5, 1.5]});
        let message = DynamicMessage::deserialize(output.clone(), &json).expect("a message");
        let answer = message.encode_to_vec();
        let take = |path| Keep::compile(&output, path).expect("a path").take(&answer);
        let integers = [
            ("a", -1),
            ("b", i128::from(i64::MIN)),
            ("c", i128::from(u32::MAX)),
            ("d", i128::from(u64::MAX)),
            ("e", -7),
            ("f", -8),
            ("g", 9),
            ("h", -10),
            ("i", 11),
            ("j", -12),
            ("m[1]", -2),
            ("m[-1]", 3),
        ];
        for (path, integer) in integers {
            assert_eq!(take(path), Ok(Kept::Integer(integer)), "{path}");
        }
        assert_eq!(take("k"), Ok(Kept::Float(0.5)));
        assert_eq!(take("l"), Ok(Kept::Float(-2.25)));
        assert_eq!(take("n[1]"), Ok(Kept::Float(1.5)));
    }
}
