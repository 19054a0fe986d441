use proptest::prelude::*;

use super::*;

fn asked(columns: &[&str]) -> Asked {
    Asked {
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        optional: 0,
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
fn a_json_array_has_its_objects_as_rows() {
    let text = "[\n {\"a\": {\"b\": 1}, \"c\": \"x\\ny\"},\n 3,\n {\"c\": null}\n]\n";
    let found = read(Layout::JsonArray, text.as_bytes(), &["/a/b", "c"]);
    assert_eq!(fields(&found[0]), ["1", "x\ny"]);
    assert_eq!(
        found[0].as_ref().map(|raw| (raw.line, raw.columns[0])),
        Ok((2, 2))
    );
    let mistake = found[1].as_ref().expect_err("a number is no row");
    assert!(
        mistake.starts_with("3:2: an element is no object"),
        "{mistake}"
    );
    assert_eq!(fields(&found[2]), ["-", "-"]);
    let found = read(Layout::JsonArray, b"[{\"c\": 1},", &["c"]);
    let mistake = found[1].as_ref().expect_err("it is cut off");
    assert!(
        mistake.contains("the file is no JSON array of objects"),
        "{mistake}"
    );
}

const OCEL_XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<log>
 <object-types><object-type name="order"><attributes><attribute name="n" type="string"/></attributes></object-type></object-types>
 <objects><object id="o1" type="order"><attributes><attribute name="n" time="1970-01-01T00:00:00Z">x</attribute></attributes></object></objects>
 <events>
  <event id="e1" type="sent" time="2018-09-14T01:00:00Z">
   <attributes><attribute name="resource">an&amp;na<![CDATA[ <b>]]></attribute><attribute name="none"/></attributes>
   <objects><relationship object-id="o1" qualifier="order"/><relationship object-id="o2" qualifier="order"/></objects>
  </event>
  <event id="e2" type="sent" time="2018-09-14T01:00:01Z"/>
  <event id="&unknown;"/>
 </events>
</log>
"#;

#[test]
fn an_object_centric_log_in_xml_has_the_same_columns() {
    let columns = ["id", "type", "resource", "order", "time", "none"];
    let found = read(Layout::OcelXml, OCEL_XML.as_bytes(), &columns);
    let objects = "[\"o1\",\"o2\"]";
    let first = [
        "e1",
        "sent",
        "an&na <b>",
        objects,
        "2018-09-14T01:00:00Z",
        "",
    ];
    assert_eq!(fields(&found[0]), first);
    assert_eq!(found[0].as_ref().map(|raw| raw.line), Ok(6));
    assert_eq!(
        fields(&found[1]),
        ["e2", "sent", "-", "-", "2018-09-14T01:00:01Z", "-"]
    );
    let mistake = found[2].as_ref().expect_err("nobody knows the entity");
    assert!(mistake.starts_with("11:"), "{mistake}");
    let cut = read(Layout::OcelXml, &OCEL_XML.as_bytes()[..700], &columns);
    let mistake = cut
        .last()
        .expect("something")
        .as_ref()
        .expect_err("it is cut");
    assert!(mistake.starts_with("ended at "), "{mistake}");
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
 <event><string key="org:resource" value="a"/><string key="org:resource" value="b"/></event>
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
    let mistake = found[3].as_ref().expect_err("which one?");
    assert!(
        mistake.contains("\"org:resource\" stands twice"),
        "{mistake}"
    );
    assert_eq!(found.len(), 4);
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

#[test]
fn a_key_that_stands_twice_in_an_object_is_told_with_its_place() {
    for (layout, text, told) in [
        (
            Layout::JsonLines,
            "{\"a\": 1}\n{\"é\": 1, \"a\": 2, \"a\": 3}\n{\"a\": 4}\n",
            "2:18: ",
        ),
        (
            Layout::JsonLines,
            "{}\n{\"b\": [{\"a\": 2, \"a\": 3}]}\n{\"a\": 4}\n",
            "2:17: ",
        ),
        (
            Layout::JsonArray,
            "[{\"a\": 1},\n {\"a\": 2, \"a\": 3},\n {\"a\": 4}]",
            "2:11: ",
        ),
        (
            Layout::Ocel,
            "{\"events\": [{\"id\": 1},\n{\"id\": 2, \"a\": 3, \"a\": 4}, {\"id\": 4}]}",
            "2:19: ",
        ),
    ] {
        let columns = if layout == Layout::Ocel {
            ["id"]
        } else {
            ["a"]
        };
        let found = read(layout, text.as_bytes(), &columns);
        assert_eq!(found.len(), 3, "{text}");
        let mistake = found[1].as_ref().expect_err("which one?");
        assert!(mistake.starts_with(told), "{mistake}");
        assert!(
            mistake.contains("\"a\" stands twice in one object"),
            "{mistake}"
        );
        assert_eq!(fields(&found[2]), ["4"], "the rest is read");
    }
}

proptest! {
    #[test]
    fn nothing_that_is_read_panics(
        cut in 0_usize..900, at in 0_usize..900, byte: u8, bytes in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        let layouts = [
            (Layout::Ocel, OCEL),
            (Layout::Xes, XES),
            (Layout::OcelXml, OCEL_XML),
            (Layout::JsonArray, "[{\"a\": 1}]"),
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
