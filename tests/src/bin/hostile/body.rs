//! Requests that never come in whole, or are more than they seem.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::unread::{connect, framed, request};

const STREAMS: usize = 100;
const MIB: usize = 1024 * 1024;
const SEND: &str = "/liaison.office.v1.DocumentService/SendDocument";

#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    Half,
    Announced,
    Upload,
    Carry,
    Bomb,
}

impl Body {
    fn path(self) -> &'static str {
        match self {
            Self::Half | Self::Announced | Self::Bomb => SEND,
            Self::Upload => "/liaison.office.v1.DocumentService/UploadDocument",
            Self::Carry => "/liaison.line.v1.LineService/Carry",
        }
    }

    /// What each stream sends: a piece that is sent so many times.
    fn bytes(self) -> (Bytes, usize) {
        let piece = vec![0x5a; 16 * 1024];
        let announced = |bytes: usize| {
            let mut head = vec![0];
            head.extend((bytes as u32).to_be_bytes());
            head
        };
        match self {
            Self::Announced => (announced(4 * MIB).into(), 1),
            Self::Half | Self::Upload => {
                let mut head = announced(4 * MIB);
                head.extend(vec![0x5a; 4 * MIB - 1]);
                (head.into(), 1)
            }
            Self::Carry => {
                let mut head = announced(17 * MIB);
                head.extend(vec![0x5a; 17 * MIB - 1]);
                (head.into(), 1)
            }
            Self::Bomb => (framed(1, &bomb(&piece)), 1),
        }
    }

    pub(crate) async fn run(
        self,
        south: SocketAddr,
        connections: usize,
        time: Duration,
    ) -> Result<(), String> {
        let until = Instant::now() + time;
        let bytes = Arc::new(self.bytes());
        let mut attackers = JoinSet::new();
        for _ in 0..connections {
            let bytes = Arc::clone(&bytes);
            attackers.spawn(async move {
                while Instant::now() < until {
                    self.attack(south, &bytes, until).await;
                    sleep(Duration::from_millis(100)).await;
                }
            });
        }
        while attackers.join_next().await.is_some() {}
        Ok(())
    }

    async fn attack(self, south: SocketAddr, bytes: &(Bytes, usize), until: Instant) {
        let Some(send) = connect(south).await else {
            return;
        };
        let streams = if matches!(self, Self::Carry) {
            2
        } else {
            STREAMS
        };
        let mut sending = JoinSet::new();
        for _ in 0..streams {
            let Ok(Ok(mut ready)) = timeout(Duration::from_millis(200), send.clone().ready()).await
            else {
                break;
            };
            let mut request = request(self.path());
            if matches!(self, Self::Bomb) {
                let gzip = http::HeaderValue::from_static("gzip");
                request.headers_mut().insert("grpc-encoding", gzip);
            }
            let Ok((response, stream)) = ready.send_request(request, false) else {
                break;
            };
            let ends = matches!(self, Self::Bomb);
            let bytes = bytes.clone();
            sending.spawn(async move {
                let _ = timeout_at(until, push(stream, bytes, ends)).await;
                if ends {
                    let _ = timeout_at(until, response).await;
                }
            });
        }
        while sending.join_next().await.is_some() {}
        drop(send);
    }
}

/// Sends as far as it is let, and then holds the stream open.
async fn push(mut stream: SendStream<Bytes>, (bytes, times): (Bytes, usize), ends: bool) {
    for _ in 0..times {
        let mut left = bytes.clone();
        while !left.is_empty() {
            stream.reserve_capacity(left.len());
            let granted = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
            let Some(Ok(granted)) = granted else { return };
            let piece = left.split_to(granted.min(left.len()));
            if stream.send_data(piece, ends && left.is_empty()).is_err() {
                return;
            }
        }
    }
    if !ends {
        // Until the office has enough of it.
        let _ = std::future::poll_fn(|context| stream.poll_reset(context)).await;
    }
}

/// A gibibyte of one byte, as gzip packs it.
fn bomb(piece: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 * MIB / piece.len() {
        packer.write_all(piece).expect("memory");
    }
    let member = packer.finish().expect("memory");
    // Members follow one another in a gzip file.
    member.repeat(16)
}
