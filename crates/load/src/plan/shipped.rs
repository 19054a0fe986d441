//! The plans that come with the software.

macro_rules! shipped {
    ($($name:literal),+) => {
        &[$(($name, include_str!(concat!("../../plans/", $name, ".toml")))),+]
    };
}

const SHIPPED: &[(&str, &str)] = shipped![
    "document",
    "documents-stream",
    "meeting",
    "contact",
    "call",
    "kaesong-2018"
];

/// The plans that come with the software: name, and text of the file.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    SHIPPED
}

/// The text of the shipped plan `name`.
pub fn shipped_text(name: &str) -> Option<&'static str> {
    let found = SHIPPED.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}
