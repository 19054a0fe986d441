//! What is told of a conversation.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::frames::Frame;
use crate::hpack::Field;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Whoever has opened the connection.
    Client,
    /// Whoever has accepted it.
    Server,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// Whom this one speaks to.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/2, from its first byte on.
    Http2,
    /// HTTP/2, of which the beginning was missed: what the headers refer back to is not known.
    Http2Midway,
    /// HTTP/1.
    Http1,
    /// TLS: what is within is not to be seen.
    Tls,
    /// SSH.
    Ssh,
    /// None that is known here.
    Unknown,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http2 => "HTTP/2",
            Self::Http2Midway => "HTTP/2, joined midway (headers came before)",
            Self::Http1 => "HTTP/1, which carries no gRPC",
            Self::Tls => "TLS, within which nothing is to be seen",
            Self::Ssh => "SSH",
            Self::Unknown => "neither HTTP/2 nor HTTP/1 nor TLS",
        })
    }
}

/// Something that has happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, since the recording began.
    pub at: Duration,
    /// Who did it.
    pub from: Side,
    /// The stream it happened on; 0 is the connection.
    pub stream: u32,
    /// What.
    pub what: What,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It is known what this side speaks.
    Speaks(Protocol),
    /// The head of a frame has come; what it carries is told as soon as it is whole.
    Frame(Frame),
    /// A header list is whole.
    Head(Head),
    /// A message is whole.
    Message(Message),
    /// So many bytes of a body that is not gRPC's.
    Body(u64),
    /// This side sends nothing more on the stream.
    HalfClosed,
    /// This side has given the stream up, with such an error code.
    Reset(u32),
    /// This side takes no streams beyond `last_stream`.
    GoAway {
        /// The last stream that it may have worked on.
        last_stream: u32,
        /// The error code.
        code: u32,
        /// What it says of it, as far as that is kept.
        debug: Bytes,
    },
    /// What this side asks of the other: identifiers and values.
    Settings(Vec<(u16, u32)>),
    /// This side does as it was asked.
    SettingsTaken,
    /// A ping, or its answer.
    Ping {
        /// Whether it is the answer.
        is_answer: bool,
        /// What is to come back.
        data: [u8; 8],
    },
    /// The other side may send so many bytes more.
    Window(u32),
    /// A stream that the server promises.
    Promise {
        /// Its number.
        stream: u32,
    },
    /// This side may send no more data until its window moves.
    Starved,
    /// Its window has moved again, after so long.
    Fed {
        /// How long it could send nothing.
        after: Duration,
    },
    /// Bytes that nothing is known of.
    Unread(Bytes),
    /// So many bytes were not seen: more passed than could be looked at, or the recording lacks them.
    Missing(u64),
    /// Something is not as it should be.
    Fault(String),
}

/// What a header list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadKind {
    /// A call begins.
    Request,
    /// An answer begins.
    Response,
    /// More is to come before the answer.
    Informational,
    /// The status stands here already.
    TrailersOnly,
    /// A body ends.
    Trailers,
}

/// A header list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub kind: HeadKind,
    /// Its fields, in their order.
    pub fields: Vec<Field>,
}

impl Head {
    /// The first value of a field, if it is known and text.
    pub fn get(&self, name: &str) -> Option<&str> {
        get(&self.fields, name)
    }
}

/// The first value of a field, if it is known and text.
pub fn get<'a>(fields: &'a [Field], name: &str) -> Option<&'a str> {
    let field = fields.iter().find(|field| field.name == name)?;
    std::str::from_utf8(&field.value)
        .ok()
        .filter(|_| field.is_known)
}

/// A message as it passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The how-manieth this side has sent on its stream, from 1 on.
    pub number: u64,
    /// Whether it is compressed.
    pub is_compressed: bool,
    /// Its length, without the prefix.
    pub len: u64,
    /// Its bytes without the prefix, as they passed: the first of them, if it is longer than what is kept.
    pub bytes: Bytes,
    /// When its first byte came.
    pub began: Duration,
}

impl Message {
    /// Whether not all of it was kept.
    pub fn is_cut(&self) -> bool {
        (self.bytes.len() as u64) < self.len
    }
}
