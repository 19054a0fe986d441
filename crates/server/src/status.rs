//! The one mapping from refusals to gRPC statuses. Every status carries ErrorInfo; the rest by its kind.

use std::collections::HashMap;
use std::time::Duration;

use office::line::LineFault;
use office::{Collection, Refusal, Violation};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every ErrorInfo.
pub const DOMAIN: &str = "liaison";
const LEDGERS_DISAGREE: &str = "LEDGERS_DISAGREE";
const HELLO_UNCONFIRMED: &str = "HELLO_UNCONFIRMED";

/// The gRPC status of a refusal.
pub(crate) fn status_of(refusal: &Refusal) -> Status {
    let mut details = ErrorDetails::new();
    add_remedy(refusal, &mut details);
    let (code, (reason, metadata)) = kind_of(refusal);
    details.set_error_info(reason, DOMAIN, metadata);
    Status::with_error_details(code, refusal.to_string(), details)
}

type Info = (String, HashMap<String, String>);

fn info(reason: &str, pairs: &[(&str, String)]) -> Info {
    let owned = |(key, value): &(&str, String)| ((*key).to_owned(), value.clone());
    (reason.to_owned(), pairs.iter().map(owned).collect())
}

/// The code and the ErrorInfo.
fn kind_of(refusal: &Refusal) -> (Code, Info) {
    match refusal {
        Refusal::Invalid { .. } => (Code::InvalidArgument, info("INVALID_FIELD", &[])),
        Refusal::NotFound { name, .. } => {
            (Code::NotFound, info("NOT_FOUND", &[("name", name.clone())]))
        }
        Refusal::IllegalStep {
            state,
            step,
            allowed,
            ..
        } => {
            let pairs = [
                ("state", state.clone()),
                ("step", step.words().to_owned()),
                ("allowed", allowed.clone()),
            ];
            (Code::FailedPrecondition, info("ILLEGAL_STEP", &pairs))
        }
        Refusal::Superseded { subject, by } => {
            let pairs = [("subject", subject.clone()), ("by", by.clone())];
            (Code::Aborted, info("SUPERSEDED", &pairs))
        }
        Refusal::IdempotencyConflict { request_id, .. } => {
            let pairs = [("request_id", request_id.clone())];
            (Code::AlreadyExists, info("IDEMPOTENCY_CONFLICT", &pairs))
        }
        Refusal::NotSettled { subject } => {
            let pairs = [("subject", subject.clone())];
            (Code::Unavailable, info("NOT_SETTLED", &pairs))
        }
        Refusal::Exhausted { what, limit, .. } => {
            let pairs = [("what", (*what).to_owned()), ("limit", limit.to_string())];
            (Code::ResourceExhausted, info("EXHAUSTED", &pairs))
        }
        Refusal::Unavailable { reason, .. } => (Code::Unavailable, info(reason, &[])),
        Refusal::Line(fault) => line_status(fault),
        Refusal::DataLoss { .. } => (Code::DataLoss, info("LEDGER_DAMAGED", &[])),
        Refusal::DeadlineExceeded { .. } => {
            (Code::DeadlineExceeded, info("DEADLINE_EXCEEDED", &[]))
        }
        Refusal::WatcherBehind { resume_after, .. } => {
            let pairs = [("resume_after", resume_after.to_string())];
            (Code::ResourceExhausted, info("WATCHER_BEHIND", &pairs))
        }
    }
}

/// What can be done: what is wrong and where, or when to come again.
fn add_remedy(refusal: &Refusal, details: &mut ErrorDetails) {
    match refusal {
        Refusal::Invalid { violations } => {
            for Violation { field, description } in violations {
                details.add_bad_request_violation(field, description);
            }
        }
        Refusal::NotFound { kind, name } => {
            details.set_resource_info(*kind, name, "", "not known at this office");
        }
        Refusal::IllegalStep {
            subject,
            state,
            allowed,
            ..
        } => {
            let what = format!("is {state}; allowed next: {allowed}");
            details.add_precondition_failure_violation("STATE", subject, what);
        }
        Refusal::IdempotencyConflict { first, .. } => {
            let name = first.name(Collection::Steps);
            details.set_resource_info("step", name, "", "recorded with other content");
        }
        Refusal::NotSettled { .. } => {
            details.set_retry_info(Some(Duration::from_millis(200)));
        }
        Refusal::Exhausted {
            what,
            limit,
            retry_after,
        } => {
            details.set_retry_info(Some(*retry_after));
            details.add_quota_failure_violation(*what, format!("at most {limit}"));
        }
        Refusal::Unavailable { retry_after, .. } => {
            details.set_retry_info(Some(*retry_after));
        }
        Refusal::Line(fault) => {
            if let Some(retry_after) = retry_of(fault) {
                details.set_retry_info(Some(retry_after));
            }
        }
        Refusal::WatcherBehind { .. } => {
            details.set_retry_info(Some(Duration::from_millis(100)));
        }
        Refusal::Superseded { .. }
        | Refusal::DataLoss { .. }
        | Refusal::DeadlineExceeded { .. } => {}
    }
}

fn line_status(fault: &LineFault) -> (Code, Info) {
    let info = |reason: &str, pairs: &[(&str, u64)]| {
        let metadata = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.to_string()))
            .collect();
        (reason.to_owned(), metadata)
    };
    match fault {
        LineFault::WrongPlace { .. } => (Code::InvalidArgument, info("WRONG_PLACE", &[])),
        LineFault::UnsupportedVersion { min, max } => {
            let range = [("min", u64::from(*min)), ("max", u64::from(*max))];
            (
                Code::FailedPrecondition,
                info("UNSUPPORTED_VERSION", &range),
            )
        }
        LineFault::StaleEpoch { said, known } => (
            Code::FailedPrecondition,
            info("STALE_EPOCH", &[("said", *said), ("known", *known)]),
        ),
        LineFault::EpochOutOfRange { said, max } => (
            Code::InvalidArgument,
            info("EPOCH_OUT_OF_RANGE", &[("said", *said), ("max", *max)]),
        ),
        LineFault::Unconfirmed { .. } => (Code::Unavailable, info(HELLO_UNCONFIRMED, &[])),
        LineFault::Superseded => (Code::Unavailable, info("NEWER_HELLO", &[])),
        LineFault::Diverged { .. } | LineFault::Refused { .. } => {
            (Code::DataLoss, info(LEDGERS_DISAGREE, &[]))
        }
        LineFault::Gap { expected, got } => (
            Code::Aborted,
            info("SEQUENCE_GAP", &[("expected", *expected), ("got", *got)]),
        ),
        LineFault::Conflict { sequence } => (
            Code::AlreadyExists,
            info("IDEMPOTENCY_CONFLICT", &[("sequence", *sequence)]),
        ),
        LineFault::FaultyEnvelope { sequence, .. } => (
            Code::InvalidArgument,
            info("FAULTY_ENVELOPE", &[("sequence", *sequence)]),
        ),
        LineFault::FalseAcknowledgement { through, .. } => (
            Code::DataLoss,
            info("FALSE_ACKNOWLEDGEMENT", &[("through", *through)]),
        ),
        LineFault::Order { .. } => (Code::InvalidArgument, info("OUT_OF_ORDER", &[])),
    }
}

/// How soon the peer may dial again; `None` where that is no use, or its own affair.
fn retry_of(fault: &LineFault) -> Option<Duration> {
    match fault {
        LineFault::Superseded => Some(Duration::ZERO),
        // By then this office has asked back.
        LineFault::Unconfirmed { .. } => Some(Duration::from_millis(50)),
        _ => None,
    }
}

/// Whether a peer's status says that the two ledgers disagree.
pub(crate) fn says_disagreement(status: &Status) -> bool {
    let info = status.get_details_error_info();
    info.is_some_and(|info| info.domain == DOMAIN && info.reason == LEDGERS_DISAGREE)
}

/// Whether a peer's status says that it asks this office itself first.
pub(crate) fn says_unconfirmed(status: &Status) -> bool {
    let info = status.get_details_error_info();
    info.is_some_and(|info| info.domain == DOMAIN && info.reason == HELLO_UNCONFIRMED)
}

/// A client's message over the size limit.
pub(crate) fn too_large(limit: u64) -> Status {
    over_limit(
        limit,
        "send documents of up to 16 MiB with UploadDocument, in chunks",
    )
}

/// A message on the line over the size limit.
pub(crate) fn too_large_for_line(limit: u64) -> Status {
    over_limit(
        limit,
        "run both offices with the same line_message_bytes_max",
    )
}

fn over_limit(limit: u64, remedy: &str) -> Status {
    let mut details = ErrorDetails::new();
    let what = format!("is over the limit of {limit} bytes for one message; {remedy}");
    details.add_bad_request_violation("message", &what);
    let metadata = HashMap::from([("limit_bytes".to_owned(), limit.to_string())]);
    details.set_error_info("MESSAGE_TOO_LARGE", DOMAIN, metadata);
    Status::with_error_details(
        Code::InvalidArgument,
        format!("the message {what}"),
        details,
    )
}

/// A status with nothing but a reason, for what the transport refuses before a handler sees it.
pub(crate) fn plain(code: Code, reason: &str, message: String) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, DOMAIN, HashMap::new());
    Status::with_error_details(code, message, details)
}

/// One field that breaks a rule.
pub(crate) fn invalid(field: &str, description: &str) -> Refusal {
    Refusal::Invalid {
        violations: vec![Violation {
            field: field.to_owned(),
            description: description.to_owned(),
        }],
    }
}

/// The office is going down.
pub(crate) fn draining() -> Refusal {
    Refusal::Unavailable {
        reason: "DRAINING",
        why: "this office is draining and takes no new work; ask again when it is back".to_owned(),
        retry_after: Duration::from_secs(1),
    }
}

/// The office has stopped.
pub(crate) fn stopped() -> Refusal {
    Refusal::Unavailable {
        reason: "STOPPED",
        why: "this office has stopped; start it again to recover".to_owned(),
        retry_after: Duration::from_secs(1),
    }
}

/// A message that is no message of the method.
pub(crate) fn malformed(what: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation("message", what);
    details.set_error_info("MALFORMED_MESSAGE", DOMAIN, HashMap::new());
    let message =
        format!("the message cannot be read: {what}; check it against the method's request type");
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// The ledger cannot be read.
pub(crate) fn damaged(error: &ledger::LedgerError) -> Refusal {
    Refusal::DataLoss {
        what: error.to_string(),
    }
}

/// More than one message where a method takes one.
pub(crate) fn second_message() -> Status {
    let what = "a second message came, and this method takes one; nothing has been recorded";
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation("message", what);
    details.set_error_info("SECOND_MESSAGE", DOMAIN, HashMap::new());
    Status::with_error_details(Code::InvalidArgument, what, details)
}

/// A deadline that cannot be read.
pub(crate) fn faulty_timeout(text: &str) -> Status {
    let what = format!(
        "grpc-timeout is {text:?}; write at most 8 digits and one of H, M, S, m, u, n, such as 500m"
    );
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation("grpc-timeout", &what);
    details.set_error_info("FAULTY_TIMEOUT", DOMAIN, HashMap::new());
    Status::with_error_details(Code::InvalidArgument, what, details)
}

/// A compression that nobody here unpacks.
pub(crate) fn unknown_compression(encoding: &str) -> Status {
    plain(
        Code::Unimplemented,
        "UNSUPPORTED_COMPRESSION",
        format!("this office does not unpack grpc-encoding {encoding:?}; send identity or gzip"),
    )
}
