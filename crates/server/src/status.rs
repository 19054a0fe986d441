//! The one mapping from refusals to gRPC statuses. Every status carries ErrorInfo; the rest by its kind.

use std::collections::HashMap;
use std::time::Duration;

use office::authority::Denied;
use office::line::LineFault;
use office::{Collection, Refusal, Violation};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use protocol::reasons::{self, DOMAIN, Reason};

/// The gRPC status of a refusal.
pub(crate) fn status_of(refusal: &Refusal) -> Status {
    let mut details = ErrorDetails::new();
    add_remedy(refusal, &mut details);
    let (reason, metadata) = reason_of(refusal);
    with_reason(details, reason, metadata, refusal.to_string())
}

type Info = (Reason, HashMap<String, String>);

fn info(reason: Reason, pairs: &[(&str, String)]) -> Info {
    let owned = |(key, value): &(&str, String)| ((*key).to_owned(), value.clone());
    (reason, pairs.iter().map(owned).collect())
}

/// What it is called, and the particulars.
fn reason_of(refusal: &Refusal) -> Info {
    match refusal {
        Refusal::Invalid { .. } => info(reasons::INVALID_FIELD, &[]),
        Refusal::NotFound { name, .. } => info(reasons::NOT_FOUND, &[("name", name.clone())]),
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
            info(reasons::ILLEGAL_STEP, &pairs)
        }
        Refusal::Superseded { subject, by } => {
            let pairs = [("subject", subject.clone()), ("by", by.clone())];
            info(reasons::SUPERSEDED, &pairs)
        }
        Refusal::IdempotencyConflict { request_id, .. } => {
            let pairs = [("request_id", request_id.clone())];
            info(reasons::IDEMPOTENCY_CONFLICT, &pairs)
        }
        Refusal::NotSettled { subject } => {
            let pairs = [("subject", subject.clone())];
            info(reasons::NOT_SETTLED, &pairs)
        }
        Refusal::Exhausted { what, limit, .. } => {
            let pairs = [("what", (*what).to_owned()), ("limit", limit.to_string())];
            info(reasons::EXHAUSTED, &pairs)
        }
        Refusal::Unavailable { reason, .. } => info(Reason::unavailable(reason), &[]),
        Refusal::Denied(Denied::NotPermitted {
            who, method, would, ..
        }) => {
            let pairs = [
                ("who", who.clone()),
                ("method", method.clone()),
                ("would_do", would.clone()),
            ];
            info(reasons::NOT_PERMITTED, &pairs)
        }
        Refusal::Denied(Denied::NoIdentity { .. }) => info(reasons::NO_IDENTITY, &[]),
        Refusal::Line(fault) => line_status(fault),
        Refusal::DataLoss { .. } => info(reasons::LEDGER_DAMAGED, &[]),
        Refusal::DeadlineExceeded { .. } => info(reasons::DEADLINE_EXCEEDED, &[]),
        Refusal::WatcherBehind { resume_after, .. } => {
            let pairs = [("resume_after", resume_after.to_string())];
            info(reasons::WATCHER_BEHIND, &pairs)
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
        | Refusal::Denied(_)
        | Refusal::DataLoss { .. }
        | Refusal::DeadlineExceeded { .. } => {}
    }
}

/// A status whose code is its reason's.
fn with_reason(
    mut details: ErrorDetails,
    reason: Reason,
    metadata: HashMap<String, String>,
    message: String,
) -> Status {
    details.set_error_info(reason.name, DOMAIN, metadata);
    Status::with_error_details(reason.code, message, details)
}

fn line_status(fault: &LineFault) -> Info {
    let info = |reason: Reason, pairs: &[(&str, u64)]| {
        let metadata = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.to_string()))
            .collect();
        (reason, metadata)
    };
    match fault {
        LineFault::WrongPlace { .. } => info(reasons::WRONG_PLACE, &[]),
        LineFault::UnsupportedVersion { min, max } => {
            let range = [("min", u64::from(*min)), ("max", u64::from(*max))];
            info(reasons::UNSUPPORTED_VERSION, &range)
        }
        LineFault::StaleEpoch { said, known } => {
            info(reasons::STALE_EPOCH, &[("said", *said), ("known", *known)])
        }
        LineFault::EpochOutOfRange { said, max } => info(
            reasons::EPOCH_OUT_OF_RANGE,
            &[("said", *said), ("max", *max)],
        ),
        LineFault::Unconfirmed { .. } => info(reasons::HELLO_UNCONFIRMED, &[]),
        LineFault::Superseded => info(reasons::NEWER_HELLO, &[]),
        LineFault::Diverged { .. } | LineFault::Refused { .. } => {
            info(reasons::LEDGERS_DISAGREE, &[])
        }
        LineFault::Gap { expected, got } => info(
            reasons::SEQUENCE_GAP,
            &[("expected", *expected), ("got", *got)],
        ),
        LineFault::Conflict { sequence } => {
            info(reasons::IDEMPOTENCY_CONFLICT, &[("sequence", *sequence)])
        }
        LineFault::FaultyEnvelope { sequence, .. } => {
            info(reasons::FAULTY_ENVELOPE, &[("sequence", *sequence)])
        }
        LineFault::FalseAcknowledgement { through, .. } => {
            info(reasons::FALSE_ACKNOWLEDGEMENT, &[("through", *through)])
        }
        LineFault::Order { .. } => info(reasons::OUT_OF_ORDER, &[]),
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
    info.is_some_and(|info| info.domain == DOMAIN && info.reason == reasons::LEDGERS_DISAGREE.name)
}

/// Whether a peer's status says that it asks this office itself first.
pub(crate) fn says_unconfirmed(status: &Status) -> bool {
    let info = status.get_details_error_info();
    info.is_some_and(|info| info.domain == DOMAIN && info.reason == reasons::HELLO_UNCONFIRMED.name)
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
    let message = format!("the message {what}");
    with_reason(details, reasons::MESSAGE_TOO_LARGE, metadata, message)
}

/// A status with nothing but a reason, for what the transport refuses before a handler sees it.
pub(crate) fn plain(reason: Reason, message: String) -> Status {
    with_reason(ErrorDetails::new(), reason, HashMap::new(), message)
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
        reason: reasons::DRAINING.name,
        why: "this office is draining and takes no new work; ask again when it is back".to_owned(),
        retry_after: Duration::from_secs(1),
    }
}

/// The office has stopped.
pub(crate) fn stopped() -> Refusal {
    Refusal::Unavailable {
        reason: reasons::STOPPED.name,
        why: "this office has stopped; start it again to recover".to_owned(),
        retry_after: Duration::from_secs(1),
    }
}

/// A message that is no message of the method.
pub(crate) fn malformed(what: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation("message", what);
    let message =
        format!("the message cannot be read: {what}; check it against the method's request type");
    with_reason(details, reasons::MALFORMED_MESSAGE, HashMap::new(), message)
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
    with_reason(
        details,
        reasons::SECOND_MESSAGE,
        HashMap::new(),
        what.to_owned(),
    )
}

/// A deadline that cannot be read.
pub(crate) fn faulty_timeout(text: &str) -> Status {
    let what = format!(
        "grpc-timeout is {text:?}; write at most 8 digits and one of H, M, S, m, u, n, such as 500m"
    );
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation("grpc-timeout", &what);
    with_reason(details, reasons::FAULTY_TIMEOUT, HashMap::new(), what)
}

/// A compression that nobody here unpacks.
pub(crate) fn unknown_compression(encoding: &str) -> Status {
    plain(
        reasons::UNSUPPORTED_COMPRESSION,
        format!("this office does not unpack grpc-encoding {encoding:?}; send identity or gzip"),
    )
}
