//! What must not be kept, overwritten where it stands: as many bytes come out as went in, and they say the same but for that.
//!
//! A recording that is made of the very bytes shows how they were framed and packed. So a value is overwritten by one of the
//! same length, in the same code, and nothing around it moves.

mod fields;
mod lines;

use std::collections::BTreeMap;

pub use fields::{FieldPath, Fill};

use crate::assembly::PREFIX_BYTES;
use crate::conversation::half::{Reading, may_begin_a_frame, speaks};
use crate::event::{Protocol, Side, get};
use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, Frames, HAS_PRIORITY, HEADERS, PADDED,
    PUSH_PROMISE, Part, RST_STREAM,
};
use crate::hpack::{self, Hpack, Literal};
use lines::Lines;

/// Fields of headers whose values are never kept.
pub const SECRET_HEADERS: [&str; 4] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
];
/// Bytes that wait for a header list or a message to be whole, at most. What is longer is blanked whole.
const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;
const LIST_BYTES_MAX: usize = 256 * 1024;

/// What must not be kept.
pub trait Secrets {
    /// Whether the value of such a header must not, beside those that never are.
    fn header(&self, name: &str) -> bool;

    /// The fields of a method's messages that must not: `path` is as in `:path`, of what this side sends.
    fn fields(&self, path: &str, from: Side) -> Vec<FieldPath>;
}

/// Nothing more than what is never kept.
impl Secrets for () {
    fn header(&self, _: &str) -> bool {
        false
    }

    fn fields(&self, _: &str, _: Side) -> Vec<FieldPath> {
        Vec::new()
    }
}

/// Blanks one connection.
#[derive(Debug)]
pub struct Blanker {
    halves: [Half; 2],
    /// The fields to be blanked of open calls that have any.
    calls: BTreeMap<u32, [Vec<FieldPath>; 2]>,
}

#[derive(Debug)]
struct Half {
    reading: Reading,
    lines: Lines,
    frames: Frames,
    frame: Frame,
    has_begun: bool,
    padding: usize,
    left: usize,
    hpack: Hpack,
    /// What has not been given out yet, since it may have to be blanked.
    held: Vec<u8>,
    /// A header block, with where its bytes stand in what is held.
    block: Option<Gathered>,
    block_ends: bool,
    messages: BTreeMap<u32, Gathered>,
}

/// Something that stands in pieces in what is held.
#[derive(Debug, Default)]
struct Gathered {
    pieces: Vec<(usize, usize)>,
    bytes: Vec<u8>,
    stream: u32,
    /// It is too long to wait for: what comes of it is overwritten as it comes.
    is_given_up: bool,
    /// What is left of a message that was given up.
    left: usize,
}

impl Gathered {
    fn add(&mut self, held: &[u8], at: usize, len: usize) {
        self.pieces.push((at, len));
        self.bytes.extend_from_slice(&held[at..at + len]);
    }

    fn put_back(&self, held: &mut [u8]) {
        let mut from = 0;
        for (at, len) in &self.pieces {
            held[*at..*at + *len].copy_from_slice(&self.bytes[from..from + *len]);
            from += len;
        }
    }
}

impl Default for Blanker {
    fn default() -> Self {
        let half = || Half {
            reading: Reading::Start(Vec::new()),
            lines: Lines::default(),
            frames: Frames::default(),
            frame: Frame::of(&[0; 9]),
            has_begun: false,
            padding: 0,
            left: 0,
            hpack: Hpack::new(LIST_BYTES_MAX),
            held: Vec::new(),
            block: None,
            block_ends: false,
            messages: BTreeMap::new(),
        };
        Self {
            halves: [half(), half()],
            calls: BTreeMap::new(),
        }
    }
}

impl Blanker {
    /// Takes the next bytes of `from`, and gives to `out` what may be kept: these, or some that had to wait, or less.
    pub fn take(&mut self, from: Side, bytes: &[u8], secrets: &dyn Secrets, out: &mut Vec<u8>) {
        let half = &mut self.halves[from as usize];
        match &mut half.reading {
            Reading::Frames => self.frames(from, bytes, secrets, out),
            Reading::Foreign => half.lines.take(bytes, secrets, out),
            Reading::Start(held) => {
                held.extend_from_slice(bytes);
                let Some((protocol, begins)) = speaks(from, held) else {
                    return;
                };
                let held = std::mem::take(held);
                match protocol {
                    Protocol::Http2 => half.reading = Reading::Frames,
                    Protocol::Http2Midway => {
                        half.hpack.missed();
                        half.reading = Reading::Frames;
                    }
                    protocol => {
                        half.lines = Lines::of(protocol == Protocol::Http1);
                        half.reading = Reading::Foreign;
                    }
                }
                out.extend_from_slice(&held[..begins]);
                if begins < held.len() {
                    self.take(from, &held[begins..], secrets, out);
                }
            }
            Reading::Lost if may_begin_a_frame(bytes) => {
                half.reading = Reading::Frames;
                self.frames(from, bytes, secrets, out);
            }
            // It may be anything.
            Reading::Lost => out.resize(out.len() + bytes.len(), b'*'),
        }
    }

    /// Some bytes were not seen. What waited is given out, blanked whole.
    pub fn miss(&mut self, from: Side, out: &mut Vec<u8>) {
        let half = &mut self.halves[from as usize];
        half.give_up(out);
        half.frames = Frames::default();
        half.hpack.missed();
        half.reading = Reading::Lost;
    }

    /// Nothing more comes of `from`. What waited is given out, blanked whole.
    pub fn end(&mut self, from: Side, out: &mut Vec<u8>) {
        let half = &mut self.halves[from as usize];
        if let Reading::Start(held) = &mut half.reading {
            out.append(held);
        }
        half.lines.end(out);
        half.give_up(out);
    }

    fn frames(&mut self, from: Side, bytes: &[u8], secrets: &dyn Secrets, out: &mut Vec<u8>) {
        let half = &mut self.halves[from as usize];
        let base = half.held.len();
        half.held.extend_from_slice(bytes);
        let mut frames = std::mem::take(&mut half.frames);
        frames.parts(bytes, |part| match part {
            Part::Head(frame) => self.halves[from as usize].begin(frame),
            Part::Payload { bytes, at, is_last } => {
                self.payload(from, base + at, bytes, is_last, secrets);
            }
        });
        let half = &mut self.halves[from as usize];
        half.frames = frames;
        half.give(out);
    }

    fn payload(
        &mut self,
        from: Side,
        at: usize,
        bytes: &[u8],
        is_last: bool,
        secrets: &dyn Secrets,
    ) {
        let half = &mut self.halves[from as usize];
        let frame = half.frame;
        match frame.kind {
            HEADERS | PUSH_PROMISE | CONTINUATION => {
                half.add_to_block(at, bytes);
                if is_last && frame.flags & END_HEADERS != 0 {
                    self.list(from, secrets);
                }
            }
            DATA => {
                let (at, bytes) = half.without_padding(at, bytes);
                if self.calls.contains_key(&frame.stream) {
                    self.data(from, frame.stream, at, bytes);
                }
                if is_last && frame.flags & END_STREAM != 0 {
                    self.half_close(from, frame.stream);
                }
            }
            RST_STREAM if is_last => {
                self.calls.remove(&frame.stream);
                for half in &mut self.halves {
                    half.give_up_message(frame.stream);
                }
            }
            _ => {}
        }
    }

    /// A header block is whole.
    fn list(&mut self, from: Side, secrets: &dyn Secrets) {
        let half = &mut self.halves[from as usize];
        let Some(mut block) = half.block.take() else {
            return;
        };
        if block.is_given_up {
            half.hpack.missed();
            return;
        }
        let mut fields = Vec::new();
        let mut secret: Vec<(Literal, usize)> = Vec::new();
        let read = half.hpack.read(&block.bytes, |field, literal| {
            let name = field.name();
            let is_secret =
                SECRET_HEADERS.contains(&name) || secrets.header(name) || !field.is_known;
            if is_secret && let Some(literal) = literal {
                secret.push((literal, field.value.len()));
            }
            if name == ":path" {
                fields.push(field.clone());
            }
        });
        if read.is_err() {
            half.hpack.missed();
            block.bytes.fill(0);
        }
        for (literal, characters) in secret {
            hpack::blank(&mut block.bytes, &literal, characters);
        }
        block.put_back(&mut half.held);
        let (stream, ends) = (block.stream, half.block_ends);
        if let Some(path) = get(&fields, ":path") {
            let paths = Side::BOTH.map(|side| secrets.fields(path, side));
            if paths.iter().any(|paths| !paths.is_empty()) {
                self.calls.insert(stream, paths);
            }
        }
        if ends {
            self.half_close(from, stream);
        }
    }

    /// Data of a call that has something to be blanked.
    fn data(&mut self, from: Side, stream: u32, mut at: usize, mut bytes: &[u8]) {
        let Some(paths) = self.calls.get(&stream).map(|paths| &paths[from as usize]) else {
            return;
        };
        if paths.is_empty() {
            return;
        }
        let half = &mut self.halves[from as usize];
        let message = half.messages.entry(stream).or_default();
        while !bytes.is_empty() {
            let wanted = if message.is_given_up {
                message.left
            } else {
                message.lacks()
            };
            let count = wanted.min(bytes.len());
            if message.is_given_up {
                half.held[at..at + count].fill(b'*');
                message.left -= count;
            } else {
                message.add(&half.held, at, count);
            }
            (at, bytes) = (at + count, &bytes[count..]);
            if message.is_given_up && message.left == 0 {
                *message = Gathered::default();
            } else if !message.is_given_up && message.lacks() == 0 {
                let (prefix, content) = message.bytes.split_at_mut(PREFIX_BYTES);
                if prefix[0] == 0 {
                    fields::blank(content, paths);
                } else {
                    prefix[0] = 0;
                    fields::fill(content, Fill::Message);
                }
                message.put_back(&mut half.held);
                *message = Gathered::default();
            }
        }
    }

    fn half_close(&mut self, from: Side, stream: u32) {
        self.halves[from as usize].give_up_message(stream);
        if from == Side::Server {
            self.calls.remove(&stream);
            self.halves[Side::Client as usize].give_up_message(stream);
        }
    }
}

impl Gathered {
    /// Bytes that are missing to the prefix, and then to the message.
    fn lacks(&self) -> usize {
        let Some(prefix) = self.bytes.first_chunk::<PREFIX_BYTES>() else {
            return PREFIX_BYTES - self.bytes.len();
        };
        let [_, a, b, c, d] = *prefix;
        PREFIX_BYTES + u32::from_be_bytes([a, b, c, d]) as usize - self.bytes.len()
    }
}

impl Half {
    fn begin(&mut self, frame: Frame) {
        self.frame = frame;
        (self.has_begun, self.padding, self.left) = (false, 0, frame.bytes as usize);
        if matches!(frame.kind, HEADERS | PUSH_PROMISE) {
            self.block_ends = frame.kind == HEADERS && frame.flags & END_STREAM != 0;
            self.block = Some(Gathered {
                stream: frame.stream,
                ..Gathered::default()
            });
        }
    }

    /// What of a piece of the payload is neither padding nor says how much of it there is, and where it stands.
    fn without_padding<'a>(&mut self, mut at: usize, mut bytes: &'a [u8]) -> (usize, &'a [u8]) {
        if !self.has_begun && !bytes.is_empty() {
            self.has_begun = true;
            if self.frame.flags & PADDED != 0 {
                self.padding = usize::from(bytes[0]);
                self.left -= 1;
                (at, bytes) = (at + 1, &bytes[1..]);
            }
        }
        let content = self.left.saturating_sub(self.padding).min(bytes.len());
        self.left -= bytes.len();
        (at, &bytes[..content])
    }

    fn add_to_block(&mut self, at: usize, bytes: &[u8]) {
        // The length of the padding and what is of PRIORITY or PUSH_PROMISE stand before the block.
        let before = self.frame.bytes as usize - self.left;
        let (padded, is_continuation) = (
            usize::from(self.frame.flags & PADDED != 0),
            self.frame.kind == CONTINUATION,
        );
        let skipped = match self.frame.kind {
            HEADERS if self.frame.flags & HAS_PRIORITY != 0 => padded + 5,
            PUSH_PROMISE => padded + 4,
            _ if is_continuation => 0,
            _ => padded,
        };
        if padded == 1 && before == 0 && !is_continuation && !bytes.is_empty() {
            self.padding = usize::from(bytes[0]);
        }
        let end = (self.frame.bytes as usize).saturating_sub(self.padding);
        self.left -= bytes.len();
        let from = skipped.clamp(before, before + bytes.len());
        let to = end.clamp(from, (before + bytes.len()).max(from));
        let (at, len) = (at + from - before, to - from);
        match &mut self.block {
            Some(block) if block.is_given_up => self.held[at..at + len].fill(0),
            Some(block) => block.add(&self.held, at, len),
            // It continues nothing that was seen, and may say anything.
            None => self.held[at..at + len].fill(0),
        }
    }

    /// Gives out what nothing waits for.
    fn give(&mut self, out: &mut Vec<u8>) {
        if self.held.len() > HELD_BYTES_MAX {
            for message in self.messages.values_mut() {
                message.give_up(&mut self.held);
            }
            if let Some(block) = self.block.as_mut().filter(|it| !it.is_given_up) {
                block.bytes.fill(0);
                block.put_back(&mut self.held);
                (block.is_given_up, block.pieces, block.bytes) = (true, Vec::new(), Vec::new());
            }
        }
        let block = self.block.as_ref().and_then(|it| it.pieces.first());
        let messages = self.messages.values().filter_map(|it| it.pieces.first());
        let first = block.into_iter().chain(messages).map(|(at, _)| *at).min();
        let count = first.unwrap_or(self.held.len());
        out.extend(self.held.drain(..count));
        let gathered = self.messages.values_mut().chain(&mut self.block);
        for piece in gathered.flat_map(|it| &mut it.pieces) {
            piece.0 -= count;
        }
    }

    fn give_up_message(&mut self, stream: u32) {
        if let Some(mut message) = self.messages.remove(&stream) {
            message.give_up(&mut self.held);
        }
    }

    fn give_up(&mut self, out: &mut Vec<u8>) {
        for (_, mut message) in std::mem::take(&mut self.messages) {
            message.give_up(&mut self.held);
        }
        if let Some(mut block) = self.block.take().filter(|it| !it.is_given_up) {
            block.bytes.fill(0);
            block.put_back(&mut self.held);
        }
        out.append(&mut self.held);
    }
}

impl Gathered {
    /// Overwrites what has come of a message; what is still to come will be, too.
    fn give_up(&mut self, held: &mut [u8]) {
        if self.is_given_up || self.pieces.is_empty() {
            return;
        }
        self.left = self.lacks();
        let content = PREFIX_BYTES.min(self.bytes.len());
        self.bytes[content..].fill(b'*');
        self.put_back(held);
        (self.is_given_up, self.pieces, self.bytes) = (true, Vec::new(), Vec::new());
    }
}
