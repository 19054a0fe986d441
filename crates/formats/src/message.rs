//! Messages as JSON: protobuf's own mapping, with the field names of the proto files and numbers as numbers. Bytes are
//! base64.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(protocol::DESCRIPTORS).expect("the build wrote the descriptors")
});

/// The descriptor of a message of ours, by its name such as `liaison.office.v1.Document`; `None` if there is none.
pub fn message_descriptor(name: &str) -> Option<MessageDescriptor> {
    POOL.get_message_by_name(name)
}

/// An encoded message of the type `name` as JSON, with the fields that are not set or without them. `None` if the type
/// is not known, or the bytes cannot be read as one.
pub fn message_to_json(name: &str, bytes: &[u8], unset: bool) -> Option<Value> {
    let message = DynamicMessage::decode(message_descriptor(name)?, bytes).ok()?;
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .stringify_64_bit_integers(false)
        .skip_default_fields(!unset);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .ok()
}
