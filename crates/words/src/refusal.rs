//! An office's refusal, in full: the message, then every detail that google.rpc has a form for.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::style::clean;
use crate::time;

/// What is known of a step that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It is not recorded.
    None,
    /// It is recorded; what was waited for has not come.
    Recorded,
    /// Nobody can say.
    Unknown,
}

/// What an office refused, and why; or that it could not be reached.
#[derive(Debug)]
pub struct Refused {
    /// Completes "failed to …".
    doing: String,
    /// The office, with its address.
    office: String,
    /// Whether the office answered at all.
    reached: bool,
    status: Status,
    /// What to do next, if that is known here.
    hint: Option<String>,
}

impl Refused {
    /// What `office`, named with its address, refused; `doing` completes "failed to …".
    pub fn new(doing: &str, office: &str, status: Status) -> Self {
        Self {
            doing: doing.to_owned(),
            office: office.to_owned(),
            reached: true,
            hint: hint_of(&status),
            status,
        }
    }

    /// An office that could not be reached, and why.
    pub fn unreachable(office: &str, why: String) -> Self {
        Self {
            reached: false,
            hint: Some(
                "is it running? start both offices with `liaison up`, or say where they are with --south and --north"
                    .to_owned(),
            ),
            ..Self::new("connect to", office, Status::unavailable(why))
        }
    }

    /// An office that does not speak with whoever this is, and why.
    pub fn let_go(office: &str, why: String) -> Self {
        Self {
            hint: Some("`liaison pki show` lists who was issued what, and until when".to_owned()),
            ..Self::unreachable(office, why)
        }
    }

    /// Another's service that could not be reached, and why.
    pub fn unreachable_target(target: &str, why: String) -> Self {
        Self {
            hint: Some("does it run, and listen there? another is --target".to_owned()),
            ..Self::unreachable(target, why)
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: String) -> Self {
        self.hint = Some(match self.hint {
            None => hint,
            Some(before) => format!("{before}; {hint}"),
        });
        self
    }

    /// The office's message.
    pub fn message(&self) -> &str {
        self.status.message()
    }

    /// The code; DEADLINE_EXCEEDED when the client's own clock ended the call.
    pub fn code(&self) -> Code {
        code_of(&self.status)
    }

    /// The refusal as it came.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// What is known of the step that was refused. A reason comes from the office's own mapping: what it refuses
    /// it has not recorded, unless it waited for its peer in vain.
    pub fn doubt(&self) -> Doubt {
        let details = self.status.get_error_details();
        let reason = details.error_info().map(|info| info.reason.as_str());
        match (reason, self.code()) {
            (Some("PEER_UNREACHABLE"), _) => Doubt::Recorded,
            (_, Code::DeadlineExceeded) => Doubt::Unknown,
            (None, Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled) => {
                Doubt::Unknown
            }
            _ => Doubt::None,
        }
    }

    /// With every detail that google.rpc has a form for.
    pub fn to_json(&self) -> Value {
        let details = self.status.get_error_details();
        let mut error = json!({
            "message": self.status.message(),
            "doing": self.doing,
            "office": self.office,
            "code": code_name(self.code()),
            "code_number": self.code() as i32,
        });
        let mut add = |key: &str, value: Value| error[key] = value;
        if let Some(info) = details.error_info() {
            add("reason", json!(info.reason));
            add("domain", json!(info.domain));
            add("metadata", json!(info.metadata));
        }
        if let Some(bad) = details.bad_request() {
            let rows = bad.field_violations.iter();
            let rows = rows.map(|row| json!({"field": row.field, "description": row.description}));
            add("field_violations", rows.collect());
        }
        if let Some(failed) = details.precondition_failure() {
            let rows = failed.violations.iter().map(|row| {
                json!({"type": row.r#type, "subject": row.subject, "description": row.description})
            });
            add("precondition_violations", rows.collect());
        }
        if let Some(quota) = details.quota_failure() {
            let rows = quota.violations.iter();
            let rows =
                rows.map(|row| json!({"subject": row.subject, "description": row.description}));
            add("quota_violations", rows.collect());
        }
        if let Some(resource) = details.resource_info() {
            add(
                "resource",
                json!({
                    "type": resource.resource_type,
                    "name": resource.resource_name,
                    "description": resource.description,
                }),
            );
        }
        if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
            add("retry_after_ms", json!(delay.as_millis() as u64));
        }
        if let Some(hint) = &self.hint {
            add("hint", json!(hint));
        }
        error
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { doing, office, .. } = self;
        let code = code_name(self.code());
        let at = if self.reached { "at " } else { "" };
        write!(f, "failed to {doing} {at}{}: {code}", clean(office))?;
        let mut lines = Vec::new();
        // What a client says when its own clock ends a call, the hint says better.
        if !is_own_clock(&self.status) {
            lines.push(self.status.message().to_owned());
        }
        let told = Told::beginning(&[&code.replace('_', " "), self.status.message()]);
        lines.extend(detail_lines(&self.status.get_error_details(), told));
        for line in lines.iter().filter(|line| !line.is_empty()) {
            write!(f, "\n  {}", clean(line))?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  {hint}"),
            None => Ok(()),
        }
    }
}

/// The words that have been told so far: what says no more than they do is left out.
struct Told(BTreeSet<String>);

impl Told {
    fn beginning(texts: &[&str]) -> Self {
        let mut told = Self(BTreeSet::new());
        for text in texts {
            told.take(text);
        }
        told
    }

    fn take(&mut self, text: &str) {
        self.0.extend(words_of(text));
    }

    fn has(&self, text: &str) -> bool {
        words_of(text).all(|word| self.0.contains(&word))
    }
}

/// The words of a text without what stands between them; a name such as `offices/south/documents/1` is one.
fn words_of(text: &str) -> impl Iterator<Item = String> {
    let parts = text.split(|letter: char| !(letter.is_alphanumeric() || "/._-".contains(letter)));
    parts
        .map(|word| word.trim_matches(['.', '_', '-']).to_lowercase())
        .filter(|word| !word.is_empty())
}

/// What the details say that the message has not said.
fn detail_lines(details: &ErrorDetails, mut told: Told) -> Vec<String> {
    let mut lines = Vec::new();
    let mut tell = |said: &[&str], line: String| {
        if !said.iter().all(|text| told.has(text)) {
            told.take(&line);
            lines.push(line);
        }
    };
    for row in details
        .bad_request()
        .iter()
        .flat_map(|it| &it.field_violations)
    {
        let line = format!("field {}: {}", row.field, row.description);
        tell(&[&row.field, &row.description], line);
    }
    for row in details
        .precondition_failure()
        .iter()
        .flat_map(|it| &it.violations)
    {
        let line = format!(
            "precondition {} of {}: {}",
            row.r#type, row.subject, row.description
        );
        tell(&[&row.subject, &row.description], line);
    }
    for row in details.quota_failure().iter().flat_map(|it| &it.violations) {
        let line = format!("quota {}: {}", row.subject, row.description);
        tell(&[&row.subject, &row.description], line);
    }
    if let Some(resource) = details.resource_info() {
        let (kind, name) = (&resource.resource_type, &resource.resource_name);
        let line = format!("resource {kind} {name}: {}", resource.description);
        tell(&[name, &resource.description], line);
    }
    if let Some(info) = details.error_info() {
        let pairs = info.metadata.iter().filter(|(_, value)| !told.has(value));
        let mut pairs: Vec<_> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
        pairs.sort();
        let is_told = told.has(&info.reason.replace('_', " "));
        if !is_told || !pairs.is_empty() {
            let line = format!("reason: {} {}", info.reason, pairs.join(", "));
            lines.push(line.trim_end().to_owned());
        }
    }
    if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
        lines.push(format!("try again in {}", time::duration_words(delay)));
    }
    lines
}

fn is_own_clock(status: &Status) -> bool {
    status.code() == Code::Cancelled && status.message() == "Timeout expired"
}

/// The code; tonic's client says CANCELLED when its own clock ends a call.
fn code_of(status: &Status) -> Code {
    if is_own_clock(status) {
        return Code::DeadlineExceeded;
    }
    status.code()
}

fn hint_of(status: &Status) -> Option<String> {
    (code_of(status) == Code::DeadlineExceeded).then(|| "it took longer than --timeout".to_owned())
}

/// The name that the gRPC specification gives a code.
pub const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use super::*;

    fn refused() -> Refused {
        let mut details = ErrorDetails::new();
        details.set_error_info(
            "ILLEGAL_STEP",
            "liaison",
            HashMap::from([("state".to_owned(), "CLOSED".to_owned())]),
        );
        details.add_bad_request_violation("document.subject", "is empty");
        details.add_precondition_failure_violation(
            "STATE",
            "offices/south/meetings/1",
            "is CLOSED",
        );
        details.add_quota_failure_violation("outbox", "at most 1 GiB");
        details.set_resource_info("document", "offices/south/documents/1", "", "not known");
        details.set_retry_info(Some(Duration::from_millis(200)));
        let status = Status::with_error_details(Code::FailedPrecondition, "it is closed", details);
        Refused::new(
            "close the meeting",
            "the south office (127.0.0.1:50051)",
            status,
        )
    }

    #[test]
    fn every_detail_is_told() {
        let text = refused().to_string();
        for wanted in [
            "failed to close the meeting at the south office (127.0.0.1:50051): FAILED_PRECONDITION",
            "it is closed",
            "reason: ILLEGAL_STEP",
            "field document.subject: is empty",
            "precondition STATE of offices/south/meetings/1: is CLOSED",
            "quota outbox: at most 1 GiB",
            "resource document offices/south/documents/1: not known",
            "try again in 200.0ms",
        ] {
            assert!(text.contains(wanted), "{wanted} is missing in {text}");
        }
    }

    #[test]
    fn one_refusal_is_worded_once() {
        let name = "offices/south/documents/9";
        let told = |code, reason: &str, message: &str, details: &mut ErrorDetails| {
            let metadata = HashMap::from([("name".to_owned(), name.to_owned())]);
            details.set_error_info(reason, "liaison", metadata);
            let status = Status::with_error_details(code, message, details.clone());
            let text = Refused::new("read it", "the south office", status).to_string();
            text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        let mut details = ErrorDetails::new();
        details.set_resource_info("document", name, "", "not known at this office");
        let message = format!("document {name} is not known at this office");
        assert_eq!(
            told(Code::NotFound, "NOT_FOUND", &message, &mut details),
            [format!("  {message}")]
        );

        let mut details = ErrorDetails::new();
        let state = "is CLOSED; allowed next: nothing";
        details.add_precondition_failure_violation("STATE", name, state);
        let message =
            format!("{name} is CLOSED, so it cannot be acknowledged; allowed next: nothing");
        let lines = told(
            Code::FailedPrecondition,
            "ILLEGAL_STEP",
            &message,
            &mut details,
        );
        assert_eq!(
            lines,
            [format!("  {message}"), "  reason: ILLEGAL_STEP".to_owned()]
        );

        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("document.subject", "is empty");
        let message = "document.subject is empty";
        let lines = told(
            Code::InvalidArgument,
            "INVALID_FIELD",
            message,
            &mut details,
        );
        assert_eq!(lines[0], format!("  {message}"));
        assert!(
            !lines
                .iter()
                .any(|line| line.contains("field document.subject")),
            "{lines:?}"
        );
    }

    #[test]
    fn what_an_office_refuses_with_a_reason_is_not_recorded() {
        assert_eq!(refused().doubt(), Doubt::None);
        let with = |reason: &str| {
            let details = ErrorDetails::with_error_info(reason, "liaison", HashMap::new());
            Refused::new(
                "send",
                "the south office",
                Status::with_error_details(Code::Unavailable, "", details),
            )
        };
        assert_eq!(with("DRAINING").doubt(), Doubt::None);
        assert_eq!(with("PEER_UNREACHABLE").doubt(), Doubt::Recorded);
    }

    #[test]
    fn json_has_the_same() {
        let error = refused().to_json();
        assert_eq!(error["reason"], "ILLEGAL_STEP");
        assert_eq!(error["metadata"]["state"], "CLOSED");
        assert_eq!(error["field_violations"][0]["field"], "document.subject");
        assert_eq!(error["retry_after_ms"], 200);
        assert_eq!(error["resource"]["name"], "offices/south/documents/1");
    }

    #[test]
    fn what_an_office_says_steers_no_terminal() {
        const HOSTILE: &str = "a\u{202e}\u{1b}[2J\nerror: b\u{e0041}";
        let mut details = ErrorDetails::new();
        details.set_error_info(
            HOSTILE,
            HOSTILE,
            HashMap::from([(HOSTILE.to_owned(), HOSTILE.to_owned())]),
        );
        details.add_bad_request_violation(HOSTILE, HOSTILE);
        details.add_precondition_failure_violation(HOSTILE, HOSTILE, HOSTILE);
        details.add_quota_failure_violation(HOSTILE, HOSTILE);
        details.set_resource_info(HOSTILE, HOSTILE, HOSTILE, HOSTILE);
        let status = Status::with_error_details(Code::NotFound, HOSTILE, details);
        // What says no more than the message is left out.
        let refused = Refused::new("read", HOSTILE, status);
        let text = refused.to_string();
        assert_eq!(reading::visible::lines(&text), text);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert_eq!(refused.to_json()["message"], HOSTILE);
    }

    #[test]
    fn the_clients_own_clock_is_a_deadline() {
        let status = Status::cancelled("Timeout expired");
        let refused = Refused::new("send", "the south office", status);
        assert_eq!(refused.code(), Code::DeadlineExceeded);
        assert_eq!(refused.doubt(), Doubt::Unknown);
        let text = refused.to_string();
        assert!(
            text.ends_with("DEADLINE_EXCEEDED\n  it took longer than --timeout"),
            "{text}"
        );
    }
}
