//! Frames of HTTP/2 around calls that were recorded without any.

use std::collections::BTreeSet;

use crate::event::{Event, Message, Side, What};
use crate::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, SETTINGS};
use crate::hpack::Field;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The longest frame that everybody takes.
const FRAME_BYTES: usize = 16 * 1024;

/// Makes frames.
#[derive(Debug, Default)]
pub struct Synthesis {
    begun: BTreeSet<u64>,
}

impl Synthesis {
    /// What may have been said so that `event` happened; true if the connection begins by it.
    pub fn take(
        &mut self,
        connection: u64,
        event: &Event,
        said: &mut Vec<(Side, Vec<u8>)>,
    ) -> bool {
        let begins = self.begun.insert(connection);
        if begins {
            let settings = frame(SETTINGS, 0, 0, &[]);
            said.push((Side::Client, [PREFACE, &settings].concat()));
            said.push((Side::Server, settings));
        }
        let mut out = Vec::new();
        match &event.what {
            What::Head(head) => {
                let mut block = Vec::new();
                for field in &head.fields {
                    literal(field, &mut block);
                }
                // The end of the stream is told of its own.
                out.extend(frame(HEADERS, END_HEADERS, event.stream, &block));
            }
            What::Message(message) => data(message, event.stream, &mut out),
            What::HalfClosed => out.extend(frame(DATA, END_STREAM, event.stream, &[])),
            What::Reset(code) => {
                out.extend(frame(RST_STREAM, 0, event.stream, &code.to_be_bytes()));
            }
            _ => {}
        }
        if !out.is_empty() {
            said.push((event.from, out));
        }
        begins
    }
}

fn data(message: &Message, stream: u32, out: &mut Vec<u8>) {
    let mut bytes = vec![u8::from(message.is_compressed)];
    // Of a message that was cut, what is there is all that can be said.
    bytes.extend((message.bytes.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&message.bytes);
    for piece in bytes.chunks(FRAME_BYTES) {
        out.extend(frame(DATA, 0, stream, piece));
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A field that no table keeps.
fn literal(field: &Field, block: &mut Vec<u8>) {
    block.push(0);
    for text in [&field.name, &field.value] {
        let len = text.len();
        if len < 127 {
            block.push(len as u8);
        } else {
            block.push(127);
            let mut left = len - 127;
            while left >= 128 {
                block.push((left % 128) as u8 | 128);
                left /= 128;
            }
            block.push(left as u8);
        }
        block.extend_from_slice(text);
    }
}
