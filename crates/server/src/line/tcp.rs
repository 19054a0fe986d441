//! The line over TCP.

use std::pin::Pin;

use tokio::net::TcpStream;

use crate::line::{Dial, Io};

/// Dials the peer over TCP.
#[derive(Debug)]
pub struct TcpDial {
    address: String,
}

impl TcpDial {
    /// A way to `address`, such as `127.0.0.1:50052`. Names are looked up at each connection.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
        }
    }
}

impl Dial for TcpDial {
    fn dial(&self) -> Pin<Box<dyn Future<Output = std::io::Result<Box<dyn Io>>> + Send>> {
        let address = self.address.clone();
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }

    fn address(&self) -> String {
        self.address.clone()
    }
}
