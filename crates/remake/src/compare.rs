//! Where answers differ from those that were recorded.

use std::collections::BTreeSet;

use prost_reflect::MessageDescriptor;
use serde_json::Value;
use transcript::{FieldName, Known};

use crate::Played;
use crate::script::Planned;
use crate::values::Values;

/// Differences told of one message.
const OF_A_MESSAGE_MAX: usize = 16;

/// Something that is another than it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: `status`, `answers`, or `answer 1: receipt.state`.
    pub at: String,
    /// What was recorded, with the values of this time in it.
    pub recorded: String,
    /// What it is now.
    pub now: String,
}

/// Fields that may differ.
#[derive(Debug, Clone, Default)]
pub struct Ignored(pub Vec<FieldName>);

/// What is another in a call's answers.
pub fn differences(
    call: &Planned,
    now: &Played,
    values: &Values,
    ignored: &Ignored,
) -> Vec<Difference> {
    let recorded = &call.awaited.played;
    let mut found = Vec::new();
    let end = |played: &Played| {
        if played.was_given_up {
            "given up by the client".to_owned()
        } else {
            transcript::code_name(played.code).to_owned()
        }
    };
    if end(recorded) != end(now) {
        let with_message = |played: &Played| match played.message.as_str() {
            "" => end(played),
            message => format!("{}: {message}", end(played)),
        };
        found.push(Difference {
            at: "status".to_owned(),
            recorded: with_message(recorded),
            now: with_message(now),
        });
    }
    let output = call.output.as_ref();
    let paths: BTreeSet<Vec<u32>> = ignored
        .0
        .iter()
        .filter_map(|it| it.numbers(output))
        .collect();
    // Of a stream that was given up, how far it came is chance.
    let is_counted = !(recorded.was_given_up && now.was_given_up);
    if is_counted && recorded.answers.len() != now.answers.len() {
        found.push(Difference {
            at: "answers".to_owned(),
            recorded: recorded.answers.len().to_string(),
            now: now.answers.len().to_string(),
        });
    }
    for (number, (before, after)) in recorded.answers.iter().zip(&now.answers).enumerate() {
        let translated = values.translated(before, output);
        let before: &[u8] = translated.as_deref().unwrap_or(before);
        if before == &after[..] {
            continue;
        }
        let [before_said, after_said] = [before, after].map(|bytes| said(bytes, output, &paths));
        let mut told = Vec::new();
        match (before_said, after_said) {
            (Some(before), Some(after)) => differ("", &before, &after, &mut told),
            _ => told.push((
                String::new(),
                words::hex::joined(before),
                words::hex::joined(after),
            )),
        }
        found.extend(
            told.into_iter()
                .take(OF_A_MESSAGE_MAX)
                .map(|(field, recorded, now)| Difference {
                    at: format!(
                        "answer {}{}",
                        number + 1,
                        if field.is_empty() {
                            field
                        } else {
                            format!(": {field}")
                        }
                    ),
                    recorded,
                    now,
                }),
        );
    }
    found
}

/// What a message says, without the fields of `paths`.
fn said(
    bytes: &[u8],
    descriptor: Option<&MessageDescriptor>,
    paths: &BTreeSet<Vec<u32>>,
) -> Option<Value> {
    let mut value = Known::read(bytes, descriptor)?;
    for path in paths {
        let mut of = descriptor.cloned();
        let mut steps = Vec::new();
        for number in path {
            let field = of.as_ref().and_then(|it| it.get_field(*number));
            steps.push(
                field
                    .as_ref()
                    .map_or_else(|| number.to_string(), |it| it.json_name().to_owned()),
            );
            of = field.and_then(|it| it.kind().as_message().cloned());
        }
        remove(&mut value, &steps);
    }
    Some(value)
}

fn remove(value: &mut Value, steps: &[String]) {
    match (value, steps) {
        (Value::Array(values), steps) => values.iter_mut().for_each(|it| remove(it, steps)),
        (Value::Object(fields), [last]) => {
            fields.remove(last);
        }
        (Value::Object(fields), [first, rest @ ..]) => {
            if let Some(within) = fields.get_mut(first) {
                remove(within, rest);
            }
        }
        _ => {}
    }
}

fn differ(at: &str, before: &Value, after: &Value, found: &mut Vec<(String, String, String)>) {
    let step = |name: &str| {
        if at.is_empty() {
            name.to_owned()
        } else {
            format!("{at}.{name}")
        }
    };
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                let nothing = Value::Null;
                let of = |fields: &'_ serde_json::Map<String, Value>| {
                    fields.get(name).cloned().unwrap_or(nothing.clone())
                };
                differ(&step(name), &of(before), &of(after), found);
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                differ(&format!("{at}[{index}]"), before, after, found);
            }
        }
        _ if before != after => {
            let text = |value: &Value| match value {
                Value::Null => "nothing".to_owned(),
                value => value.to_string(),
            };
            found.push((at.to_owned(), text(before), text(after)));
        }
        _ => {}
    }
}
