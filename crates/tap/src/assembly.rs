//! Messages out of the bytes of a gRPC stream, in whatever pieces those come. No I/O.
//!
//! A message is: a flag, whether it is compressed (1 byte), its length (4 bytes, big-endian), and its bytes.

use std::collections::VecDeque;
use std::io::Read as _;

use bytes::buf::Reader;
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;

/// The flag and the length before each message.
pub const PREFIX_BYTES: usize = 5;
/// Bytes unpacked at a time.
pub const PIECE_BYTES: usize = 16 * 1024;

/// Something that is whole.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// One message or several, as they came.
    Plain(Bytes),
    /// One message that is compressed.
    Packed(Bytes),
}

/// Why a stream cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A message is longer than one may be, as it came or unpacked.
    #[error("a message is longer than one may be")]
    TooLarge,
    /// More messages than the method takes.
    #[error("more messages came than are taken")]
    TooMany,
    /// It cannot be read.
    #[error("{0}")]
    Malformed(&'static str),
}

/// Puts messages together.
#[derive(Debug)]
pub struct Assembly {
    message_bytes_max: u64,
    messages_max: Option<u64>,
    gzip: bool,
    taken: u64,
    /// The message under way, from its prefix on.
    held: VecDeque<Bytes>,
    held_bytes: u64,
    /// Its length with the prefix, once that has come.
    whole_bytes: Option<u64>,
}

impl Assembly {
    /// For a stream of at most `messages_max` messages of at most `message_bytes_max`, which may be packed with `gzip`.
    pub fn new(message_bytes_max: u64, messages_max: Option<u64>, gzip: bool) -> Self {
        Self {
            message_bytes_max,
            messages_max,
            gzip,
            taken: 0,
            held: VecDeque::new(),
            held_bytes: 0,
            whole_bytes: None,
        }
    }

    /// Messages that were whole.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether a message has begun and is not whole.
    pub fn is_within_a_message(&self) -> bool {
        self.held_bytes > 0
    }

    /// Bytes held of the message under way, and its length as far as that is known.
    pub fn held(&self) -> (u64, u64) {
        (self.held_bytes, self.whole_bytes.unwrap_or(self.held_bytes))
    }

    /// Takes the next bytes; what is whole by them goes to `ready`.
    ///
    /// # Errors
    /// Why the stream cannot go on.
    pub fn take(&mut self, mut chunk: Bytes, ready: &mut VecDeque<Piece>) -> Result<(), Fault> {
        if self.held_bytes > 0 {
            self.fill(&mut chunk, ready)?;
        }
        // What is whole in this chunk goes on as it is.
        let mut whole = 0;
        while let Some(prefix) = chunk.get(whole..whole + PREFIX_BYTES) {
            let (compressed, bytes) = self.judge(prefix)?;
            let end = whole + usize::try_from(bytes).unwrap_or(usize::MAX);
            if end > chunk.len() {
                break;
            }
            self.count()?;
            if compressed {
                if whole > 0 {
                    ready.push_back(Piece::Plain(chunk.split_to(whole)));
                }
                ready.push_back(Piece::Packed(chunk.split_to(end - whole)));
                whole = 0;
            } else {
                whole = end;
            }
        }
        if whole > 0 {
            ready.push_back(Piece::Plain(chunk.split_to(whole)));
        }
        if !chunk.is_empty() {
            self.hold(chunk)?;
        }
        Ok(())
    }

    /// Takes of `chunk` what the message under way lacks.
    fn fill(&mut self, chunk: &mut Bytes, ready: &mut VecDeque<Piece>) -> Result<(), Fault> {
        while let Some(lacking) = self.lacking().filter(|_| !chunk.is_empty()) {
            let count = chunk
                .len()
                .min(usize::try_from(lacking).unwrap_or(usize::MAX));
            self.hold(chunk.split_to(count))?;
        }
        if self.lacking().is_some() {
            return Ok(());
        }
        self.count()?;
        let compressed = self.held.front().is_some_and(|first| first[0] == 1);
        if compressed {
            let mut message = BytesMut::with_capacity(self.held_bytes as usize);
            for piece in self.held.drain(..) {
                message.put(piece);
            }
            ready.push_back(Piece::Packed(message.freeze()));
        } else {
            ready.extend(self.held.drain(..).map(Piece::Plain));
        }
        (self.held_bytes, self.whole_bytes) = (0, None);
        Ok(())
    }

    /// Bytes that are missing until the prefix is whole, and then until the message is.
    fn lacking(&self) -> Option<u64> {
        let whole = self.whole_bytes.unwrap_or(PREFIX_BYTES as u64);
        let lacking = whole - self.held_bytes;
        (lacking > 0).then_some(lacking)
    }

    fn hold(&mut self, piece: Bytes) -> Result<(), Fault> {
        self.held_bytes += piece.len() as u64;
        self.held.push_back(piece);
        if self.whole_bytes.is_none() && self.held_bytes >= PREFIX_BYTES as u64 {
            let mut prefix = [0; PREFIX_BYTES];
            let bytes = self.held.iter().flat_map(|piece| piece.iter());
            for (place, byte) in prefix.iter_mut().zip(bytes) {
                *place = *byte;
            }
            self.whole_bytes = Some(self.judge(&prefix)?.1);
        }
        Ok(())
    }

    /// Whether a message is compressed, and its length with its prefix.
    fn judge(&self, mut prefix: &[u8]) -> Result<(bool, u64), Fault> {
        if self.messages_max.is_some_and(|max| self.taken >= max) {
            return Err(Fault::TooMany);
        }
        let compressed = match prefix.get_u8() {
            0 => false,
            1 if self.gzip => true,
            1 => {
                return Err(Fault::Malformed(
                    "it says that it is compressed, and the call has no grpc-encoding",
                ));
            }
            _ => {
                return Err(Fault::Malformed(
                    "its first byte says neither that it is compressed nor that it is not",
                ));
            }
        };
        let bytes = u64::from(prefix.get_u32());
        if bytes > self.message_bytes_max {
            return Err(Fault::TooLarge);
        }
        Ok((compressed, bytes + PREFIX_BYTES as u64))
    }

    fn count(&mut self) -> Result<(), Fault> {
        if self.messages_max.is_some_and(|max| self.taken >= max) {
            return Err(Fault::TooMany);
        }
        self.taken += 1;
        Ok(())
    }
}

/// Unpacks a compressed message, a piece at a time, as far as a message may be long.
pub struct Unpacker {
    packed: MultiGzDecoder<Reader<Bytes>>,
    unpacked: BytesMut,
    bytes_max: usize,
}

impl Unpacker {
    /// For a message as it came, with its prefix.
    pub fn new(mut message: Bytes, message_bytes_max: u64) -> Self {
        message.advance(PREFIX_BYTES);
        Self {
            packed: MultiGzDecoder::new(message.reader()),
            unpacked: BytesMut::zeroed(PREFIX_BYTES),
            bytes_max: usize::try_from(message_bytes_max).unwrap_or(usize::MAX),
        }
    }

    /// Bytes unpacked so far.
    pub fn bytes(&self) -> u64 {
        self.unpacked.len() as u64
    }

    /// Unpacks one piece more; the message as it would have come without compression, when that was the last.
    ///
    /// # Errors
    /// It is no gzip, or longer than a message may be.
    pub fn step(&mut self) -> Result<Option<Bytes>, Fault> {
        let mut piece = [0; PIECE_BYTES];
        let count = self
            .packed
            .read(&mut piece)
            .map_err(|_| Fault::Malformed("it is not what gzip makes"))?;
        let bytes = self.unpacked.len() - PREFIX_BYTES;
        if count > 0 {
            if bytes + count > self.bytes_max {
                return Err(Fault::TooLarge);
            }
            self.unpacked.put_slice(&piece[..count]);
            return Ok(None);
        }
        let length = u32::try_from(bytes).map_err(|_| Fault::TooLarge)?;
        self.unpacked[1..PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
        Ok(Some(self.unpacked.split().freeze()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn message(flag: u8, bytes: &[u8]) -> Vec<u8> {
        let mut message = vec![flag];
        message.extend((bytes.len() as u32).to_be_bytes());
        message.extend(bytes);
        message
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(bytes).expect("memory");
        packer.finish().expect("memory")
    }

    fn assembled(assembly: &mut Assembly, chunks: &[&[u8]]) -> Result<Vec<u8>, Fault> {
        let mut ready = VecDeque::new();
        for chunk in chunks {
            assembly.take(Bytes::copy_from_slice(chunk), &mut ready)?;
        }
        let mut messages = Vec::new();
        for piece in ready {
            match piece {
                Piece::Plain(bytes) => messages.extend(bytes),
                Piece::Packed(bytes) => {
                    let mut unpacker = Unpacker::new(bytes, assembly.message_bytes_max);
                    let unpacked = loop {
                        if let Some(unpacked) = unpacker.step()? {
                            break unpacked;
                        }
                        assert!(unpacker.bytes() <= assembly.message_bytes_max + 5);
                    };
                    messages.extend(unpacked);
                }
            }
        }
        Ok(messages)
    }

    #[test]
    fn whatever_the_pieces_the_messages_are_the_same() {
        let plain: Vec<Vec<u8>> = [0_usize, 1, 4, 5, 300]
            .iter()
            .map(|len| message(0, &vec![7; *len]))
            .collect();
        let (stream, expected) = (plain.concat(), plain.concat());
        for size in 1..=stream.len() {
            let mut assembly = Assembly::new(1_000, None, false);
            let chunks: Vec<&[u8]> = stream.chunks(size).collect();
            assert_eq!(
                assembled(&mut assembly, &chunks),
                Ok(expected.clone()),
                "{size}"
            );
            assert_eq!((assembly.taken(), assembly.held()), (5, (0, 0)), "{size}");
        }
    }

    #[test]
    fn a_message_is_given_out_only_when_it_is_whole() {
        let mut assembly = Assembly::new(1_000, None, false);
        let whole = message(0, &[1; 100]);
        assert_eq!(assembled(&mut assembly, &[&whole[..50]]), Ok(Vec::new()));
        assert!(assembly.is_within_a_message());
        assert_eq!(assembly.held(), (50, 105));
        assert_eq!(assembled(&mut assembly, &[&whole[50..]]), Ok(whole));
    }

    #[test]
    fn a_length_is_judged_before_any_of_it_has_come() {
        let announced = [&[0][..], &1_001_u32.to_be_bytes()].concat();
        for size in 1..=5 {
            let mut assembly = Assembly::new(1_000, None, false);
            let chunks: Vec<&[u8]> = announced.chunks(size).collect();
            assert_eq!(assembled(&mut assembly, &chunks), Err(Fault::TooLarge));
        }
    }

    #[test]
    fn a_second_message_is_refused_where_one_is_taken() {
        let one = message(0, b"one");
        for second in [message(0, b"two"), message(0, b""), vec![0; 5]] {
            let stream = [one.clone(), second].concat();
            for size in 1..=stream.len() {
                let mut assembly = Assembly::new(1_000, Some(1), false);
                let chunks: Vec<&[u8]> = stream.chunks(size).collect();
                assert_eq!(
                    assembled(&mut assembly, &chunks),
                    Err(Fault::TooMany),
                    "{size}"
                );
            }
        }
    }

    #[test]
    fn what_is_compressed_is_unpacked_as_far_as_a_message_may_be_long() {
        let text = vec![b'x'; 900];
        let stream = [
            message(0, b"a"),
            message(1, &packed(&text)),
            message(0, b"b"),
        ]
        .concat();
        let expected = [message(0, b"a"), message(0, &text), message(0, b"b")].concat();
        for size in 1..=stream.len() {
            let mut assembly = Assembly::new(1_000, None, true);
            let chunks: Vec<&[u8]> = stream.chunks(size).collect();
            assert_eq!(
                assembled(&mut assembly, &chunks),
                Ok(expected.clone()),
                "{size}"
            );
        }
        let mut assembly = Assembly::new(1_000, None, true);
        let bomb = message(1, &packed(&vec![0; 10_000_000])[..]);
        let refused = assembled(&mut Assembly::new(100_000, None, true), &[&bomb]);
        assert_eq!(refused, Err(Fault::TooLarge));
        let torn = message(1, &packed(&text)[..20]);
        let refused = assembled(&mut assembly, &[&torn]);
        assert!(matches!(refused, Err(Fault::Malformed(_))));
        let refused = assembled(&mut Assembly::new(1_000, None, false), &[&message(1, b"")]);
        assert!(matches!(refused, Err(Fault::Malformed(_))));
        let refused = assembled(&mut Assembly::new(1_000, None, false), &[&message(7, b"")]);
        assert!(matches!(refused, Err(Fault::Malformed(_))));
    }
}
