//! `grpc.binarylog.v1`, the log that gRPC's own libraries write of the calls they make and take (gRFC A16).

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;

use crate::event::{Event, Head, HeadKind, Message, Protocol, Side, What};
use crate::hpack::Field;

/// A longer entry is none.
const ENTRY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One entry, as gRFC A16 has it.
#[derive(Clone, PartialEq, prost::Message)]
struct Entry {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Timestamp>,
    #[prost(uint64, tag = "2")]
    call_id: u64,
    #[prost(int32, tag = "4")]
    kind: i32,
    #[prost(message, optional, tag = "6")]
    client_header: Option<ClientHeader>,
    #[prost(message, optional, tag = "7")]
    server_header: Option<ServerHeader>,
    #[prost(message, optional, tag = "8")]
    message: Option<Content>,
    #[prost(message, optional, tag = "9")]
    trailer: Option<Trailer>,
    #[prost(bool, tag = "10")]
    payload_truncated: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ClientHeader {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
    #[prost(string, tag = "2")]
    method_name: String,
    #[prost(string, tag = "3")]
    authority: String,
    #[prost(message, optional, tag = "4")]
    timeout: Option<Timestamp>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ServerHeader {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Content {
    #[prost(uint32, tag = "1")]
    length: u32,
    #[prost(bytes = "bytes", tag = "2")]
    data: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Trailer {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
    #[prost(uint32, tag = "2")]
    status_code: u32,
    #[prost(string, tag = "3")]
    status_message: String,
    #[prost(bytes = "bytes", tag = "4")]
    status_details: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Metadata {
    #[prost(message, repeated, tag = "1")]
    entry: Vec<MetadataEntry>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MetadataEntry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

/// Why a log cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BinaryLogFault {
    /// It is none.
    #[error("it is no binary log of gRPC: the entry at byte {at} cannot be read")]
    NoLog {
        /// Where.
        at: u64,
    },
    /// It ends before an entry does.
    #[error("it ends within the entry at byte {at}: was it cut off?")]
    Short {
        /// Where that begins.
        at: u64,
    },
}

/// How the length of an entry is written: Go's library and Java's differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lengths {
    /// Four bytes, big-endian.
    Fixed,
    /// A varint.
    Varint,
}

/// Reads a binary log, in whatever pieces it comes. Each call has a connection of its own.
#[derive(Debug, Default)]
pub struct BinaryLog {
    held: Vec<u8>,
    at: u64,
    lengths: Option<Lengths>,
    began: Option<Duration>,
    calls: BTreeMap<u64, Call>,
}

#[derive(Debug, Default)]
struct Call {
    counts: [u64; 2],
    has_answer: bool,
}

impl BinaryLog {
    /// When its first entry was written, in nanoseconds since 1970.
    pub fn began(&self) -> Option<u128> {
        self.began.map(|began| began.as_nanos())
    }

    /// Takes the next bytes, and tells what happened in which call.
    ///
    /// # Errors
    /// It is no such log.
    pub fn take(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(u64, Event),
    ) -> Result<(), BinaryLogFault> {
        self.held.extend_from_slice(bytes);
        let held = std::mem::take(&mut self.held);
        let mut from = 0;
        let taken = loop {
            let rest = &held[from..];
            let at = self.at + from as u64;
            match self.entry(rest) {
                Ok(Some((entry, count))) => {
                    self.tell(&entry, &mut each);
                    from += count;
                }
                Ok(None) => break Ok(()),
                Err(()) => break Err(BinaryLogFault::NoLog { at }),
            }
        };
        self.at += from as u64;
        self.held = held;
        self.held.drain(..from);
        taken
    }

    /// # Errors
    /// It ends within an entry.
    pub fn end(&self) -> Result<(), BinaryLogFault> {
        if self.held.is_empty() {
            Ok(())
        } else {
            Err(BinaryLogFault::Short { at: self.at })
        }
    }

    fn entry(&mut self, held: &[u8]) -> Result<Option<(Entry, usize)>, ()> {
        let lengths = match self.lengths {
            Some(lengths) => lengths,
            None if held.len() < 4 => return Ok(None),
            // An entry of Go's library that is longer than 16 MiB is none that its library writes.
            None if held[0] == 0 => Lengths::Fixed,
            None => Lengths::Varint,
        };
        self.lengths = Some(lengths);
        let (len, begins) = match lengths {
            Lengths::Fixed => match held.first_chunk() {
                Some(len) => (u64::from(u32::from_be_bytes(*len)), 4),
                None => return Ok(None),
            },
            Lengths::Varint => {
                let mut rest = held;
                match prost::decode_length_delimiter(&mut rest) {
                    Ok(len) => (len as u64, held.len() - rest.len()),
                    Err(_) if held.len() < 10 => return Ok(None),
                    Err(_) => return Err(()),
                }
            }
        };
        if len > ENTRY_BYTES_MAX {
            return Err(());
        }
        let Some(bytes) = held.get(begins..begins + len as usize) else {
            return Ok(None);
        };
        let entry = Entry::decode(bytes).map_err(|_| ())?;
        // Nothing else has a call's number and a kind in these places.
        if entry.call_id == 0 && entry.kind == 0 {
            return Err(());
        }
        Ok(Some((entry, begins + len as usize)))
    }

    /// When an entry was written, since the first was.
    fn at(&mut self, entry: &Entry) -> Duration {
        let at = entry.timestamp.as_ref().map_or(Duration::ZERO, |it| {
            Duration::new(
                u64::try_from(it.seconds).unwrap_or_default(),
                u32::try_from(it.nanos).unwrap_or_default().min(999_999_999),
            )
        });
        at.saturating_sub(*self.began.get_or_insert(at))
    }

    fn tell_truncated(entry: &Entry, at: Duration, each: &mut impl FnMut(u64, Event)) {
        if entry.payload_truncated && matches!(entry.kind, 1 | 2 | 6) {
            let from = if entry.kind == 1 {
                Side::Client
            } else {
                Side::Server
            };
            let what = What::Fault("the log has not kept all of the metadata".to_owned());
            let stream = 1;
            each(
                entry.call_id,
                Event {
                    at,
                    from,
                    stream,
                    what,
                },
            );
        }
    }

    fn tell(&mut self, entry: &Entry, each: &mut impl FnMut(u64, Event)) {
        let at = self.at(entry);
        let number = entry.call_id;
        let is_new = !self.calls.contains_key(&number);
        let call = self.calls.entry(number).or_default();
        let mut tell = |from, stream, what| {
            let event = Event {
                at,
                from,
                stream,
                what,
            };
            each(number, event);
        };
        if is_new {
            tell(Side::Client, 0, What::Speaks(Protocol::Http2));
        }
        match entry.kind {
            1 => tell(Side::Client, 1, What::Head(request(entry))),
            2 => {
                call.has_answer = true;
                let header = entry.server_header.as_ref();
                let fields = fields(
                    header.and_then(|it| it.metadata.as_ref()),
                    &[(":status", "200")],
                );
                let kind = HeadKind::Response;
                tell(Side::Server, 1, What::Head(Head { kind, fields }));
            }
            kind @ (3 | 4) => {
                let from = Side::BOTH[kind as usize - 3];
                let count = &mut call.counts[from as usize];
                *count += 1;
                tell(from, 1, What::Message(message(entry, *count, at)));
            }
            5 => tell(Side::Client, 1, What::HalfClosed),
            6 => {
                let kind = if call.has_answer {
                    HeadKind::Trailers
                } else {
                    HeadKind::TrailersOnly
                };
                let fields = trailers(entry.trailer.as_ref());
                tell(Side::Server, 1, What::Head(Head { kind, fields }));
                tell(Side::Server, 1, What::HalfClosed);
                self.calls.remove(&number);
            }
            7 => {
                tell(Side::Client, 1, What::Reset(8));
                self.calls.remove(&number);
            }
            other => {
                let fault = format!("an entry of kind {other}, which is not known here");
                tell(Side::Client, 0, What::Fault(fault));
            }
        }
        Self::tell_truncated(entry, at, each);
    }
}

fn message(entry: &Entry, number: u64, at: Duration) -> Message {
    let content = entry.message.clone().unwrap_or_default();
    Message {
        number,
        is_compressed: false,
        len: u64::from(content.length).max(content.data.len() as u64),
        bytes: content.data,
        began: at,
    }
}

fn field(name: &str, value: impl Into<Bytes>) -> Field {
    Field {
        name: Bytes::copy_from_slice(name.as_bytes()),
        value: value.into(),
        is_known: true,
    }
}

fn fields(metadata: Option<&Metadata>, first: &[(&str, &str)]) -> Vec<Field> {
    let first = first
        .iter()
        .map(|(name, value)| field(name, value.as_bytes().to_vec()));
    let entries = metadata.map(|it| &it.entry[..]).unwrap_or_default();
    let entries = entries.iter().map(|entry| {
        // On the wire, binary values are in base64.
        let value = if entry.key.ends_with("-bin") {
            crate::calls::base64(&entry.value).into()
        } else {
            entry.value.clone()
        };
        field(&entry.key, value)
    });
    first.chain(entries).collect()
}

fn request(entry: &Entry) -> Head {
    let header = entry.client_header.clone().unwrap_or_default();
    let first = [
        (":method", "POST"),
        (":path", &*header.method_name),
        (":authority", &*header.authority),
        ("content-type", "application/grpc"),
    ];
    let mut fields = fields(header.metadata.as_ref(), &first);
    if let Some(timeout) = &header.timeout {
        let us = timeout.seconds.saturating_mul(1_000_000) + i64::from(timeout.nanos) / 1_000;
        let text = if us < 100_000_000 {
            format!("{us}u")
        } else {
            format!("{}m", us / 1_000)
        };
        fields.push(field("grpc-timeout", text));
    }
    Head {
        kind: HeadKind::Request,
        fields,
    }
}

fn trailers(trailer: Option<&Trailer>) -> Vec<Field> {
    let mut fields = fields(trailer.and_then(|it| it.metadata.as_ref()), &[]);
    if let Some(trailer) = trailer {
        fields.push(field("grpc-status", trailer.status_code.to_string()));
        if !trailer.status_message.is_empty() {
            fields.push(field("grpc-message", trailer.status_message.clone()));
        }
        if !trailer.status_details.is_empty() {
            fields.push(field(
                "grpc-status-details-bin",
                crate::calls::base64(&trailer.status_details),
            ));
        }
    }
    fields
}
