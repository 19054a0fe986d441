//! The reasons that a status can carry: the one table that statuses are made of, and the documentation too.

use tonic::Code;

/// The domain of every ErrorInfo.
pub const DOMAIN: &str = "liaison";

/// A reason, and the code that it always comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// As ErrorInfo names it.
    pub name: &'static str,
    /// The code.
    pub code: Code,
    /// What has happened.
    pub event: &'static str,
}

macro_rules! reasons {
    ($($name:ident: $code:ident, $event:literal;)*) => {
        $(#[doc = $event]
        pub const $name: Reason = Reason {
            name: stringify!($name),
            code: Code::$code,
            event: $event,
        };)*

        /// Every reason: those of a client's calls, then those of the line.
        pub const REASONS: &[Reason] = &[$($name,)*];
    };
}

reasons! {
    INVALID_FIELD: InvalidArgument, "bad fields, all at once";
    MESSAGE_TOO_LARGE: InvalidArgument, "over the message limit";
    MALFORMED_MESSAGE: InvalidArgument, "bytes that are no message";
    SECOND_MESSAGE: InvalidArgument, "a second message where one is taken";
    FAULTY_TIMEOUT: InvalidArgument, "a grpc-timeout that is none";
    UNSUPPORTED_COMPRESSION: Unimplemented, "a compression other than gzip";
    UNKNOWN_METHOD: Unimplemented, "a method that is not served";
    NOT_FOUND: NotFound, "not known here";
    NO_IDENTITY: Unauthenticated, "it is not known who calls, and here it must be";
    NOT_PERMITTED: PermissionDenied, "not this role's to do";
    ILLEGAL_STEP: FailedPrecondition, "a step that the state does not allow";
    SUPERSEDED: Aborted, "built upon something already built upon";
    IDEMPOTENCY_CONFLICT: AlreadyExists, "the same request id, or sequence on the line, with other content";
    NOT_SETTLED: Unavailable, "a close before its convening is final";
    EXHAUSTED: ResourceExhausted, "a bound is reached";
    WATCHER_BEHIND: ResourceExhausted, "a watcher fell too far behind";
    DRAINING: Unavailable, "the office goes down";
    STOPPED: Unavailable, "it has stopped";
    RESTORING: Unavailable, "it fetches from its peer what it has lost";
    PEER_UNREACHABLE: Unavailable, "the peer is away, where the call waits for it; what was sent is recorded";
    CLOCK_OUT_OF_RANGE: Unavailable, "the clock is outside what a ledger can hold";
    DEADLINE_EXCEEDED: DeadlineExceeded, "too late";
    LEDGER_DAMAGED: DataLoss, "the ledger is damaged";
    LEDGERS_DISAGREE: DataLoss, "the two ledgers disagree";
    FALSE_ACKNOWLEDGEMENT: DataLoss, "on the line: the peer acknowledges what was not sent";
    SEQUENCE_GAP: Aborted, "on the line: a gap, or out of order";
    FAULTY_ENVELOPE: InvalidArgument, "on the line: an envelope that cannot be read";
    OUT_OF_ORDER: InvalidArgument, "on the line: messages in an order that is none";
    WRONG_PLACE: InvalidArgument, "on the line: an office that is not the peer";
    UNSUPPORTED_VERSION: FailedPrecondition, "on the line: no version in common";
    STALE_EPOCH: FailedPrecondition, "on the line: an old epoch";
    EPOCH_OUT_OF_RANGE: InvalidArgument, "on the line: an epoch that cannot be";
    HELLO_UNCONFIRMED: Unavailable, "on the line: the caller is asked back first";
    NEWER_HELLO: Unavailable, "on the line: a newer Hello ended the stream";
}

impl Reason {
    /// A reason of the rules for being unavailable.
    pub fn unavailable(name: &'static str) -> Self {
        let known = REASONS.iter().find(|reason| reason.name == name);
        known.copied().unwrap_or(Self {
            name,
            code: Code::Unavailable,
            event: "",
        })
    }
}
