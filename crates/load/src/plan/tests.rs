//! Plans: what they say, and what is wrong with them.

use std::collections::BTreeMap;
use std::io;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use prost::Message as _;
use protocol::pb::office as pb;
use protocol::{Checked, Fields};
use uuid::Uuid;

use super::*;
use template::Kept;
use template::Values;

fn no_files(name: &str) -> io::Result<String> {
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        format!("no {name}"),
    ))
}

fn shipped_plan(name: &str) -> Plan {
    let text = shipped_text(name).expect("it is shipped");
    let plan = Plan::parse(name, text, &crate::schema::of_offices(), &no_files);
    plan.unwrap_or_else(|error| panic!("{error}"))
}

fn wrong(text: &str) -> String {
    let error = Plan::parse("mine.toml", text, &crate::schema::of_offices(), &no_files);
    error.expect_err("mistakes").to_string()
}

fn checked<T: Checked<M>, M>(message: M) {
    if let Err(violations) = T::checked(message, &Fields::default()) {
        panic!("{violations:?}");
    }
}

/// Holds a request to the office's own rules. What a step before has named is taken to be there.
fn check(method: &str, request: Bytes) {
    use office::call::Call;
    use office::contact::Contact;
    use office::document::Document;
    use office::meeting::MeetingTerms;

    let (_, method) = method.rsplit_once('/').expect("a method");
    match method {
        "SendDocument" => {
            let request = pb::SendDocumentRequest::decode(request).expect("a request");
            assert!(protocol::parse_request_id(&request.request_id).is_ok());
            assert_eq!(request.wait(), pb::Wait::Delivered);
            checked::<Document, _>(request.document.expect("a document"));
        }
        "SendDocuments" => {
            let request = pb::SendDocumentsRequest::decode(request).expect("a request");
            checked::<Document, _>(request.document.expect("a document"));
        }
        "AcknowledgeDocument" => {
            let request = pb::AcknowledgeDocumentRequest::decode(request).expect("a request");
            assert_eq!(request.name, "offices/south/documents/7");
            checked::<(), _>(request.acknowledgement.expect("a remark"));
        }
        "ProposeMeeting" => {
            let request = pb::ProposeMeetingRequest::decode(request).expect("a request");
            checked::<MeetingTerms, _>(request.terms.expect("terms"));
        }
        "CounterMeeting" => {
            let request = pb::CounterMeetingRequest::decode(request).expect("a request");
            assert_eq!(request.parent, "offices/south/steps/7");
            checked::<MeetingTerms, _>(request.terms.expect("terms"));
        }
        "AcceptMeeting" => {
            let request = pb::AcceptMeetingRequest::decode(request).expect("a request");
            assert_eq!(request.name, "offices/south/meetings/7");
            checked::<(), _>(request.remark.expect("a remark"));
        }
        "ConveneMeeting" => {
            let request = pb::ConveneMeetingRequest::decode(request).expect("a request");
            assert_eq!(request.parent, "offices/south/steps/7");
            checked::<(), _>(request.remark.expect("a remark"));
        }
        "CloseMeeting" => {
            let request = pb::CloseMeetingRequest::decode(request).expect("a request");
            checked::<(), _>(request.closing.expect("a closing"));
        }
        "RecordContact" => {
            let request = pb::RecordContactRequest::decode(request).expect("a request");
            checked::<Contact, _>(request.contact.expect("a contact"));
        }
        "ConfirmContact" => {
            let request = pb::ConfirmContactRequest::decode(request).expect("a request");
            checked::<(), _>(request.confirmation.expect("a remark"));
        }
        "RecordCall" => {
            let request = pb::RecordCallRequest::decode(request).expect("a request");
            checked::<Call, _>(request.call.expect("a call"));
        }
        other => panic!("{other} has no rule here"),
    }
}

#[test]
fn an_office_takes_every_message_of_the_shipped_plans() {
    for (name, _) in shipped() {
        let plan = shipped_plan(name);
        assert_eq!(plan.name, *name);
        assert!(plan.is_for_offices);
        let steps = plan.workflows.iter().flat_map(|workflow| {
            let slots = workflow.slots;
            workflow.steps.iter().map(move |step| (slots, step))
        });
        for (slots, step) in steps {
            assert!(step.uses_request_id(), "{name}: {}", step.name);
            for index in 0..40 {
                let collection = step.method.name.rsplit('/').next().unwrap_or_default();
                // What the steps before would have kept: the subject's name, then the tip's.
                let subject = match collection {
                    name if name.contains("Document") => "documents",
                    name if name.contains("Meeting") => "meetings",
                    _ => "contacts",
                };
                let kept = [subject, "steps"]
                    .map(|collection| Some(Kept::Text(format!("offices/south/{collection}/7"))));
                let values = Values {
                    seed: 1,
                    index,
                    message: 0,
                    request_id: Uuid::from_u128(u128::from(index) + 1),
                    at: "south",
                    now: Timestamp::UNIX_EPOCH,
                    instants_from: Timestamp::UNIX_EPOCH,
                    kept: kept.into_iter().take(slots).collect(),
                };
                let mut request = BytesMut::new();
                step.data[0]
                    .encode(&values, &mut request)
                    .unwrap_or_else(|error| panic!("{name}: {}: {error}", step.name));
                check(&step.method.name, request.freeze());
            }
        }
    }
}

#[test]
fn the_mix_of_2018_has_its_proportions_in_every_round() {
    let plan = shipped_plan("kaesong-2018");
    let total: u64 = plan.workflows.iter().map(|workflow| workflow.weight).sum();
    assert_eq!(total, 173 + 285 + 140);
    for round in 0..3 {
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for index in round * total..(round + 1) * total {
            let workflow = &plan.workflows[plan.pick(9, index, None)];
            *kinds
                .entry(workflow.kind.as_deref().unwrap_or_default())
                .or_default() += 1;
        }
        let counts: Vec<_> = kinds.into_iter().collect();
        assert_eq!(
            counts,
            [
                ("call", 140),
                ("contact", 239),
                ("document", 173),
                ("meeting", 46)
            ]
        );
    }
    for index in 0..100 {
        let meeting = &plan.workflows[plan.pick(9, index, Some("meeting"))];
        assert_eq!(meeting.kind.as_deref(), Some("meeting"));
        let named = &plan.workflows[plan.pick(9, index, Some("chiefs"))];
        assert_eq!(named.name, "chiefs");
    }
}

#[test]
fn all_mistakes_come_at_once_with_their_places() {
    let text = r#"
[plan]
name = "Mine"
titl = "A plan"

[[workflow]]
name = "one"
weight = 0
from = "soth"

[[workflow.step]]
name = "send"
at = "sendr"
call = "liaison.office.v1.DocumentService/SendDocument"
messages = 3
retry = ["NOT_FUND"]
pause = "3..5"
deadline = "5"
keep = { document = "receipt.nam", uuid = "receipt.name" }
metadata = { "grpc-timeout" = "1s", "x-tenant" = "{{pik a|b}}" }

[workflow.step.data]
request_id = "{{request_di}}"
wait = "WAIT_DELIVRED"
document = { form = 1, subjct = "Load", body = "no base64!", signatory = "{{uuid}}" }

[[workflow.step]]
name = "send"
call = "liaison.office.v1.DocumentService/AcknowledgeDocment"
"#;
    let said = wrong(text);
    for line in [
        "mine.toml:3:8: `plan.name` is \"Mine\"; write 1 to 64 lower-case letters",
        "mine.toml:4:1: `plan.titl` is no key; did you mean `title`?",
        "mine.toml:2:1: `plan.title` is missing",
        "mine.toml:8:10: `workflow[0].weight` is 0; write a whole number from 1",
        "mine.toml:9:8: `workflow[0].from` is \"soth\"; did you mean \"south\"?",
        "mine.toml:13:6: `workflow[0].step[0].at` is \"sendr\"; did you mean \"sender\"?",
        "mine.toml:15:12: `workflow[0].step[0].messages` is for streams",
        "mine.toml:16:10: `workflow[0].step[0].retry[0]` is \"NOT_FUND\"; did you mean \"NOT_FOUND\"?",
        "mine.toml:17:9: `workflow[0].step[0].pause` is \"3..5\"",
        "mine.toml:18:12: `workflow[0].step[0].deadline` is \"5\"",
        "liaison.office.v1.Receipt has no field `nam`; did you mean `name`?",
        "`uuid` is no name for a value",
        "`grpc-timeout` is no key for metadata",
        "did you mean `pick`?",
        "mine.toml:23:14: `{{request_di}}` is no placeholder",
        "mine.toml:24:8: `wait` is \"WAIT_DELIVRED\", which is no liaison.office.v1.Wait;",
        "did you mean `WAIT_DELIVERED`?",
        "`document.subjct` is no field of liaison.office.v1.Document; did you mean `subject`?",
        "`document.body` is \"no base64!\", which is no base64",
        "`document.signatory` is text, but liaison.office.v1.Officer is a message",
        "mine.toml:29:8: there is no method `liaison.office.v1.DocumentService/AcknowledgeDocment`; did you mean `AcknowledgeDocument`?",
    ] {
        assert!(said.contains(line), "{line}\n--\n{said}");
    }
}

#[test]
fn targets_are_for_all_steps_or_for_none() {
    let step = |name: &str, at: &str| {
        format!(
            "[[workflow.step]]\nname = \"{name}\"\n{at}\ncall = \"liaison.office.v1.OfficeService/GetOffice\"\n"
        )
    };
    let plan = |steps: &str| {
        format!("[plan]\nname = \"p\"\ntitle = \"P\"\n[[workflow]]\nname = \"w\"\n{steps}")
    };
    let mixed = plan(&(step("a", "at = \"south\"") + &step("b", "")));
    assert!(wrong(&mixed).contains("in each step of the plan, or in none"));
    let twice = plan(&(step("a", "") + &step("a", "")));
    assert!(wrong(&twice).contains("give each step of a workflow its own name"));
    let alone = plan(&step("a", "pause = \"1ms..3ms\""));
    let alone = Plan::parse("p", &alone, &crate::schema::of_offices(), &no_files).expect("a plan");
    assert!(!alone.is_for_offices);
    let step = &alone.workflows[0].steps[0];
    let pauses: Vec<Duration> = (0..100).map(|index| step.pause_of(1, index)).collect();
    let (ms, us) = (Duration::from_millis, Duration::from_micros);
    assert!(pauses.iter().all(|pause| (ms(1)..=ms(3)).contains(pause)));
    assert!(pauses.iter().any(|pause| *pause > us(2_500)));
    assert_eq!(step.at.place(Place::South), None);
    assert!(step.data[0].is_constant());
}

#[test]
fn calls_are_listed_before_a_schema_is_there() {
    let text = shipped_text("document").expect("it is shipped");
    assert_eq!(
        Plan::calls(text),
        [
            "liaison.office.v1.DocumentService/AcknowledgeDocument",
            "liaison.office.v1.DocumentService/SendDocument",
        ]
    );
    assert!(Plan::calls("no toml at [all").is_empty());
}

#[test]
fn times_that_cannot_be_meant_are_told_with_what_to_write() {
    let plan = |line: &str| {
        format!(
            "[plan]\nname = \"mine\"\ntitle = \"Mine\"\n[[workflow]]\nname = \"one\"\n[[workflow.step]]\nname = \"get\"\n\
             call = \"liaison.office.v1.OfficeService/GetOffice\"\n{line}\n"
        )
    };
    for (line, remedy) in [
        ("deadline = \"1e3s\"", "such as \"250ms\""),
        ("deadline = \"-3s\"", "such as \"250ms\""),
        ("deadline = \"\"", "such as \"250ms\""),
        ("deadline = \"1,500ms\"", "such as \"250ms\""),
        ("deadline = 5", "such as \"250ms\""),
        ("deadline = \"0\"", "give it some time"),
        ("deadline = \"101d\"", "a hundred days (100d) or less"),
        ("retry_for = \"99999999h\"", "a hundred days (100d) or less"),
        ("pause = \"1s..101d\"", "a hundred days (100d) or less"),
        ("pause = \"2s..1s\"", "or a range"),
    ] {
        let said = wrong(&plan(line));
        assert!(said.contains(remedy), "{line}: {said}");
    }
    for line in ["deadline = \"1m30s\"", "pause = \"1.5s..1h 5m\""] {
        let parsed = Plan::parse("p", &plan(line), &crate::schema::of_offices(), &no_files);
        assert!(parsed.is_ok(), "{line}: {parsed:?}");
    }
}

#[test]
fn rows_come_from_the_file_that_the_plan_names() {
    let text = "[plan]\nname = \"p\"\ntitle = \"P\"\ncsv = \"people.csv\"\n[[workflow]]\nname = \"w\"\n\
        [[workflow.step]]\nname = \"get\"\ncall = \"liaison.office.v1.DocumentService/GetDocument\"\n\
        data = { name = \"offices/{{csv place}}/documents/{{csv number}}\" }\n";
    let files = |name: &str| {
        assert_eq!(name, "people.csv");
        Ok("place,number\nsouth,3\nnorth,4\n".to_owned())
    };
    let plan = Plan::parse("p", text, &crate::schema::of_offices(), &files).expect("a plan");
    assert_eq!(plan.workflows[0].steps.len(), 1);
    let error = Plan::parse("p.toml", text, &crate::schema::of_offices(), &no_files).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("p.toml:4:7: people.csv cannot be read"),
        "{error}"
    );
}

#[test]
fn a_single_call_is_a_plan() {
    let schema = crate::schema::of_offices();
    let call = || {
        schema
            .method("liaison.office.v1.DocumentService/SendDocuments")
            .expect("a method")
    };
    let data = serde_json::json!({ "request_id": "{{request_id}}" });
    let options = Single {
        messages: Some(5),
        ..Single::default()
    };
    let mut plan = Plan::single(call(), &data, options).expect("a plan");
    plan.add_metadata("x-tenant", "{{pick a|b}}")
        .expect("an entry");
    assert!(plan.add_metadata("te", "").is_err());
    assert!(plan.add_metadata("x-tenant", "{{unknown}}").is_err());
    let step = &plan.workflows[0].steps[0];
    assert_eq!(
        (step.messages, step.one_to_one, step.name.as_str()),
        (5, true, "SendDocuments")
    );
    assert_eq!(step.metadata.len(), 1);
}

#[test]
fn an_array_is_the_messages_of_a_stream_that_sends() {
    let schema = crate::schema::of_offices();
    let call = |name: &str| schema.method(name).expect("a method");
    let data = serde_json::json!([{ "request_id": "a" }, { "request_id": "b" }]);
    let streaming = "liaison.office.v1.DocumentService/SendDocuments";
    let of = |messages| {
        let options = Single {
            messages,
            ..Single::default()
        };
        let plan = Plan::single(call(streaming), &data, options).expect("a plan");
        plan.workflows[0].steps[0].clone()
    };
    assert_eq!((of(None).messages, of(None).data.len()), (2, 2));
    let mut body = bytes::BytesMut::new();
    let values = template::Values::default();
    for number in 0..of(Some(3)).messages {
        of(Some(3))
            .template(number.into())
            .encode(&values, &mut body)
            .expect("constant");
    }
    assert_eq!(&body[..], b"\n\x01a\n\x01b\n\x01a");
    let unary = call("liaison.office.v1.DocumentService/SendDocument");
    assert!(
        Plan::single(unary, &data, Single::default()).is_err(),
        "it sends one"
    );
    let wrong = serde_json::json!([{ "request_id": "a" }, { "request": "b" }]);
    let error = Plan::single(call(streaming), &wrong, Single::default()).unwrap_err();
    assert!(error.to_string().contains("[1]"), "{error}");
}

#[test]
fn either_office_begins_about_as_often() {
    let south = (0..1_000).filter(|index| Sender::Either.drawn(3, *index) == Place::South);
    assert!((400..600).contains(&south.count()));
    assert_eq!(At::Peer.place(Place::South), Some(Place::North));
}
