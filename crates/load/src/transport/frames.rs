//! gRPC messages in HTTP/2 bodies: a byte for compression, four for the length, the message.

use std::io::Read;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use flate2::read::{GzDecoder, ZlibDecoder};
use http::HeaderMap;

use super::failed::Failed;

/// What stands before a message.
pub(crate) const PREFIX_BYTES: usize = 5;

/// Writes a message with its prefix; `write` appends the message.
pub(crate) fn frame<E>(
    out: &mut BytesMut,
    write: impl FnOnce(&mut BytesMut) -> Result<(), E>,
) -> Result<(), E> {
    let begin = out.len();
    out.put_bytes(0, PREFIX_BYTES);
    write(out)?;
    let length = out.len() - begin - PREFIX_BYTES;
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    out[begin + 1..begin + PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// A message with its prefix.
pub(crate) fn framed(message: &[u8], is_compressed: bool) -> Bytes {
    let mut out = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    out.put_u8(u8::from(is_compressed));
    out.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    out.put_slice(message);
    out.freeze()
}

/// How messages are compressed that say they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Nothing was said.
    #[default]
    None,
    Gzip,
    /// What HTTP calls deflate, and everybody else zlib.
    Deflate,
    Other(String),
}

impl Encoding {
    /// What the headers of an answer say.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let Some(said) = headers.get("grpc-encoding") else {
            return Self::None;
        };
        match said.as_bytes() {
            b"identity" => Self::None,
            b"gzip" => Self::Gzip,
            b"deflate" => Self::Deflate,
            other => Self::Other(String::from_utf8_lossy(other).into_owned()),
        }
    }

    fn unpacked(&self, packed: &[u8], message_bytes_max: usize) -> Result<Bytes, Failed> {
        match self {
            Self::Gzip => unpacked(GzDecoder::new(packed), message_bytes_max),
            Self::Deflate => unpacked(ZlibDecoder::new(packed), message_bytes_max),
            Self::None => Err(Failed::garbage(
                "an answer says that it is compressed (its first byte is 1), and its headers do not say how",
            )),
            Self::Other(name) => Err(Failed::garbage(format!(
                "an answer is compressed as {name:?}; gzip and deflate can be read"
            ))),
        }
    }
}

fn unpacked(reader: impl Read, message_bytes_max: usize) -> Result<Bytes, Failed> {
    let mut message = Vec::new();
    let mut bounded = reader.take(message_bytes_max as u64 + 1);
    let read = bounded.read_to_end(&mut message);
    read.map_err(|error| {
        Failed::garbage(format!("a compressed answer cannot be unpacked: {error}"))
    })?;
    if message.len() > message_bytes_max {
        return Err(Failed::garbage(format!(
            "an answer has, unpacked, more than {message_bytes_max} bytes; --message-max takes more"
        )));
    }
    Ok(message.into())
}

/// Takes messages out of what arrives, however it is cut.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    kept: BytesMut,
    pub(crate) encoding: Encoding,
}

impl Frames {
    /// Takes the next piece in, and the first message that is whole out, with what is left of the piece.
    pub(crate) fn next(
        &mut self,
        piece: &mut Bytes,
        message_bytes_max: usize,
    ) -> Result<Option<Bytes>, Failed> {
        // Nearly every answer comes in one piece: it is passed on as it is.
        if self.kept.is_empty()
            && let Some((is_packed, length)) = prefix(piece, message_bytes_max)?
            && piece.len() >= PREFIX_BYTES + length
        {
            piece.advance(PREFIX_BYTES);
            let message = piece.split_to(length);
            return self.whole(is_packed, message, message_bytes_max).map(Some);
        }
        self.kept.extend_from_slice(piece);
        piece.clear();
        let Some((is_packed, length)) = prefix(&self.kept, message_bytes_max)? else {
            return Ok(None);
        };
        if self.kept.len() < PREFIX_BYTES + length {
            return Ok(None);
        }
        self.kept.advance(PREFIX_BYTES);
        let message = self.kept.split_to(length).freeze();
        *piece = self.kept.split().freeze();
        self.whole(is_packed, message, message_bytes_max).map(Some)
    }

    fn whole(
        &self,
        is_packed: bool,
        message: Bytes,
        message_bytes_max: usize,
    ) -> Result<Bytes, Failed> {
        if is_packed {
            return self.encoding.unpacked(&message, message_bytes_max);
        }
        Ok(message)
    }

    /// Whether the body may end here.
    pub(crate) fn is_between(&self) -> bool {
        self.kept.is_empty()
    }
}

/// Whether the first message is compressed, and how long it is; `None` as long as that is not there.
fn prefix(bytes: &[u8], message_bytes_max: usize) -> Result<Option<(bool, usize)>, Failed> {
    let Some((prefix, _)) = bytes.split_first_chunk::<PREFIX_BYTES>() else {
        return Ok(None);
    };
    if prefix[0] > 1 {
        return Err(Failed::garbage(format!(
            "an answer's first byte is {:#04x}: 0x00 and, of compressed ones, 0x01 begin a message",
            prefix[0]
        )));
    }
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    if length > message_bytes_max {
        return Err(Failed::garbage(format!(
            "an answer says it has {length} bytes, and at most {message_bytes_max} are taken; --message-max takes more"
        )));
    }
    Ok(Some((prefix[0] == 1, length)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(messages: &[Vec<u8>]) -> Bytes {
        let mut out = BytesMut::new();
        for message in messages {
            let written: Result<(), ()> = frame(&mut out, |out| {
                out.extend_from_slice(message);
                Ok(())
            });
            written.expect("nothing fails");
        }
        out.freeze()
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_however_they_are_cut(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..8),
            cuts in prop::collection::vec(1_usize..20, 1..60),
        ) {
            let mut body = framed(&messages);
            let mut frames = Frames::default();
            let mut out = Vec::new();
            let mut cuts = cuts.iter().cycle();
            while !body.is_empty() {
                let cut = (*cuts.next().expect("it goes round")).min(body.len());
                let mut piece = body.split_to(cut);
                while let Some(message) = frames.next(&mut piece, 1_000).expect("it is well formed") {
                    out.push(message.to_vec());
                }
            }
            prop_assert!(frames.is_between());
            prop_assert_eq!(out, messages);
        }

        #[test]
        fn what_is_compressed_comes_out_as_it_went_in(
            message in prop::collection::vec(any::<u8>(), 0..2_000),
            is_gzip in any::<bool>(),
        ) {
            let level = flate2::Compression::default();
            let mut packed = Vec::new();
            let (encoding, read) = if is_gzip {
                let mut encoder = flate2::read::GzEncoder::new(&message[..], level);
                (Encoding::Gzip, encoder.read_to_end(&mut packed))
            } else {
                let mut encoder = flate2::read::ZlibEncoder::new(&message[..], level);
                (Encoding::Deflate, encoder.read_to_end(&mut packed))
            };
            read.expect("it is memory");
            let mut body = framed(&[packed]).to_vec();
            body[0] = 1;
            let taken = |max| {
                let mut frames = Frames { encoding: encoding.clone(), ..Frames::default() };
                frames.next(&mut Bytes::from(body.clone()), max)
            };
            prop_assert_eq!(taken(2_100).expect("whole").expect("one"), message.clone());
            if message.len() > 20 {
                prop_assert!(taken(message.len() - 1).is_err(), "it is unpacked to more than is taken");
            }
        }

        #[test]
        fn garbage_is_refused_or_waited_for_and_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut piece = Bytes::from(bytes);
            let mut frames = Frames::default();
            while let Ok(Some(_)) = frames.next(&mut piece, 1_000) {}
        }
    }
}
