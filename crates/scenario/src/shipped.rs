//! The scenarios that come with the software.

const SHIPPED: &[(&str, &str)] = &[(
    "kaesong-2018",
    include_str!("../scenarios/kaesong-2018.toml"),
)];

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
