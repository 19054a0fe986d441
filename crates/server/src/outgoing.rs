//! What goes out of a call: memory held until it has gone, and messages packed where the client asks for it.

use std::io::Write as _;

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::BodyExt as _;
use tonic::body::Body;

use callers::Lease;
use tap::PREFIX_BYTES;

/// An answer that holds the memory it takes until it has gone out.
pub(crate) fn keeping(answer: Body, leases: Vec<Lease>) -> Body {
    Body::new(answer.map_frame(move |frame| {
        let _held = &leases;
        frame
    }))
}

/// An answer whose messages, if they have so many bytes, are compressed with gzip.
pub(crate) fn packed(answer: Body, bytes_min: usize) -> Body {
    let pack = move |messages| packed_messages(messages, bytes_min);
    Body::new(answer.map_frame(move |frame| frame.map_data(pack)))
}

/// Whole messages, each compressed if it is long enough: the transport is given nothing but whole ones.
fn packed_messages(mut messages: Bytes, bytes_min: usize) -> Bytes {
    let mut packed = BytesMut::new();
    while messages.len() >= PREFIX_BYTES {
        let prefix = messages.split_to(PREFIX_BYTES);
        let len = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
        let message = messages.split_to(len.min(messages.len()));
        if message.len() < bytes_min {
            put(&mut packed, 0, &message);
            continue;
        }
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
    fn each_message_that_is_long_enough_is_packed_for_itself() {
        let mut messages = BytesMut::new();
        for message in [&b""[..], &[7; 1_000], b"x"] {
            put(&mut messages, 0, message);
        }
        let mut packed = packed_messages(messages.freeze(), 1);
        let mut seen = Vec::new();
        while !packed.is_empty() {
            let prefix = packed.split_to(PREFIX_BYTES);
            let len = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
            let message = packed.split_to(len as usize);
            let mut unpacked = Vec::new();
            match prefix[0] {
                0 => unpacked.extend(&message),
                _ => {
                    flate2::read::GzDecoder::new(&message[..])
                        .read_to_end(&mut unpacked)
                        .expect("it was packed here");
                }
            }
            seen.push((prefix[0], unpacked.len()));
        }
        assert_eq!(seen, [(0, 0), (1, 1_000), (1, 1)]);
    }
}
