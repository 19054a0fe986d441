use std::fs;

use ledger::DiskStorage;
use prost::Message as _;
use protocol::pb::office as pb;

use super::*;

fn rule(text: &str) -> Rule {
    Rule::parse(text, |path| fs::read_to_string(path)).expect("it is a rule")
}

fn documents(out: &Path) -> Vec<(Place, pb::Document)> {
    let reader = ledger::read(&DiskStorage::existing(out.join("south"))).expect("it reads");
    let mut cursor = reader.after(0);
    let mut found = Vec::new();
    while let Some(entry) = cursor.next_entry().expect("it reads") {
        if let Some(payload) = ledger::payload_of(&entry) {
            let place = match entry.record {
                ledger::Record::Outbound(_) => Place::South,
                _ => Place::North,
            };
            let document = pb::Document::decode(payload.clone()).expect("it is one");
            found.push((place, document));
        }
    }
    found
}

const XES: &str = r#"<log>
<trace><string key="concept:name" value="claim 1"/>
<event><string key="concept:name" value="decide"/><string key="org:resource" value="bo"/>
<date key="time:timestamp" value="2018-09-14T11:00:00+09:00"/></event>
<event><string key="concept:name" value="register"/><string key="org:resource" value="anna"/>
<date key="time:timestamp" value="2018-09-14T10:00:00+09:00"/></event>
<event><string key="concept:name" value="archive"/>
<date key="time:timestamp" value="2018-09-14T12:00:00+09:00"/></event>
</trace></log>"#;

#[test]
fn an_event_becomes_a_document_by_the_standard_of_its_log() {
    let out = tempfile::tempdir().expect("a directory");
    let mapping =
        Mapping::standard(Layout::Xes, rule("from == 'anna'"), TimeZone::UTC).expect("it has one");
    let input = XES.as_bytes();
    let imported = import_rows("a.xes", input, Layout::Xes, &mapping, false, out.path());
    let imported = imported.expect("it can be read");
    assert_eq!(
        (imported.rows, imported.documents, imported.unreadable),
        (3, 2, 1)
    );
    let told = imported.told[0].mistake.to_string();
    let who =
        "7:7: column org:resource: it is empty or missing; fill it in, leave the row out, or let";
    assert!(told.starts_with(who), "{told}");
    let found = documents(out.path());
    let [(first, register), (second, decide)] = &found[..] else {
        panic!("two were written: {found:?}")
    };
    assert_eq!((*first, *second), (Place::South, Place::North));
    assert_eq!(
        (&*register.subject, &*decide.subject),
        ("register", "decide")
    );
    assert_eq!(register.reference, "claim 1, event 2");
    assert_eq!(register.addressee, None);
    assert_eq!(
        register.body,
        r#"{"concept:name":"register","org:resource":"anna","time:timestamp":"2018-09-14T10:00:00+09:00"}"#
    );
}

#[test]
fn columns_of_an_object_centric_log_can_be_named() {
    let out = tempfile::tempdir().expect("a directory");
    let text = r#"{"objectTypes":[],"eventTypes":[],"objects":[],"events":[
{"id":"e1","type":"mail","time":"2018-09-14T01:00:00Z",
 "relationships":[{"objectId":"anna","qualifier":"sender"},{"objectId":"bo","qualifier":"receiver"}]},
{"id":"e2","type":"mail","time":"soon",
 "relationships":[{"objectId":"bo","qualifier":"sender"},{"objectId":"anna","qualifier":"receiver"}]},
{"id":"e3","type":"mail","time":"2018-09-14T01:00:02Z",
 "relationships":[{"objectId":"anna","qualifier":"sender"},{"objectId":"anna","qualifier":"receiver"}]}
]}"#;
    let mapping = Mapping {
        from: Some("sender".to_owned()),
        to: Some("receiver".to_owned()),
        ..Mapping::standard(Layout::Ocel, rule("from == 'anna'"), TimeZone::UTC)
            .expect("it has one")
    };
    let import = |strict| {
        import_rows(
            "a.json",
            text.as_bytes(),
            Layout::Ocel,
            &mapping,
            strict,
            out.path(),
        )
    };
    let error = import(true).expect_err("soon is no time").to_string();
    assert!(
        error.starts_with("a.json:4:1: column time: \"soon\""),
        "{error}"
    );
    let imported = import(false).expect("it can be read");
    assert_eq!((imported.rows, imported.documents), (3, 1));
    assert_eq!((imported.unreadable, imported.one_side), (1, 1));
    let (place, document) = documents(out.path()).remove(0);
    assert_eq!((place, &*document.reference), (Place::South, "e1, event 1"));
    assert_eq!(
        document.addressee.map(|officer| officer.name).as_deref(),
        Some("bo")
    );
}
