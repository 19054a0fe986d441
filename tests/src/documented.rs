//! What is written for people and follows from the code is made of it.
//!
//! `UPDATE_DOCS=1 cargo test -p tests documented` writes it anew.

use std::fmt::Write as _;
use std::{env, fs};

use office::Limits;
use office::limits::Unit;

use crate::harness::root;

/// Holds the part of a file between `<!-- NAME -->` and `<!-- /NAME -->` against what it must be.
pub(crate) fn holds(file: &str, name: &str, wanted: &str) {
    let path = root().join(file);
    let text = fs::read_to_string(&path).expect("it is there");
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&begin).expect("the part begins");
    let (found, after) = rest.split_once(&end).expect("the part ends");
    if found == wanted {
        return;
    }
    assert!(
        env::var_os("UPDATE_DOCS").is_some(),
        "{file} tells the {name} otherwise than the code has them; write it anew with \
         UPDATE_DOCS=1 cargo test -p tests documented"
    );
    fs::write(&path, format!("{before}{begin}{wanted}{end}{after}")).expect("it can be written");
}

fn words(value: u64, unit: Unit) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match unit {
        Unit::Count => words::figures::thousands(value),
        Unit::Milliseconds if value.is_multiple_of(1_000) => format!("{} s", value / 1_000),
        Unit::Milliseconds => format!("{value} ms"),
        Unit::Bytes => UNITS
            .iter()
            .find(|(unit, _)| value.is_multiple_of(*unit))
            .map_or_else(
                || format!("{value} B"),
                |(unit, word)| format!("{} {word}", value / unit),
            ),
    }
}

#[test]
fn the_limits_are_those_of_the_code() {
    let mut table = "| limit | default | |\n| --- | --- | --- |\n".to_owned();
    for limit in Limits::default().table() {
        let _ = writeln!(
            table,
            "| `{}` | {} | {} |",
            limit.name,
            words(limit.value, limit.unit),
            limit.about
        );
    }
    holds("crates/README.md", "limits", &table);
}

#[test]
fn the_errors_are_those_of_the_code() {
    let mut table = "| event | code | reason |\n| --- | --- | --- |\n".to_owned();
    for reason in protocol::reasons::REASONS {
        let code = words::code_name(reason.code);
        let _ = writeln!(table, "| {} | {code} | `{}` |", reason.event, reason.name);
    }
    holds("crates/README.md", "errors", &table);
}

/// The rules name a reason by its word, since they know no status.
#[test]
fn every_reason_of_the_rules_stands_in_the_table() {
    let mut named = 0;
    for file in fs::read_dir(root().join("crates/office/src")).expect("it can be listed") {
        let path = file.expect("it can be listed").path();
        if path.is_dir() {
            continue;
        }
        let text = fs::read_to_string(&path).expect("it is text");
        for rest in text.split("reason: \"").skip(1) {
            let name = rest.split('"').next().unwrap_or_default();
            let is_known = protocol::reasons::REASONS
                .iter()
                .any(|reason| reason.name == name);
            assert!(is_known, "{name} in {} has no row", path.display());
            named += 1;
        }
    }
    assert!(named >= 3, "{named}");
}
