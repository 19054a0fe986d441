//! Frames that say nothing, as fast as it goes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Flood {
    Ping,
    Settings,
    Priority,
    Unknown,
    WindowUpdate,
}

const ENHANCE_YOUR_CALM: u32 = 0xb;

impl Flood {
    fn frame(self) -> Vec<u8> {
        let (kind, stream, payload): (u8, u8, &[u8]) = match self {
            Self::Ping => (6, 0, &[7; 8]),
            Self::Settings => (4, 0, &[]),
            Self::Priority => (2, 1, &[0, 0, 0, 0, 9]),
            Self::Unknown => (0xfa, 0, &[]),
            Self::WindowUpdate => (8, 0, &[0, 0, 0, 1]),
        };
        let mut frame = vec![0, 0, payload.len() as u8, kind, 0, 0, 0, 0, stream];
        frame.extend(payload);
        frame
    }

    /// Floods over one connection after another; each must end with GOAWAY.
    pub(crate) async fn run(self, south: SocketAddr, time: Duration) -> Result<(), String> {
        let until = Instant::now() + time;
        let frames = self.frame().repeat(1_000);
        let (mut floods, mut told) = (0, 0);
        while Instant::now() + Duration::from_millis(300) < until {
            let Ok(io) = TcpStream::connect(south).await else {
                continue;
            };
            floods += 1;
            let (mut read, mut write) = io.into_split();
            let hearing = tokio::spawn(async move { farewell(&mut read).await });
            let flooding = async {
                let _ = write.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
                let _ = write.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await;
                while write.write_all(&frames).await.is_ok() {}
            };
            let _ = timeout_at(until, flooding).await;
            let code = timeout_at(until, hearing).await;
            told += u64::from(matches!(code, Ok(Ok(Some(ENHANCE_YOUR_CALM)))));
            sleep(Duration::from_millis(50)).await;
        }
        if floods == 0 || told == 0 {
            return Err(format!(
                "{floods} floods, and {told} were answered by GOAWAY"
            ));
        }
        Ok(())
    }
}

/// The code of the GOAWAY, if one comes.
async fn farewell(read: &mut tokio::net::tcp::OwnedReadHalf) -> Option<u32> {
    loop {
        let mut head = [0; 9];
        read.read_exact(&mut head).await.ok()?;
        let len = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; len];
        read.read_exact(&mut payload).await.ok()?;
        if head[3] == 7 {
            return Some(u32::from_be_bytes(payload.get(4..8)?.try_into().ok()?));
        }
    }
}
