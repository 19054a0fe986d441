//! Messages that pass, kept as far as a bound allows. Nothing is refused here, for nothing is asked.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::assembly::PREFIX_BYTES;
use crate::event::Message;

/// Gathers the messages of one direction of a call.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    prefix: [u8; PREFIX_BYTES],
    have: usize,
    /// Of the message under way, once its prefix is whole.
    under_way: Option<UnderWay>,
    count: u64,
    began: Duration,
    /// Where messages begin is not known: some bytes were missed.
    is_lost: bool,
}

#[derive(Debug)]
struct UnderWay {
    is_compressed: bool,
    len: u64,
    left: u64,
    bytes: BytesMut,
}

impl Gather {
    /// Some bytes are missing.
    pub(crate) fn missed(&mut self) {
        (self.have, self.under_way, self.is_lost) = (0, None, true);
    }

    /// Whether it is not known where messages begin.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Whether a message has begun that is not whole.
    pub(crate) fn is_within_a_message(&self) -> bool {
        self.have > 0 || self.under_way.is_some()
    }

    /// Bytes that are held.
    pub(crate) fn held(&self) -> usize {
        self.under_way.as_ref().map_or(0, |it| it.bytes.len())
    }

    /// Whether messages can be told in what comes, which begins a frame of so many bytes. If not, it is to be passed over.
    pub(crate) fn finds_its_place(&mut self, piece: &[u8], frame_bytes: u64) -> bool {
        if self.is_lost
            && let Some((flag, len)) = piece.get(..PREFIX_BYTES).map(read_prefix)
        {
            self.is_lost = flag > 1 || len + PREFIX_BYTES as u64 > frame_bytes;
        }
        !self.is_lost
    }

    /// Takes the next bytes. Of each message `keep` bytes are kept.
    pub(crate) fn take(
        &mut self,
        mut piece: &[u8],
        at: Duration,
        keep: usize,
        mut each: impl FnMut(Message),
    ) -> Result<(), u8> {
        while !piece.is_empty() || self.under_way.as_ref().is_some_and(|it| it.left == 0) {
            let Some(mut under_way) = self.under_way.take() else {
                if self.have == 0 {
                    self.began = at;
                }
                let count = (PREFIX_BYTES - self.have).min(piece.len());
                self.prefix[self.have..self.have + count].copy_from_slice(&piece[..count]);
                self.have += count;
                piece = &piece[count..];
                if self.have == PREFIX_BYTES {
                    let (flag, len) = read_prefix(&self.prefix);
                    if flag > 1 {
                        self.missed();
                        return Err(flag);
                    }
                    self.have = 0;
                    self.under_way = Some(UnderWay {
                        is_compressed: flag == 1,
                        len,
                        left: len,
                        bytes: BytesMut::new(),
                    });
                }
                continue;
            };
            let here = usize::try_from(under_way.left).unwrap_or(usize::MAX);
            let (taken, rest) = piece.split_at(here.min(piece.len()));
            piece = rest;
            under_way.left -= taken.len() as u64;
            let room = keep.saturating_sub(under_way.bytes.len());
            under_way
                .bytes
                .extend_from_slice(&taken[..room.min(taken.len())]);
            if under_way.left > 0 {
                self.under_way = Some(under_way);
                continue;
            }
            self.count += 1;
            each(Message {
                number: self.count,
                is_compressed: under_way.is_compressed,
                len: under_way.len,
                bytes: under_way.bytes.freeze(),
                began: self.began,
            });
        }
        Ok(())
    }
}

fn read_prefix(prefix: &[u8]) -> (u8, u64) {
    let len = prefix[1..PREFIX_BYTES]
        .iter()
        .fold(0, |len, byte| len << 8 | u64::from(*byte));
    (prefix[0], len)
}

/// What `message` says when it is unpacked, as far as `bytes_max`; why not, otherwise.
pub fn unpacked(message: &Message, encoding: &str, bytes_max: u64) -> Result<Bytes, String> {
    if !message.is_compressed {
        return Ok(message.bytes.clone());
    }
    if message.is_cut() {
        return Err(format!("{encoding}, of which not all was kept"));
    }
    if encoding != "gzip" {
        return Err(format!("{encoding}, which is not unpacked here"));
    }
    let mut whole = BytesMut::zeroed(PREFIX_BYTES);
    whole.extend_from_slice(&message.bytes);
    let mut unpacker = crate::Unpacker::new(whole.freeze(), bytes_max);
    loop {
        match unpacker.step() {
            Ok(None) => {}
            Ok(Some(unpacked)) => return Ok(unpacked.slice(PREFIX_BYTES..)),
            Err(fault) => return Err(format!("gzip: {fault}")),
        }
    }
}
