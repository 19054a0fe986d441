//! A message beside the bytes it came in.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost::{DecodeError, Message};

/// A decoded message, and exactly the bytes it was decoded from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Original<T> {
    message: T,
    bytes: Bytes,
}

impl<T: Message> From<T> for Original<T> {
    fn from(message: T) -> Self {
        let bytes = message.encode_to_vec().into();
        Self { message, bytes }
    }
}

impl<T> Original<T> {
    /// The decoded message.
    pub fn message(&self) -> &T {
        &self.message
    }

    /// The decoded message, by value.
    pub fn into_message(self) -> T {
        self.message
    }

    /// The bytes as they came in.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The original bytes of the message in field `tag`: see [`field_of`].
    pub fn field(&self, tag: u32) -> Bytes {
        field_of(&self.bytes, tag)
    }
}

/// The original bytes of the message in field `tag` of a message: a slice, without a copy. A field that comes
/// more than once is merged as protobuf merges it, by joining the bytes. Empty if the field is missing.
pub fn field_of(message: &Bytes, tag: u32) -> Bytes {
    let mut rest = message.clone();
    let mut found: Option<Bytes> = None;
    while let Some((field, value)) = next_field(&mut rest) {
        let Some(value) = value.filter(|_| field == tag) else {
            continue;
        };
        found = Some(match found {
            None => value,
            Some(before) => {
                let mut joined = BytesMut::from(before);
                joined.extend_from_slice(&value);
                joined.freeze()
            }
        });
    }
    found.unwrap_or_default()
}

/// The next field's number, and its bytes if it is length-delimited.
fn next_field(rest: &mut Bytes) -> Option<(u32, Option<Bytes>)> {
    if !rest.has_remaining() {
        return None;
    }
    let (tag, wire_type) = decode_key(rest).ok()?;
    if wire_type == WireType::LengthDelimited {
        let len = usize::try_from(decode_varint(rest).ok()?).ok()?;
        return (len <= rest.remaining()).then(|| (tag, Some(rest.split_to(len))));
    }
    // A group is skipped with all that stands in it, as prost skips it.
    skip_field(wire_type, tag, rest, DecodeContext::default()).ok()?;
    Some((tag, None))
}

impl<T: Message + Default> Message for Original<T> {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.bytes);
    }

    /// Only reached when an `Original` is a field of another message, which no proto of ours has: there the
    /// bytes are those of the fields known.
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        self.message.merge_field(tag, wire_type, buf, ctx)?;
        self.bytes = self.message.encode_to_vec().into();
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        self.bytes.len()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn decode(mut buf: impl Buf) -> Result<Self, DecodeError> {
        let bytes = buf.copy_to_bytes(buf.remaining());
        let message = T::decode(bytes.clone())?;
        Ok(Self { message, bytes })
    }

    fn merge(&mut self, buf: impl Buf) -> Result<(), DecodeError> {
        *self = Self::decode(buf)?;
        Ok(())
    }
}
