//! The scenarios that come with the software.

macro_rules! shipped {
    ($($name:literal),+) => {
        &[$(($name, include_str!(concat!("../scenarios/", $name, ".toml")))),+]
    };
}

const SHIPPED: &[(&str, &str)] = shipped![
    "kaesong-2018",
    "talks-march-2018",
    "line-cut-2020",
    "workshop",
    "steady"
];

/// The scenarios that come with the software: name, and text of the file.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    SHIPPED
}

/// The text of the shipped scenario `name`.
pub fn shipped_text(name: &str) -> Option<&'static str> {
    SHIPPED
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}
