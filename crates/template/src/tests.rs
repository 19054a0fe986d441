//! Templates against prost-reflect: what a template writes is what the same JSON, filled in, is encoded to.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::fill::Filling;
use super::*;

const PROTO: &str = r#"
syntax = "proto3";
package t;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum Colour { COLOUR_UNSPECIFIED = 0; COLOUR_RED = 1; COLOUR_BLUE = -2; }
message Inner {
  string text = 1; int32 int_small = 2; Inner inner = 3; bytes raw = 4; repeated string texts = 5; Colour colour = 6;
}
message Outer {
  string text = 2; bytes raw = 1; optional string text_given = 100;
  int32 int_a = 3; int64 int_b = 4; sint32 int_c = 5; sint64 int_d = 6; sfixed32 int_e = 7; sfixed64 int_f = 8;
  uint32 whole_a = 9; uint64 whole_b = 10; fixed32 whole_c = 11; fixed64 whole_d = 12;
  float int_g = 13; double int_h = 14; optional int32 int_given = 15;
  bool flag = 16; Colour colour = 17; Inner inner = 18;
  repeated string texts = 19; repeated sint64 int_list = 20; repeated Inner inners = 21; repeated Colour colours = 22;
  repeated int32 int_loose = 23 [packed = false];
  map<string, Inner> inner_by_text = 24; map<int32, string> text_by_int = 25; map<bool, int64> int_by_flag = 26;
  oneof either { string text_either = 27; Inner inner_either = 28; int64 int_either = 29; }
  google.protobuf.Timestamp time = 30; google.protobuf.Duration length = 31;
  google.protobuf.StringValue text_wrapped = 32; google.protobuf.Int64Value int_wrapped = 33;
  google.protobuf.Struct struct = 34; google.protobuf.Any any = 35;
  repeated google.protobuf.Timestamp times = 36;
}
"#;

fn outer() -> MessageDescriptor {
    static POOL: std::sync::LazyLock<DescriptorPool> = std::sync::LazyLock::new(|| {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("t.proto"), PROTO).expect("written");
        let mut compiler = protox::Compiler::new([directory.path()]).expect("a compiler");
        compiler.include_imports(true);
        compiler.open_file("t.proto").expect("a schema");
        compiler.descriptor_pool()
    });
    POOL.get_message_by_name("t.Outer").expect("the message")
}

fn inner() -> MessageDescriptor {
    let pool = outer().parent_pool().clone();
    pool.get_message_by_name("t.Inner").expect("the message")
}

fn scope() -> Scope {
    let csv = Csv::parse("name,age\nChun,61\n,0\nJon,55\n").expect("CSV");
    let mut scope = Scope::new(Some(Arc::new(csv)));
    let colour = outer().get_field_by_name("colour").expect("a field").kind();
    scope.keep("word", Kind::String);
    scope.keep("number", Kind::Int32);
    scope.keep("truth", Kind::Bool);
    scope.keep("shade", colour);
    scope.keep("whole", Kind::Message(inner()));
    scope
}

fn values(seed: u64, index: u64, message: u64) -> Values<'static> {
    let colour = Some("COLOUR_BLUE".to_owned());
    Values {
        seed,
        index,
        message,
        request_id: Uuid::from_u128(7),
        at: "south",
        now: "2018-09-14T00:30:00.25Z".parse().expect("a time"),
        instants_from: Timestamp::UNIX_EPOCH,
        kept: vec![
            Some(Kept::Text("kept".to_owned())),
            Some(Kept::Integer(77)),
            Some(Kept::Bool(true)),
            Some(Kept::Enum(-2, colour)),
            Some(Kept::Message(Bytes::from_static(b"\x0a\x02hi"))),
        ],
    }
}

/// The same JSON with its placeholders filled in, as protobuf JSON has it.
fn filled(value: &Json, name: &str, scope: &Scope, values: &Values<'_>) -> Json {
    match value {
        Json::String(text) if text.contains("{{") => {
            let text = Text::compile(text, scope).expect("a text");
            let filling = Filling {
                values,
                path: "",
                is_text: !name.starts_with("raw"),
            };
            let mut out = BytesMut::new();
            text.fill(&filling, &mut out).expect("filled in");
            if name.starts_with("raw") {
                return Json::String(STANDARD.encode(&out));
            }
            let text = String::from_utf8(out.to_vec()).expect("text");
            match name {
                "flag" => Json::Bool(text.parse().expect("a flag")),
                _ => Json::String(text),
            }
        }
        Json::Array(items) => items
            .iter()
            .map(|item| filled(item, name, scope, values))
            .collect(),
        Json::Object(entries) => entries
            .iter()
            .map(|(key, value)| {
                // A key is filled in before its value: draws are numbered as they are met.
                let full_key = filled(&Json::String(key.clone()), "", scope, values);
                let full_key = full_key.as_str().unwrap_or_default().to_owned();
                (full_key, filled(value, key, scope, values))
            })
            .collect(),
        value => value.clone(),
    }
}

fn encoded(template: &Template, values: &Values<'_>) -> Bytes {
    let mut out = BytesMut::new();
    template.encode(values, &mut out).expect("encoded");
    out.freeze()
}

fn text() -> impl Strategy<Value = Json> {
    prop_oneof![
        "[a-z ]{0,8}".prop_map(Json::from),
        prop::sample::select(vec![
            "{{uuid}}",
            "{{request_id}}",
            "Notice {{sequence}} of {{at}}",
            "{{random_text 0..300}}",
            "{{bytes 100..150}}",
            "{{bytes 3}}",
            "{{pick a||ccc}}",
            "{{csv name}}",
            "{{now}} {{now -2h}}",
            "{{word}}{{number}}{{truth}}{{shade}}",
            "{{index}}{{message}}{{random -9..9}}",
        ])
        .prop_map(Json::from),
    ]
}

fn raw() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        "",
        "aGVsbG8=",
        "{{bytes 0..300}}",
        "{{bytes 130}}",
        "x{{uuid}}",
        "{{word}}",
        "{{csv name}}",
        "{{pick a||b}}",
    ])
    .prop_map(Json::from)
}

fn integer() -> impl Strategy<Value = Json> {
    prop_oneof![
        (-9..99_i32).prop_map(Json::from),
        select(&["{{random -5..5}}", "-{{random 1..9}}"]),
        whole(),
    ]
}

fn whole() -> impl Strategy<Value = Json> {
    prop_oneof![
        (0..999_u32).prop_map(Json::from),
        select(&[
            "{{sequence}}",
            "{{index}}",
            "{{message}}",
            "{{random 0..3}}",
            "{{pick 0|7|300}}",
            "{{csv age}}",
            "1{{random 0..9}}",
            "{{number}}",
        ]),
    ]
}

fn select(all: &'static [&'static str]) -> impl Strategy<Value = Json> {
    prop::sample::select(all).prop_map(Json::from)
}

fn colour() -> impl Strategy<Value = Json> {
    select(&[
        "COLOUR_RED",
        "COLOUR_UNSPECIFIED",
        "COLOUR_BLUE",
        "{{pick COLOUR_RED|COLOUR_UNSPECIFIED|COLOUR_BLUE}}",
        "{{shade}}",
    ])
}

fn flag() -> impl Strategy<Value = Json> {
    prop_oneof![
        any::<bool>().prop_map(Json::from),
        select(&["{{pick true|false}}", "{{truth}}"]),
    ]
}

fn time() -> impl Strategy<Value = Json> {
    select(&[
        "2018-09-14T01:30:00Z",
        "1969-12-31T23:59:59.5Z",
        "{{now}}",
        "{{now -3h}}",
        "{{now +1.5s}}",
        "{{instant}}",
        "2018-09-14T01:30:{{random 10..59}}.5Z",
        "{{pick 2018-09-14T01:30:00Z|1970-01-01T00:00:00Z}}",
    ])
}

fn length() -> impl Strategy<Value = Json> {
    select(&[
        "0s",
        "3.5s",
        "{{random 0..90}}s",
        "-{{random 1..90}}.25s",
        "{{pick 1s|0s}}",
    ])
}

/// Some of the fields given, in any order.
fn message(fields: Vec<(&'static str, BoxedStrategy<Json>)>) -> BoxedStrategy<Json> {
    let chances: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| {
            prop::option::weighted(0.4, value).prop_map(move |value| (name, value))
        })
        .collect();
    (chances, any::<prop::sample::Index>())
        .prop_map(|(mut fields, turn)| {
            let turn = turn.index(fields.len());
            fields.rotate_left(turn);
            let given = fields
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)));
            Json::Object(given.collect())
        })
        .boxed()
}

fn an_inner() -> BoxedStrategy<Json> {
    let fields = |inner: Option<BoxedStrategy<Json>>| {
        let mut fields = vec![
            ("text", text().boxed()),
            ("int_small", integer().boxed()),
            ("raw", raw().boxed()),
            ("texts", list(text())),
            ("colour", colour().boxed()),
        ];
        fields.extend(inner.map(|inner| ("inner", inner)));
        message(fields)
    };
    fields(Some(fields(None)))
}

fn list(item: impl Strategy<Value = Json> + 'static) -> BoxedStrategy<Json> {
    prop::collection::vec(item, 0..4)
        .prop_map(Json::from)
        .boxed()
}

fn either() -> BoxedStrategy<Json> {
    prop_oneof![
        text().prop_map(|text| json!({ "text_either": text })),
        an_inner().prop_map(|inner| json!({ "innerEither": inner })),
        integer().prop_map(|integer| json!({ "int_either": integer })),
        Just(json!({})),
    ]
    .boxed()
}

fn an_outer() -> impl Strategy<Value = Json> {
    let key = || prop::sample::select(vec!["k", "", "{{uuid}}", "{{at}}"]);
    let int_key = prop::sample::select(vec!["0", "-7", "{{random 0..3}}", "{{sequence}}"]);
    let flag_key = prop::sample::select(vec!["true", "false", "{{pick true|false}}"]);
    let map = |key: &'static str, value: Json| json!({ key: value });
    let fields = vec![
        ("text", text().boxed()),
        ("raw", raw().boxed()),
        ("textGiven", text().boxed()),
        ("int_a", integer().boxed()),
        ("int_b", integer().boxed()),
        ("int_c", integer().boxed()),
        ("int_d", integer().boxed()),
        ("int_e", integer().boxed()),
        ("int_f", integer().boxed()),
        ("whole_a", whole().boxed()),
        ("whole_b", whole().boxed()),
        ("whole_c", whole().boxed()),
        ("whole_d", whole().boxed()),
        ("int_g", integer().boxed()),
        ("int_h", integer().boxed()),
        ("int_given", integer().boxed()),
        ("flag", flag().boxed()),
        ("colour", colour().boxed()),
        ("inner", an_inner()),
        ("texts", list(text())),
        ("int_list", list(integer())),
        ("inners", list(an_inner())),
        ("colours", list(colour())),
        ("int_loose", list(integer())),
        (
            "inner_by_text",
            (key(), an_inner())
                .prop_map(move |(k, v)| map(k, v))
                .boxed(),
        ),
        (
            "text_by_int",
            (int_key, text()).prop_map(move |(k, v)| map(k, v)).boxed(),
        ),
        (
            "int_by_flag",
            (flag_key, integer())
                .prop_map(move |(k, v)| map(k, v))
                .boxed(),
        ),
        ("time", time().boxed()),
        ("length", length().boxed()),
        ("text_wrapped", text().boxed()),
        ("int_wrapped", integer().boxed()),
        (
            "struct",
            (key(), text(), text())
                .prop_map(|(key, a, b)| json!({ key: a, "list": [1.5, null, b, { "deep": true }] }))
                .boxed(),
        ),
        (
            "any",
            text()
                .prop_map(|text| json!({ "@type": "type.googleapis.com/t.Inner", "text": text }))
                .boxed(),
        ),
        ("times", list(time())),
    ];
    (message(fields), either()).prop_map(|(outer, either)| with(outer, either))
}

/// The fields of both objects.
fn with(mut outer: Json, more: Json) -> Json {
    if let (Json::Object(outer), Json::Object(more)) = (&mut outer, more) {
        outer.extend(more);
    }
    outer
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]
    #[test]
    fn a_template_writes_what_the_filled_in_json_is_encoded_to(
        json in an_outer(), seed in 0..3_u64, index in 0..400_u64, message in 0..3_u64,
    ) {
        let values = values(seed, index, message);
        let template = Template::compile(&outer(), &json, &scope());
        let template = template.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let ours = encoded(&template, &values);
        let filled = filled(&json, "", &scope(), &values);
        let theirs = DynamicMessage::deserialize(outer(), &filled);
        let theirs = theirs.map_err(|error| TestCaseError::fail(format!("{error}: {filled}")))?;
        let read = DynamicMessage::decode(outer(), ours.clone()).expect("a message");
        // As JSON: the messages' own `Debug` does not end where a message has itself as a field.
        let json_of = |message: &DynamicMessage| serde_json::to_value(message).expect("JSON");
        prop_assert_eq!(json_of(&read), json_of(&theirs));
        // prost-reflect writes the entries of a map in no order.
        if json.get("struct").is_none() {
            prop_assert_eq!(&ours[..], &theirs.encode_to_vec()[..]);
        }
        prop_assert_eq!(encoded(&template, &values), ours);
    }
}

fn wrong(json: &Json) -> String {
    let error = Template::compile(&outer(), json, &scope());
    error.expect_err("a mistake").to_string()
}

#[test]
fn mistakes_are_told_with_their_fields() {
    for (json, said) in [
        (
            json!({ "txt": "a" }),
            "`txt` is no field of t.Outer; did you mean `text`?",
        ),
        (
            json!({ "inner": { "int_smal": 1 } }),
            "`inner.int_smal` is no field of t.Inner",
        ),
        (
            json!({ "int_a": "{{uuid}}" }),
            "takes int32, and the placeholder gives none",
        ),
        (
            json!({ "int_a": "{{random 1..9999999999}}" }),
            "which int32 cannot hold",
        ),
        (
            json!({ "int_a": "{{pick 1|two}}" }),
            "`int_a` is \"two\", which is no int32",
        ),
        (
            json!({ "int_a": "{{csv name}}" }),
            "`int_a` is \"Chun\", which is no int32",
        ),
        (json!({ "int_list": [1, "x"] }), "`int_list[1]` is \"x\""),
        (json!({ "int_list": 1 }), "write a list"),
        (json!({ "flag": "{{sequence}}" }), "{{pick true|false}}"),
        (
            json!({ "colour": "{{pick COLOUR_RED|GREEN}}" }),
            "its values are",
        ),
        (
            json!({ "colour": "COLOUR_RD" }),
            "did you mean `COLOUR_RED`?",
        ),
        (
            json!({ "text_either": "a", "int_either": 1 }),
            "only one of them may be given",
        ),
        (json!({ "text": "a", "inner": 5 }), "t.Inner is a message"),
        (
            json!({ "time": "{{uuid}}" }),
            "`time` is a Timestamp, and the placeholder gives none",
        ),
        (json!({ "time": "yesterday" }), "write RFC 3339"),
        (
            json!({ "inner": "{{word}}" }),
            "kept as another type than t.Inner",
        ),
        (
            json!({ "any": { "@type": "x/t.Innr", "text": "{{uuid}}" } }),
            "the @type \"x/t.Innr\"",
        ),
        (json!([]), "the message is [], but t.Outer is a message"),
        (
            json!({ "inner_by_text": { "k": { "nope": 1 } } }),
            "`inner_by_text.k.nope` is no field",
        ),
    ] {
        assert!(wrong(&json).contains(said), "{said}\n--\n{}", wrong(&json));
    }
    let both = wrong(&json!({ "txt": 1, "inner": { "raw": "{{byts 3}}" } }));
    assert_eq!(both.lines().count(), 2, "{both}");
}

#[test]
fn a_kept_message_is_sent_as_it_came() {
    let json = json!({ "inner": "{{whole}}", "inners": ["{{whole}}", { "text": "hi" }] });
    let template = Template::compile(&outer(), &json, &scope()).expect("a template");
    let filled =
        json!({ "inner": { "text": "hi" }, "inners": [{ "text": "hi" }, { "text": "hi" }] });
    let theirs = DynamicMessage::deserialize(outer(), &filled).expect("a message");
    assert_eq!(encoded(&template, &values(1, 0, 0)), theirs.encode_to_vec());
}

#[test]
fn what_is_not_kept_or_does_not_fit_is_told_when_it_is_encoded() {
    let encode = |json: Json, values: &Values<'_>| {
        let template = Template::compile(&outer(), &json, &scope()).expect("a template");
        let error = template.encode(values, &mut BytesMut::new());
        error.expect_err("an error").to_string()
    };
    let mut values = values(1, u64::from(u32::MAX), 0);
    let unfit = encode(json!({ "int_a": "{{sequence}}" }), &values);
    assert!(
        unfit.contains("`int_a` came to \"4294967296\", which is no int32"),
        "{unfit}"
    );
    values.kept[1] = Some(Kept::Text("many".to_owned()));
    let unfit = encode(json!({ "inner": { "int_small": "{{number}}" } }), &values);
    assert!(
        unfit.contains("`inner.int_small` came to \"many\""),
        "{unfit}"
    );
    values.kept.clear();
    let missing = encode(json!({ "text": "{{word}}" }), &values);
    assert!(
        missing.contains("`text` needs `word`, which is not kept yet"),
        "{missing}"
    );
}

#[test]
fn draws_depend_on_the_arrival_and_the_place_alone() {
    let template = |json: Json| {
        let scope = scope();
        scope.begin_at(5);
        Template::compile(&outer(), &json, &scope).expect("a template")
    };
    let both = template(json!({ "text": "{{uuid}}", "texts": ["{{uuid}}"] }));
    let at = |seed, index, message| encoded(&both, &values(seed, index, message));
    assert_eq!(at(1, 2, 0), at(1, 2, 0));
    assert_ne!(at(1, 2, 0), at(1, 2, 1));
    assert_ne!(at(1, 2, 0), at(1, 3, 0));
    assert_ne!(at(1, 2, 0), at(2, 2, 0));
    let read = DynamicMessage::decode(outer(), at(1, 2, 0)).expect("a message");
    let text = read
        .get_field_by_name("text")
        .expect("a field")
        .into_owned();
    let first = text.as_str().expect("text");
    assert_eq!(Uuid::parse_str(first).expect("a UUID").get_version_num(), 4);
    let texts = read
        .get_field_by_name("texts")
        .expect("a field")
        .into_owned();
    let second = texts
        .as_list()
        .and_then(|list| list[0].as_str())
        .expect("text");
    assert_ne!(first, second);
}

#[test]
fn no_two_arrivals_have_the_same_instant() {
    let instants: std::collections::BTreeSet<_> = (0..100)
        .flat_map(|index| (0..100).map(move |message| values(1, index, message).instant()))
        .collect();
    assert_eq!(instants.len(), 10_000);
}

#[test]
fn a_message_without_placeholders_is_bytes() {
    let json = json!({ "text": "a", "inner": { "inner": {} }, "int_list": [1, 2] });
    let template = Template::compile(&outer(), &json, &scope()).expect("a template");
    assert!(template.is_constant() && !template.uses_request_id());
    let json = json!({ "text": "{{request_id}}" });
    let template = Template::compile(&outer(), &json, &scope()).expect("a template");
    assert!(!template.is_constant() && template.uses_request_id());
}
