//! The frames of a call, byte by byte.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use tap::{Frame, Side};
use words::figures;
use words::hex;
use words::style::{HEADING, clean, styled};
use words::wire::{self, Piece};

use crate::{Known, frames};

const HEADER_BYTES: usize = 9;
const PREFIX_BYTES: usize = 5;

/// A frame as it passed.
#[derive(Debug, Clone)]
pub struct FrameBytes {
    /// When its last byte came.
    pub at: Duration,
    /// Who sent it.
    pub from: Side,
    /// Its head.
    pub frame: Frame,
    /// Its payload.
    pub payload: Vec<u8>,
    /// The fields that its header block says, where it ends one.
    pub fields: Vec<[String; 2]>,
}

/// Frames, for programs.
pub fn dumped(all: &[FrameBytes]) -> Value {
    let frame = |frame: &FrameBytes| {
        json!({
            "at_s": frame.at.as_secs_f64(),
            "from": frame.from.to_string(),
            "frame": frames::kind(frame.frame),
            "bytes": frame.frame.bytes,
            "flags": frames::flags(frame.frame),
            "stream": frame.frame.stream,
            "payload_hex": hex::joined(&frame.payload),
        })
    };
    all.iter().map(frame).collect()
}

/// Frames with what their bytes say; those of DATA hold messages of the method `path`.
pub fn dump(all: &[FrameBytes], path: Option<&str>, known: &Known) -> String {
    let mut text = String::new();
    // What of a message is still to come, of each side.
    let mut left = [0_usize; 2];
    for frame in all {
        let arrow = match frame.from {
            Side::Client => "client →",
            Side::Server => "server ←",
        };
        let heading = format!(
            "{:.6} s  {arrow} {} {} {}",
            frame.at.as_secs_f64(),
            frames::kind(frame.frame),
            figures::bytes(u64::from(frame.frame.bytes)),
            frames::flags(frame.frame)
        );
        let _ = writeln!(text, "{}", styled(HEADING, heading.trim_end()));
        let mut pieces = head(frame);
        if frame.frame.kind == 0 {
            data(
                frame,
                path,
                known,
                &mut left[frame.from as usize],
                &mut pieces,
            );
        } else if !frame.payload.is_empty() {
            let what = match frame.frame.kind {
                1 | 9 => "header block, packed by HPACK".to_owned(),
                3 => code(&frame.payload),
                8 => window(&frame.payload),
                _ => "payload".to_owned(),
            };
            pieces.push(piece(HEADER_BYTES, 0, &frame.payload, what));
        }
        text.push_str(&wire::render(&pieces));
        for [name, value] in &frame.fields {
            let _ = writeln!(text, "{:35}{}: {}", "", clean(name), clean(value));
        }
        text.push('\n');
    }
    text
}

fn piece(offset: usize, depth: usize, bytes: &[u8], what: impl Into<String>) -> Piece {
    Piece {
        offset,
        depth,
        bytes: bytes.to_vec(),
        what: what.into(),
    }
}

fn head(frame: &FrameBytes) -> Vec<Piece> {
    let Frame {
        kind,
        flags,
        stream,
        bytes,
    } = frame.frame;
    let flags_named = frames::flags(frame.frame);
    let flags_named = if flags_named.is_empty() {
        "none".to_owned()
    } else {
        flags_named
    };
    vec![
        piece(0, 0, &bytes.to_be_bytes()[1..], format!("length {bytes}")),
        piece(3, 0, &[kind], format!("type {}", frames::kind(frame.frame))),
        piece(4, 0, &[flags], format!("flags {flags_named}")),
        piece(5, 0, &stream.to_be_bytes(), format!("stream {stream}")),
    ]
}

fn data(
    frame: &FrameBytes,
    path: Option<&str>,
    known: &Known,
    left: &mut usize,
    pieces: &mut Vec<Piece>,
) {
    let mut at = 0;
    let payload = &frame.payload;
    while at < payload.len() {
        if *left > 0 {
            let count = (*left).min(payload.len() - at);
            *left -= count;
            pieces.push(piece(
                HEADER_BYTES + at,
                0,
                &payload[at..at + count],
                "more of the message",
            ));
            at += count;
            continue;
        }
        let Some(prefix) = payload[at..].first_chunk::<PREFIX_BYTES>() else {
            pieces.push(piece(
                HEADER_BYTES + at,
                0,
                &payload[at..],
                "part of the five bytes before a message",
            ));
            return;
        };
        let len = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
        let packed = if prefix[0] == 0 {
            "not compressed"
        } else {
            "compressed"
        };
        pieces.push(piece(HEADER_BYTES + at, 0, &prefix[..1], packed));
        let what = format!("a message of {}", figures::bytes(len as u64));
        pieces.push(piece(HEADER_BYTES + at + 1, 0, &prefix[1..], what));
        at += PREFIX_BYTES;
        let here = len.min(payload.len() - at);
        let message = &payload[at..at + here];
        let base = HEADER_BYTES + at;
        if here == len && prefix[0] == 0 {
            let descriptor = path.and_then(|path| known.message(path, frame.from));
            pieces.extend(wire::explain_as(
                message,
                base,
                descriptor.as_ref(),
                &|_| None,
            ));
        } else if here > 0 {
            pieces.push(piece(base, 0, message, "the message, as far as it is here"));
        }
        *left = len - here;
        at += here;
    }
}

fn code(payload: &[u8]) -> String {
    payload.first_chunk().map_or("payload".to_owned(), |it| {
        frames::error(u32::from_be_bytes(*it))
    })
}

fn window(payload: &[u8]) -> String {
    payload.first_chunk().map_or("payload".to_owned(), |it| {
        format!(
            "{} more may be sent",
            figures::bytes(u64::from(u32::from_be_bytes(*it)))
        )
    })
}
