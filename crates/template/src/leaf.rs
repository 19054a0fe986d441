//! A field with placeholders, and how it writes itself.

use bytes::{BufMut, Bytes, BytesMut};
use jiff::{SignedDuration, Timestamp};
use prost::encoding::encode_varint;
use prost_reflect::{EnumDescriptor, Kind};

use crate::error::TemplateError;
use crate::fill::{Filling, number, picked, time};
use crate::keep::Kept;
use crate::placeholder::Placeholder;
use crate::text::Text;
use crate::values::Values;
use crate::wire::{put_delimited, reserve};

/// A field with placeholders.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// Its key; empty inside a packed list.
    pub(super) key: Vec<u8>,
    /// Whether the field is left out when it has its default.
    pub(super) omits_default: bool,
    /// Where in the message it is.
    pub(super) path: String,
    pub(super) content: Content,
}

/// What a field is filled with.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// One of several, each encoded with its key.
    Choice {
        place: u64,
        options: Vec<Vec<u8>>,
    },
    /// The arrival's row of a CSV column, each encoded with its key.
    Rows(Vec<Vec<u8>>),
    /// A string or bytes.
    Text {
        text: Text,
        is_text: bool,
    },
    /// A number of any kind.
    Number {
        kind: Kind,
        text: Text,
    },
    Bool(Text),
    Enum {
        values: EnumDescriptor,
        text: Text,
    },
    /// The fields of a google.protobuf.Timestamp.
    Time(Text),
    /// The fields of a google.protobuf.Duration.
    Duration(Text),
    /// A whole message that was kept.
    Message {
        slot: usize,
        name: String,
    },
}

/// A number before it has a wire type.
#[derive(Debug, Clone, Copy)]
enum Number {
    Whole(i128),
    Decimal(f64),
}

impl Leaf {
    pub(super) fn encode(
        &self,
        values: &Values<'_>,
        out: &mut BytesMut,
    ) -> Result<(), TemplateError> {
        let filling = Filling {
            values,
            path: &self.path,
            is_text: true,
        };
        match &self.content {
            Content::Choice { place, options } => {
                out.put_slice(&options[picked(values, *place, options.len())]);
                Ok(())
            }
            Content::Rows(rows) => {
                out.put_slice(&rows[(values.index % rows.len() as u64) as usize]);
                Ok(())
            }
            Content::Text { text, is_text } => {
                let filling = Filling {
                    is_text: *is_text,
                    ..filling
                };
                self.put_text(text, &filling, out)
            }
            Content::Number { kind, text } => {
                let number = number_of(text, kind, &filling)?;
                self.put_number(kind, number, &filling, out)
            }
            Content::Bool(text) => {
                let flag = flag_of(text, &filling)?;
                self.put_varint(flag.into(), out);
                Ok(())
            }
            Content::Enum { values, text } => {
                let number = enum_number_of(text, values, &filling)?;
                self.put_varint(i64::from(number).cast_unsigned(), out);
                Ok(())
            }
            Content::Time(text) => {
                let time = time_of(text, &filling)?;
                let nanoseconds = time.as_nanosecond();
                let seconds = nanoseconds.div_euclid(1_000_000_000) as i64;
                put_seconds(seconds, nanoseconds.rem_euclid(1_000_000_000) as i32, out);
                Ok(())
            }
            Content::Duration(text) => {
                let duration = duration_of(text, &filling)?;
                put_seconds(duration.as_secs(), duration.subsec_nanos(), out);
                Ok(())
            }
            Content::Message { slot, name } => match filling.kept(*slot, name)? {
                Kept::Message(message) => {
                    out.put_slice(&self.key);
                    encode_varint(message.len() as u64, out);
                    out.put_slice(message);
                    Ok(())
                }
                kept => Err(filling.unfit(format!("{kept:?}"), "message")),
            },
        }
    }

    pub(super) fn len_bounds(&self) -> (u64, u64) {
        let key = self.key.len() as u64;
        let options = |options: &[Vec<u8>]| {
            let lens = options.iter().map(|option| option.len() as u64);
            let (min, max) = (lens.clone().min(), lens.max());
            (min.unwrap_or_default(), max.unwrap_or_default())
        };
        match &self.content {
            Content::Choice { options: all, .. } | Content::Rows(all) => options(all),
            Content::Text { text, .. } => {
                let (min, max) = text.len_bounds();
                (key + 1 + min, key + reserve(max, max) as u64 + max)
            }
            Content::Message { .. } => (key, key + 1_024),
            Content::Time(_) | Content::Duration(_) => (0, 12),
            _ => (key + 1, key + 10),
        }
    }

    fn put_text(
        &self,
        text: &Text,
        filling: &Filling<'_>,
        out: &mut BytesMut,
    ) -> Result<(), TemplateError> {
        let start = out.len();
        out.put_slice(&self.key);
        let (min, max) = text.len_bounds();
        put_delimited(out, reserve(min, max), |out| text.fill(filling, out))?;
        // An empty text is a key and a zero.
        if self.omits_default && out.len() == start + self.key.len() + 1 {
            out.truncate(start);
        }
        Ok(())
    }

    fn put_varint(&self, value: u64, out: &mut BytesMut) {
        if value != 0 || !self.omits_default {
            out.put_slice(&self.key);
            encode_varint(value, out);
        }
    }

    fn put_fixed(&self, bytes: &[u8], out: &mut BytesMut) {
        if !self.omits_default || bytes.iter().any(|byte| *byte != 0) {
            out.put_slice(&self.key);
            out.put_slice(bytes);
        }
    }

    fn put_number(
        &self,
        kind: &Kind,
        number: Number,
        filling: &Filling<'_>,
        out: &mut BytesMut,
    ) -> Result<(), TemplateError> {
        let unfit = || match number {
            Number::Whole(number) => filling.unfit(number.to_string(), &kind_name(kind)),
            Number::Decimal(number) => filling.unfit(number.to_string(), &kind_name(kind)),
        };
        let decimal = match number {
            Number::Whole(number) => number as f64,
            Number::Decimal(number) => number,
        };
        match kind {
            // Minus zero is a default too, though its bytes are not zero.
            Kind::Float | Kind::Double if self.omits_default && decimal == 0.0 => return Ok(()),
            Kind::Float => {
                self.put_fixed(&(decimal as f32).to_le_bytes(), out);
                return Ok(());
            }
            Kind::Double => {
                self.put_fixed(&decimal.to_le_bytes(), out);
                return Ok(());
            }
            _ => {}
        }
        let whole = whole(number).ok_or_else(unfit)?;
        let fits_i32 = || i32::try_from(whole).map_err(|_| unfit());
        let fits_i64 = || i64::try_from(whole).map_err(|_| unfit());
        let fits_u32 = || u32::try_from(whole).map_err(|_| unfit());
        let fits_u64 = || u64::try_from(whole).map_err(|_| unfit());
        let zigzag = |value: i64| ((value << 1) ^ (value >> 63)).cast_unsigned();
        match kind {
            Kind::Int32 => self.put_varint(i64::from(fits_i32()?).cast_unsigned(), out),
            Kind::Int64 => self.put_varint(fits_i64()?.cast_unsigned(), out),
            Kind::Uint32 => self.put_varint(fits_u32()?.into(), out),
            Kind::Uint64 => self.put_varint(fits_u64()?, out),
            Kind::Sint32 => self.put_varint(zigzag(fits_i32()?.into()), out),
            Kind::Sint64 => self.put_varint(zigzag(fits_i64()?), out),
            Kind::Fixed32 => self.put_fixed(&fits_u32()?.to_le_bytes(), out),
            Kind::Sfixed32 => self.put_fixed(&fits_i32()?.to_le_bytes(), out),
            Kind::Fixed64 => self.put_fixed(&fits_u64()?.to_le_bytes(), out),
            _ => self.put_fixed(&fits_i64()?.to_le_bytes(), out),
        }
        Ok(())
    }
}

/// The name of a kind as a `.proto` file has it.
pub(super) fn kind_name(kind: &Kind) -> String {
    format!("{kind:?}").to_lowercase()
}

fn whole(number: Number) -> Option<i128> {
    match number {
        Number::Whole(number) => Some(number),
        Number::Decimal(number) if number.fract() == 0.0 && number.abs() < 1e19 => {
            Some(number as i128)
        }
        Number::Decimal(_) => None,
    }
}

fn rendered(text: &Text, filling: &Filling<'_>) -> Result<Bytes, TemplateError> {
    let mut out = BytesMut::new();
    text.fill(filling, &mut out)?;
    Ok(out.freeze())
}

fn parsed<T>(
    text: &Text,
    filling: &Filling<'_>,
    wanted: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, TemplateError> {
    let rendered = rendered(text, filling)?;
    let rendered = String::from_utf8_lossy(&rendered);
    parse(&rendered).ok_or_else(|| filling.unfit(rendered, wanted))
}

fn kept<'f>(text: &Text, filling: &'f Filling<'_>) -> Result<Option<&'f Kept>, TemplateError> {
    match text.single() {
        Some(Placeholder::Kept { slot, name }) => filling.kept(*slot, name).map(Some),
        _ => Ok(None),
    }
}

fn number_of(text: &Text, kind: &Kind, filling: &Filling<'_>) -> Result<Number, TemplateError> {
    if let Some(placeholder) = text.single()
        && let Some(number) = number(placeholder, filling.values)
    {
        return Ok(Number::Whole(number));
    }
    match kept(text, filling)? {
        Some(Kept::Integer(number)) => return Ok(Number::Whole(*number)),
        Some(Kept::Float(number)) => return Ok(Number::Decimal(*number)),
        Some(Kept::Enum(number, _)) => return Ok(Number::Whole((*number).into())),
        _ => {}
    }
    parsed(text, filling, &kind_name(kind), |text| {
        let whole = text.parse().ok().map(Number::Whole);
        whole.or_else(|| text.parse().ok().map(Number::Decimal))
    })
}

fn flag_of(text: &Text, filling: &Filling<'_>) -> Result<bool, TemplateError> {
    match kept(text, filling)? {
        Some(Kept::Bool(flag)) => Ok(*flag),
        _ => parsed(text, filling, "bool", |text| text.parse().ok()),
    }
}

fn enum_number_of(
    text: &Text,
    values: &EnumDescriptor,
    filling: &Filling<'_>,
) -> Result<i32, TemplateError> {
    if let Some(Kept::Enum(number, _)) = kept(text, filling)? {
        return Ok(*number);
    }
    if let Some(placeholder) = text.single()
        && let Some(number) = number(placeholder, filling.values)
    {
        let fits = i32::try_from(number);
        return fits.map_err(|_| filling.unfit(number.to_string(), values.full_name()));
    }
    parsed(text, filling, values.full_name(), |text| {
        let named = values.get_value_by_name(text);
        named.map_or_else(|| text.parse().ok(), |value| Some(value.number()))
    })
}

fn time_of(text: &Text, filling: &Filling<'_>) -> Result<Timestamp, TemplateError> {
    if let Some(placeholder) = text.single()
        && let Some(time) = time(placeholder, filling.values)
    {
        return Ok(time);
    }
    parsed(text, filling, "RFC 3339 time", |text| text.parse().ok())
}

fn duration_of(text: &Text, filling: &Filling<'_>) -> Result<SignedDuration, TemplateError> {
    parsed(text, filling, "duration such as 1.5s", protobuf_duration)
}

/// A duration as protobuf JSON writes it: seconds, at most nine decimals, and an `s`.
fn protobuf_duration(text: &str) -> Option<SignedDuration> {
    let number = text.strip_suffix('s')?;
    let (number, sign) = match number.strip_prefix('-') {
        Some(number) => (number, -1),
        None => (number, 1),
    };
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    let nanoseconds: i32 = format!("{fraction:0<9}").parse().ok()?;
    Some(SignedDuration::new(
        sign * seconds,
        sign as i32 * nanoseconds,
    ))
}

/// The fields of a Timestamp or Duration.
fn put_seconds(seconds: i64, nanoseconds: i32, out: &mut BytesMut) {
    const SECONDS_KEY: u8 = 1 << 3;
    const NANOSECONDS_KEY: u8 = 2 << 3;
    if seconds != 0 {
        out.put_u8(SECONDS_KEY);
        encode_varint(seconds.cast_unsigned(), out);
    }
    if nanoseconds != 0 {
        out.put_u8(NANOSECONDS_KEY);
        encode_varint(i64::from(nanoseconds).cast_unsigned(), out);
    }
}
