//! Calls out of what happens on connections.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use crate::event::{Event, HeadKind, Message, Side, What, get};
use crate::hpack::Field;

/// Peers write it with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// As `-bin` metadata has it.
pub(crate) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// What a `-bin` value says, if it is base64.
pub fn unpacked_bin(value: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(value).ok()
}

/// How a call was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallStatus {
    /// gRPC's code.
    pub code: u32,
    /// What is said of it.
    pub message: String,
    /// `google.rpc.Status`, encoded, where it came.
    pub details: Bytes,
}

/// How a call came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEnd {
    /// It has not.
    Open,
    /// With a status.
    Answered(CallStatus),
    /// The answer ended without a status of gRPC.
    WithoutStatus,
    /// Given up by a side, with an error code of HTTP/2.
    Reset(Side, u32),
    /// The connection ended before it.
    ConnectionLost,
}

/// A message of a call, and when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// When it was whole.
    pub at: Duration,
    /// Who sent it.
    pub from: Side,
    /// The message.
    pub message: Message,
}

/// A call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which of all, from 1 on.
    pub number: u64,
    /// The connection that it was made on.
    pub connection: u64,
    /// Its stream there.
    pub stream: u32,
    /// Its path, such as `/package.Service/Method`; `None` where its beginning was missed.
    pub path: Option<String>,
    /// What it began with.
    pub request: Vec<Field>,
    /// What its answer began with.
    pub response: Vec<Field>,
    /// What its answer ended with.
    pub trailers: Vec<Field>,
    /// When it began.
    pub began: Duration,
    /// When the first of its answer came.
    pub first_byte: Option<Duration>,
    /// When the caller had said all.
    pub asked: Option<Duration>,
    /// When it ended.
    pub ended: Option<Duration>,
    /// How.
    pub end: CallEnd,
    /// Messages each side has sent, and their bytes.
    pub counts: [(u64, u64); 2],
    /// The messages, if they are kept.
    pub messages: Vec<Said>,
    /// How long its sides could send nothing, since a window had run out.
    pub stalled: Duration,
    /// What was not as it should be.
    pub faults: Vec<String>,
}

impl Call {
    /// How messages of a side are packed, where they are.
    pub fn encoding(&self, from: Side) -> &str {
        let fields = match from {
            Side::Client => &self.request,
            Side::Server => &self.response,
        };
        get(fields, "grpc-encoding").unwrap_or("identity")
    }

    /// How long it took, if it is over.
    pub fn took(&self) -> Option<Duration> {
        self.ended.map(|ended| ended.saturating_sub(self.began))
    }
}

/// What an event was for a call.
#[derive(Debug)]
pub struct Noted {
    /// The call's number; `None` where it is of none.
    pub call: Option<u64>,
    /// The call, if it has ended by it.
    pub ended: Option<Box<Call>>,
}

/// Puts calls together.
#[derive(Debug)]
pub struct Calls {
    keeps_messages: bool,
    /// Bytes of messages kept of a call, at most.
    kept_bytes_max: usize,
    count: u64,
    open: BTreeMap<(u64, u32), Box<Call>>,
}

/// Faults that are kept of a call.
const FAULTS_MAX: usize = 16;

impl Calls {
    /// Calls, of whose messages so many bytes are kept with each; `None` if none are.
    pub fn new(kept_bytes_max: Option<usize>) -> Self {
        Self {
            keeps_messages: kept_bytes_max.is_some(),
            kept_bytes_max: kept_bytes_max.unwrap_or_default(),
            count: 0,
            open: BTreeMap::new(),
        }
    }

    /// The open call on a stream.
    pub fn on(&self, connection: u64, stream: u32) -> Option<&Call> {
        self.open.get(&(connection, stream)).map(|it| &**it)
    }

    /// Takes what has happened on a connection.
    pub fn take(&mut self, connection: u64, event: &Event) -> Noted {
        let key = (connection, event.stream);
        let begins = match &event.what {
            What::Head(head) => head.kind == HeadKind::Request || !self.open.contains_key(&key),
            // A stream whose beginning was missed.
            What::Message(_) => !self.open.contains_key(&key),
            _ => false,
        };
        if begins && event.stream != 0 {
            self.count += 1;
            let call = Call::begun(self.count, connection, event);
            self.open.insert(key, Box::new(call));
        }
        let Some(call) = self.open.get_mut(&key) else {
            return Noted {
                call: None,
                ended: None,
            };
        };
        let number = call.number;
        if let What::Message(message) = &event.what
            && self.keeps_messages
        {
            call.keep(event, message, self.kept_bytes_max);
        }
        let is_over = call.note(event);
        Noted {
            call: Some(number),
            ended: is_over.then(|| self.open.remove(&key)).flatten(),
        }
    }

    /// The connection is over: the calls that were open on it are, too.
    pub fn close(&mut self, connection: u64, at: Duration) -> Vec<Box<Call>> {
        let range = (connection, 0)..=(connection, u32::MAX);
        let keys: Vec<_> = self.open.range(range).map(|(key, _)| *key).collect();
        let calls = keys.iter().filter_map(|key| self.open.remove(key));
        calls
            .map(|mut call| {
                call.ended = Some(at);
                call.end = CallEnd::ConnectionLost;
                call
            })
            .collect()
    }

    /// The calls that are open still.
    pub fn left(self) -> Vec<Box<Call>> {
        self.open.into_values().collect()
    }
}

impl Call {
    fn begun(number: u64, connection: u64, event: &Event) -> Self {
        Self {
            number,
            connection,
            stream: event.stream,
            path: None,
            request: Vec::new(),
            response: Vec::new(),
            trailers: Vec::new(),
            began: event.at,
            first_byte: None,
            asked: None,
            ended: None,
            end: CallEnd::Open,
            counts: [(0, 0); 2],
            messages: Vec::new(),
            stalled: Duration::ZERO,
            faults: Vec::new(),
        }
    }

    fn keep(&mut self, event: &Event, message: &Message, bytes_max: usize) {
        let kept: usize = self.messages.iter().map(|it| it.message.bytes.len()).sum();
        let room = bytes_max.saturating_sub(kept);
        let mut message = message.clone();
        if message.bytes.len() > room {
            message.bytes = message.bytes.slice(..room);
        }
        self.messages.push(Said {
            at: event.at,
            from: event.from,
            message,
        });
    }

    /// Notes what has happened; true if it is over by that.
    fn note(&mut self, event: &Event) -> bool {
        match &event.what {
            What::Head(head) => match head.kind {
                HeadKind::Request => {
                    self.path = get(&head.fields, ":path").map(ToOwned::to_owned);
                    self.request.clone_from(&head.fields);
                }
                HeadKind::Informational => {}
                HeadKind::Response => {
                    self.first_byte.get_or_insert(event.at);
                    self.response.clone_from(&head.fields);
                }
                HeadKind::Trailers if event.from == Side::Client => {}
                HeadKind::TrailersOnly | HeadKind::Trailers => {
                    self.first_byte.get_or_insert(event.at);
                    self.trailers.clone_from(&head.fields);
                }
            },
            What::Message(message) => {
                let (count, bytes) = &mut self.counts[event.from as usize];
                (*count, *bytes) = (*count + 1, *bytes + message.len);
            }
            What::HalfClosed if event.from == Side::Client => self.asked = Some(event.at),
            What::HalfClosed => {
                self.ended = Some(event.at);
                let status = status(&self.trailers).or_else(|| status(&self.response));
                self.end = status.map_or(CallEnd::WithoutStatus, CallEnd::Answered);
                return true;
            }
            What::Reset(code) => {
                self.ended = Some(event.at);
                self.end = CallEnd::Reset(event.from, *code);
                return true;
            }
            What::Fed { after } => self.stalled += *after,
            What::Fault(fault) if self.faults.len() < FAULTS_MAX => self.faults.push(fault.clone()),
            _ => {}
        }
        false
    }
}

/// What trailers say of how a call ended.
fn status(fields: &[Field]) -> Option<CallStatus> {
    let code = get(fields, "grpc-status")?.parse().ok()?;
    let details = get(fields, "grpc-status-details-bin").and_then(|it| unpacked_bin(it.as_bytes()));
    Some(CallStatus {
        code,
        message: percent_decoded(get(fields, "grpc-message").unwrap_or_default()),
        details: details.unwrap_or_default().into(),
    })
}

/// As gRPC writes messages: what is not ASCII, and percent signs, as `%` and two digits.
fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let byte = digits.and_then(|it| u8::from_str_radix(it, 16).ok());
        if let Some(byte) = byte.filter(|_| *first == b'%') {
            out.push(byte);
            rest = &after[2..];
        } else {
            out.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_status_are_read() {
        assert_eq!(percent_decoded("a%20b%E2%82%AC%zz%"), "a b€%zz%");
        assert_eq!(unpacked_bin(b"AQI=").as_deref(), Some(&[1, 2][..]));
        assert_eq!(unpacked_bin(b"AQI").as_deref(), Some(&[1, 2][..]));
        assert_eq!(unpacked_bin(b"?"), None);
    }
}
