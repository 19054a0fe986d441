//! How a step of a plan's file is read.

use std::ops::Range;
use std::time::Duration;

use http::HeaderName;
use reading::{Mistakes, Table, Value};
use serde_json::Value as Json;
use tonic::Code;

use super::data::Data;
use super::name::name_of;
use super::{At, PLACES_PER_STEP, Step};
use template::{CallKind, Method, Schema, SchemaError};
use template::{Keep, KeepError};
use template::{Scope, Template, TemplateError, Text, is_reserved};

pub(super) const STEP_KEYS: &[&str] = &[
    "name",
    "at",
    "call",
    "data",
    "keep",
    "metadata",
    "deadline",
    "retry",
    "retry_for",
    "pause",
    "messages",
    "stream_for",
    "every",
    "one_to_one",
];
/// As long as a retry lasts unless the plan says otherwise.
pub(super) const RETRY_FOR: Duration = Duration::from_secs(10);
/// What a step's name, its pause and its places need of the numbers below [`PLACES_PER_STEP`].
const METADATA_PLACE: u64 = PLACES_PER_STEP / 2;
const MESSAGES_MAX: u64 = 1_000_000;
const PLACES: [(&str, At); 4] = [
    ("sender", At::Sender),
    ("peer", At::Peer),
    ("south", At::South),
    ("north", At::North),
];
const CODES: [(&str, Code); 16] = [
    ("CANCELLED", Code::Cancelled),
    ("UNKNOWN", Code::Unknown),
    ("INVALID_ARGUMENT", Code::InvalidArgument),
    ("DEADLINE_EXCEEDED", Code::DeadlineExceeded),
    ("NOT_FOUND", Code::NotFound),
    ("ALREADY_EXISTS", Code::AlreadyExists),
    ("PERMISSION_DENIED", Code::PermissionDenied),
    ("RESOURCE_EXHAUSTED", Code::ResourceExhausted),
    ("FAILED_PRECONDITION", Code::FailedPrecondition),
    ("ABORTED", Code::Aborted),
    ("OUT_OF_RANGE", Code::OutOfRange),
    ("UNIMPLEMENTED", Code::Unimplemented),
    ("INTERNAL", Code::Internal),
    ("UNAVAILABLE", Code::Unavailable),
    ("DATA_LOSS", Code::DataLoss),
    ("UNAUTHENTICATED", Code::Unauthenticated),
];

pub(super) struct StepReader<'a> {
    pub(super) mistakes: &'a Mistakes<'a>,
    pub(super) schema: &'a Schema,
    /// The step within its workflow, from 1.
    pub(super) position: u64,
}

impl StepReader<'_> {
    /// Reads a step. What it keeps is in `scope` afterwards, even if the step has mistakes: else later steps would seem
    /// to have some too.
    pub(super) fn step(&self, table: &Table<'_>, scope: &mut Scope) -> Option<Step> {
        let place = self.position * PLACES_PER_STEP;
        let name = table.required("name").and_then(|value| name_of(&value));
        let at = table.or("at", At::Target, |value| value.word(&PLACES));
        let method = table.required("call").and_then(|value| self.method(&value));
        scope.begin_at(place + 1);
        let message = table.or("data", (None, Data::empty()), |value| {
            let data = Data::read(&value)?;
            Some((Some(value), data))
        });
        let message = message.and_then(|(value, data)| {
            let method = method.as_ref()?;
            self.message(table, value.as_ref(), &data, method, scope)
        });
        scope.begin_at(place + METADATA_PLACE);
        let metadata = table.or("metadata", Vec::new(), |value| metadata(&value, scope));
        let keeps = table.or("keep", Vec::new(), |value| {
            keeps(&value, method.as_ref(), scope)
        });
        let deadline = table.or("deadline", None, |value| {
            let deadline = length_of_time(&value)?;
            if deadline.is_zero() {
                value.mistake(
                    format!("`{}` is 0", value.path()),
                    "give it some time, such as \"5s\"",
                );
                return None;
            }
            Some(Some(deadline))
        });
        let retry = table.or("retry", Vec::new(), |value| {
            value.list(|value| value.word(&CODES))
        });
        let retry_for = table.or("retry_for", RETRY_FOR, |value| length_of_time(&value));
        let pause = table.or("pause", Duration::ZERO..Duration::ZERO, |value| {
            pause(&value)
        });
        let messages = table.or("messages", None, |value| {
            value.integer(1..=MESSAGES_MAX).map(Some)
        });
        let stream_for = table.or("stream_for", None, |value| length_of_time(&value).map(Some));
        let every = table.or("every", Duration::ZERO, |value| length_of_time(&value));
        let one_to_one = table.or("one_to_one", None, |value| value.flag().map(Some));
        let method = method?;
        check_stream(table, &method);
        let message = message?;
        let sent = message.len();
        let is_bidi = method.kind.sends_stream() && method.kind.receives_stream();
        Some(Step {
            name: name?,
            at: at?,
            data: message,
            keeps: keeps?,
            metadata: metadata?,
            deadline: deadline?,
            retry: retry?,
            retry_for: retry_for?,
            pause: pause?,
            messages: sent_of(&method, messages?, sent),
            receive_max: messages?
                .filter(|_| method.kind == CallKind::ServerStream)
                .map(|count| count as u32),
            stream_for: stream_for?,
            every: every?,
            one_to_one: one_to_one?.unwrap_or(is_bidi),
            method,
            place,
        })
    }

    fn method(&self, value: &Value<'_>) -> Option<Method> {
        let name = value.text(1_024)?;
        match self.schema.method(&name) {
            Ok(method) => Some(method),
            Err(SchemaError::NoMethod { name, remedy }) => {
                value.mistake(format!("there is no method `{name}`"), remedy);
                None
            }
            Err(error) => {
                value.mistake(error.to_string(), "give another schema");
                None
            }
        }
    }

    fn message(
        &self,
        table: &Table<'_>,
        value: Option<&Value<'_>>,
        data: &Data,
        method: &Method,
        scope: &Scope,
    ) -> Option<Vec<Template>> {
        let compiled = match &data.json {
            Json::Array(each) if method.kind.sends_stream() && !each.is_empty() => {
                let each = each.iter().enumerate().map(|(number, one)| {
                    let compiled = Template::compile(&method.input, one, scope);
                    compiled.map_err(|error| error.within(&format!("[{number}]")))
                });
                each.collect()
            }
            one => Template::compile(&method.input, one, scope).map(|one| vec![one]),
        };
        match compiled {
            Ok(templates) => Some(templates),
            Err(TemplateError::Mistakes { mistakes: found }) => {
                let (offset, key) = value.map_or_else(
                    || (table.offset(), String::new()),
                    |value| (value.offset(), value.path().to_owned()),
                );
                for mistake in found {
                    data.tell(self.mistakes, offset, &key, mistake);
                }
                None
            }
            Err(error) => {
                if let Some(value) = value {
                    value.mistake(error.to_string(), "write another message");
                }
                None
            }
        }
    }
}

/// How many messages are sent: so many, or as many as there are.
fn sent_of(method: &Method, asked: Option<u64>, there: usize) -> u32 {
    match asked {
        Some(count) if method.kind.sends_stream() => count as u32,
        _ => there.max(1) as u32,
    }
}

/// What is said of streams is a mistake where none is.
fn check_stream(table: &Table<'_>, method: &Method) {
    for (key, has) in [
        ("messages", method.kind != CallKind::Unary),
        ("stream_for", method.kind.receives_stream()),
        ("every", method.kind.sends_stream()),
    ] {
        if let Some(value) = table.optional(key)
            && !has
        {
            value.mistake(
                format!(
                    "`{}` is for streams, and {} is none of that kind",
                    value.path(),
                    method.name
                ),
                format!("leave `{key}` out"),
            );
        }
    }
    if let Some(value) = table.optional("one_to_one")
        && !(method.kind.sends_stream() && method.kind.receives_stream())
    {
        value.mistake(
            format!("`{}` is for calls that stream both ways", value.path()),
            "leave `one_to_one` out",
        );
    }
}

/// A hundred days: longer than any run, and far from the bounds of the numbers.
const DURATION_MAX: Duration = Duration::from_secs(100 * 24 * 3_600);

/// A length of time; else what to write instead, which is `otherwise` where it is none at all.
fn duration(text: &str, otherwise: &'static str) -> Result<Duration, &'static str> {
    match reading::duration(text) {
        Ok(length) if length <= DURATION_MAX => Ok(length),
        Ok(_) => Err("write a hundred days (100d) or less"),
        Err(_) => Err(otherwise),
    }
}

fn length_of_time(value: &Value<'_>) -> Option<Duration> {
    const REMEDY: &str = "write a length of time, such as \"250ms\", \"5s\" or \"2m\"";
    let Some(text) = value.as_text() else {
        return value.wrong_type(REMEDY);
    };
    let length = duration(text, REMEDY);
    length
        .map_err(|remedy| value.mistake(format!("`{}` is {text:?}", value.path()), remedy))
        .ok()
}

fn pause(value: &Value<'_>) -> Option<Range<Duration>> {
    const REMEDY: &str =
        "write a length of time, such as \"100ms\", or a range, such as \"100ms..300ms\"";
    let Some(text) = value.as_text() else {
        return value.wrong_type(REMEDY);
    };
    let (start, end) = text.split_once("..").unwrap_or((text, text));
    let range = duration(start, REMEDY).and_then(|start| {
        let end = duration(end, REMEDY)?;
        let rises = start <= end;
        rises.then_some(start..end).ok_or(REMEDY)
    });
    range
        .map_err(|remedy| value.mistake(format!("`{}` is {text:?}", value.path()), remedy))
        .ok()
}

fn keeps(
    value: &Value<'_>,
    method: Option<&Method>,
    scope: &mut Scope,
) -> Option<Vec<(usize, Keep)>> {
    let entries = value.entries()?;
    let mut kept = Vec::new();
    let mut is_whole = true;
    for (name, value) in entries {
        let path = value.text(1_024);
        let named = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !named || is_reserved(&name) {
            value.mistake(
                format!("`{name}` is no name for a value"),
                "write letters, digits and _, and not the name of a placeholder",
            );
            is_whole = false;
        }
        let compiled = path
            .zip(method)
            .map(|(path, method)| Keep::compile(&method.output, &path));
        match compiled {
            Some(Ok(keep)) => kept.push((scope.keep(&name, keep.kind()), keep)),
            Some(Err(KeepError::Path {
                message, remedy, ..
            })) => value.mistake(message, remedy),
            Some(Err(error)) => value.mistake(error.to_string(), "keep something else"),
            None => {}
        }
        if scope.slot(&name).is_none() {
            // Later steps may use it: that it could not be kept has been said.
            scope.keep(&name, prost_reflect::Kind::String);
            is_whole = false;
        }
    }
    is_whole.then_some(kept)
}

fn metadata(value: &Value<'_>, scope: &Scope) -> Option<Vec<(HeaderName, Text)>> {
    let mut metadata = Vec::new();
    let mut is_whole = true;
    for (name, value) in value.entries()? {
        let text = value.text(8_192);
        let header = header_of(&name);
        if header.is_none() {
            value.mistake(
                format!("`{name}` is no key for metadata"),
                "write lower-case letters, digits, `-`, `_` and `.`, and no name that gRPC uses itself",
            );
        }
        let text = text.and_then(|text| match Text::compile(&text, scope) {
            Ok(text) => Some(text),
            Err(TemplateError::Mistakes { mistakes }) => {
                for mistake in mistakes {
                    value.mistake(mistake.message, mistake.remedy);
                }
                None
            }
            Err(_) => None,
        });
        match header.zip(text) {
            Some(both) => metadata.push(both),
            None => is_whole = false,
        }
    }
    is_whole.then_some(metadata)
}

/// A metadata key, if the caller may give it.
pub(super) fn header_of(name: &str) -> Option<HeaderName> {
    const TAKEN: [&str; 6] = [
        "te",
        "content-type",
        "content-length",
        "host",
        "connection",
        "user-agent",
    ];
    // Which compression is taken is for whoever calls to say.
    if (name.starts_with("grpc-") && name != "grpc-accept-encoding")
        || TAKEN.contains(&name)
        || name.bytes().any(|byte| byte.is_ascii_uppercase())
    {
        return None;
    }
    HeaderName::from_bytes(name.as_bytes()).ok()
}
