//! Messages that JSON writes in a way of their own: times, wrappers, structs and the like.

use prost::encoding::{WireType, encode_varint};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value as Json, json};

use super::{Compiler, fixed_bytes, key};
use crate::leaf::{Content, Leaf};
use crate::piece::Piece;
use crate::placeholder::{Placeholder, has_placeholder};

impl Compiler<'_> {
    /// A message that JSON writes in a way of its own.
    pub(super) fn well_known(
        &mut self,
        message: &MessageDescriptor,
        value: &Json,
        path: &str,
    ) -> Vec<Piece> {
        // Those that have maps are always taken apart: prost-reflect keeps a map in no order, and bytes are to be the same in
        // every run.
        let inside = |field: &str| json!({ field: value });
        match (message.name(), value) {
            ("Any", Json::Object(entries)) => return self.any(message, entries, path),
            ("Struct", Json::Object(_)) => return self.fields(message, &inside("fields"), path),
            ("ListValue", Json::Array(_)) => return self.fields(message, &inside("values"), path),
            ("Value", value) => {
                let field = match value {
                    Json::Null => "null_value",
                    Json::Bool(_) => "bool_value",
                    Json::Number(_) => "number_value",
                    Json::String(_) => "string_value",
                    Json::Array(_) => "list_value",
                    Json::Object(_) => "struct_value",
                };
                return self.fields(message, &inside(field), path);
            }
            _ => {}
        }
        if !holds_placeholder(value) {
            return self.fixed(message, value, path, well_known_remedy(message));
        }
        match (message.name(), value) {
            ("Timestamp" | "Duration", Json::String(text)) => self.moment(message, text, path),
            (name, Json::String(_)) if name.ends_with("Value") => {
                self.fields(message, &inside("value"), path)
            }
            (name, _) => {
                let message = format!("has a placeholder where a {name} takes none");
                self.wrong(path, message, well_known_remedy_of(name).to_owned());
                Vec::new()
            }
        }
    }

    /// A Timestamp or Duration with placeholders.
    fn moment(&mut self, message: &MessageDescriptor, text: &str, path: &str) -> Vec<Piece> {
        let Some(text) = self.text(text, path) else {
            return Vec::new();
        };
        let remedy = well_known_remedy(message);
        let is_time = message.name() == "Timestamp";
        let mut option = |option: &str| {
            let pieces = self.fixed(message, &Json::String(option.to_owned()), path, remedy);
            fixed_bytes(pieces)
        };
        let content = match text.single() {
            Some(Placeholder::Pick { place, options }) => Content::Choice {
                place: *place,
                options: options.iter().map(|text| option(text)).collect(),
            },
            Some(Placeholder::Csv { csv, column }) => {
                Content::Rows(csv.column(*column).map(option).collect())
            }
            Some(Placeholder::Now { .. } | Placeholder::Instant | Placeholder::Kept { .. })
                if is_time =>
            {
                Content::Time(text)
            }
            Some(Placeholder::Kept { .. }) => Content::Duration(text),
            Some(_) => {
                let message = format!("is a {}, and the placeholder gives none", message.name());
                self.wrong(path, message, remedy.to_owned());
                return Vec::new();
            }
            None if is_time => Content::Time(text),
            None => Content::Duration(text),
        };
        vec![Piece::Leaf(Leaf {
            key: Vec::new(),
            omits_default: false,
            path: path.to_owned(),
            content,
        })]
    }

    /// An Any whose message has placeholders.
    fn any(
        &mut self,
        message: &MessageDescriptor,
        entries: &Map<String, Json>,
        path: &str,
    ) -> Vec<Piece> {
        let url = entries
            .get("@type")
            .and_then(Json::as_str)
            .unwrap_or_default();
        let name = url.rsplit('/').next().unwrap_or_default();
        let Some(inside) = message.parent_pool().get_message_by_name(name) else {
            let message = format!("has the @type {url:?}, which the schema does not have");
            let remedy = "write \"type.googleapis.com/\" and a message's full name".to_owned();
            self.wrong(path, message, remedy);
            return Vec::new();
        };
        let mut rest = entries.clone();
        rest.shift_remove("@type");
        let value = match rest.shift_remove("value") {
            Some(value) if is_well_known(&inside) => value,
            Some(value) => {
                rest.insert("value".to_owned(), value);
                Json::Object(rest)
            }
            None => Json::Object(rest),
        };
        let mut type_url = key(1, WireType::LengthDelimited);
        encode_varint(url.len() as u64, &mut type_url);
        type_url.extend_from_slice(url.as_bytes());
        let value = self.message(&inside, &value, path);
        let value = Piece::enclosed(key(2, WireType::LengthDelimited), value);
        vec![Piece::Static(type_url), value]
    }
}

/// Whether JSON writes it in another way than its fields.
pub(super) fn is_well_known(message: &MessageDescriptor) -> bool {
    message.package_name() == "google.protobuf"
        && matches!(
            message.name(),
            "Any"
                | "Timestamp"
                | "Duration"
                | "Struct"
                | "ListValue"
                | "Value"
                | "FieldMask"
                | "Empty"
                | "FloatValue"
                | "DoubleValue"
                | "Int32Value"
                | "Int64Value"
                | "UInt32Value"
                | "UInt64Value"
                | "BoolValue"
                | "StringValue"
                | "BytesValue"
        )
}

/// Whether JSON may write it as a string.
pub(super) fn takes_text(message: &MessageDescriptor) -> bool {
    is_well_known(message) && !matches!(message.name(), "Any" | "Struct" | "ListValue" | "Empty")
}

pub(super) fn takes_null(field: &FieldDescriptor) -> bool {
    match field.kind() {
        Kind::Message(message) => message.full_name() == "google.protobuf.Value",
        Kind::Enum(values) => values.full_name() == "google.protobuf.NullValue",
        _ => false,
    }
}

fn well_known_remedy(message: &MessageDescriptor) -> &'static str {
    well_known_remedy_of(message.name())
}

fn well_known_remedy_of(name: &str) -> &'static str {
    match name {
        "Timestamp" => {
            "write RFC 3339, such as \"2018-09-14T01:30:00Z\", or \"{{now}}\", \"{{now +2h}}\", \"{{instant}}\""
        }
        "Duration" => "write seconds, such as \"1.5s\" or \"{{random 60..90}}s\"",
        "FieldMask" => "write it without placeholders, such as \"name,place\"",
        "Empty" => "write {}",
        _ => "write it as protobuf JSON has it",
    }
}

fn holds_placeholder(value: &Json) -> bool {
    match value {
        Json::String(text) => has_placeholder(text),
        Json::Array(items) => items.iter().any(holds_placeholder),
        Json::Object(entries) => entries
            .iter()
            .any(|(key, value)| has_placeholder(key) || holds_placeholder(value)),
        _ => false,
    }
}
