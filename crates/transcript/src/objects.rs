//! An object for each thing that happens: `at_s`, `connection`, `event`, and what belongs to it.

use std::time::Duration;

use serde_json::{Value, json};
use tap::{Call, CallEnd, Field, HeadKind, Message, What};
use words::hex;

use crate::text::Told;
use crate::{call, frames};

pub(crate) fn of(told: &Told<'_>) -> Vec<Value> {
    let event = told.event;
    let skipped = !told.frames
        && matches!(
            event.what,
            What::Frame(_) | What::SettingsTaken | What::Window(_)
        );
    let mut objects = Vec::new();
    if !skipped {
        let (name, more) = what(told);
        let mut object = json!({
            "at_s": seconds(event.at),
            "connection": told.connection,
            "from": event.from.to_string(),
            "event": name,
        });
        if event.stream != 0 {
            object["stream"] = json!(event.stream);
        }
        if let Some(named) = told.named {
            object["call"] = json!(named.number);
        }
        if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
            object.extend(more);
        }
        objects.push(object);
    }
    objects.extend(told.ended.map(|call| ended(event.at, call)));
    objects
}

fn what(told: &Told<'_>) -> (&'static str, Value) {
    match &told.event.what {
        What::Speaks(protocol) => ("protocol", json!({"protocol": protocol.to_string()})),
        What::Frame(frame) => (
            "frame",
            json!({"frame": frames::kind(*frame), "bytes": frame.bytes, "flags": frames::flags(*frame)}),
        ),
        What::Head(head) => {
            let name = match head.kind {
                HeadKind::Request => "request",
                HeadKind::Response => "response",
                HeadKind::Informational => "informational",
                HeadKind::TrailersOnly => "trailers_only",
                HeadKind::Trailers => "trailers",
            };
            (name, json!({"headers": fields(&head.fields)}))
        }
        What::Message(message) => ("message", self::message(message, told.say(message), None)),
        What::Body(bytes) => ("body", json!({"bytes": bytes})),
        What::HalfClosed => ("half_closed", json!({})),
        What::Unread(bytes) => (
            "unread",
            json!({"bytes": bytes.len(), "hex": hex::joined(bytes)}),
        ),
        What::Missing(bytes) => ("missing", json!({"bytes": bytes})),
        What::Fault(fault) => ("fault", json!({"fault": fault})),
        what => of_http2(what),
    }
}

/// A message; `bytes` are what it is, where one that cannot be read is to be told so.
pub(crate) fn message(
    message: &Message,
    said: Result<Value, String>,
    bytes: Option<&[u8]>,
) -> Value {
    let mut object = json!({
        "number": message.number,
        "bytes": message.len,
        "compressed": message.is_compressed,
        "cut": message.is_cut(),
    });
    match said {
        Ok(said) => object["message"] = said,
        Err(why) => {
            object["unreadable"] = json!(why);
            if let Some(bytes) = bytes {
                object["hex"] = json!(hex::joined(bytes));
            }
        }
    }
    object
}

/// What is of HTTP/2, and of no call.
fn of_http2(what: &What) -> (&'static str, Value) {
    match what {
        What::Reset(code) => ("reset", json!({"error": frames::error(*code)})),
        What::GoAway {
            last_stream,
            code,
            debug,
        } => (
            "goaway",
            json!({"last_stream": last_stream, "error": frames::error(*code), "debug": String::from_utf8_lossy(debug)}),
        ),
        What::Settings(pairs) => {
            let pairs: Vec<String> = pairs.iter().map(|pair| frames::setting(*pair)).collect();
            ("settings", json!({"settings": pairs}))
        }
        What::SettingsTaken => ("settings_taken", json!({})),
        What::Ping { is_answer, data } => (
            "ping",
            json!({"answer": is_answer, "data": hex::joined(data)}),
        ),
        What::Window(by) => ("window_update", json!({"bytes": by})),
        What::Promise { stream } => ("push_promise", json!({"promised": stream})),
        What::Starved => ("stalled", json!({})),
        What::Fed { after } => ("stall_over", json!({"after_s": seconds(*after)})),
        _ => ("other", json!({})),
    }
}

/// Pairs, since a name may come twice.
pub(crate) fn fields(fields: &[Field]) -> Vec<[String; 2]> {
    let pair = |field: &Field| {
        [
            field.name().to_owned(),
            String::from_utf8_lossy(&field.value).into_owned(),
        ]
    };
    fields.iter().map(pair).collect()
}

pub(crate) fn seconds(at: Duration) -> f64 {
    at.as_secs_f64()
}

pub(crate) fn ended(at: Duration, call: &Call) -> Value {
    let mut object = json!({"at_s": seconds(at), "connection": call.connection, "event": "ended"});
    if let (Value::Object(object), Value::Object(more)) = (&mut object, call::object(call)) {
        object.extend(more);
    }
    object
}

/// How a call ended.
pub(crate) fn end(end: &CallEnd) -> Value {
    match end {
        CallEnd::Answered(status) => {
            json!({"status": call::code_name(status.code), "status_message": status.message})
        }
        CallEnd::Reset(side, code) => {
            json!({"status": null, "reset_by": side.to_string(), "error": frames::error(*code)})
        }
        other => json!({"status": null, "why": call::end_words(other)}),
    }
}

pub(crate) fn opened(at: Duration, connection: u64, client: &str, server: &str) -> Value {
    json!({"at_s": seconds(at), "connection": connection, "event": "opened", "client": client, "server": server})
}

pub(crate) fn closed(at: Duration, connection: u64) -> Value {
    json!({"at_s": seconds(at), "connection": connection, "event": "closed"})
}
