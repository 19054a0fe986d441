//! Files that are no records that anything here reads: named as what they are, with the way out.

use formats::Layout;
use serde_json::from_str;

/// So much of a file is looked at.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What a file is that nothing here reads, and what to do about it, by its first bytes. With `text` texts are looked at
/// too: not if somebody says what the file is.
pub(super) fn not_read(head: &[u8], text: bool) -> Option<(&'static str, &'static str)> {
    let binary = BINARIES.iter().find(|(magic, ..)| head.starts_with(magic));
    if let Some((_, what, remedy)) = binary {
        return Some((what, remedy));
    }
    if !text {
        return None;
    }
    let head = text_of(head);
    let found = TEXTS.iter().find(|(begins, holds, ..)| {
        head.starts_with(begins) && holds.iter().any(|part| head.contains(part))
    });
    if let Some((_, _, what, remedy)) = found {
        return Some((what, remedy));
    }
    let mut lines = head.lines();
    let first = lines.next().filter(|line| line.starts_with('{'))?;
    let is_whole = from_str::<serde_json::Value>(first).is_ok();
    (!is_whole
        && lines.next().is_some()
        && Layout::recognise("", head.as_bytes()) == Layout::JsonLines)
        .then_some((
            "a JSON object over several lines",
            "write an object a line, as `jq -c . FILE` does, or its list as `jq -c '.KEY[]' FILE`",
        ))
}

/// Files that are no text: how they begin, what they are, and the way out.
const BINARIES: [(&[u8], &str, &str); 12] = [
    (
        b"SQLite format 3\0",
        "a SQLite database",
        "an OCEL in it is written as JSON by pm4py (read_ocel2_sqlite, write_ocel2_json), a table as CSV by \
         `sqlite3 -header -csv FILE 'SELECT * FROM table'`",
    ),
    (
        b"PK\x03\x04",
        "a zip archive or a spreadsheet",
        "unpack it, or save the sheet as CSV (UTF-8)",
    ),
    (
        b"\xd0\xcf\x11\xe0",
        "an old office file",
        "save it as CSV (UTF-8)",
    ),
    (
        b"PAR1",
        "a Parquet file",
        "write it as CSV, as with duckdb: COPY 'FILE' TO 'rows.csv'",
    ),
    (
        b"ARROW1",
        "an Arrow file",
        "write it as CSV, as pandas does: read_feather(FILE).to_csv('rows.csv')",
    ),
    (b"BZh", "packed with bzip2", "unpack it with bunzip2"),
    (b"\xfd7zXZ\0", "packed with xz", "unpack it with unxz"),
    (
        b"\x28\xb5\x2f\xfd",
        "packed with zstd",
        "unpack it with unzstd",
    ),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it with 7z x"),
    (b"Rar!", "a RAR archive", "unpack it with unrar"),
    (
        b"%PDF-",
        "a PDF",
        "export the records as CSV from where the PDF was made",
    ),
    (
        b"!BDN",
        "an Outlook store",
        "write its messages as CSV, as Outlook's export does",
    ),
];

/// How a text begins, what it holds, what it is, and the way out.
type Text = (
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static str,
);

/// Texts that are no records.
const TEXTS: [Text; 5] = [
    (
        "<",
        &["<WorkflowLog"],
        "an MXML log",
        "convert it to XES, as ProM does (import it, then export it as XES)",
    ),
    (
        "<",
        &["attribute-names", "object-types\"/>"],
        "an OCEL 1.0 log in XML",
        "write it as OCEL 2.0, as pm4py does: read_ocel, then write_ocel2_json",
    ),
    (
        "{",
        &["\"ocel:"],
        "an OCEL 1.0 log in JSON",
        "write it as OCEL 2.0, as pm4py does: read_ocel, then write_ocel2_json",
    ),
    (
        "<",
        &["<html", "<HTML", "<!DOCTYPE html", "<!doctype html"],
        "a web page",
        "save the records as CSV or JSON",
    ),
    (
        "From ",
        &["\nSubject:", "\nReceived:"],
        "a mailbox",
        "write a row a message, as CSV with its Date, From and To",
    ),
];

fn text_of(head: &[u8]) -> String {
    let head = String::from_utf8_lossy(&head[..head.len().min(HEAD_BYTES_MAX)]);
    head.trim_start_matches('\u{feff}').trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_here_reads_is_named_with_the_way_out() {
        for (head, part) in [
            ("SQLite format 3\0", "a SQLite database"),
            ("<?xml version=\"1.0\"?><WorkflowLog>", "an MXML log"),
            ("{\"ocel:global-event\": {}}", "an OCEL 1.0 log in JSON"),
            ("{\n \"messages\": [\n", "a JSON object over several lines"),
            ("PK\u{3}\u{4}", "a zip archive or a spreadsheet"),
        ] {
            let found = not_read(head.as_bytes(), true);
            assert_eq!(found.map(|(what, _)| what), Some(part), "{head}");
        }
        for head in [
            "",
            "a,b",
            "{\"a\": 1}\n{\"a\": 2}",
            "{\"events\": [\n",
            "<log>",
            "[1]",
        ] {
            assert_eq!(not_read(head.as_bytes(), true), None, "{head}");
        }
    }
}
