//! A connection spoken by hand, frame by frame: for what no honest client says.

use std::net::SocketAddr;

use office::Place;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Clients, Pair, within};

pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// South alone, with these limits.
pub(super) async fn alone(limits: &[&str]) -> (Pair, Clients) {
    let arguments: Vec<_> = limits.iter().flat_map(|limit| ["--limit", limit]).collect();
    let mut pair = Pair::idle(&arguments).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    (pair, south)
}

/// A frame with a payload of at most 255 bytes.
pub(super) fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a small frame");
    let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, stream];
    frame.extend(payload);
    frame
}

/// What a client says first.
pub(super) fn greeting() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

/// A connection that says what it must, and no more.
pub(super) async fn greet(address: SocketAddr) -> TcpStream {
    let mut io = TcpStream::connect(address)
        .await
        .expect("the office listens");
    io.write_all(&greeting()).await.expect("it is open");
    io
}

/// The next frame: its type, flags and payload. `None` once there are no more.
async fn next(io: &mut (impl AsyncRead + Unpin)) -> Option<(u8, u8, Vec<u8>)> {
    let mut head = [0; 9];
    io.read_exact(&mut head).await.ok()?;
    let [high, middle, low, kind, flags, ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
    io.read_exact(&mut payload).await.ok()?;
    Some((kind, flags, payload))
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct End {
    /// The code of the last GOAWAY.
    pub(super) code: Option<u32>,
}

/// Reads until the connection ends.
pub(super) async fn end(io: &mut (impl AsyncRead + Unpin)) -> End {
    let mut code = None;
    let reading = async {
        while let Some((kind, _, payload)) = next(io).await {
            if kind == GOAWAY {
                let told = payload[4..8].try_into().expect("four bytes");
                code = Some(u32::from_be_bytes(told));
            }
        }
    };
    within("the end of the connection", reading).await;
    End { code }
}

/// Answers SETTINGS and PING, as anybody must who wants to stay, until the connection ends.
pub(super) async fn stay(mut io: TcpStream) -> End {
    let mut code = None;
    while let Some((kind, flags, payload)) = next(&mut io).await {
        let answer = match kind {
            SETTINGS if flags & ACK == 0 => frame(SETTINGS, ACK, 0, &[]),
            PING if flags & ACK == 0 => frame(PING, ACK, 0, &payload),
            GOAWAY => {
                let told = payload[4..8].try_into().expect("four bytes");
                code = Some(u32::from_be_bytes(told));
                continue;
            }
            _ => continue,
        };
        if io.write_all(&answer).await.is_err() {
            break;
        }
    }
    End { code }
}
