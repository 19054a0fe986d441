//! From a message as written to its pieces.

mod well_known;

use prost::Message as _;
use prost::encoding::{WireType, encode_key};
use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value as Json, json};

use crate::error::{TemplateMistake, field_path};
use crate::leaf::{Content, Leaf, kind_name};
use crate::meant::meant_or_listed;
use crate::piece::Piece;
use crate::placeholder::{Placeholder, has_placeholder};
use crate::scope::Scope;
use crate::text::Text;
use crate::wire::varint;
use well_known::{is_well_known, takes_null, takes_text};

/// Walks a message as written. All mistakes are collected.
pub(super) struct Compiler<'s> {
    scope: &'s Scope,
    pub(super) mistakes: Vec<TemplateMistake>,
    pub(super) uses_request_id: bool,
}

/// What comes of a value: its pieces, in the order of the fields' numbers.
type Numbered = (u32, Vec<Piece>);

impl<'s> Compiler<'s> {
    pub(super) fn new(scope: &'s Scope) -> Self {
        Self {
            scope,
            mistakes: Vec::new(),
            uses_request_id: false,
        }
    }

    /// The fields of a message.
    pub(super) fn message(
        &mut self,
        message: &MessageDescriptor,
        value: &Json,
        path: &str,
    ) -> Vec<Piece> {
        if is_well_known(message) {
            return self.well_known(message, value, path);
        }
        self.fields(message, value, path)
    }

    fn fields(&mut self, message: &MessageDescriptor, value: &Json, path: &str) -> Vec<Piece> {
        let Json::Object(entries) = value else {
            let name = message.full_name();
            let remedy = match message.fields().next() {
                Some(field) => format!("write its fields, such as {{ {} = … }}", field.name()),
                None => "write {}".to_owned(),
            };
            self.wrong(path, format!("is {value}, but {name} is a message"), remedy);
            return Vec::new();
        };
        let mut given: Vec<(FieldDescriptor, &str)> = Vec::new();
        let mut numbered: Vec<Numbered> = Vec::new();
        for (name, value) in entries {
            let path = field_path(path, name);
            // An extension is written as `[its.full.name]`.
            if let Some(extension) = message.get_extension_by_json_name(name) {
                let pieces = self.fixed(message, &json!({ name: value }), &path, "");
                numbered.push((extension.number(), pieces));
                continue;
            }
            let named = message.get_field_by_name(name);
            let Some(field) = named.or_else(|| message.get_field_by_json_name(name)) else {
                let fields: Vec<FieldDescriptor> = message.fields().collect();
                let fields: Vec<&str> = fields.iter().map(FieldDescriptor::name).collect();
                let remedy = meant_or_listed(name, &fields, "its fields are");
                let message = format!("is no field of {}", message.full_name());
                self.wrong(&path, message, remedy);
                continue;
            };
            if value.is_null() && !takes_null(&field) {
                continue;
            }
            self.check_given_once(&field, &given, &path);
            let pieces = self.field(&field, value, &path);
            numbered.push((field.number(), pieces));
            given.push((field, name));
        }
        self.check_required(message, &given, path);
        numbered.sort_by_key(|(number, _)| *number);
        numbered
            .into_iter()
            .flat_map(|(_, pieces)| pieces)
            .collect()
    }

    /// Who answers would only say that the request cannot be read.
    fn check_required(
        &mut self,
        message: &MessageDescriptor,
        given: &[(FieldDescriptor, &str)],
        path: &str,
    ) {
        let fields = message.fields();
        let required = fields.filter(|field| field.cardinality() == Cardinality::Required);
        for field in required.filter(|field| given.iter().all(|(given, _)| given != field)) {
            let path = field_path(path, field.name());
            let message = format!("is missing, and {} requires it", message.full_name());
            self.wrong(&path, message, "give it a value".to_owned());
        }
    }

    fn check_given_once(
        &mut self,
        field: &FieldDescriptor,
        given: &[(FieldDescriptor, &str)],
        path: &str,
    ) {
        let clash = given.iter().find(|(other, _)| {
            let oneof = other.containing_oneof();
            other == field || (oneof.is_some() && oneof == field.containing_oneof())
        });
        if let Some((_, other)) = clash {
            let message = format!("stands beside `{other}`, and only one of them may be given");
            self.wrong(path, message, "leave one of them out".to_owned());
        }
    }

    fn field(&mut self, field: &FieldDescriptor, value: &Json, path: &str) -> Vec<Piece> {
        if field.is_list() {
            return self.list(field, value, path);
        }
        let kind = field.kind();
        let Some(entry) = kind.as_message().filter(|_| field.is_map()) else {
            return self.single(field, value, path, Place::Field);
        };
        let Json::Object(entries) = value else {
            let message = format!("is {value}, but `{}` is a map", field.name());
            self.wrong(path, message, "write a table of its keys".to_owned());
            return Vec::new();
        };
        let mut pieces = Vec::new();
        for (key, value) in entries {
            // A map entry is a message of two fields. Its key is a string in JSON, whatever it is on the wire.
            let entry_path = field_path(path, key);
            let mut both = Vec::new();
            let (key_field, value_field) =
                (entry.map_entry_key_field(), entry.map_entry_value_field());
            let key = Json::String(key.clone());
            both.extend(self.single(&key_field, &key, &entry_path, Place::Field));
            both.extend(self.single(&value_field, value, &entry_path, Place::Field));
            pieces.push(Piece::nested(key_of(field), both));
        }
        pieces
    }

    fn list(&mut self, field: &FieldDescriptor, value: &Json, path: &str) -> Vec<Piece> {
        let Json::Array(items) = value else {
            let message = format!("is {value}, but `{}` is a list", field.name());
            self.wrong(path, message, "write a list: [ … ]".to_owned());
            return Vec::new();
        };
        let place = if field.is_packed() {
            Place::Packed
        } else {
            Place::Item
        };
        let mut pieces = Vec::new();
        for (index, item) in items.iter().enumerate() {
            pieces.extend(self.single(field, item, &format!("{path}[{index}]"), place));
        }
        if field.is_packed() && !items.is_empty() {
            return vec![Piece::nested(key_of(field), pieces)];
        }
        pieces
    }

    /// One value: of a field that is no list, or of an item of one that is.
    fn single(
        &mut self,
        field: &FieldDescriptor,
        value: &Json,
        path: &str,
        place: Place,
    ) -> Vec<Piece> {
        let kind = field.kind();
        match (&kind, value) {
            (Kind::Message(message), Json::String(text))
                if has_placeholder(text) && !takes_text(message) =>
            {
                self.kept_message(field, message, text, path)
            }
            (Kind::Message(message), _) => {
                let inside = self.message(message, value, path);
                if field.is_group() {
                    let mut pieces = vec![Piece::Static(key(field.number(), WireType::StartGroup))];
                    pieces.extend(inside);
                    pieces.push(Piece::Static(key(field.number(), WireType::EndGroup)));
                    return pieces;
                }
                vec![Piece::nested(key_of(field), inside)]
            }
            (_, Json::String(text)) if has_placeholder(text) => self.leaf(field, text, path, place),
            _ => self.fixed_value(field, value, path, place),
        }
    }

    /// A scalar field with placeholders.
    fn leaf(
        &mut self,
        field: &FieldDescriptor,
        text: &str,
        path: &str,
        place: Place,
    ) -> Vec<Piece> {
        let Some(text) = self.text(text, path) else {
            return Vec::new();
        };
        let kind = field.kind();
        let content = match (&kind, text.single()) {
            // What can be known now is encoded now, and its mistakes are found now.
            (
                kind,
                Some(Placeholder::Pick {
                    place: drawn,
                    options,
                }),
            ) if *kind != Kind::Bytes => {
                let (drawn, options) = (*drawn, options.clone());
                let options = options
                    .iter()
                    .map(|option| self.option(field, option, path, place));
                Content::Choice {
                    place: drawn,
                    options: options.collect(),
                }
            }
            (kind, Some(Placeholder::Csv { csv, column }))
                if !matches!(kind, Kind::Bytes | Kind::String) =>
            {
                let values = csv.column(*column);
                let rows = values.map(|value| self.option(field, value, path, place));
                Content::Rows(rows.collect())
            }
            (Kind::String, _) => Content::Text {
                text,
                is_text: true,
            },
            (Kind::Bytes, _) => Content::Text {
                text,
                is_text: false,
            },
            (Kind::Bool, _) => Content::Bool(text),
            (Kind::Enum(values), _) => Content::Enum {
                values: values.clone(),
                text,
            },
            (kind, _) => Content::Number {
                kind: kind.clone(),
                text,
            },
        };
        self.check_fits(&content, &kind, path);
        let key = match place {
            Place::Packed => Vec::new(),
            Place::Field | Place::Item => key_of(field),
        };
        vec![Piece::Leaf(Leaf {
            key,
            omits_default: place == Place::Field && !field.supports_presence(),
            path: path.to_owned(),
            content,
        })]
    }

    /// Says so where a placeholder can never fit.
    fn check_fits(&mut self, content: &Content, kind: &Kind, path: &str) {
        let (Content::Number { text, .. } | Content::Enum { text, .. } | Content::Bool(text)) =
            content
        else {
            return;
        };
        let (min, max) = match kind {
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Enum(_) => {
                (i32::MIN.into(), i32::MAX.into())
            }
            Kind::Uint32 | Kind::Fixed32 => (0, u32::MAX.into()),
            Kind::Uint64 | Kind::Fixed64 => (0, i64::MAX),
            _ => (i64::MIN, i64::MAX),
        };
        let wanted = match kind {
            Kind::Enum(values) => values.full_name().to_owned(),
            kind => kind_name(kind),
        };
        let is_bool = *kind == Kind::Bool;
        match text.single() {
            Some(Placeholder::Random { low, high, .. })
                if !is_bool && (*low < min || *high > max) =>
            {
                let message = format!("is drawn from {low}..{high}, which {wanted} cannot hold");
                self.wrong(path, message, format!("draw from {min} to {max}"));
            }
            Some(
                Placeholder::Random { .. }
                | Placeholder::Sequence
                | Placeholder::Index
                | Placeholder::Message,
            ) if !is_bool => {}
            Some(Placeholder::Kept { .. } | Placeholder::Pick { .. } | Placeholder::Csv { .. }) => {
            }
            Some(_) => {
                let message = format!("takes {wanted}, and the placeholder gives none");
                let remedy = match kind {
                    Kind::Bool => "write true or false, or {{pick true|false}}".to_owned(),
                    Kind::Enum(_) => "write a name, or {{pick NAME|NAME}}".to_owned(),
                    _ => {
                        "write a number, {{sequence}}, {{message}} or {{random 1..100}}".to_owned()
                    }
                };
                self.wrong(path, message, remedy);
            }
            // Several pieces make a number only once they are filled in.
            None => {}
        }
    }

    /// One of the options of a `{{pick}}` or a column, encoded.
    fn option(
        &mut self,
        field: &FieldDescriptor,
        option: &str,
        path: &str,
        place: Place,
    ) -> Vec<u8> {
        let value = match field.kind() {
            Kind::Bool => option.parse().ok().map(Json::Bool),
            Kind::Enum(_) => option.parse().ok().map(|number: i32| Json::from(number)),
            _ => None,
        };
        let value = value.unwrap_or_else(|| Json::String(option.to_owned()));
        fixed_bytes(self.fixed_value(field, &value, path, place))
    }

    /// A field of message type that an earlier step has kept whole.
    fn kept_message(
        &mut self,
        field: &FieldDescriptor,
        message: &MessageDescriptor,
        text: &str,
        path: &str,
    ) -> Vec<Piece> {
        let Some(text) = self.text(text, path) else {
            return Vec::new();
        };
        let name = message.full_name();
        let Some(Placeholder::Kept { slot, name: kept }) = text.single() else {
            let message = format!("is text, but {name} is a message");
            let remedy = "write its fields, or one value that a step has kept".to_owned();
            self.wrong(path, message, remedy);
            return Vec::new();
        };
        let same = self.scope.kept[*slot].1.as_message() == Some(message);
        if !same {
            let message = format!("is `{kept}`, which is kept as another type than {name}");
            self.wrong(path, message, format!("keep a {name}"));
        }
        vec![Piece::Leaf(Leaf {
            key: key_of(field),
            omits_default: false,
            path: path.to_owned(),
            content: Content::Message {
                slot: *slot,
                name: kept.clone(),
            },
        })]
    }

    fn text(&mut self, text: &str, path: &str) -> Option<Text> {
        match crate::placeholder::parts(text, self.scope) {
            Ok(parts) => {
                let text = Text { parts };
                self.uses_request_id |= text.uses_request_id();
                Some(text)
            }
            Err(wrong) => {
                self.mistakes.push(TemplateMistake {
                    path: path.to_owned(),
                    message: wrong.message,
                    remedy: wrong.remedy,
                });
                None
            }
        }
    }

    /// A value of a field without placeholders.
    fn fixed_value(
        &mut self,
        field: &FieldDescriptor,
        value: &Json,
        path: &str,
        place: Place,
    ) -> Vec<Piece> {
        let message = field.parent_message();
        let value = match (field.kind(), value, message.is_map_entry()) {
            // A map's key is a string in JSON, and prost-reflect takes no string for a bool elsewhere.
            (Kind::Bool, Json::String(text), true) => match text.parse() {
                Ok(flag) => Json::Bool(flag),
                Err(_) => value.clone(),
            },
            _ => value.clone(),
        };
        let whole = match place {
            Place::Field => value.clone(),
            Place::Item | Place::Packed => Json::Array(vec![value.clone()]),
        };
        let whole = if is_well_known(message) {
            // JSON writes a Value or a wrapper without the name of its field.
            value.clone()
        } else {
            json!({ field.json_name(): whole })
        };
        let bytes = match encoded(message, &whole) {
            Ok(bytes) => bytes,
            Err(error) => {
                let (wanted, remedy) = wanted(&field.kind(), &value);
                // Of a name that is none, the remedy says more than the error does.
                let why = match field.kind() {
                    Kind::Enum(_) => String::new(),
                    _ => format!(" ({error})"),
                };
                self.wrong(
                    path,
                    format!("is {value}, which is no {wanted}{why}"),
                    remedy,
                );
                return Vec::new();
            }
        };
        if place != Place::Packed {
            return vec![Piece::Static(bytes)];
        }
        // The item alone, without the key and the length of its list.
        let mut rest = &bytes[..];
        let _key_and_len = (varint(&mut rest), varint(&mut rest));
        vec![Piece::Static(rest.to_vec())]
    }

    /// A whole message without placeholders.
    fn fixed(
        &mut self,
        message: &MessageDescriptor,
        value: &Json,
        path: &str,
        remedy: &str,
    ) -> Vec<Piece> {
        match encoded(message, value) {
            Ok(bytes) => vec![Piece::Static(bytes)],
            Err(error) => {
                let message = format!("is {value}, which is no {}: {error}", message.name());
                let remedy = if remedy.is_empty() {
                    "write it as protobuf JSON has it"
                } else {
                    remedy
                };
                self.wrong(path, message, remedy.to_owned());
                Vec::new()
            }
        }
    }

    fn wrong(&mut self, path: &str, message: String, remedy: String) {
        let named = if path.is_empty() {
            format!("the message {message}")
        } else {
            format!("`{path}` {message}")
        };
        self.mistakes.push(TemplateMistake {
            path: path.to_owned(),
            message: named,
            remedy,
        });
    }
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a field that is no list; left out if it has its default there.
    Field,
    /// In a list, with a key for each.
    Item,
    /// In a list with one key for all.
    Packed,
}

fn encoded(message: &MessageDescriptor, value: &Json) -> Result<Vec<u8>, serde_json::Error> {
    DynamicMessage::deserialize(message.clone(), value).map(|message| message.encode_to_vec())
}

fn fixed_bytes(pieces: Vec<Piece>) -> Vec<u8> {
    let bytes = pieces.into_iter().map(|piece| match piece {
        Piece::Static(bytes) => bytes,
        Piece::Nested { .. } | Piece::Leaf(_) => Vec::new(),
    });
    bytes.flatten().collect()
}

fn key_of(field: &FieldDescriptor) -> Vec<u8> {
    let wire_type = if field.is_packed() || field.is_map() {
        WireType::LengthDelimited
    } else {
        field.kind().wire_type()
    };
    key(field.number(), wire_type)
}

fn key(number: u32, wire_type: WireType) -> Vec<u8> {
    let mut key = Vec::new();
    encode_key(number, wire_type, &mut key);
    key
}

/// What a field takes, and what to write in it.
fn wanted(kind: &Kind, value: &Json) -> (String, String) {
    let name = kind_name(kind);
    match kind {
        Kind::Bool => (name, "write true or false".to_owned()),
        Kind::String => (name, "write text in quotes".to_owned()),
        Kind::Bytes => (
            "base64".to_owned(),
            "write base64, or draw bytes: {{bytes 100}}".to_owned(),
        ),
        Kind::Float | Kind::Double => (name, "write a number".to_owned()),
        Kind::Enum(values) => {
            let all: Vec<_> = values.values().collect();
            let names: Vec<&str> = all
                .iter()
                .map(prost_reflect::EnumValueDescriptor::name)
                .collect();
            let given = value.as_str().unwrap_or_default();
            let remedy = meant_or_listed(given, &names, "its values are");
            (values.full_name().to_owned(), remedy)
        }
        _ => (
            name.clone(),
            format!("write a whole number that {name} can hold"),
        ),
    }
}
