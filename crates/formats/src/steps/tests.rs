use std::sync::Arc;

use ledger::{DiskStorage, MemoryStorage, Reader};
use office::Place;
use proptest::prelude::*;

use super::*;
use crate::{Export, Format, Wanted, fixture};

const FORMS: [(Format, Layout); 4] = [
    (Format::Jsonl, Layout::JsonLines),
    (
        Format::Csv,
        Layout::Delimited {
            delimiter: b',',
            header: false,
        },
    ),
    (Format::Ocel, Layout::Ocel),
    (Format::Xes, Layout::Xes),
];

fn export(reader: &Reader, format: Format, wanted: Wanted) -> Vec<u8> {
    let mut out = Vec::new();
    let mut export = Export::begin(format, &mut out, wanted).expect("memory takes it");
    let mut cursor = reader.after(0);
    while let Some(entry) = cursor.next_entry().expect("it reads") {
        export.take(&entry).expect("memory takes it");
    }
    export.finish().expect("memory takes it");
    out
}

/// Everything that a ledger's steps say, in its order.
type Steps = Vec<(Timestamp, Written, Bytes)>;

fn steps(reader: &Reader) -> Steps {
    let mut found = Vec::new();
    let mut cursor = reader.after(0);
    while let Some(entry) = cursor.next_entry().expect("it reads") {
        if let ledger::Record::Outbound(parcel) | ledger::Record::Inbound(parcel) = &entry.record {
            let written = protocol::read_envelope(&parcel.envelope, &parcel.payload);
            let written = written.expect("it is a step");
            found.push((entry.recorded_at, written, parcel.payload.clone()));
        }
    }
    found
}

/// What an import makes of a file; both ledgers are checked.
fn import(text: &[u8], layout: Layout) -> Result<(Imported, Steps), ImportError> {
    let out = tempfile::tempdir().expect("a directory");
    let imported = import_steps("steps", text, layout, false, out.path())?;
    let [south, north] = Place::BOTH.map(|place| {
        let storage = DiskStorage::existing(out.path().join(place.word()));
        let verified = ledger::verify(&storage).expect("it can be verified");
        assert!(verified.faults.is_empty());
        ledger::read(&storage).expect("it reads")
    });
    let found = ledger::reconcile(&south, &north).expect("they read");
    assert!(found.agreed, "{:?}", found.differences);
    let steps = steps(&south);
    assert_eq!(steps.len() as u64, imported.steps);
    Ok((imported, steps))
}

#[test]
fn every_form_comes_back_as_the_same_steps() {
    let reader = fixture::ledger();
    let tally = ledger::tally(&reader).expect("it counts");
    for (format, layout) in FORMS {
        let text = export(&reader, format, Wanted::default());
        let (imported, found) = import(&text, layout).expect("it can be read");
        assert_eq!(imported.skipped(), 0, "{:?}", imported.told);
        assert_eq!(found, steps(&reader), "{format:?}");
        assert_eq!(imported.tally, tally);
        assert_eq!(
            (imported.documents, imported.contacts, imported.calls),
            (1, 2, 1)
        );
    }
}

#[test]
fn rows_may_have_been_sorted_otherwise() {
    let reader = fixture::ledger();
    let text = export(&reader, Format::Jsonl, Wanted::default());
    let text = String::from_utf8(text).expect("it is text");
    let mut backwards: Vec<&str> = text.lines().collect();
    backwards.reverse();
    let (_, found) = import(backwards.join("\n").as_bytes(), Layout::JsonLines).expect("it reads");
    assert_eq!(found, steps(&reader));
}

#[test]
fn a_part_that_lacks_the_beginning_is_told() {
    let reader = fixture::ledger();
    let later = Wanted {
        from: Some("2018-09-14T01:00:01Z".parse().expect("a time")),
        ..Wanted::default()
    };
    let text = export(&reader, Format::Jsonl, later);
    let (imported, _) = import(&text, Layout::JsonLines).expect("the peer's steps are whole");
    assert!(imported.refused > 0 && imported.steps > 0);
    let told = imported.told[0].mistake.to_string();
    let follow = "offices/south/steps/2 does not follow: the next step of south is 1";
    assert!(told.contains(follow), "{told}");
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let reader = fixture::ledger();
    let text = export(&reader, Format::Csv, Wanted::default());
    let text = String::from_utf8(text).expect("it is text");
    let layout = FORMS[1].1;
    let last = "line declared";
    for (was, is, told) in [
        (
            last,
            "line sent",
            "column what: \"line sent\" is not a step's words",
        ),
        (
            "LINE_STATEMENT_CUT",
            "CUT",
            "column payload: the payload of",
        ),
        (
            "steps/1,,",
            "steps/1,x,",
            "column parent: \"x\" is not a step's name",
        ),
    ] {
        let broken = text.replacen(was, is, 1);
        assert_ne!(broken, text, "{was}");
        let (imported, _) = import(broken.as_bytes(), layout).expect("the rest can be read");
        assert_eq!(imported.unreadable, 1);
        let mistake = &imported.told[0].mistake;
        assert!(mistake.message.starts_with(told), "{mistake}");
        let line = text.lines().position(|line| line.contains(was));
        assert_eq!(Some(mistake.line - 1), line);
    }
    let error = import(b"a,b\n1,2\n", layout)
        .expect_err("it is no export")
        .to_string();
    let told = "steps:1:1: the header has no column \"sequence\"; if it is no export of ours";
    assert!(error.starts_with(told), "{error}");
    let error = import(b"{\"a\": 1}\n", Layout::JsonLines).expect_err("it is no export");
    let error = error.to_string();
    assert!(error.contains("1 of 1 rows are skipped"), "{error}");
    assert!(error.ends_with(NO_EXPORT), "{error}");
}

/// Whether South's, kind, parent, time in microseconds, request id, payload.
type AnyStep = (bool, usize, Option<u64>, i64, Option<[u8; 16]>, Vec<u8>);

/// A step that nobody checks: kinds and parents as they come, payloads of every sort.
fn any_step() -> impl Strategy<Value = AnyStep> {
    let text = "\\PC{0,12}|[\u{0}-\u{a0}\u{fffe}\u{ffff},\"\\\\]{0,12}";
    let document = (text, prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(subject, body)| {
        let document = protocol::pb::office::Document {
            subject,
            body: body.into(),
            ..Default::default()
        };
        prost::Message::encode_to_vec(&document)
    });
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        Just(Vec::new()),
        document,
    ];
    (
        any::<bool>(),
        0..StepKind::ALL.len(),
        prop::option::of(1_u64..20),
        -62_000_000_000_000_000..253_000_000_000_000_000_i64,
        prop::option::of(any::<[u8; 16]>()),
        payload,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_ledger_comes_back_as_the_same_steps(written in prop::collection::vec(any_step(), 1..20)) {
        let south = MemoryStorage::default();
        let now = Timestamp::UNIX_EPOCH;
        let north = Arc::new(MemoryStorage::default());
        let mut pair = PairWriter::begin(Arc::new(south.clone()), north, now).expect("it begins");
        for (is_south, kind, parent, at, request_id, payload) in written {
            let place = if is_south { Place::South } else { Place::North };
            let kind = StepKind::ALL[kind];
            let payload = Bytes::from(payload);
            let step = Step {
                id: StepId::new(place, pair.next_sequence(place)),
                parent: parent.map(|sequence| StepId::new(place.peer(), sequence)),
                kind,
                authored_at: Timestamp::from_microsecond(at).expect("it is a time"),
                content: protocol::content_of(kind, &payload),
            };
            let kim: Name = "spiffe://river/office/south/officer/kim".parse().expect("a name");
            let author = if kim.could_author(place, kind) { kim.to_string() } else { String::new() };
            let written = Written { step, request_id: request_id.map(RequestId), author };
            pair.record(now, &written, payload).expect("it is the next");
        }
        pair.finish().expect("memory takes it");
        let reader = ledger::read(&south).expect("it reads");
        for (format, layout) in FORMS {
            let text = export(&reader, format, Wanted::default());
            let (_, found) = import(&text, layout).expect("it can be read");
            prop_assert_eq!(found, steps(&reader), "{:?}", format);
        }
    }

    #[test]
    fn nothing_that_is_read_panics(at in 0_usize..100_000, byte: u8) {
        let reader = fixture::ledger();
        for (format, layout) in FORMS {
            let mut text = export(&reader, format, Wanted { first: Some(3), ..Wanted::default() });
            let len = text.len();
            text[at % len] = byte;
            let _ = import(&text, layout);
        }
    }
}

#[test]
fn a_payload_that_no_ledger_holds_is_told() {
    let body = BASE64_STANDARD.encode(vec![0; BODY_BYTES_MAX]);
    let text = serde_json::json!({
        "sequence": 1,
        "recorded_at": "2018-09-14T01:00:00Z",
        "step": "offices/south/steps/1",
        "what": "document sent",
        "authored_at": "2018-09-14T01:00:00Z",
        "payload_bytes": body,
    });
    let error = import(text.to_string().as_bytes(), Layout::JsonLines);
    let error = error.expect_err("it is too long").to_string();
    assert!(error.contains("bytes are more than"), "{error}");
}
