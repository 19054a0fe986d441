//! A step's message: from TOML to JSON, with the place of each value.

use std::collections::BTreeMap;

use reading::{Mistakes, Value};
use serde_json::{Map, Number, Value as Json};
use toml::Spanned;
use toml::de::DeValue;

use template::{TemplateMistake, field_path};

/// A message as JSON, and where in the file its values stand.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) json: Json,
    /// The offsets, by path.
    offsets: BTreeMap<String, usize>,
}

impl Data {
    /// Without fields.
    pub(super) fn empty() -> Self {
        Self {
            json: Json::Object(Map::new()),
            offsets: BTreeMap::new(),
        }
    }

    /// Reads the table `value`, or, of the messages of a stream, the tables.
    pub(super) fn read(value: &Value<'_>) -> Option<Self> {
        let is_list = value.raw().as_array().is_some();
        if !value.is_table() && !is_list {
            return value.wrong_type("write the message's fields as a table: { FIELD = … }");
        }
        let mut offsets = BTreeMap::new();
        let json = json_of(value.raw(), "", &mut offsets);
        Some(Self { json, offsets })
    }

    /// Says a mistake at its place, or at the nearest value around it, or at `otherwise`.
    pub(super) fn tell(
        &self,
        mistakes: &Mistakes<'_>,
        otherwise: usize,
        key: &str,
        mistake: TemplateMistake,
    ) {
        let mut around = mistake.path.as_str();
        let offset = loop {
            if let Some(offset) = self.offsets.get(around) {
                break *offset;
            }
            match around.rfind(['.', '[']) {
                Some(end) => around = &around[..end],
                None => break otherwise,
            }
        };
        let key = field_path(key, &mistake.path);
        mistakes.add(offset, &key, mistake.message, mistake.remedy);
    }
}

fn json_of(value: &DeValue<'_>, path: &str, offsets: &mut BTreeMap<String, usize>) -> Json {
    let mut inside = |value: &Spanned<DeValue<'_>>, path: String| {
        let json = json_of(value.get_ref(), &path, offsets);
        offsets.insert(path, value.span().start);
        json
    };
    match value {
        DeValue::String(text) => Json::String(text.to_string()),
        DeValue::Integer(integer) => {
            let whole = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
            let number = whole.and_then(Number::from_i128);
            number.map_or_else(|| Json::String(integer.to_string()), Json::Number)
        }
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(Number::from_f64);
            // What JSON has no number for, protobuf JSON writes as text.
            number.map_or_else(
                || Json::String(protobuf_float(float.as_str()).to_owned()),
                Json::Number,
            )
        }
        DeValue::Boolean(flag) => Json::Bool(*flag),
        DeValue::Datetime(datetime) => Json::String(datetime.to_string()),
        DeValue::Array(items) => {
            let items = items.iter().enumerate();
            items
                .map(|(index, item)| inside(item, format!("{path}[{index}]")))
                .collect()
        }
        DeValue::Table(table) => {
            // In the order of the file, which is that of the spans: draws are numbered by it.
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by_key(|(key, _)| key.span().start);
            let entries = entries.into_iter().map(|(key, value)| {
                let key = key.get_ref().to_string();
                let json = inside(value, field_path(path, &key));
                (key, json)
            });
            Json::Object(entries.collect())
        }
    }
}

fn protobuf_float(text: &str) -> &'static str {
    match text.trim_start_matches('+') {
        "inf" => "Infinity",
        "-inf" => "-Infinity",
        _ => "NaN",
    }
}
