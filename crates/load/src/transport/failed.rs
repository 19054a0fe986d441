//! A call that failed: its status, and whose doing it was.

use http::{HeaderMap, StatusCode};
use tonic::{Code, Status};

/// Messages of servers are remembered up to here.
const MESSAGE_BYTES_MAX: usize = 400;

/// Whose doing a failure was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The server answered with this status: what was asked has been dealt with.
    Server,
    /// No answer came, or none that can be read: nobody here can know what became of the request.
    Unknown,
    /// It was sent, and the server has surely not taken it: it may be sent again.
    NotTaken,
    /// It was never sent.
    NotSent,
}

impl Blame {
    /// Whether the request may have reached the server.
    pub fn may_have_reached(self) -> bool {
        matches!(self, Self::Server | Self::Unknown)
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The gRPC code.
    pub code: Code,
    /// What the server said, or what was seen.
    pub message: String,
    /// Whose doing it was.
    pub blame: Blame,
}

impl Failed {
    pub(crate) fn new(code: Code, blame: Blame, message: impl Into<String>) -> Self {
        let mut message: String = message.into();
        if message.len() > MESSAGE_BYTES_MAX {
            message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
            message.push('…');
        }
        Self {
            code,
            message,
            blame,
        }
    }

    /// What was never sent.
    pub(crate) fn not_sent(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Blame::NotSent, message)
    }

    /// An answer that is no gRPC.
    pub(crate) fn garbage(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, Blame::Unknown, message)
    }

    /// It took longer than it may.
    pub(crate) fn late(sent: bool) -> Self {
        let (blame, message) = if sent {
            (Blame::Unknown, "no answer within the deadline")
        } else {
            (
                Blame::NotSent,
                "no stream was free to send it on within the deadline",
            )
        };
        Self::new(Code::DeadlineExceeded, blame, message)
    }

    /// What h2 says about a request that was sent; `is_unread` if the server has said that it did not read it.
    pub(crate) fn of_h2(error: &h2::Error, is_unread: bool) -> Self {
        let unknown = if is_unread {
            Blame::NotTaken
        } else {
            Blame::Unknown
        };
        let Some(reason) = error.reason() else {
            let message = format!("the connection broke: {}", in_full(error));
            return Self::new(Code::Unavailable, unknown, message);
        };
        // As the gRPC specification maps HTTP/2 error codes.
        let code = match reason {
            h2::Reason::REFUSED_STREAM => Code::Unavailable,
            h2::Reason::CANCEL => Code::Cancelled,
            h2::Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
            h2::Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
            _ if error.is_go_away() => Code::Unavailable,
            _ => Code::Internal,
        };
        let blame = match reason {
            h2::Reason::REFUSED_STREAM => Blame::NotTaken,
            _ => unknown,
        };
        let what = if error.is_reset() {
            "the stream was reset"
        } else {
            "the connection was ended"
        };
        let by = if error.is_remote() {
            " by the server"
        } else {
            ""
        };
        Self::new(code, blame, format!("{what}{by}: {}", reason.description()))
    }

    /// What the headers of an answer say, if it is not a gRPC answer.
    pub(crate) fn of_http(status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        if let Some(failed) = Self::of_trailers(headers) {
            return Some(failed);
        }
        if status != StatusCode::OK {
            // As the gRPC specification maps HTTP status codes.
            let code = match status.as_u16() {
                400 => Code::Internal,
                401 => Code::Unauthenticated,
                403 => Code::PermissionDenied,
                404 => Code::Unimplemented,
                429 | 502 | 503 | 504 => Code::Unavailable,
                _ => Code::Unknown,
            };
            let message = format!("the server answered with HTTP {status}, not with gRPC");
            return Some(Self::new(code, Blame::Unknown, message));
        }
        // Where the status stands in the headers, whatever else they say is of no matter.
        let grpc = headers.contains_key("grpc-status")
            || headers
                .get(http::header::CONTENT_TYPE)
                .is_some_and(|it| it.as_bytes().starts_with(b"application/grpc"));
        (!grpc).then(|| {
            let found = headers.get(http::header::CONTENT_TYPE);
            let found = found.map_or("none".into(), |it| String::from_utf8_lossy(it.as_bytes()));
            let message = format!("the answer's content type is no gRPC: {found}");
            Self::new(Code::Unknown, Blame::Unknown, message)
        })
    }

    /// What trailers say; `None` if all is well, or if they say nothing.
    pub(crate) fn of_trailers(trailers: &HeaderMap) -> Option<Self> {
        let said = trailers.get("grpc-status")?.as_bytes();
        if said == b"0" {
            return None;
        }
        if said.is_empty() || !said.iter().all(u8::is_ascii_digit) {
            let said = String::from_utf8_lossy(said);
            let message = format!("the answer's grpc-status is no number: {said:?}");
            return Some(Self::new(Code::Unknown, Blame::Unknown, message));
        }
        let status = Status::from_header_map(trailers)?;
        let message = match status.message() {
            "" => "the server gave no reason",
            message => message,
        };
        Some(Self::new(status.code(), Blame::Server, message))
    }
}

/// An error with all that caused it, each told once.
pub(super) fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = error.source();
    }
    text
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {}", self.code, self.message)
    }
}

impl std::error::Error for Failed {}
