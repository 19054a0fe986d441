//! Files of an edition, as a descriptor set has them, in the terms that older descriptors have.
//!
//! What an edition's features say of the wire are a field's label, whether it is packed, and how a message within it is
//! delimited: all three can be said without editions, and nothing else here reads features.

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MessageOptions as KnownOptions,
};

const EDITIONS: &str = "editions";
const REQUIRED: i32 = 3;
const EXPANDED: i32 = 2;
const DELIMITED: i32 = 2;

/// What of features the wire depends on; 0 where nothing is said.
#[derive(Clone, PartialEq, Message)]
struct Features {
    #[prost(int32, tag = "1")]
    field_presence: i32,
    #[prost(int32, tag = "3")]
    repeated_field_encoding: i32,
    #[prost(int32, tag = "5")]
    message_encoding: i32,
}

#[derive(Clone, PartialEq, Message)]
struct FileOptions {
    #[prost(message, optional, tag = "50")]
    features: Option<Features>,
}

#[derive(Clone, PartialEq, Message)]
struct MessageOptions {
    #[prost(message, optional, tag = "12")]
    features: Option<Features>,
}

#[derive(Clone, PartialEq, Message)]
struct FieldOptions {
    #[prost(message, optional, tag = "21")]
    features: Option<Features>,
}

/// Of a descriptor, where features stand.
#[derive(Clone, PartialEq, Message)]
struct Field {
    #[prost(message, optional, tag = "8")]
    options: Option<FieldOptions>,
}

#[derive(Clone, PartialEq, Message)]
struct Nested {
    #[prost(message, repeated, tag = "2")]
    field: Vec<Field>,
    #[prost(message, repeated, tag = "3")]
    nested_type: Vec<Nested>,
    #[prost(message, repeated, tag = "6")]
    extension: Vec<Field>,
    #[prost(message, optional, tag = "7")]
    options: Option<MessageOptions>,
}

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "4")]
    message_type: Vec<Nested>,
    #[prost(message, repeated, tag = "7")]
    extension: Vec<Field>,
    #[prost(message, optional, tag = "8")]
    options: Option<FileOptions>,
    #[prost(string, tag = "12")]
    syntax: String,
}

/// Files as they came.
#[derive(Clone, PartialEq, Message)]
struct Files {
    #[prost(bytes = "vec", repeated, tag = "1")]
    file: Vec<Vec<u8>>,
}

impl Features {
    /// These, where `over` says nothing else.
    fn with(&self, over: Option<&Self>) -> Self {
        let either = |over: i32, own: i32| if over == 0 { own } else { over };
        over.map_or_else(
            || self.clone(),
            |over| Self {
                field_presence: either(over.field_presence, self.field_presence),
                repeated_field_encoding: either(
                    over.repeated_field_encoding,
                    self.repeated_field_encoding,
                ),
                message_encoding: either(over.message_encoding, self.message_encoding),
            },
        )
    }
}

/// The descriptor set without editions; else what of it nobody here can read.
pub(super) fn lowered(set: &[u8]) -> Result<Vec<u8>, String> {
    let broken = |error: prost::DecodeError| error.to_string();
    let mut files = Files::decode(set).map_err(broken)?;
    let mut changed = false;
    for bytes in &mut files.file {
        let file = File::decode(&bytes[..]).map_err(broken)?;
        match file.syntax.as_str() {
            "" | "proto2" | "proto3" => {}
            EDITIONS => {
                let mut descriptor = FileDescriptorProto::decode(&bytes[..]).map_err(broken)?;
                lower_file(&mut descriptor, &file);
                *bytes = descriptor.encode_to_vec();
                changed = true;
            }
            other => {
                return Err(format!(
                    "{} is written in {other:?}, and proto2, proto3 and editions can be read",
                    file.name
                ));
            }
        }
    }
    Ok(if changed {
        files.encode_to_vec()
    } else {
        set.to_vec()
    })
}

fn lower_file(descriptor: &mut FileDescriptorProto, file: &File) {
    let own = file.options.as_ref().and_then(|it| it.features.as_ref());
    let features = Features::default().with(own);
    descriptor.syntax = Some("proto2".to_owned());
    for (message, seen) in descriptor.message_type.iter_mut().zip(&file.message_type) {
        lower_message(message, seen, &features);
    }
    for (field, seen) in descriptor.extension.iter_mut().zip(&file.extension) {
        lower_field(field, seen, &features);
    }
}

fn lower_message(message: &mut DescriptorProto, seen: &Nested, around: &Features) {
    let own = seen.options.as_ref().and_then(|it| it.features.as_ref());
    let features = around.with(own);
    for (nested, seen) in message.nested_type.iter_mut().zip(&seen.nested_type) {
        lower_message(nested, seen, &features);
    }
    // The entries of a map are as they always were.
    if message
        .options
        .as_ref()
        .is_some_and(KnownOptions::map_entry)
    {
        return;
    }
    for (field, seen) in message.field.iter_mut().zip(&seen.field) {
        lower_field(field, seen, &features);
    }
    for (field, seen) in message.extension.iter_mut().zip(&seen.extension) {
        lower_field(field, seen, &features);
    }
}

fn lower_field(field: &mut FieldDescriptorProto, seen: &Field, around: &Features) {
    let own = seen.options.as_ref().and_then(|it| it.features.as_ref());
    let features = around.with(own);
    if features.field_presence == REQUIRED && field.label() == Label::Optional {
        field.set_label(Label::Required);
    }
    let is_one_piece = matches!(
        field.r#type(),
        Type::String | Type::Bytes | Type::Message | Type::Group
    );
    if field.label() == Label::Repeated && !is_one_piece {
        let options = field.options.get_or_insert_default();
        let packed = features.repeated_field_encoding != EXPANDED;
        options.packed = options.packed.or(Some(packed));
    }
    if features.message_encoding == DELIMITED && field.r#type() == Type::Message {
        field.set_type(Type::Group);
    }
}

/// A descriptor set that also has the types that everybody may use in an `Any`, as far as it lacks them.
pub(super) fn with_well_known(set: &[u8]) -> Vec<u8> {
    let known = prost_reflect::DescriptorPool::global();
    let names = FileDescriptorSet::decode(set).unwrap_or_default().file;
    let missing = known.file_descriptor_protos().filter(|file| {
        file.name().starts_with("google/protobuf/")
            && names.iter().all(|it| it.name() != file.name())
    });
    let missing = FileDescriptorSet {
        file: missing.cloned().collect(),
    };
    // Two sets one behind the other are one.
    [missing.encode_to_vec(), set.to_vec()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{ features: … }` as options of a field, a message or a file.
    fn options(tag: u32, features: &Features) -> Vec<u8> {
        let mut bytes = Vec::new();
        prost::encoding::message::encode(tag, features, &mut bytes);
        bytes
    }

    fn field(name: &str, number: i32, label: Label, kind: Type) -> FieldDescriptorProto {
        let mut field = FieldDescriptorProto {
            name: Some(name.to_owned()),
            number: Some(number),
            ..Default::default()
        };
        field.set_label(label);
        field.set_type(kind);
        field
    }

    #[test]
    fn what_features_say_of_the_wire_stands_in_the_descriptor() {
        let expanded = Features {
            repeated_field_encoding: EXPANDED,
            ..Features::default()
        };
        let mut file = FileDescriptorProto {
            name: Some("a.proto".to_owned()),
            syntax: Some(EDITIONS.to_owned()),
            ..Default::default()
        };
        let mut message = DescriptorProto {
            name: Some("M".to_owned()),
            field: vec![
                field("one", 1, Label::Optional, Type::String),
                field("many", 2, Label::Repeated, Type::Int32),
                field("loose", 3, Label::Repeated, Type::Int32),
                field("must", 4, Label::Optional, Type::Int32),
                field("group", 5, Label::Optional, Type::Message),
                field("texts", 6, Label::Repeated, Type::String),
            ],
            ..Default::default()
        };
        message.field[4].type_name = Some(".M".to_owned());
        file.message_type.push(message);
        let required = Features {
            field_presence: REQUIRED,
            ..Features::default()
        };
        let delimited = Features {
            message_encoding: DELIMITED,
            ..Features::default()
        };
        let mut shadow = File::decode(&file.encode_to_vec()[..]).expect("a file");
        for (at, features) in [(2, expanded), (3, required), (4, delimited)] {
            let options = options(21, &features);
            shadow.message_type[0].field[at].options =
                Some(FieldOptions::decode(&options[..]).expect("options"));
        }
        lower_file(&mut file, &shadow);
        let fields = &file.message_type[0].field;
        let packed = |at: usize| fields[at].options.as_ref().and_then(|it| it.packed);
        assert_eq!(
            (packed(0), packed(1), packed(2), packed(5)),
            (None, Some(true), Some(false), None)
        );
        assert_eq!(fields[3].label(), Label::Required);
        assert_eq!(fields[4].r#type(), Type::Group);
        assert_eq!(file.syntax(), "proto2");
    }

    #[test]
    fn an_unknown_syntax_is_told_by_its_file() {
        let file = FileDescriptorProto {
            name: Some("b.proto".to_owned()),
            syntax: Some("proto4".to_owned()),
            ..Default::default()
        };
        let set = FileDescriptorSet { file: vec![file] };
        let error = lowered(&set.encode_to_vec()).unwrap_err();
        assert!(
            error.contains("b.proto") && error.contains("proto4"),
            "{error}"
        );
        assert_eq!(
            lowered(protocol::DESCRIPTORS).expect("ours"),
            protocol::DESCRIPTORS
        );
    }
}
