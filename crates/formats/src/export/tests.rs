use serde_json::Value;

use super::*;
use crate::fixture;

fn export(format: Format, wanted: Wanted) -> (String, Exported) {
    let reader = fixture::ledger();
    let mut out = Vec::new();
    let mut export = Export::begin(format, &mut out, wanted).expect("memory takes it");
    let mut cursor = reader.after(0);
    while let Some(entry) = cursor.next_entry().expect("it reads") {
        export.take(&entry).expect("memory takes it");
    }
    let exported = export.finish().expect("memory takes it");
    (String::from_utf8(out).expect("it is text"), exported)
}

#[test]
fn json_lines_tell_everything() {
    let (text, exported) = export(Format::Jsonl, Wanted::default());
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect();
    assert_eq!(lines.len() as u64, exported.steps);
    assert_eq!(lines[0]["what"], "document sent");
    assert_eq!(lines[0]["name"], "offices/south/documents/1");
    assert_eq!(lines[0]["payload"]["subject"], fixture::SUBJECT);
    assert_eq!(lines[0]["payload"]["body"], "AP8=");
    assert_eq!(lines[0]["counted"]["what"], "document");
    assert_eq!(lines[1]["parent"], "offices/south/steps/1");
    assert!(lines[1]["counted"].is_null());
}

#[test]
fn csv_has_a_row_a_step_and_groups_to_the_tally() {
    let (text, exported) = export(Format::Csv, Wanted::default());
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let header = rows.headers().expect("it has one").clone();
    let counted = header.iter().position(|name| name == "counted");
    let counted = counted.expect("there is such a column");
    let words: Vec<String> = rows
        .records()
        .map(|row| row.expect("it reads")[counted].to_owned())
        .filter(|word| !word.is_empty())
        .collect();
    assert_eq!(words.len(), 4);
    assert_eq!(exported.items, exported.steps);
    for word in ["document", "chiefs", "regular consultation", "call"] {
        assert!(words.iter().any(|found| found == word), "{words:?}");
    }
}

#[test]
fn a_diagram_tells_a_part() {
    let wanted = Wanted {
        first: Some(2),
        ..Wanted::default()
    };
    let (text, exported) = export(Format::Mermaid, wanted);
    assert_eq!(exported.items, 2);
    let told = "sequenceDiagram\n    participant South\n    participant North\n    \
                Note over South,North: Fri 2018-09-14\n    \
                South->>North: 10:00 document sent, documents south/1: Floods#59; #35;1 #60;b#62;\n    \
                North->>South: 10:00 document acknowledged, documents south/1\n";
    assert_eq!(text, told);
}

#[test]
fn a_calendar_has_the_terms_agreed_upon() {
    let (text, exported) = export(Format::Ics, Wanted::default());
    assert_eq!(exported.items, 1);
    assert!(text.contains("DTSTART:20180915T010000Z\r\n"), "{text}");
    assert!(text.contains("STATUS:CONFIRMED\r\n"), "{text}");
    assert!(
        text.contains("LOCATION:Kaesong\\, main building\r\n"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.len() <= 75), "{text}");
    let later = Wanted {
        from: Some("2019-01-01T00:00:00Z".parse().expect("a time")),
        ..Wanted::default()
    };
    assert_eq!(export(Format::Ics, later).1.items, 0);
}

#[test]
fn every_event_relates_to_objects_that_are_there() {
    check_ocel(Wanted::default());
    // The acknowledgement of the document that stands first, and what follows.
    check_ocel(Wanted {
        from: Some("2018-09-14T01:00:01Z".parse().expect("a time")),
        ..Wanted::default()
    });
}

fn check_ocel(wanted: Wanted) {
    let (text, exported) = export(Format::Ocel, wanted);
    assert!(exported.steps > 0);
    let log: Value = serde_json::from_str(&text).expect("it is JSON");
    let list = |name: &str| log[name].as_array().expect("a list").clone();
    let ids: Vec<Value> = list("objects")
        .iter()
        .map(|object| object["id"].clone())
        .collect();
    let events = list("events");
    assert_eq!(events.len() as u64, exported.steps);
    let types = |name: &str| -> Vec<Value> {
        list(name)
            .iter()
            .map(|found| found["name"].clone())
            .collect()
    };
    for event in &events {
        assert!(types("eventTypes").contains(&event["type"]));
        for attribute in event["attributes"].as_array().expect("a list") {
            assert!(attribute["value"].is_string(), "{attribute}");
        }
        for related in event["relationships"].as_array().expect("a list") {
            assert!(ids.contains(&related["objectId"]), "{related}");
        }
    }
    for object in list("objects") {
        assert!(types("objectTypes").contains(&object["type"]), "{object}");
    }
    let mut unique = ids.clone();
    unique.sort_by_key(ToString::to_string);
    unique.dedup();
    assert_eq!(unique.len(), ids.len());
}

#[test]
fn xes_has_a_trace_an_exchange() {
    let (text, exported) = export(Format::Xes, Wanted::default());
    assert_eq!(text.matches("<event>").count() as u64, exported.steps);
    assert_eq!(text.matches("<trace>").count(), 5);
    assert!(text.contains("Floods; #1 &lt;b&gt;"), "{text}");
}
