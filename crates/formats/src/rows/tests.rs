use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use ledger::{DiskStorage, Record};
use office::contact::ContactKind;
use proptest::prelude::*;
use prost::Message as _;
use protocol::pb::office as pb;

use super::*;

const SPACES: Layout = Layout::Delimited {
    delimiter: b' ',
    header: true,
};

fn mapping(rule: &str) -> Mapping {
    let read = |_: &Path| Ok("anna\nbo\n".to_owned());
    Mapping {
        time: "time:unix".parse().expect("it is a time column"),
        from: Some("src".to_owned()),
        to: Some("dst".to_owned()),
        kind: None,
        id: None,
        subject: None,
        south_when: Rule::parse(rule, read).expect("it is a rule"),
        zone: TimeZone::UTC,
        recipients: Recipients::Each,
    }
}

fn import(text: &str, mapping: &Mapping, out: &Path) -> Result<Imported, ImportError> {
    import_rows("rows.txt", text.as_bytes(), SPACES, mapping, false, out)
}

fn ledgers(out: &Path) -> [ledger::Reader; 2] {
    Place::BOTH.map(|place| {
        ledger::read(&DiskStorage::existing(out.join(place.word()))).expect("it reads")
    })
}

fn check(out: &Path, imported: &Imported) {
    let [south, north] = ledgers(out);
    let found = ledger::reconcile(&south, &north).expect("they read");
    assert!(found.agreed, "{:?}", found.differences);
    for (place, reader) in [(Place::South, south), (Place::North, north)] {
        let storage = DiskStorage::existing(out.join(place.word()));
        let verified = ledger::verify(&storage).expect("it can be verified");
        assert!(verified.faults.is_empty());
        let tally = ledger::tally(&reader).expect("it counts");
        assert_eq!(tally, imported.tally);
    }
}

fn documents(out: &Path) -> Vec<(Place, pb::Document)> {
    let [south, _] = ledgers(out);
    let mut cursor = south.after(0);
    let mut found = Vec::new();
    while let Some(entry) = cursor.next_entry().expect("it reads") {
        if let Record::Outbound(parcel) | Record::Inbound(parcel) = &entry.record {
            let (step, _) = ledger::step_of(parcel).expect("it is a step");
            assert_eq!(step.authored_at, entry.recorded_at);
            let document = pb::Document::decode(parcel.payload.clone()).expect("it is one");
            found.push((step.id.place, document));
        }
    }
    found
}

fn files(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for place in Place::BOTH {
        for file in fs::read_dir(out.join(place.word())).expect("it is there") {
            let path = file.expect("it can be listed").path();
            let bytes = fs::read(&path).expect("it reads");
            let name = path.strip_prefix(out).expect("it is inside");
            found.insert(name.to_owned(), bytes);
        }
    }
    found
}

#[test]
fn rows_become_documents_in_the_order_of_their_times() {
    let out = tempfile::tempdir().expect("a directory");
    let text = "src dst time\n5 6 30\n2 1 10\n1 2 20\n1 2 20\n";
    let imported = import(text, &mapping("from < to"), out.path()).expect("it can be read");
    assert_eq!(
        (imported.rows, imported.documents, imported.skipped()),
        (4, 4, 0)
    );
    check(out.path(), &imported);
    let found: Vec<_> = documents(out.path())
        .into_iter()
        .map(|(place, document)| {
            let names = [document.signatory, document.addressee];
            let names = names.map(|officer| officer.unwrap_or_default().name);
            let body = String::from_utf8(document.body.to_vec()).expect("it is text");
            (place, document.reference, names, body)
        })
        .collect();
    let told = |place, line: u32, from: &str, to: &str, body: &str| {
        let names = [from.to_owned(), to.to_owned()];
        (place, format!("line {line}"), names, body.to_owned())
    };
    assert_eq!(
        found,
        [
            told(Place::North, 3, "2", "1", "2 1 10"),
            told(Place::South, 4, "1", "2", "1 2 20"),
            told(Place::South, 5, "1", "2", "1 2 20"),
            told(Place::South, 2, "5", "6", "5 6 30"),
        ]
    );
}

#[test]
fn what_is_skipped_is_told_and_counted_apart() {
    let out = tempfile::tempdir().expect("a directory");
    let text = "src dst time\nanna bo 1\nanna eve 2\neve zoe 3\neve bo soon\neve bo\nanna eve 5\n";
    let imported = import(text, &mapping("from in @names"), out.path()).expect("it can be read");
    assert_eq!((imported.rows, imported.documents), (6, 2));
    let counts = [imported.one_side, imported.unreadable, imported.refused];
    assert_eq!(counts, [2, 2, 0]);
    check(out.path(), &imported);
    let told: Vec<String> = imported
        .told
        .iter()
        .map(|skipped| skipped.mistake.to_string())
        .collect();
    assert_eq!(
        told,
        [
            "2:1: \"anna\" and \"bo\" are both of south; only what went between the two sides is written",
            "4:1: \"eve\" and \"zoe\" are both of north; only what went between the two sides is written",
            "5:8: column time: \"soon\" is no unix time; write a number since 1970, or name another format with --time",
            "6:7: column time: it is empty or missing; fill it in, or leave the row out",
        ]
    );
}

#[test]
fn strictness_ends_at_the_first_bad_row_and_leaves_nothing() {
    let out = tempfile::tempdir().expect("a directory");
    let text = &b"src dst time\n1 2 3\n1 2 x\n"[..];
    let error = import_rows(
        "rows.txt",
        text,
        SPACES,
        &mapping("from < to"),
        true,
        out.path(),
    );
    let error = error.expect_err("x is no time").to_string();
    assert!(
        error.starts_with("rows.txt:3:5: column time: \"x\""),
        "{error}"
    );
    assert!(!out.path().join("south").exists());
}

#[test]
fn a_file_without_exchanges_is_an_error_that_says_why() {
    let out = tempfile::tempdir().expect("a directory");
    let error = import("src dst time\n1 2 x\n", &mapping("from < to"), out.path());
    let text = error.expect_err("nothing is left").to_string();
    assert!(text.contains("1 of 1 rows"), "{text}");
    assert!(text.contains("rows.txt:2:5"), "{text}");
    let error = import("a b c\n", &mapping("from < to"), out.path());
    let text = error.expect_err("there is no such column").to_string();
    assert_eq!(
        text,
        "rows.txt:1:1: the header has no column \"time\"; name one of a, b, c"
    );
}

#[test]
fn kinds_say_what_a_row_is() {
    let out = tempfile::tempdir().expect("a directory");
    let mut mapping = mapping("from < to");
    (mapping.kind, mapping.id) = (Some("kind".to_owned()), Some("no".to_owned()));
    mapping.subject = Some("about".to_owned());
    let text = "kind no about src dst time\n\
                contact 1 floods 1 2 10\n\
                contact 2 floods 1 2 10\n\
                Regular-consultation 3 - 2 1 10\n\
                call 4 - 1 2 11\n\
                missed_call 5 - 1 2 12\n\
                notice 6 river 2 1 13\n\
                email 7 weather 2 1 14\n\
                meeting 8 - 2 1 15\n";
    let imported = import(text, &mapping, out.path()).expect("it can be read");
    assert_eq!(
        (
            imported.contacts,
            imported.calls,
            imported.documents,
            imported.unreadable
        ),
        (3, 2, 2, 1)
    );
    assert_eq!(imported.tally.contacts_of(ContactKind::NotStated), 2);
    assert_eq!(
        imported.tally.contacts_of(ContactKind::RegularConsultation),
        1
    );
    assert_eq!(imported.tally.calls(), 2);
    check(out.path(), &imported);
    let told = imported.told[0].mistake.to_string();
    assert!(
        told.starts_with("9:1: column kind: a meeting is negotiated"),
        "{told}"
    );
}

#[test]
fn json_lines_are_mapped_by_their_keys() {
    let out = tempfile::tempdir().expect("a directory");
    let text = "{\"id\": 7, \"at\": \"2018-09-14T10:00:00+09:00\", \"by\": {\"name\": \"a\"}, \"for\": \"b\"}\n";
    let mapping = Mapping {
        time: "at:rfc3339".parse().expect("it is a time column"),
        from: Some("/by/name".to_owned()),
        to: Some("for".to_owned()),
        id: Some("id".to_owned()),
        subject: Some("none".to_owned()),
        ..mapping("from < to")
    };
    let imported = import_rows(
        "rows.jsonl",
        text.as_bytes(),
        Layout::JsonLines,
        &mapping,
        true,
        out.path(),
    )
    .expect("it can be read");
    assert_eq!(imported.first.to_string(), "2018-09-14T01:00:00Z");
    let (place, document) = documents(out.path()).remove(0);
    assert_eq!(place, Place::South);
    assert_eq!(
        (&*document.reference, &*document.subject),
        ("7, line 1", "line 1")
    );
}

#[test]
fn what_is_longer_than_the_office_takes_is_cut_and_stands_whole_in_the_body() {
    let out = tempfile::tempdir().expect("a directory");
    let mut mapping = mapping("from < to");
    (mapping.id, mapping.subject) = (Some("no".to_owned()), Some("about".to_owned()));
    let [name, subject] = [300, 1_500].map(|len: usize| "개".repeat(len));
    let text = format!("no about src dst time\n{name} {subject} 1 {name} 1\n7 b 2 1 2\n");
    let imported = import(&text, &mapping, out.path()).expect("it can be read");
    assert_eq!(
        (imported.documents, imported.cut, imported.skipped()),
        (2, 1, 0)
    );
    let (_, document) = documents(out.path()).remove(0);
    assert!(document.subject.len() <= 1024 && document.subject.ends_with('…'));
    let addressee = document.addressee.expect("there is one").name;
    assert!(
        (250..=256).contains(&addressee.len()),
        "{}",
        addressee.len()
    );
    assert!(document.reference.ends_with("…, line 2") && document.reference.len() <= 256);
    assert!(String::from_utf8_lossy(&document.body).contains(&subject));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_row_is_written_once_and_the_same_file_gives_the_same_bytes(
        rows in prop::collection::vec((0_u32..9, 0_u32..9, -50_i64..50), 1..60)
    ) {
        use std::fmt::Write as _;
        let mut text = "src dst time\n".to_owned();
        for (from, to, time) in &rows {
            let _ = writeln!(text, "{from} {to} {time}");
        }
        let outs = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
        for out in &outs {
            let imported = import(&text, &mapping("from < to"), out.path()).expect("it can be read");
            prop_assert_eq!(imported.documents, rows.len() as u64);
            prop_assert_eq!(imported.tally.documents(), rows.len() as u64);
            check(out.path(), &imported);
        }
        prop_assert_eq!(files(outs[0].path()), files(outs[1].path()));
    }
}
