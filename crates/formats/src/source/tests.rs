use proptest::prelude::*;

use super::*;

fn asked(columns: &[&str]) -> Asked {
    Asked {
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        text: true,
        row_bytes_max: 300,
    }
}

/// The rows of a file, mistakes as their text, and last what ended it.
fn read(layout: Layout, text: &[u8], columns: &[&str]) -> Vec<Result<Raw, String>> {
    let mut found = Vec::new();
    let ended = each(text, layout, &asked(columns), &mut |raw| {
        found.push(raw.map_err(|mistake| mistake.to_string()));
        Ok(())
    });
    match ended {
        Ok(()) => {}
        Err(SourceError::Mistake(mistake)) => found.push(Err(format!("ended at {mistake}"))),
        Err(other) => panic!("memory reads: {other:?}"),
    }
    found
}

fn fields(raw: &Result<Raw, String>) -> Vec<&str> {
    let raw = raw.as_ref().expect("it is a row");
    let fields = raw.fields.iter();
    fields
        .map(|field| field.as_deref().unwrap_or("-"))
        .collect()
}

const OCEL: &str = r#"{"objects": [{"id": "o1", "type": "order", "attributes": []}],
 "events": [
  {"id": "e1", "type": "sent", "time": "2018-09-14T01:00:00Z",
   "attributes": [{"name": "resource", "value": "anna"}, {"name": "cost", "value": 7}],
   "relationships": [{"objectId": "o1", "qualifier": "order"}]},
  3,
  {"id": "e2", "type": null, "attributes": 1}
 ], "eventTypes": []}
"#;

#[test]
fn an_event_has_its_attributes_and_its_objects_as_columns() {
    let columns = ["id", "type", "resource", "cost", "order", "time", "none"];
    let found = read(Layout::Ocel, OCEL.as_bytes(), &columns);
    let first = ["e1", "sent", "anna", "7", "o1", "2018-09-14T01:00:00Z", "-"];
    assert_eq!(fields(&found[0]), first);
    let place = |raw: &Raw| (raw.line, raw.columns[0]);
    assert_eq!(found[0].as_ref().map(place), Ok((3, 3)));
    let mistake = found[1].as_ref().expect_err("a number is no event");
    assert!(
        mistake.starts_with("6:3: an event is no object"),
        "{mistake}"
    );
    assert_eq!(fields(&found[2]), ["e2", "-", "-", "-", "-", "-", "-"]);
    assert_eq!(found.len(), 3);
}

#[test]
fn a_log_that_cannot_be_read_further_ends_with_its_place() {
    for (text, told) in [
        (
            "{\"events\": [{\"id\": 1},\n}",
            "ended at 2:1: the log is no OCEL 2.0",
        ),
        ("[]", "ended at 1:"),
        ("{}", "ended at 1:1: the log has no list of events"),
        (
            "{\"events\": []} x",
            "ended at 1:16: the log is no OCEL 2.0",
        ),
        ("", "ended at 1:1: the log is no OCEL 2.0"),
    ] {
        let found = read(Layout::Ocel, text.as_bytes(), &["id"]);
        let mistake = found.last().expect("something is wrong");
        let mistake = mistake.as_ref().expect_err(text);
        assert!(mistake.starts_with(told), "{mistake}");
    }
    let long = format!(
        "{{\"objects\": \"{0}\", \"events\": [{{\"id\": \"{0}\"}}]}}",
        "x".repeat(500)
    );
    let found = read(Layout::Ocel, long.as_bytes(), &["id"]);
    let mistake = found[0].as_ref().expect_err("the event is too long");
    assert!(
        mistake.contains("an event is longer than 300 bytes"),
        "{mistake}"
    );
}

const XES: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
 <global scope="event"><string key="concept:name" value="none"/></global>
 <trace>
  <string key="concept:name" value="case 7"><string key="concept:name" value="nested"/></string>
  <list key="l"><values><string key="org:resource" value="no"/></values></list>
  <event>
   <string key="concept:name" value="a &lt;b&gt;&#10;c"/><string key="org:resource" value="anna"/>
  </event>
  <event><string key="concept:name" value="&unknown;"/></event>
 </trace>
 <event><int key="concept:name" value="9"/></event>
 <trace/>
</log>
"#;

#[test]
fn an_event_has_the_attributes_of_its_trace_too() {
    let columns = ["concept:name", "case:concept:name", "org:resource"];
    let found = read(Layout::Xes, XES.as_bytes(), &columns);
    assert_eq!(fields(&found[0]), ["a <b>\nc", "case 7", "anna"]);
    let first = found[0].as_ref().expect("it is an event");
    assert_eq!((first.line, first.columns[0]), (7, 9));
    assert_eq!(
        first.text,
        r#"{"concept:name":"a <b>\nc","org:resource":"anna"}"#
    );
    let mistake = found[1].as_ref().expect_err("nobody knows the entity");
    assert!(mistake.starts_with("10:"), "{mistake}");
    assert_eq!(fields(&found[2]), ["9", "-", "-"]);
    assert_eq!(found.len(), 3);
}

#[test]
fn xml_that_ends_too_soon_is_told() {
    for (text, told) in [
        (
            "<log><trace><event>",
            "ended at 1:19: the log ends before it is closed",
        ),
        ("<log><trace></log>", "ended at 1:18: the log is no XML"),
        ("<other/>", "ended at 1:1: the file has no <log>"),
        ("", "ended at 1:1: the file has no <log>"),
    ] {
        let found = read(Layout::Xes, text.as_bytes(), &["id"]);
        let mistake = found.last().expect("something is wrong");
        let mistake = mistake.as_ref().expect_err(text);
        assert!(mistake.starts_with(told), "{mistake}");
    }
    let long = "<string key=\"k\" value=\"v\"/>".repeat(30);
    let log = format!("<log><event>{long}</event></log>");
    let found = read(Layout::Xes, log.as_bytes(), &["id"]);
    let mistake = found[0].as_ref().expect_err("the event is too long");
    assert!(
        mistake.contains("an event is longer than 300 bytes"),
        "{mistake}"
    );
}

proptest! {
    #[test]
    fn nothing_that_is_read_panics(
        cut in 0_usize..900, at in 0_usize..900, byte: u8, bytes in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        let layouts = [
            (Layout::Ocel, OCEL),
            (Layout::Xes, XES),
            (Layout::JsonLines, "{\"a\": 1}\n"),
            (Layout::Delimited { delimiter: b',', header: false }, "a,\"b\n\"c\n"),
        ];
        for (layout, text) in layouts {
            let mut text = text.as_bytes().to_vec();
            let len = text.len();
            text[at % len] = byte;
            text.truncate(cut.max(1));
            read(layout, &text, &["1"]);
            read(layout, &bytes, &["1"]);
        }
    }
}
