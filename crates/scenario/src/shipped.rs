//! The scenarios that come with the software, and the schema of their files.

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
    "steady",
    "patterns"
];

/// The JSON Schema of scenario files, for editors. What it lets pass may still be a mistake: a total with no room, a
/// date outside the period.
pub const SCHEMA: &str = include_str!("schema.json");

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// The keys of a table, or of the tables of a list.
    fn keys(value: &Value) -> BTreeSet<&str> {
        let table = value.get("oneOf").map_or(value, |either| &either[0]);
        let table = table.get("items").unwrap_or(table);
        let properties = table["properties"].as_object().expect("a table");
        properties.keys().map(String::as_str).collect()
    }

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
        let root = crate::scenario::ROOT_KEYS.iter().copied().collect();
        assert_eq!(keys(&schema), root);
        let tables: [(&str, &[&str]); 10] = [
            ("scenario", crate::scenario::SCENARIO_KEYS),
            ("period", crate::calendar::PERIOD_KEYS),
            ("office_hours", crate::calendar::HOURS_KEYS),
            ("totals", crate::totals::TOTALS_KEYS),
            ("calls", crate::calls::CALLS_KEYS),
            ("documents", crate::documents::DOCUMENTS_KEYS),
            ("meetings", crate::meetings::MEETINGS_KEYS),
            ("consultations", crate::consultations::CONSULTATIONS_KEYS),
            ("events", crate::events::EVENTS_KEYS),
            ("faults", crate::faults::FAULTS_KEYS),
        ];
        for (table, known) in tables {
            let known: BTreeSet<_> = known.iter().copied().collect();
            assert_eq!(keys(&schema["properties"][table]), known, "{table}");
        }
    }
}
