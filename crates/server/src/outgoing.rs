//! What goes out of a call: memory held until it has gone, and messages packed where the client packs its own.

use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use crate::budget::Lease;

const PREFIX_BYTES: usize = 5;

/// An answer, and the memory that it takes.
pub(crate) struct Kept {
    inner: Body,
    _leases: Vec<Lease>,
}

impl Kept {
    pub(crate) fn new(inner: Body, leases: Vec<Lease>) -> Self {
        Self {
            inner,
            _leases: leases,
        }
    }
}

impl HttpBody for Kept {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer whose messages are compressed with gzip.
pub(crate) struct Packed {
    inner: Body,
}

impl Packed {
    pub(crate) fn new(inner: Body) -> Self {
        Self { inner }
    }
}

impl HttpBody for Packed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        polled.map(|frame| frame.map(|frame| frame.map(|frame| frame.map_data(packed))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}

/// Whole messages, each compressed: the transport is given nothing but whole ones.
fn packed(mut messages: Bytes) -> Bytes {
    let mut packed = BytesMut::new();
    while messages.len() >= PREFIX_BYTES {
        let prefix = messages.split_to(PREFIX_BYTES);
        let len = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
        let message = messages.split_to(len.min(messages.len()));
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        let written = packer.write_all(&message).and_then(|()| packer.finish());
        match written {
            Ok(bytes) => put(&mut packed, 1, &bytes),
            // Memory does not fail to be written to; and a message may always be sent as it is.
            Err(_) => put(&mut packed, 0, &message),
        }
    }
    packed.freeze()
}

fn put(messages: &mut BytesMut, flag: u8, message: &[u8]) {
    messages.put_u8(flag);
    messages.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    messages.put_slice(message);
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn each_message_is_packed_for_itself() {
        let mut messages = BytesMut::new();
        for message in [&b""[..], &[7; 1_000], b"x"] {
            put(&mut messages, 0, message);
        }
        let mut packed = packed(messages.freeze());
        let mut lens = Vec::new();
        while !packed.is_empty() {
            let prefix = packed.split_to(PREFIX_BYTES);
            assert_eq!(prefix[0], 1);
            let len = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
            let message = packed.split_to(len as usize);
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&message[..])
                .read_to_end(&mut unpacked)
                .expect("it was packed here");
            lens.push(unpacked.len());
        }
        assert_eq!(lens, [0, 1_000, 1]);
    }
}
