//! Names that plans give.

use reading::Value;

/// A name of lower-case letters, digits and hyphens.
pub(super) fn name_of(value: &Value<'_>) -> Option<String> {
    const REMEDY: &str = "write 1 to 64 lower-case letters, digits and hyphens";
    let name = value.text(64)?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !name.bytes().all(fits) {
        value.mistake(format!("`{}` is {name:?}", value.path()), REMEDY);
        return None;
    }
    Some(name)
}
