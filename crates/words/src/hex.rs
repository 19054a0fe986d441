//! Bytes as people read them.

/// `00 ff` of the bytes 0 and 255.
pub fn spaced(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(" ")
}

/// `00ff` of the bytes 0 and 255.
pub fn joined(bytes: &[u8]) -> String {
    spaced(bytes).replace(' ', "")
}

/// The letters among the bytes; a dot for any other.
pub fn letters(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            0x20..=0x7e => char::from(*byte),
            _ => '.',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!(spaced(&[0, 15, 255]), "00 0f ff");
        assert_eq!(joined(&[0, 15, 255]), "000fff");
        assert_eq!(letters(b"a\0b"), "a.b");
    }
}
