//! Calls that are over: in a table, in full, as a diagram.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use tap::{Call, CallEnd, Side};
use words::figures;
use words::style::{BAD, GOOD, HEADING, clean, styled};
use words::table::{Cell, Table};

use crate::{Known, frames, objects};

/// Columns between the two ends of a diagram.
const SPAN: usize = 56;

/// A while, in the unit that suits it.
pub(crate) fn latency(time: Duration) -> String {
    figures::latency(time.as_micros() as f64)
}

/// The name of one of gRPC's codes.
pub fn code_name(code: u32) -> &'static str {
    words::code_name(tonic::Code::from_i32(code as i32))
}

/// How a call came to its end.
pub fn end_words(end: &CallEnd) -> String {
    match end {
        CallEnd::Open => "open still".to_owned(),
        CallEnd::Answered(status) => {
            let code = code_name(status.code);
            match status.message.as_str() {
                "" => code.to_owned(),
                message => format!("{code}: {}", clean(message)),
            }
        }
        CallEnd::WithoutStatus => "ended without a gRPC status".to_owned(),
        CallEnd::Reset(side, code) => format!("reset by the {side}: {}", frames::error(*code)),
        CallEnd::ConnectionLost => "the connection ended before it".to_owned(),
    }
}

pub(crate) fn ended_well(end: &CallEnd) -> bool {
    matches!(end, CallEnd::Answered(status) if status.code == 0)
}

fn path(call: &Call) -> String {
    call.path
        .as_deref()
        .map_or("(begun before)".to_owned(), clean)
}

/// Calls, a row each.
pub fn table(calls: &[Call], width: usize) -> String {
    let mut table = Table::new(&[
        ">call",
        ">at s",
        ">conn",
        "method",
        ">up",
        ">down",
        ">first byte",
        ">took",
        "end",
    ]);
    for call in calls {
        let [(up, up_bytes), (down, down_bytes)] = call.counts;
        let sent = |count: u64, bytes: u64| {
            format!("{}, {}", figures::thousands(count), figures::bytes(bytes))
        };
        let while_ = |time: Option<Duration>| time.map_or("–".to_owned(), latency);
        let first = call
            .first_byte
            .map(|first| first.saturating_sub(call.began));
        let style = if ended_well(&call.end) { GOOD } else { BAD };
        table.cells(vec![
            call.number.to_string().into(),
            format!("{:.3}", call.began.as_secs_f64()).into(),
            call.connection.to_string().into(),
            path(call).trim_start_matches('/').to_owned().into(),
            sent(up, up_bytes).into(),
            sent(down, down_bytes).into(),
            while_(first).into(),
            while_(call.took()).into(),
            Cell::of(style, &end_words(&call.end)),
        ]);
    }
    table.render(width)
}

/// The calls of a method that were made again.
#[derive(Debug)]
pub struct MethodAgain {
    /// Its path.
    pub path: String,
    /// How many.
    pub calls: u64,
    /// How they ended.
    pub ended: String,
    /// How long half of them, and 99 of 100, took at most when they were recorded.
    pub then: [Option<Duration>; 2],
    /// The same now.
    pub now: [Option<Duration>; 2],
}

/// Methods whose calls were made again, a row each.
pub fn methods_again(methods: &[MethodAgain], width: usize) -> String {
    let mut table = Table::new(&[
        "method",
        ">calls",
        "ended",
        ">p50 then",
        ">now",
        ">p99 then",
        ">now",
    ]);
    let time = |time: Option<Duration>| time.map_or("–".to_owned(), latency);
    for method in methods {
        let [half_then, most_then] = method.then.map(time);
        let [half_now, most_now] = method.now.map(time);
        table.row(vec![
            clean(method.path.trim_start_matches('/')),
            figures::thousands(method.calls),
            method.ended.clone(),
            half_then,
            half_now,
            most_then,
            most_now,
        ]);
    }
    table.render(width)
}

/// A call, for programs.
pub fn object(call: &Call) -> Value {
    let [(up, up_bytes), (down, down_bytes)] = call.counts;
    let since = |at: Duration| objects::seconds(at.saturating_sub(call.began));
    let mut object = json!({
        "call": call.number,
        "connection": call.connection,
        "stream": call.stream,
        "path": call.path,
        "began_s": objects::seconds(call.began),
        "first_byte_s": call.first_byte.map(since),
        "took_s": call.took().map(objects::seconds),
        "messages_up": up,
        "bytes_up": up_bytes,
        "messages_down": down,
        "bytes_down": down_bytes,
        "stalled_s": objects::seconds(call.stalled),
        "faults": call.faults,
    });
    if let (Value::Object(object), Value::Object(more)) = (&mut object, objects::end(&call.end)) {
        object.extend(more);
    }
    object
}

/// One call with its metadata and its messages, for programs.
pub fn object_in_full(call: &Call, known: &Known) -> Value {
    let mut object = object(call);
    let said = call.messages.iter().map(|said| {
        let mut object = json!({
            "from": said.from.to_string(),
            "after_s": objects::seconds(said.at.saturating_sub(call.began)),
        });
        let encoding = call.encoding(said.from);
        let path = call.path.as_deref();
        let (message, bytes) = known.say(path, said.from, encoding, &said.message);
        let more = objects::message(&said.message, message, Some(&bytes));
        if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
            object.extend(more);
        }
        object
    });
    let said: Vec<Value> = said.collect();
    object["request"] = json!(objects::fields(&call.request));
    object["response"] = json!(objects::fields(&call.response));
    object["messages"] = json!(said);
    object["trailers"] = json!(objects::fields(&call.trailers));
    if let CallEnd::Answered(status) = &call.end
        && !status.details.is_empty()
    {
        object["details"] = json!(known.details(&status.details));
    }
    object
}

/// One call with its metadata and its messages.
pub fn in_full(call: &Call, known: &Known) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}\ncall {}, on connection {}, stream {}, at {:.6} s",
        styled(HEADING, &path(call)),
        call.number,
        call.connection,
        call.stream,
        call.began.as_secs_f64()
    );
    list(&mut text, "request", &call.request);
    messages(&mut text, call, known, Side::Client);
    list(&mut text, "response", &call.response);
    messages(&mut text, call, known, Side::Server);
    list(&mut text, "trailers", &call.trailers);
    let style = if ended_well(&call.end) { GOOD } else { BAD };
    let took = call
        .took()
        .map_or(String::new(), |took| format!(" after {}", latency(took)));
    let _ = writeln!(text, "\n{}{took}", styled(style, &end_words(&call.end)));
    if let CallEnd::Answered(status) = &call.end
        && !status.details.is_empty()
        && let Some(details) = known.details(&status.details)
    {
        let pretty = serde_json::to_string_pretty(&details).unwrap_or_default();
        for line in pretty.lines() {
            let _ = writeln!(text, "  {}", clean(line));
        }
    }
    for fault in &call.faults {
        let _ = writeln!(text, "{}", styled(BAD, fault));
    }
    text
}

fn list(text: &mut String, name: &str, fields: &[tap::Field]) {
    if !fields.is_empty() {
        let _ = writeln!(text, "\n{}", styled(HEADING, name));
    }
    for [name, value] in objects::fields(fields) {
        let _ = writeln!(text, "  {}: {}", clean(&name), clean(&value));
    }
}

fn messages(text: &mut String, call: &Call, known: &Known, from: Side) {
    for said in call.messages.iter().filter(|said| said.from == from) {
        let after = latency(said.at.saturating_sub(call.began));
        let size = figures::bytes(said.message.len);
        let packed = if said.message.is_compressed {
            ", compressed"
        } else {
            ""
        };
        let number = said.message.number;
        let heading = format!("message {number} of the {from}, {size}{packed}, after {after}");
        let _ = writeln!(text, "\n{}", styled(HEADING, &heading));
        let encoding = call.encoding(from);
        let (said, bytes) = known.say(call.path.as_deref(), from, encoding, &said.message);
        match said {
            Ok(said) => {
                let pretty = serde_json::to_string_pretty(&said).unwrap_or_default();
                for line in pretty.lines() {
                    let _ = writeln!(text, "  {}", clean(line));
                }
            }
            Err(why) => {
                let first = words::hex::spaced(&bytes[..bytes.len().min(64)]);
                let _ = writeln!(text, "  ({why}) {first}");
            }
        }
    }
}

/// One call as a diagram: who said what to whom, and when.
pub fn diagram(call: &Call) -> String {
    let mut rows: Vec<(Duration, Side, String)> = Vec::new();
    rows.push((call.began, Side::Client, format!("HEADERS {}", path(call))));
    for said in &call.messages {
        let size = figures::bytes(said.message.len);
        rows.push((
            said.at,
            said.from,
            format!("DATA: message {}, {size}", said.message.number),
        ));
    }
    if let Some(asked) = call.asked {
        rows.push((asked, Side::Client, "END_STREAM".to_owned()));
    }
    if let (Some(first), false) = (call.first_byte, call.response.is_empty()) {
        rows.push((first, Side::Server, "HEADERS".to_owned()));
    }
    // What came at the same time came in the order of a call.
    let rank =
        |text: &str| usize::from(!text.starts_with("HEADERS")) + usize::from(text == "END_STREAM");
    rows.sort_by(|a, b| a.0.cmp(&b.0).then(rank(&a.2).cmp(&rank(&b.2))));
    if let Some(ended) = call.ended {
        let end = end_words(&call.end);
        let by = match call.end {
            CallEnd::Reset(side, code) => (side, format!("RST_STREAM {}", frames::error(code))),
            CallEnd::Answered(_) => (Side::Server, format!("trailers: {end}")),
            _ => (Side::Server, end),
        };
        rows.push((ended, by.0, by.1));
    }
    let mut text = format!("{:>14}{}{}\n", "client", " ".repeat(SPAN - 2), "server");
    for (at, from, what) in rows {
        let after = latency(at.saturating_sub(call.began));
        let what: String = what.chars().take(SPAN - 8).collect();
        let line = "─".repeat(SPAN.saturating_sub(what.chars().count() + 7));
        let arrow = match from {
            Side::Client => format!("│─ {what} {line}──▶│"),
            Side::Server => format!("│◀──{line} {what} ─│"),
        };
        let _ = writeln!(text, "{after:>9}  {arrow}");
    }
    text
}
