//! Placeholders: what stands between `{{` and `}}`, as it is written and as it is meant.

use std::sync::Arc;

use jiff::SignedDuration;
use reading::signed_duration;

use crate::meant::meant_or_listed;
use crate::scope::{Csv, Scope};

/// No placeholder draws more bytes than the largest document has.
const DRAWN_BYTES_MAX: u64 = 16 << 20;

const FORMS: [(&str, &str); 13] = [
    ("request_id", "{{request_id}}"),
    ("sequence", "{{sequence}}"),
    ("message", "{{message}}"),
    ("uuid", "{{uuid}}"),
    ("random", "{{random 1..100}}"),
    ("random_text", "{{random_text 20..200}}"),
    ("bytes", "{{bytes 100}} or {{bytes 50..500}}"),
    ("pick", "{{pick a|b|c}}"),
    ("csv", "{{csv COLUMN}}"),
    ("now", "{{now}} or {{now +2h}}"),
    ("instant", "{{instant}}"),
    ("at", "{{at}}"),
    ("index", "{{index}}"),
];

/// One placeholder, as it is meant. `place` numbers those that draw.
#[derive(Debug, Clone)]
pub(super) enum Placeholder {
    RequestId,
    /// The arrival, from 1.
    Sequence,
    /// The arrival, from 0.
    Index,
    /// The message of a stream, from 0.
    Message,
    Uuid {
        place: u64,
    },
    Random {
        place: u64,
        low: i64,
        high: i64,
    },
    RandomText {
        place: u64,
        min: u64,
        max: u64,
    },
    Bytes {
        place: u64,
        min: u64,
        max: u64,
    },
    Pick {
        place: u64,
        options: Vec<String>,
    },
    Csv {
        csv: Arc<Csv>,
        column: usize,
    },
    Now {
        offset: SignedDuration,
    },
    Instant,
    At,
    Kept {
        slot: usize,
        name: String,
    },
}

/// A piece of a text.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Literal(String),
    Placeholder(Placeholder),
}

/// What is wrong with a placeholder, and what to write instead.
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) remedy: String,
}

/// Whether a text has placeholders.
pub(super) fn has_placeholder(text: &str) -> bool {
    text.contains("{{")
}

/// Whether a name is taken by a placeholder, so that no value can be kept by it.
pub fn is_reserved(name: &str) -> bool {
    FORMS.iter().any(|(known, _)| *known == name)
}

/// Cuts a text into literals and placeholders.
pub(super) fn parts(text: &str, scope: &Scope) -> Result<Vec<Part>, Wrong> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, behind)) = rest.split_once("{{") {
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
        }
        if let Some(behind) = behind.strip_prefix("{{") {
            parts.push(Part::Literal("{{".to_owned()));
            rest = behind;
            continue;
        }
        let Some((inside, behind)) = behind.split_once("}}") else {
            return Err(Wrong {
                message: format!("`{{{{{behind}` has no end"),
                remedy:
                    "close the placeholder with `}}`, or write `{{{{` for the two braces themselves"
                        .to_owned(),
            });
        };
        parts.push(Part::Placeholder(placeholder(inside.trim(), scope)?));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

fn placeholder(inside: &str, scope: &Scope) -> Result<Placeholder, Wrong> {
    let (word, argument) = inside
        .split_once(char::is_whitespace)
        .map_or((inside, ""), |(word, argument)| (word, argument.trim()));
    let form = FORMS.iter().find(|(known, _)| *known == word);
    let Some((_, form)) = form else {
        return kept(inside, scope);
    };
    let wrong = || Wrong {
        message: format!("`{{{{{inside}}}}}` is not how `{word}` is written"),
        remedy: format!("write {form}"),
    };
    let alone = |placeholder| argument.is_empty().then_some(placeholder).ok_or_else(wrong);
    match word {
        "request_id" => alone(Placeholder::RequestId),
        "sequence" => alone(Placeholder::Sequence),
        "index" => alone(Placeholder::Index),
        "message" => alone(Placeholder::Message),
        "instant" => alone(Placeholder::Instant),
        "at" => alone(Placeholder::At),
        "uuid" => alone(Placeholder::Uuid {
            place: scope.next_place(),
        }),
        "random" => {
            let (low, high) = range(argument).ok_or_else(wrong)?;
            let place = scope.next_place();
            Ok(Placeholder::Random { place, low, high })
        }
        "random_text" => {
            let (min, max) = length(argument, word)?.ok_or_else(wrong)?;
            let place = scope.next_place();
            Ok(Placeholder::RandomText { place, min, max })
        }
        "bytes" => {
            let (min, max) = length(argument, word)?.ok_or_else(wrong)?;
            let place = scope.next_place();
            Ok(Placeholder::Bytes { place, min, max })
        }
        "pick" => {
            let options: Vec<String> = argument
                .split('|')
                .map(|option| option.trim().to_owned())
                .collect();
            if argument.is_empty() {
                return Err(wrong());
            }
            let place = scope.next_place();
            Ok(Placeholder::Pick { place, options })
        }
        "csv" => csv(argument, scope).unwrap_or_else(|| Err(wrong())),
        _ => {
            let offset = match argument {
                "" => Some(SignedDuration::ZERO),
                offset if offset.starts_with(['+', '-']) => signed_duration(offset).ok(),
                _ => None,
            };
            let offset = offset.ok_or_else(wrong)?;
            Ok(Placeholder::Now { offset })
        }
    }
}

/// `1..100`, or `7` for `7..7`.
fn range(text: &str) -> Option<(i64, i64)> {
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (low <= high).then_some((low, high))
}

fn length(text: &str, word: &str) -> Result<Option<(u64, u64)>, Wrong> {
    let Some((min, max)) = range(text) else {
        return Ok(None);
    };
    let lengths = u64::try_from(min).ok().zip(u64::try_from(max).ok());
    match lengths {
        Some((_, max)) if max > DRAWN_BYTES_MAX => Err(Wrong {
            message: format!("`{{{{{word} {text}}}}}` draws up to {max} bytes"),
            remedy: format!("draw at most {DRAWN_BYTES_MAX}"),
        }),
        lengths => Ok(lengths),
    }
}

fn csv(name: &str, scope: &Scope) -> Option<Result<Placeholder, Wrong>> {
    if name.is_empty() {
        return None;
    }
    let Some(csv) = &scope.csv else {
        return Some(Err(Wrong {
            message: format!(
                "`{{{{csv {name}}}}}` takes a column of a CSV file, and there is none"
            ),
            remedy: "name the file: `csv = \"FILE\"` in `[plan]`, or `--csv FILE`".to_owned(),
        }));
    };
    let column = csv.columns().iter().position(|known| known == name);
    Some(column.map_or_else(
        || {
            let columns: Vec<&str> = csv.columns().iter().map(String::as_str).collect();
            Err(Wrong {
                message: format!("the CSV file has no column `{name}`"),
                remedy: meant_or_listed(name, &columns, "its columns are"),
            })
        },
        |column| {
            Ok(Placeholder::Csv {
                csv: Arc::clone(csv),
                column,
            })
        },
    ))
}

fn kept(name: &str, scope: &Scope) -> Result<Placeholder, Wrong> {
    if let Some(slot) = scope.slot(name) {
        let name = name.to_owned();
        return Ok(Placeholder::Kept { slot, name });
    }
    let known: Vec<&str> = FORMS.iter().map(|(word, _)| *word).collect();
    let kept = scope.kept.iter().map(|(name, _)| name.as_str());
    let all: Vec<&str> = known.iter().copied().chain(kept).collect();
    let word = name.split_whitespace().next().unwrap_or_default();
    Err(Wrong {
        message: format!(
            "`{{{{{name}}}}}` is no placeholder, and no step before has kept `{word}`"
        ),
        remedy: meant_or_listed(word, &all, "what there is:"),
    })
}

#[cfg(test)]
mod tests {
    use prost_reflect::Kind;

    use super::*;

    fn wrong(text: &str) -> String {
        let mut scope = Scope::new(Some(Arc::new(
            Csv::parse("name,age\nChun,61\n").expect("CSV"),
        )));
        scope.keep("document", Kind::String);
        let Err(wrong) = parts(text, &scope) else {
            panic!("{text} has no mistake");
        };
        format!("{}; {}", wrong.message, wrong.remedy)
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (text, said) in [
            ("{{request_di}}", "did you mean `request_id`?"),
            ("{{docment}}", "did you mean `document`?"),
            (
                "{{csv nane}}",
                "the CSV file has no column `nane`; did you mean `name`?",
            ),
            ("{{random 9..1}}", "write {{random 1..100}}"),
            ("{{bytes}}", "write {{bytes 100}} or {{bytes 50..500}}"),
            ("{{bytes 99999999}}", "draw at most 16777216"),
            ("{{bytes -1}}", "write {{bytes 100}}"),
            ("{{now 2h}}", "write {{now}} or {{now +2h}}"),
            ("{{uuid 4}}", "write {{uuid}}"),
            ("{{pick}}", "write {{pick a|b|c}}"),
            ("a {{uuid", "close the placeholder with `}}`"),
        ] {
            assert!(wrong(text).contains(said), "{text}: {}", wrong(text));
        }
    }

    #[test]
    fn text_is_cut_at_its_placeholders() {
        let scope = Scope::default();
        let parts = parts("Notice {{sequence}} of {{ at }}.", &scope)
            .ok()
            .expect("parts");
        assert!(matches!(
            &parts[..],
            [
                Part::Literal(_),
                Part::Placeholder(Placeholder::Sequence),
                Part::Literal(_),
                Part::Placeholder(Placeholder::At),
                Part::Literal(_),
            ]
        ));
    }
}
