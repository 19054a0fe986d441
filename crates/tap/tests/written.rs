//! Conversations that no library writes so: padding, priorities, CONTINUATION, tables that change their size, frames of
//! unknown types. What a real server makes of them is what the tap tells; and damaged, they harm nobody.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use h2::server;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use tap::{
    BinaryLog, Blanker, Bounds, Capture, Conversation, Event, Head, HeadKind, Passed, Passing,
    Recorder, Recording, Side, What,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// Beside as many by real clients.
const CONVERSATIONS: u64 = 5_000;
/// Damaged ones; `TAP_FUZZ_RUNS` says how many else.
const DAMAGED: u64 = 20_000;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const WITH_PRIORITY: u8 = 0x20;
/// What an entry of a table counts beside its bytes (RFC 7541, 4.1).
const ENTRY_BYTES: usize = 32;
const STATIC_ENTRIES: usize = 61;

type Pairs = Vec<(String, String)>;

/// What was said on a stream.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Said {
    fields: Pairs,
    data: Vec<u8>,
    trailers: Pairs,
    was_reset: bool,
}

/// Writes a client's half of a conversation.
struct Writer {
    draw: ChaCha8Rng,
    out: Vec<u8>,
    table: VecDeque<(String, String)>,
    table_bytes_max: usize,
}

impl Writer {
    fn new(seed: u64) -> Self {
        Self {
            draw: ChaCha8Rng::seed_from_u64(seed),
            out: PREFACE.to_vec(),
            table: VecDeque::new(),
            table_bytes_max: 4_096,
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.draw.next_u64() % bound as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let len = u32::try_from(payload.len()).expect("a small frame");
        self.out.extend_from_slice(&len.to_be_bytes()[1..]);
        self.out.extend([kind, flags]);
        self.out.extend(stream.to_be_bytes());
        self.out.extend_from_slice(payload);
    }

    /// The payload behind a length of padding, and the padding.
    fn padded(&mut self, payload: &[u8]) -> Vec<u8> {
        let len = self.below(40);
        let mut padded = vec![u8::try_from(len).expect("it is short")];
        padded.extend_from_slice(payload);
        padded.resize(padded.len() + len, 0);
        padded
    }

    /// Frames that say nothing of a call.
    fn chatter(&mut self, stream: u32) {
        match self.below(8) {
            0 => self.frame(PING, 0, 0, b"12345678"),
            1 => self.frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]),
            2 => self.frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 9]),
            3 => self.frame(PRIORITY, 0, stream, &[0, 0, 0, 0, 7]),
            4 => self.frame(0xfa, 0xff, stream, b"unknown"),
            _ => {}
        }
    }

    fn evict(&mut self) {
        let size = |table: &VecDeque<(String, String)>| -> usize {
            let entry = |it: &(String, String)| it.0.len() + it.1.len() + ENTRY_BYTES;
            table.iter().map(entry).sum()
        };
        while size(&self.table) > self.table_bytes_max {
            self.table.pop_back();
        }
    }

    fn number(block: &mut Vec<u8>, first: u8, bits: u32, mut value: usize) {
        let most = (1_usize << bits) - 1;
        if value < most {
            block.push(first | u8::try_from(value).expect("it fits"));
            return;
        }
        block.push(first | u8::try_from(most).expect("it fits"));
        value -= most;
        while value >= 0x80 {
            block.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        block.push(value as u8);
    }

    fn text(block: &mut Vec<u8>, text: &str) {
        Self::number(block, 0, 7, text.len());
        block.extend_from_slice(text.as_bytes());
    }

    /// A field in one of the ways in which it can be written.
    fn field(&mut self, block: &mut Vec<u8>, name: &str, value: &str) {
        let known = self.table.iter().position(|(n, v)| n == name && v == value);
        if let Some(index) = known
            && !self.one_in(4)
        {
            Self::number(block, 0x80, 7, STATIC_ENTRIES + 1 + index);
            return;
        }
        let named = self.table.iter().position(|(of, _)| of == name);
        let named = named.filter(|_| self.draw.next_u32().is_multiple_of(2));
        let index = named.map_or(0, |index| STATIC_ENTRIES + 1 + index);
        let is_kept = match self.below(3) {
            0 => {
                Self::number(block, 0x40, 6, index);
                true
            }
            1 => {
                Self::number(block, 0, 4, index);
                false
            }
            _ => {
                Self::number(block, 0x10, 4, index);
                false
            }
        };
        if index == 0 {
            Self::text(block, name);
        }
        Self::text(block, value);
        if is_kept {
            self.table.push_front((name.to_owned(), value.to_owned()));
            self.evict();
        }
    }

    fn drawn_fields(&mut self) -> Pairs {
        let count = self.below(4);
        let mut fields = Vec::new();
        for _ in 0..count {
            let name = format!("x-{}", self.below(4));
            let len = self.below(30);
            let value = (0..len).map(|_| char::from(b'a' + self.below(26) as u8));
            fields.push((name, value.collect::<String>()));
        }
        fields
    }

    /// A header list, over as many frames as it likes.
    fn head(&mut self, stream: u32, fields: &Pairs, ends: bool) {
        let mut block = Vec::new();
        if self.one_in(4) {
            // A table may shrink and grow again at once.
            for _ in 0..=self.below(2) {
                self.table_bytes_max = self.below(4_097);
                Self::number(&mut block, 0x20, 5, self.table_bytes_max);
                self.evict();
            }
        }
        for (name, value) in fields {
            self.field(&mut block, name, value);
        }
        let cut = if self.one_in(2) {
            self.below(block.len() + 1)
        } else {
            block.len()
        };
        let mut rest = block.split_off(cut);
        let mut flags = if ends { END_STREAM } else { 0 };
        let is_whole = rest.is_empty() && self.one_in(2);
        if is_whole {
            flags |= END_HEADERS;
        }
        if self.one_in(3) {
            flags |= WITH_PRIORITY;
            block.splice(..0, [0, 0, 0, 0, 9]);
        }
        if self.one_in(3) {
            flags |= PADDED;
            block = self.padded(&block);
        }
        self.frame(HEADERS, flags, stream, &block);
        if is_whole {
            return;
        }
        loop {
            let cut = self.below(rest.len() + 1);
            let after = rest.split_off(cut);
            let flags = if after.is_empty() { END_HEADERS } else { 0 };
            self.frame(CONTINUATION, flags, stream, &rest);
            if after.is_empty() {
                return;
            }
            rest = after;
        }
    }

    fn data(&mut self, stream: u32, bytes: &[u8], ends: bool) {
        let mut flags = if ends { END_STREAM } else { 0 };
        let mut payload = bytes.to_vec();
        if self.one_in(3) {
            flags |= PADDED;
            payload = self.padded(&payload);
        }
        self.frame(DATA, flags, stream, &payload);
    }

    /// A call; gives what it said.
    fn call(&mut self, stream: u32) -> Said {
        let mut said = Said::default();
        let path = format!("/s.S/{}", self.below(3));
        let pseudo = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", &path),
        ];
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut fields: Pairs = pseudo.map(own).to_vec();
        fields.push(own(("content-type", "application/grpc")));
        fields.extend(self.drawn_fields());
        self.head(stream, &fields, false);
        said.fields = fields.split_off(pseudo.len());
        for _ in 0..self.below(4) {
            self.chatter(stream);
            let len = self.below(200);
            let mut message = vec![0];
            message.extend((len as u32).to_be_bytes());
            message.resize(5 + len, self.below(256) as u8);
            said.data.extend_from_slice(&message);
            let cut = self.below(message.len() + 1);
            self.data(stream, &message[..cut], false);
            self.data(stream, &message[cut..], false);
        }
        match self.below(4) {
            0 => {
                said.trailers = self.drawn_fields();
                said.trailers.push(own(("x-last", "1")));
                let trailers = said.trailers.clone();
                self.head(stream, &trailers, true);
            }
            1 => {
                said.was_reset = true;
                self.frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]);
            }
            _ => self.data(stream, &[], true),
        }
        said.fields.sort();
        said.trailers.sort();
        said
    }
}

/// A conversation's bytes, and what it said on each stream.
fn written(seed: u64) -> (Vec<u8>, BTreeMap<u32, Said>) {
    let mut writer = Writer::new(seed);
    writer.frame(SETTINGS, 0, 0, &[]);
    let mut said = BTreeMap::new();
    for call in 0..=writer.below(4) as u32 {
        let stream = 1 + 2 * call;
        writer.chatter(stream);
        said.insert(stream, writer.call(stream));
    }
    if writer.one_in(2) {
        writer.frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0, b'b', b'y', b'e']);
    }
    (writer.out, said)
}

fn told(bytes: &[u8], piece: usize) -> (Vec<Event>, BTreeMap<u32, Said>) {
    let mut conversation = Conversation::new(Bounds::default());
    let mut events = Vec::new();
    for piece in bytes.chunks(piece) {
        conversation.take(Side::Client, Duration::ZERO, piece, &mut |event| {
            events.push(event);
        });
    }
    let mut said = BTreeMap::<u32, Said>::new();
    for event in events.iter().filter(|event| event.stream != 0) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pairs = |head: &Head| {
            let fields = head
                .fields
                .iter()
                .filter(|field| !field.name.starts_with(b":"));
            let mut pairs: Pairs = fields.map(|it| (text(&it.name), text(&it.value))).collect();
            pairs.sort();
            pairs
        };
        match &event.what {
            What::Head(head) if head.kind == HeadKind::Trailers => {
                said.entry(event.stream).or_default().trailers = pairs(head);
            }
            What::Head(head) => said.entry(event.stream).or_default().fields = pairs(head),
            What::Message(message) => {
                let data = &mut said.entry(event.stream).or_default().data;
                data.push(u8::from(message.is_compressed));
                data.extend((message.len as u32).to_be_bytes());
                data.extend_from_slice(&message.bytes);
            }
            What::Reset(_) => said.entry(event.stream).or_default().was_reset = true,
            _ => {}
        }
    }
    (events, said)
}

/// What a real server hears.
async fn heard(bytes: Vec<u8>) -> BTreeMap<u32, Said> {
    let (client, server) = tokio::io::duplex(1 << 20);
    let (mut reads, mut writes) = tokio::io::split(client);
    tokio::spawn(async move {
        let mut away = Vec::new();
        let _ = reads.read_to_end(&mut away).await;
    });
    writes.write_all(&bytes).await.expect("there is room");
    let mut connection = server::handshake(server).await.expect("they shake hands");
    let heard = Arc::new(Mutex::new(BTreeMap::new()));
    let mut calls = tokio::task::JoinSet::new();
    // Time stands still as long as anybody has something to do.
    let idle = Duration::from_secs(1);
    while let Ok(Some(Ok((request, respond)))) = timeout(idle, connection.accept()).await {
        let heard = Arc::clone(&heard);
        calls.spawn(async move {
            let mut said = Said {
                fields: pairs(request.headers()),
                ..Said::default()
            };
            let mut body = request.into_body();
            while let Some(data) = body.data().await {
                let Ok(data) = data else {
                    said.was_reset = true;
                    break;
                };
                let _ = body.flow_control().release_capacity(data.len());
                said.data.extend_from_slice(&data);
            }
            if let Ok(Some(trailers)) = body.trailers().await {
                said.trailers = pairs(&trailers);
            }
            let stream = u32::from(respond.stream_id());
            heard.lock().expect("it is whole").insert(stream, said);
            drop::<server::SendResponse<Bytes>>(respond);
        });
    }
    while calls.join_next().await.is_some() {}
    // Until here the client was there: whatever is open when it goes counts as broken off.
    drop(writes);
    let mut heard = heard.lock().expect("it is whole");
    std::mem::take(&mut heard)
}

fn pairs(headers: &http::HeaderMap) -> Pairs {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut pairs: Pairs = headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    pairs.sort();
    pairs
}

#[tokio::test(flavor = "current_thread", start_paused = true)]
async fn a_real_server_hears_what_is_told() {
    for seed in 0..CONVERSATIONS {
        let (bytes, said) = written(seed);
        let (events, told_all) = told(&bytes, bytes.len());
        assert_eq!(told_all, said, "{seed}");
        let faults = events.iter().filter(|it| matches!(it.what, What::Fault(_)));
        assert_eq!(faults.collect::<Vec<_>>(), Vec::<&Event>::new(), "{seed}");
        // What came before a reset a library may keep to itself.
        let heard = heard(bytes.clone()).await;
        for (stream, said) in said.iter().filter(|(_, said)| !said.was_reset) {
            assert_eq!(heard.get(stream), Some(said), "{seed}, {stream}");
        }
        let piece = [1, 3, 50][(seed % 3) as usize];
        assert_eq!(told(&bytes, piece).0, events, "{seed}: cut otherwise");
    }
}

/// The same as a capture.
fn recorded(conversations: &[Vec<u8>]) -> Vec<u8> {
    let (mut recorder, mut file) = (Recorder::new(1_700_000_000_000_000_000), Vec::new());
    for (connection, bytes) in (1..).zip(conversations) {
        let [client, server] =
            [40_000, 50_051].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        for what in [
            Passing::Opened(client, server),
            Passing::Bytes(Side::Client, bytes),
            Passing::Ended(Side::Client),
        ] {
            let passed = Passed {
                connection,
                at: Duration::ZERO,
                what,
            };
            recorder.take(passed, &mut file);
        }
    }
    file
}

/// Some bytes otherwise, gone, or twice.
fn damage(bytes: &mut Vec<u8>, draw: &mut ChaCha8Rng) {
    let mut below = |bound: usize| (draw.next_u64() % bound.max(1) as u64) as usize;
    for _ in 0..=below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = below(bytes.len());
        let end = (at + 1 + below(40)).min(bytes.len());
        match below(5) {
            0 => bytes[at] ^= 1 << below(8),
            1 => bytes[at] = [0, 0xff, 0x7f, 0x80, 1][below(5)],
            2 => drop(bytes.drain(at..end)),
            3 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => bytes.truncate(at),
        }
    }
}

#[test]
fn what_is_damaged_harms_nobody() {
    let runs = std::env::var("TAP_FUZZ_RUNS").ok();
    let runs = runs.map_or(DAMAGED, |it| it.parse().expect("TAP_FUZZ_RUNS is a number"));
    let whole: Vec<Vec<u8>> = (0..64).map(|seed| written(seed).0).collect();
    let capture = recorded(&whole[..4]);
    let mut draw = ChaCha8Rng::seed_from_u64(16);
    for run in 0..runs {
        let from = if draw.next_u32() % 2 == 0 {
            Side::Client
        } else {
            Side::Server
        };
        let mut bytes = whole[(run % 64) as usize].clone();
        if draw.next_u32() % 4 == 0 {
            bytes.drain(..PREFACE.len());
        }
        damage(&mut bytes, &mut draw);
        let piece = 1 + (draw.next_u32() % 400) as usize;
        let (mut conversation, mut blanker) =
            (Conversation::new(Bounds::default()), Blanker::default());
        let (mut blanked, mut events) = (Vec::new(), 0_usize);
        for piece in bytes.chunks(piece) {
            conversation.take(from, Duration::ZERO, piece, &mut |_| events += 1);
            blanker.take(from, piece, &(), &mut blanked);
        }
        conversation.end(from, Duration::ZERO, &mut |_| events += 1);
        blanker.end(from, &mut blanked);
        // However damaged, as much comes out as went in, and no more is told than there are bytes to tell of.
        assert_eq!(blanked.len(), bytes.len(), "run {run}");
        assert!(events <= 4 * bytes.len() + 16, "run {run}: {events} events");
        if run % 16 == 0 {
            let mut file = capture.clone();
            damage(&mut file, &mut draw);
            let mut recording = Recording::new(Bounds::default());
            let taken = recording.take(&file, &mut |_| {});
            let _ = taken.and_then(|()| recording.end(&mut |_| {}));
            let _ = Capture::default().take(&file, |_| {});
            let _ = BinaryLog::default().take(&file, |_, _| {});
        }
    }
}
