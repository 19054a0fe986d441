//! What stands in a placeholder's place.

use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};
use jiff::Timestamp;
use uuid::{Builder, Uuid};

use crate::draw;
use crate::error::TemplateError;
use crate::keep::Kept;
use crate::placeholder::Placeholder;
use crate::values::Values;

/// What is filled in, and where.
pub(super) struct Filling<'a> {
    pub(super) values: &'a Values<'a>,
    /// The field.
    pub(super) path: &'a str,
    /// Whether the field takes text only; else it takes any bytes.
    pub(super) is_text: bool,
}

impl Filling<'_> {
    pub(super) fn unfit(&self, text: impl Into<String>, wanted: &str) -> TemplateError {
        TemplateError::Unfit {
            path: self.path.to_owned(),
            text: text.into(),
            wanted: wanted.to_owned(),
        }
    }

    pub(super) fn kept(&self, slot: usize, name: &str) -> Result<&Kept, TemplateError> {
        let kept = self.values.kept.get(slot).and_then(Option::as_ref);
        kept.ok_or_else(|| TemplateError::NotKept {
            path: self.path.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// Appends what a placeholder comes to.
pub(super) fn fill(
    placeholder: &Placeholder,
    filling: &Filling<'_>,
    out: &mut BytesMut,
) -> Result<(), TemplateError> {
    let values = filling.values;
    match placeholder {
        Placeholder::RequestId => put_uuid(values.request_id, out),
        Placeholder::Uuid { place } => {
            let mut draw = values.draw(*place);
            let bytes = u128::from(draw.word()) << 64 | u128::from(draw.word());
            put_uuid(
                Builder::from_random_bytes(bytes.to_be_bytes()).into_uuid(),
                out,
            );
        }
        Placeholder::RandomText { place, min, max } => {
            let (start, len) = piece(values, *place, *min, *max);
            draw::text(start, len, |piece| out.put_slice(piece));
        }
        Placeholder::Bytes { place, min, max } => {
            let (start, len) = piece(values, *place, *min, *max);
            let take = |piece: &[u8]| out.put_slice(piece);
            if filling.is_text {
                draw::text(start, len, take);
            } else {
                draw::bytes(start, len, take);
            }
        }
        Placeholder::Pick { place, options } => {
            let picked = picked(values, *place, options.len());
            out.put_slice(options[picked].as_bytes());
        }
        Placeholder::Csv { csv, column } => {
            out.put_slice(csv.value(*column, values.index).as_bytes());
        }
        Placeholder::At => out.put_slice(values.at.as_bytes()),
        Placeholder::Kept { slot, name } => put_kept(filling.kept(*slot, name)?, filling, out)?,
        placeholder => {
            if let Some(time) = time(placeholder, values) {
                put(out, time);
            } else if let Some(number) = number(placeholder, values) {
                put_integer(number, out);
            }
        }
    }
    Ok(())
}

/// The number of a placeholder that is one.
pub(super) fn number(placeholder: &Placeholder, values: &Values<'_>) -> Option<i128> {
    Some(match placeholder {
        Placeholder::Sequence => i128::from(values.index) + 1,
        Placeholder::Index => values.index.into(),
        Placeholder::Message => values.message.into(),
        Placeholder::Random { place, low, high } => {
            let width = high.wrapping_sub(*low).cast_unsigned();
            let drawn = values.draw(*place).within(0..=width);
            i128::from(*low) + i128::from(drawn)
        }
        _ => return None,
    })
}

/// The time of a placeholder that is one.
pub(super) fn time(placeholder: &Placeholder, values: &Values<'_>) -> Option<Timestamp> {
    match placeholder {
        Placeholder::Now { offset } => {
            Some(values.now.saturating_add(*offset).unwrap_or(values.now))
        }
        Placeholder::Instant => Some(values.instant()),
        _ => None,
    }
}

/// Which of `count` options.
pub(super) fn picked(values: &Values<'_>, place: u64, count: usize) -> usize {
    values.draw(place).within(0..=count as u64 - 1) as usize
}

/// Where in the block of drawn bytes a piece begins, and how long it is.
fn piece(values: &Values<'_>, place: u64, min: u64, max: u64) -> (u64, usize) {
    let mut draw = values.draw(place);
    let start = draw.word();
    let len = if min == max {
        min
    } else {
        draw.within(min..=max)
    };
    (start, len as usize)
}

fn put_kept(kept: &Kept, filling: &Filling<'_>, out: &mut BytesMut) -> Result<(), TemplateError> {
    match kept {
        Kept::Text(text) => out.put_slice(text.as_bytes()),
        Kept::Bytes(bytes) => {
            if filling.is_text && std::str::from_utf8(bytes).is_err() {
                return Err(filling.unfit(format!("{bytes:?}"), "text"));
            }
            out.put_slice(bytes);
        }
        Kept::Integer(number) => put(out, number),
        Kept::Float(number) => put(out, number),
        Kept::Bool(flag) => put(out, flag),
        Kept::Enum(number, None) => put(out, number),
        Kept::Enum(_, Some(name)) => out.put_slice(name.as_bytes()),
        Kept::Message(_) => return Err(filling.unfit("a message", "text")),
    }
    Ok(())
}

fn put_uuid(uuid: Uuid, out: &mut BytesMut) {
    let mut text = Uuid::encode_buffer();
    out.put_slice(uuid.hyphenated().encode_lower(&mut text).as_bytes());
}

fn put(out: &mut BytesMut, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("a buffer takes what is written to it");
}

/// A whole number in decimal, without the formatter: it is in most messages.
fn put_integer(number: i128, out: &mut BytesMut) {
    let Ok(mut rest) = u64::try_from(number) else {
        put(out, number);
        return;
    };
    let mut digits = [0_u8; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.put_slice(&digits[first..]);
}
