//! A conversation of HTTP/2, as whoever listens to it understands it.

pub(crate) mod half;
mod stream;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::event::{Event, Head, HeadKind, Protocol, Side, What, get};
use crate::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HAS_PRIORITY, HEADERS, PING,
    PUSH_PROMISE, Part, RST_STREAM, SETTINGS, WINDOW_UPDATE,
};
use half::{Block, Half, Reading};
use stream::{Credit, Stream};

/// The setting that says how much may be sent on a stream before its window is moved.
const INITIAL_WINDOW_SIZE: u16 = 4;

/// What is kept of a conversation at most.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Of each message.
    pub message_bytes: usize,
    /// Of all messages under way on a connection; beyond it, less is kept of each.
    pub held_bytes: usize,
    /// Of a header list.
    pub header_bytes: usize,
    /// Streams that are open at once; what happens on others is told by their frames alone.
    pub streams: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            message_bytes: 4 * 1024 * 1024,
            held_bytes: 64 * 1024 * 1024,
            header_bytes: 256 * 1024,
            streams: 16_384,
        }
    }
}

/// Listens to one connection: bytes in, events out.
#[derive(Debug)]
pub struct Conversation {
    halves: [Half; 2],
    streams: BTreeMap<u32, Stream>,
    bounds: Bounds,
    held_bytes: usize,
}

impl Conversation {
    /// Of a connection, of which nothing has been heard yet.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            halves: Side::BOTH.map(|_| Half::new(bounds.header_bytes)),
            streams: BTreeMap::new(),
            bounds,
            held_bytes: 0,
        }
    }

    /// Takes the next bytes that `from` has sent, which came at `at`.
    pub fn take(&mut self, from: Side, at: Duration, bytes: &[u8], each: &mut impl FnMut(Event)) {
        let half = &mut self.halves[from as usize];
        match &mut half.reading {
            Reading::Frames => self.frames(from, at, bytes, each),
            Reading::Foreign => each(event(
                at,
                from,
                0,
                What::Unread(Bytes::copy_from_slice(bytes)),
            )),
            Reading::Start(held) => {
                held.extend_from_slice(bytes);
                if let Some((protocol, begins)) = half::speaks(from, held) {
                    let held = std::mem::take(held);
                    self.begin(from, at, protocol, &held[begins..], each);
                }
            }
            Reading::Lost => {
                if half::may_begin_a_frame(bytes) {
                    self.begin(from, at, Protocol::Http2Midway, bytes, each);
                } else {
                    each(event(
                        at,
                        from,
                        0,
                        What::Unread(Bytes::copy_from_slice(bytes)),
                    ));
                }
            }
        }
    }

    /// So many bytes that `from` has sent were not seen.
    pub fn miss(&mut self, from: Side, at: Duration, bytes: u64, each: &mut impl FnMut(Event)) {
        each(event(at, from, 0, What::Missing(bytes)));
        self.halves[from as usize].miss();
        for stream in self.streams.values_mut() {
            stream.halves[from as usize].gather.missed();
        }
        // What either may send depends on what was missed.
        for half in &mut self.halves {
            half.credit = Credit::of(None);
        }
        for stream in self.streams.values_mut() {
            stream
                .halves
                .iter_mut()
                .for_each(|half| half.credit = Credit::of(None));
        }
    }

    /// `from` sends nothing more on this connection: what is held of it is told.
    pub fn end(&mut self, from: Side, at: Duration, each: &mut impl FnMut(Event)) {
        let half = &mut self.halves[from as usize];
        if let Reading::Start(held) = &mut half.reading
            && !held.is_empty()
        {
            let held = std::mem::take(held);
            half.reading = Reading::Foreign;
            each(event(at, from, 0, What::Speaks(Protocol::Unknown)));
            each(event(at, from, 0, What::Unread(held.into())));
        } else if !half.frames.is_between() {
            let fault = "the connection ended within a frame".to_owned();
            each(event(at, from, 0, What::Fault(fault)));
        }
    }

    fn begin(
        &mut self,
        from: Side,
        at: Duration,
        protocol: Protocol,
        rest: &[u8],
        each: &mut impl FnMut(Event),
    ) {
        each(event(at, from, 0, What::Speaks(protocol)));
        let half = &mut self.halves[from as usize];
        match protocol {
            Protocol::Http2 => half.reading = Reading::Frames,
            Protocol::Http2Midway => {
                half.miss();
                half.reading = Reading::Frames;
                half.credit = Credit::of(None);
            }
            _ => half.reading = Reading::Foreign,
        }
        if !rest.is_empty() {
            self.take(from, at, rest, each);
        }
    }

    fn frames(&mut self, from: Side, at: Duration, bytes: &[u8], each: &mut impl FnMut(Event)) {
        let mut frames = std::mem::take(&mut self.halves[from as usize].frames);
        frames.parts(bytes, |part| match part {
            Part::Head(frame) => {
                each(event(at, from, frame.stream, What::Frame(frame)));
                self.head(from, at, frame, each);
            }
            Part::Payload { bytes, is_last, .. } => self.payload(from, at, bytes, is_last, each),
        });
        self.halves[from as usize].frames = frames;
    }

    fn head(&mut self, from: Side, at: Duration, frame: Frame, each: &mut impl FnMut(Event)) {
        self.halves[from as usize].begin(frame);
        if frame.kind == DATA {
            self.spend(from, at, frame, each);
        }
    }

    fn payload(
        &mut self,
        from: Side,
        at: Duration,
        piece: &[u8],
        is_last: bool,
        each: &mut impl FnMut(Event),
    ) {
        let half = &mut self.halves[from as usize];
        let frame = half.frame;
        if frame.kind == DATA {
            let begins = !half.has_begun;
            half.has_begun = true;
            let data = half.without_padding(piece);
            self.data(from, at, frame, data, begins, each);
            if is_last && frame.flags & END_STREAM != 0 {
                self.half_close(from, at, frame.stream, each);
            }
            return;
        }
        half.hold(piece, self.bounds.header_bytes);
        if !is_last {
            return;
        }
        let held = std::mem::take(&mut half.held);
        match frame.kind {
            HEADERS | PUSH_PROMISE | CONTINUATION => self.block(from, at, frame, &held, each),
            _ => self.control(from, at, frame, &held, each),
        }
        let half = &mut self.halves[from as usize];
        half.held = held;
        half.held.clear();
    }

    fn data(
        &mut self,
        from: Side,
        at: Duration,
        frame: Frame,
        data: &[u8],
        begins: bool,
        each: &mut impl FnMut(Event),
    ) {
        let Some(stream) = self.streams.get_mut(&frame.stream) else {
            if begins && self.halves[from as usize].is_late && frame.stream != 0 {
                self.open(frame.stream, true);
                self.data(from, at, frame, data, begins, each);
            }
            return;
        };
        if !stream.is_grpc {
            if !data.is_empty() {
                each(event(at, from, frame.stream, What::Body(data.len() as u64)));
            }
            return;
        }
        let half = &mut stream.halves[from as usize];
        if begins && !half.gather.finds_its_place(data, u64::from(frame.bytes))
            || half.gather.is_lost()
        {
            if !data.is_empty() {
                let unread = What::Unread(Bytes::copy_from_slice(data));
                each(event(at, from, frame.stream, unread));
            }
            return;
        }
        let before = half.gather.held();
        let room = self
            .bounds
            .held_bytes
            .saturating_sub(self.held_bytes - before);
        let keep = self.bounds.message_bytes.min(room);
        let taken = half.gather.take(data, at, keep, |message| {
            each(event(at, from, frame.stream, What::Message(message)));
        });
        self.held_bytes = self.held_bytes - before + half.gather.held();
        if let Err(flag) = taken {
            let fault = format!(
                "a message begins with {flag}, which says neither that it is compressed nor that it is not"
            );
            each(event(at, from, frame.stream, What::Fault(fault)));
        }
    }

    /// A piece of a header block.
    fn block(
        &mut self,
        from: Side,
        at: Duration,
        frame: Frame,
        payload: &[u8],
        each: &mut impl FnMut(Event),
    ) {
        let half = &mut self.halves[from as usize];
        let mut piece = payload;
        if frame.kind == CONTINUATION {
            match &mut half.block {
                Some(block) if block.stream == frame.stream => {
                    block.add(piece, self.bounds.header_bytes);
                }
                _ => {
                    // Its beginning was missed, or never came.
                    half.hpack.missed();
                    let fault = "CONTINUATION continues nothing".to_owned();
                    each(event(at, from, frame.stream, What::Fault(fault)));
                    return;
                }
            }
        } else {
            piece = half::unpadded(piece, frame);
            let mut block = Block::of(frame);
            if frame.kind == HEADERS && frame.flags & HAS_PRIORITY != 0 {
                piece = piece.get(5..).unwrap_or_default();
            }
            if frame.kind == PUSH_PROMISE {
                block.promises = piece
                    .first_chunk()
                    .map(|it| u32::from_be_bytes(*it) & (u32::MAX >> 1));
                piece = piece.get(4..).unwrap_or_default();
            }
            block.add(piece, self.bounds.header_bytes);
            half.block = Some(block);
        }
        if frame.flags & END_HEADERS == 0 {
            return;
        }
        let Some(block) = half.block.take() else {
            return;
        };
        let mut fields = Vec::new();
        let read = half
            .hpack
            .read(&block.bytes, |field, _| fields.push(field.clone()));
        if let Err(fault) = read {
            // The table may lack what came after the fault.
            half.hpack.missed();
            each(event(
                at,
                from,
                block.stream,
                What::Fault(fault.to_string()),
            ));
        }
        if let Some(promised) = block.promises {
            each(event(
                at,
                from,
                block.stream,
                What::Promise { stream: promised },
            ));
            self.open(promised, false);
            return;
        }
        self.list(from, at, &block, fields, each);
    }

    /// A header list is whole.
    fn list(
        &mut self,
        from: Side,
        at: Duration,
        block: &Block,
        fields: Vec<crate::hpack::Field>,
        each: &mut impl FnMut(Event),
    ) {
        if !self.streams.contains_key(&block.stream) {
            let is_late = from == Side::Server;
            self.open(block.stream, is_late);
        }
        let kind = match self.streams.get_mut(&block.stream) {
            Some(stream) => stream.head(from, &fields, block.ends),
            // More are open than are followed.
            None if from == Side::Client => HeadKind::Request,
            None => HeadKind::Response,
        };
        each(event(
            at,
            from,
            block.stream,
            What::Head(Head { kind, fields }),
        ));
        if block.ends {
            self.half_close(from, at, block.stream, each);
        }
    }

    fn open(&mut self, number: u32, is_late: bool) {
        if self.streams.len() < self.bounds.streams {
            let credit = |side: Side| {
                let half = &self.halves[side as usize];
                (half.credit.is_known() && !is_late).then_some(half.initial_window)
            };
            let stream = Stream::new(Side::BOTH.map(credit), is_late);
            self.streams.insert(number, stream);
        }
    }

    fn half_close(&mut self, from: Side, at: Duration, number: u32, each: &mut impl FnMut(Event)) {
        let Some(stream) = self.streams.get_mut(&number) else {
            return;
        };
        let half = &mut stream.halves[from as usize];
        if half.is_over {
            return;
        }
        half.is_over = true;
        if half.gather.is_within_a_message() {
            let fault = "the stream ended within a message".to_owned();
            each(event(at, from, number, What::Fault(fault)));
        }
        each(event(at, from, number, What::HalfClosed));
        // A server that has said all of its answer is not interested in more.
        if stream.halves.iter().all(|half| half.is_over) {
            self.forget(number);
        }
    }

    fn forget(&mut self, number: u32) {
        if let Some(stream) = self.streams.remove(&number) {
            let held: usize = stream.halves.iter().map(|half| half.gather.held()).sum();
            self.held_bytes -= held;
        }
    }

    fn control(
        &mut self,
        from: Side,
        at: Duration,
        frame: Frame,
        payload: &[u8],
        each: &mut impl FnMut(Event),
    ) {
        let word = |at: usize| {
            let bytes = payload.get(at..at + 4)?.first_chunk()?;
            Some(u32::from_be_bytes(*bytes))
        };
        let whole = match frame.kind {
            SETTINGS if frame.flags & ACK != 0 => {
                self.settle(from, at, each);
                Some(What::SettingsTaken)
            }
            SETTINGS => {
                let pairs = payload.as_chunks::<6>().0.iter();
                let pairs: Vec<(u16, u32)> = pairs
                    .map(|[a, b, c, d, e, f]| {
                        (
                            u16::from_be_bytes([*a, *b]),
                            u32::from_be_bytes([*c, *d, *e, *f]),
                        )
                    })
                    .collect();
                self.halves[from as usize].asks(&pairs);
                Some(What::Settings(pairs))
            }
            RST_STREAM => word(0).map(|code| {
                self.forget(frame.stream);
                What::Reset(code)
            }),
            PING => payload.first_chunk().map(|data| What::Ping {
                is_answer: frame.flags & ACK != 0,
                data: *data,
            }),
            GOAWAY => word(0).zip(word(4)).map(|(last, code)| What::GoAway {
                last_stream: last & (u32::MAX >> 1),
                code,
                debug: Bytes::copy_from_slice(&payload[8..]),
            }),
            WINDOW_UPDATE => word(0).map(|by| {
                let by = by & (u32::MAX >> 1);
                each(event(at, from, frame.stream, What::Window(by)));
                self.feed(from.other(), at, frame.stream, i64::from(by), each);
                What::Window(by)
            }),
            // PRIORITY, and what is not known: its frame was told.
            _ => return,
        };
        match whole {
            Some(What::Window(_)) => {}
            Some(what) => each(event(at, from, frame.stream, what)),
            None => {
                let fault = "a frame is shorter than what it must say".to_owned();
                each(event(at, from, frame.stream, What::Fault(fault)));
            }
        }
    }

    /// `from` does what the other has asked: its windows are of another size.
    fn settle(&mut self, from: Side, at: Duration, each: &mut impl FnMut(Event)) {
        let Some(asked) = self.halves[from.other() as usize].asked.pop_front() else {
            return;
        };
        let Some(size) = asked else { return };
        let half = &mut self.halves[from as usize];
        let more = size - half.initial_window;
        half.initial_window = size;
        let numbers: Vec<u32> = self.streams.keys().copied().collect();
        for number in numbers {
            self.feed(from, at, number, more, each);
        }
    }

    /// `from` may send so many bytes more.
    fn feed(
        &mut self,
        from: Side,
        at: Duration,
        number: u32,
        by: i64,
        each: &mut impl FnMut(Event),
    ) {
        let fed = if number == 0 {
            self.halves[from as usize].credit.feed(at, by)
        } else {
            let stream = self.streams.get_mut(&number);
            stream.and_then(|it| it.halves[from as usize].credit.feed(at, by))
        };
        if let Some(after) = fed {
            each(event(at, from, number, What::Fed { after }));
        }
    }

    /// `from` has sent data, which its windows allowed.
    fn spend(&mut self, from: Side, at: Duration, frame: Frame, each: &mut impl FnMut(Event)) {
        let bytes = i64::from(frame.bytes);
        if self.halves[from as usize].credit.spend(at, bytes) {
            each(event(at, from, 0, What::Starved));
        }
        let stream = self.streams.get_mut(&frame.stream);
        let is_last = frame.flags & END_STREAM != 0;
        if stream.is_some_and(|it| it.halves[from as usize].credit.spend(at, bytes)) && !is_last {
            each(event(at, from, frame.stream, What::Starved));
        }
    }
}

fn event(at: Duration, from: Side, stream: u32, what: What) -> Event {
    Event {
        at,
        from,
        stream,
        what,
    }
}

/// Whether a header list is of gRPC.
fn is_grpc(fields: &[crate::hpack::Field]) -> Option<bool> {
    let content_type = get(fields, "content-type")?;
    let rest = content_type.strip_prefix("application/grpc");
    Some(rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';'])))
}
