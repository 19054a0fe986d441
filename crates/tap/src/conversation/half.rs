//! One direction of a conversation.

use std::collections::VecDeque;

use super::INITIAL_WINDOW_SIZE;
use super::stream::Credit;
use crate::event::{Protocol, Side};
use crate::frames::{END_STREAM, Frame, Frames, HEADER_BYTES, HEADERS, PADDED, SETTINGS};
use crate::hpack::Hpack;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Until it is set or moved.
const WINDOW_BYTES: i64 = 65_535;
/// Settings that wait to be taken; honest peers have one.
const ASKED_MAX: usize = 64;

/// What the next bytes are.
#[derive(Debug)]
pub(crate) enum Reading {
    /// The first of all, which are too few yet to know what is spoken.
    Start(Vec<u8>),
    /// Of frames.
    Frames,
    /// It is not known where a frame begins.
    Lost,
    /// No HTTP/2.
    Foreign,
}

#[derive(Debug)]
pub(super) struct Half {
    pub(super) reading: Reading,
    pub(super) frames: Frames,
    /// The one under way.
    pub(super) frame: Frame,
    /// Whether some of its payload has come.
    pub(super) has_begun: bool,
    /// What is left of its payload until its padding begins.
    unpadded: usize,
    /// Whether the byte that says how long the padding is has come.
    knows_padding: bool,
    /// The payload of a frame that has to be whole.
    pub(super) held: Vec<u8>,
    pub(super) block: Option<Block>,
    pub(super) hpack: Hpack,
    pub(super) credit: Credit,
    pub(super) initial_window: i64,
    /// What this side has asked of the other's windows, and has not been granted yet.
    pub(super) asked: VecDeque<Option<i64>>,
    /// Whether something was missed.
    pub(super) is_late: bool,
}

/// A header block, of which not all has come.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) stream: u32,
    pub(super) ends: bool,
    pub(super) bytes: Vec<u8>,
    pub(super) promises: Option<u32>,
}

impl Block {
    pub(super) fn of(frame: Frame) -> Self {
        Self {
            stream: frame.stream,
            ends: frame.kind == HEADERS && frame.flags & END_STREAM != 0,
            bytes: Vec::new(),
            promises: None,
        }
    }

    pub(super) fn add(&mut self, piece: &[u8], bytes_max: usize) {
        let room = bytes_max.saturating_sub(self.bytes.len());
        self.bytes
            .extend_from_slice(&piece[..room.min(piece.len())]);
    }
}

impl Half {
    pub(super) fn new(header_bytes_max: usize) -> Self {
        Self {
            reading: Reading::Start(Vec::new()),
            frames: Frames::default(),
            frame: Frame::of(&[0; HEADER_BYTES]),
            has_begun: false,
            unpadded: 0,
            knows_padding: false,
            held: Vec::new(),
            block: None,
            hpack: Hpack::new(header_bytes_max),
            credit: Credit::of(Some(WINDOW_BYTES)),
            initial_window: WINDOW_BYTES,
            asked: VecDeque::new(),
            is_late: false,
        }
    }

    pub(super) fn miss(&mut self) {
        if matches!(self.reading, Reading::Frames | Reading::Start(_)) {
            self.reading = Reading::Lost;
        }
        self.frames = Frames::default();
        self.held.clear();
        self.block = None;
        self.hpack.missed();
        self.credit = Credit::of(None);
        self.is_late = true;
    }

    /// A frame begins.
    pub(super) fn begin(&mut self, frame: Frame) {
        self.frame = frame;
        self.has_begun = false;
        self.knows_padding = frame.flags & PADDED == 0;
        self.unpadded = frame.bytes as usize;
    }

    /// What of a piece of DATA is no padding.
    pub(super) fn without_padding<'a>(&mut self, mut piece: &'a [u8]) -> &'a [u8] {
        if !self.knows_padding
            && let Some((padding, rest)) = piece.split_first()
        {
            self.knows_padding = true;
            self.unpadded = self.unpadded.saturating_sub(1 + usize::from(*padding));
            piece = rest;
        }
        let (data, _) = piece.split_at(self.unpadded.min(piece.len()));
        self.unpadded -= data.len();
        data
    }

    /// Keeps a piece of a payload that has to be whole.
    pub(super) fn hold(&mut self, piece: &[u8], bytes_max: usize) {
        let room = bytes_max.saturating_sub(self.held.len());
        self.held.extend_from_slice(&piece[..room.min(piece.len())]);
    }

    /// This side asks something of the other.
    pub(super) fn asks(&mut self, pairs: &[(u16, u32)]) {
        if self.asked.len() < ASKED_MAX {
            let mut sizes = pairs.iter().filter(|(id, _)| *id == INITIAL_WINDOW_SIZE);
            self.asked
                .push_back(sizes.next_back().map(|(_, size)| i64::from(*size)));
        }
    }
}

/// A payload without its padding.
pub(super) fn unpadded(payload: &[u8], frame: Frame) -> &[u8] {
    if frame.flags & PADDED == 0 {
        return payload;
    }
    let Some((padding, rest)) = payload.split_first() else {
        return payload;
    };
    &rest[..rest.len().saturating_sub(usize::from(*padding))]
}

/// What a side speaks that has begun with `held`, and where that begins; `None` until enough has come.
pub(crate) fn speaks(from: Side, held: &[u8]) -> Option<(Protocol, usize)> {
    let foreign = match held {
        [0x14..=0x17, 0x03, ..] => Some(Protocol::Tls),
        _ if held.starts_with(b"SSH-") => Some(Protocol::Ssh),
        _ if held.starts_with(b"HTTP/1") => Some(Protocol::Http1),
        _ => None,
    };
    if let Some(foreign) = foreign {
        return Some((foreign, 0));
    }
    if from == Side::Client && PREFACE.starts_with(&held[..held.len().min(PREFACE.len())]) {
        return (held.len() >= PREFACE.len()).then_some((Protocol::Http2, PREFACE.len()));
    }
    let method = held
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    if (3..=7).contains(&method) && held.get(method) == Some(&b' ') {
        return Some((Protocol::Http1, 0));
    }
    let frame = Frame::of(held.first_chunk::<HEADER_BYTES>()?);
    if !frame.is_plausible() {
        return Some((Protocol::Unknown, 0));
    }
    let is_whole = from == Side::Server && frame.kind == SETTINGS;
    let protocol = if is_whole {
        Protocol::Http2
    } else {
        Protocol::Http2Midway
    };
    Some((protocol, 0))
}

/// Whether frames may begin here: as many as are here whole.
pub(crate) fn may_begin_a_frame(mut bytes: &[u8]) -> bool {
    let mut count = 0;
    while let Some(header) = bytes.first_chunk::<HEADER_BYTES>() {
        let frame = Frame::of(header);
        if !frame.is_plausible() {
            return false;
        }
        count += 1;
        let end = HEADER_BYTES + frame.bytes as usize;
        bytes = bytes.get(end..).unwrap_or_default();
    }
    count > 0
}
