//! gRPC messages in HTTP/2 bodies: a byte for compression, four for the length, the message.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

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

/// Takes messages out of what arrives, however it is cut.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    kept: BytesMut,
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
            && let Some(length) = length(piece, message_bytes_max)?
            && piece.len() >= PREFIX_BYTES + length
        {
            piece.advance(PREFIX_BYTES);
            return Ok(Some(piece.split_to(length)));
        }
        self.kept.extend_from_slice(piece);
        piece.clear();
        let Some(length) = length(&self.kept, message_bytes_max)? else {
            return Ok(None);
        };
        if self.kept.len() < PREFIX_BYTES + length {
            return Ok(None);
        }
        self.kept.advance(PREFIX_BYTES);
        let message = self.kept.split_to(length).freeze();
        *piece = self.kept.split().freeze();
        Ok(Some(message))
    }

    /// Whether the body may end here.
    pub(crate) fn is_between(&self) -> bool {
        self.kept.is_empty()
    }
}

fn length(bytes: &[u8], message_bytes_max: usize) -> Result<Option<usize>, Failed> {
    let Some((prefix, _)) = bytes.split_first_chunk::<PREFIX_BYTES>() else {
        return Ok(None);
    };
    if prefix[0] != 0 {
        return Err(Failed::garbage(format!(
            "an answer's first byte is {:#04x}: only messages that are not compressed (0x00) were asked for",
            prefix[0]
        )));
    }
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    if length > message_bytes_max {
        return Err(Failed::garbage(format!(
            "an answer says it has {length} bytes, and at most {message_bytes_max} are taken"
        )));
    }
    Ok(Some(length))
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
        fn garbage_is_refused_or_waited_for_and_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut piece = Bytes::from(bytes);
            let mut frames = Frames::default();
            while let Ok(Some(_)) = frames.next(&mut piece, 1_000) {}
        }
    }
}
