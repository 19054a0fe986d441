use std::time::Duration;

use bytes::Bytes;

use crate::{
    Awaited, Correlate, Ignored, Planned, Played, Rekey, Say, Script, Values, differences,
};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Field 1 is a text.
fn text(text: &str) -> Bytes {
    let mut bytes = vec![0x0a, u8::try_from(text.len()).expect("a short text")];
    bytes.extend_from_slice(text.as_bytes());
    bytes.into()
}

/// A call that says and is answered one text.
fn call(number: u64, said: &str, answered: &str) -> Planned {
    let say = Say {
        at: at(2 * number),
        bytes: text(said),
        unpacked: text(said),
        is_compressed: false,
        needs: Vec::new(),
    };
    let played = Played {
        answers: vec![text(answered)],
        ..Played::default()
    };
    Planned {
        number,
        connection: 1,
        server: None,
        path: "/a.B/C".to_owned(),
        began: at(2 * number),
        metadata: vec![("x-key".to_owned(), b"key-1".to_vec())],
        needs: Vec::new(),
        says: vec![say],
        asked: Some(at(2 * number)),
        given_up: None,
        awaited: Awaited {
            played,
            took: Some(at(1)),
            at: vec![at(2 * number + 1)],
        },
        input: None,
        output: None,
    }
}

fn script(calls: Vec<Planned>) -> Script {
    Script {
        calls,
        ..Script::default()
    }
}

#[test]
fn what_an_answer_made_is_said_as_it_is_made_now() {
    let mut script = script(vec![
        call(1, "make-1", "doc-1"),
        call(2, "doc-1", "done"),
        call(3, "make-1", "doc-1"),
    ]);
    script.correlate(&Correlate::Auto);
    assert_eq!(script.sources.len(), 1);
    assert_eq!((script.sources[0].call, script.sources[0].repeats), (0, 1));
    assert_eq!(script.calls[1].says[0].needs, [0]);
    assert!(script.calls[0].says[0].needs.is_empty() && script.calls[2].says[0].needs.is_empty());

    let mut values = Values::new(&script, &[]);
    assert!(!values.are_settled(&[0]));
    assert!(values.hear(0, 0, &text("document-77"), None));
    assert!(values.are_settled(&[0]));
    let say = |values: &mut Values, index: usize| {
        let call = &script.calls[index];
        values.say(call, &call.says[0], || [0; 16])
    };
    assert_eq!(
        say(&mut values, 1).as_deref(),
        Some(&text("document-77")[..])
    );
    assert_eq!(say(&mut values, 0), None);
    assert_eq!(values.lost(), 0);
}

#[test]
fn a_value_that_is_not_made_again_is_told_and_keeps_nobody_waiting() {
    let mut script = script(vec![call(1, "make-1", "doc-1"), call(2, "doc-1", "done")]);
    script.correlate(&Correlate::Auto);
    let mut values = Values::new(&script, &[]);
    assert!(values.end(0));
    assert!(values.are_settled(&[0]) && !values.end(0));
    assert_eq!(values.lost(), 1);
    let call = &script.calls[1];
    assert_eq!(values.say(call, &call.says[0], || [0; 16]), None);
}

#[test]
fn what_a_request_has_said_first_is_no_answers_doing() {
    let echo = || vec![call(1, "key-77", "key-77"), call(2, "key-77", "key-77")];
    let mut script = script(echo());
    script.correlate(&Correlate::Auto);
    assert!(script.sources.is_empty());
}

#[test]
fn a_key_is_drawn_anew_once_and_stands_wherever_it_stood() {
    let script = script(vec![call(1, "key-1", "key-1"), call(2, "key-1", "other")]);
    let rekey: Rekey = "1=uuid".parse().expect("a key");
    let mut values = Values::new(&script, &[rekey]);
    let mut count = 0_u8;
    let mut drawn = || {
        count += 1;
        [count; 16]
    };
    let mut said = Vec::new();
    for call in &script.calls {
        said.push(
            values
                .say(call, &call.says[0], &mut drawn)
                .expect("another"),
        );
    }
    assert_eq!(said[0], said[1], "the same for the same");
    assert_eq!(said[0], text("01010101-0101-4101-8101-010101010101"));
    let metadata = values.metadata(&script.calls[0], &mut drawn);
    assert_eq!(metadata[0].1, b"01010101-0101-4101-8101-010101010101");
    // An answer that has the key has the new one now, and does not differ by that.
    let now = Played {
        answers: vec![said[0].clone().into()],
        ..Played::default()
    };
    assert_eq!(
        differences(&script.calls[0], &now, &values, &Ignored::default()),
        []
    );
    for wrong in ["1", "1=", "1=guid", "=uuid", "a..b=uuid"] {
        assert!(wrong.parse::<Rekey>().is_err(), "{wrong}");
    }
}

#[test]
fn what_differs_is_told_with_its_field_unless_it_may() {
    let script = script(vec![call(1, "a", "state-1")]);
    let values = Values::new(&script, &[]);
    let now = |answers: &[&str], code| Played {
        code,
        answers: answers.iter().map(|it| text(it)).collect(),
        ..Played::default()
    };
    let found = |played: &Played, ignored: &[&str]| {
        let ignored = ignored.iter().map(|it| it.parse().expect("a field"));
        let ignored = Ignored(ignored.collect());
        let found = differences(&script.calls[0], played, &values, &ignored);
        let told = found
            .into_iter()
            .map(|it| format!("{} {} {}", it.at, it.recorded, it.now));
        told.collect::<Vec<_>>()
    };
    assert!(found(&now(&["state-1"], 0), &[]).is_empty());
    assert_eq!(
        found(&now(&["state-2"], 0), &[]),
        ["answer 1: 1 \"state-1\" \"state-2\""]
    );
    assert!(found(&now(&["state-2"], 0), &["1"]).is_empty());
    assert_eq!(
        found(&now(&[], 5), &[]),
        ["status OK NOT_FOUND", "answers 1 0"]
    );
}
