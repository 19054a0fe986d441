//! Fields of protobuf messages, overwritten where they stand.

/// A field that must not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath {
    /// The numbers of the fields that lead to it, and its own.
    pub numbers: Vec<u32>,
    /// What it is overwritten with, where it stands with a length.
    pub fill: Fill,
}

/// What bytes are overwritten with, so that they are still of their type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Of a text, or of bytes.
    Stars,
    /// Of numbers that are packed.
    Zeros,
    /// Of a message: a field 15 that says nothing.
    Message,
}

/// Overwrites what `paths` name; where the bytes are no message, all of them.
pub(super) fn blank(message: &mut [u8], paths: &[FieldPath]) {
    let paths: Vec<(&[u32], Fill)> = paths.iter().map(|it| (&it.numbers[..], it.fill)).collect();
    if walk(message, &paths, None).is_none() {
        message.fill(b'*');
    }
}

/// Overwrites all of some bytes.
pub(super) fn fill(bytes: &mut [u8], fill: Fill) {
    match fill {
        Fill::Stars => bytes.fill(b'*'),
        Fill::Zeros => bytes.fill(0),
        Fill::Message => {
            // A varint of field 15, again and again; and one of its texts, where the bytes are odd in number.
            bytes.fill(b'x');
            if let Some(odd) = bytes.len().checked_sub(3).filter(|even| even % 2 == 0) {
                bytes[odd..].copy_from_slice(b"z\x01x");
            }
        }
    }
}

/// Walks over a message, up to its end or to the end of `group`; gives how many bytes that were.
fn walk(message: &mut [u8], paths: &[(&[u32], Fill)], group: Option<u64>) -> Option<usize> {
    let mut at = 0;
    while at < message.len() {
        let key = varint(message, &mut at)?;
        let number = u32::try_from(key >> 3).ok()?;
        let of_it = paths
            .iter()
            .filter(|(path, _)| path.first() == Some(&number));
        let below: Vec<(&[u32], Fill)> = of_it.map(|(path, fill)| (&path[1..], *fill)).collect();
        let whole = below
            .iter()
            .find(|(path, _)| path.is_empty())
            .map(|(_, fill)| *fill);
        let begins = at;
        match key & 7 {
            0 => {
                varint(message, &mut at)?;
                if whole.is_some() {
                    message[begins..at]
                        .iter_mut()
                        .for_each(|byte| *byte &= 0x80);
                }
            }
            kind @ (1 | 5) => {
                at += if kind == 1 { 8 } else { 4 };
                let value = message.get_mut(begins..at)?;
                if whole.is_some() {
                    value.fill(0);
                }
            }
            2 => {
                let len = usize::try_from(varint(message, &mut at)?).ok()?;
                let end = at.checked_add(len)?;
                let value = message.get_mut(at..end)?;
                if let Some(whole) = whole {
                    fill(value, whole);
                } else if !below.is_empty() {
                    walk(value, &below, None)?;
                }
                at = end;
            }
            3 => {
                // A group has no length: what it is to be filled with must leave its fields standing.
                let all: Vec<(&[u32], Fill)> = below.clone();
                at += walk(message.get_mut(at..)?, &all, Some(key >> 3))?;
                if whole.is_some() {
                    return None;
                }
            }
            4 if group == Some(key >> 3) => return Some(at),
            _ => return None,
        }
    }
    group.is_none().then_some(at)
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f)
            .checked_shl(shift)
            .unwrap_or_default();
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(numbers: &[u32], fill: Fill) -> FieldPath {
        FieldPath {
            numbers: numbers.to_vec(),
            fill,
        }
    }

    #[test]
    fn what_is_named_is_overwritten_and_nothing_else() {
        // 1: "name", 2: { 1: "secret", 3: 300 }, 4: fixed, 2: { 1: "again" }
        let message = b"\x0a\x04name\x12\x0b\x0a\x06secret\x18\xac\x02\x25\x01\x02\x03\x04\x12\x07\x0a\x05again";
        let blanked = |paths: &[FieldPath]| {
            let mut bytes = message.to_vec();
            blank(&mut bytes, paths);
            bytes
        };
        assert_eq!(blanked(&[path(&[9], Fill::Stars)]), message);
        assert_eq!(
            blanked(&[path(&[2, 1], Fill::Stars)]),
            b"\x0a\x04name\x12\x0b\x0a\x06******\x18\xac\x02\x25\x01\x02\x03\x04\x12\x07\x0a\x05*****"
        );
        assert_eq!(
            blanked(&[path(&[2, 3], Fill::Stars), path(&[4], Fill::Stars)]),
            b"\x0a\x04name\x12\x0b\x0a\x06secret\x18\x80\x00\x25\0\0\0\0\x12\x07\x0a\x05again"
        );
        assert_eq!(
            blanked(&[path(&[2], Fill::Message)]),
            b"\x0a\x04name\x12\x0bxxxxxxxxz\x01x\x25\x01\x02\x03\x04\x12\x07xxxxz\x01x"
        );
    }

    #[test]
    fn what_is_no_message_is_overwritten_whole() {
        for torn in [&b"\x0a\x09name"[..], b"\x0f", b"\x0a", b"\x1b\x08\x01"] {
            let mut bytes = torn.to_vec();
            blank(&mut bytes, &[path(&[1], Fill::Stars)]);
            assert_eq!(bytes, vec![b'*'; torn.len()]);
        }
        let mut group = *b"\x1b\x0a\x01a\x1c\x0a\x01b";
        blank(&mut group, &[path(&[3, 1], Fill::Stars)]);
        assert_eq!(&group, b"\x1b\x0a\x01*\x1c\x0a\x01b");
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(mut bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let len = bytes.len();
            blank(&mut bytes, &[path(&[1, 2], Fill::Message), path(&[2], Fill::Zeros)]);
            prop_assert_eq!(bytes.len(), len);
        }
    }
}
