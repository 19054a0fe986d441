//! Why an office refuses.

use std::time::Duration;

use crate::authority::Denied;
use crate::line::LineFault;
use crate::step::{StepId, StepKind};

/// One field that breaks a rule. All violations of a request are told at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path, such as `document.subject`.
    pub field: String,
    /// The rule, and what to do.
    pub description: String,
}

/// Why an office refuses a step or a question. `server` maps each to a gRPC status in one place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Fields that break rules.
    #[error("invalid request: {}", .violations.iter().map(|v| format!("{}: {}", v.field, v.description)).collect::<Vec<_>>().join("; "))]
    Invalid {
        /// All of them.
        violations: Vec<Violation>,
    },
    /// No such thing at this office.
    #[error("{kind} {name} is not known at this office")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A step that the state does not allow.
    #[error("failed to record {step:?}: {subject} is {state}; allowed next: {allowed}", step = .step.words())]
    IllegalStep {
        /// What it is about.
        subject: String,
        /// Its state.
        state: String,
        /// The step asked for.
        step: StepKind,
        /// The steps allowed.
        allowed: String,
    },
    /// The step built upon has been built upon already, or lost a crossing.
    #[error("{subject} is superseded by {by}; read it again and build upon its tip")]
    Superseded {
        /// What was built upon.
        subject: String,
        /// What stands instead.
        by: String,
    },
    /// The same request id with another body.
    #[error(
        "request id {request_id} was used for {first} with other content; use a new id for a new step"
    )]
    IdempotencyConflict {
        /// The id, as a UUID.
        request_id: String,
        /// The step it was used for.
        first: StepId,
    },
    /// A close before its convening is final.
    #[error(
        "{subject} is convened, and the convening is not final yet; ask again when the line is quiet"
    )]
    NotSettled {
        /// The meeting.
        subject: String,
    },
    /// A bound is reached.
    #[error("{what} is at its limit of {limit}; ask again later")]
    Exhausted {
        /// What is full.
        what: &'static str,
        /// Its bound.
        limit: u64,
        /// How long to wait before asking again.
        retry_after: Duration,
    },
    /// The office is going down, or cannot do this now.
    #[error("{why}")]
    Unavailable {
        /// A SCREAMING_SNAKE reason.
        reason: &'static str,
        /// Why, and what to do.
        why: String,
        /// How long to wait before asking again.
        retry_after: Duration,
    },
    /// It is not theirs to do, or it is not known who they are.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The two ledgers disagree.
    #[error("the line is down: {0}")]
    Line(#[from] LineFault),
    /// The ledger is damaged or failed.
    #[error("{what}")]
    DataLoss {
        /// File, offset and remedy.
        what: String,
    },
    /// The client's deadline passed.
    #[error("the deadline passed {during}")]
    DeadlineExceeded {
        /// What was going on.
        during: String,
    },
    /// The watcher fell too far behind.
    #[error(
        "watcher fell {behind} entries behind (at most {limit}); watch again after sequence {resume_after}"
    )]
    WatcherBehind {
        /// How far.
        behind: u64,
        /// The bound.
        limit: u64,
        /// Where to resume.
        resume_after: u64,
    },
}
