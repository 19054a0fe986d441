//! `relay LISTEN [NEXT]`: one hop of the yardstick. Prints `listening ADDR` once it serves.

use std::error::Error;

use tests::relay::{Relay, RelayServiceServer};
use tonic::transport::{Endpoint, Server, server::TcpIncoming};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let listen = args.next().ok_or("usage: relay LISTEN [NEXT]")?;
    let next = match args.next() {
        Some(next) => Some(
            Endpoint::from_shared(format!("http://{next}"))?
                .connect()
                .await?,
        ),
        None => None,
    };
    let listener = tokio::net::TcpListener::bind(listen).await?;
    println!("listening {}", listener.local_addr()?);
    Server::builder()
        .serve_with_incoming(
            RelayServiceServer::new(Relay::new(next)),
            TcpIncoming::from(listener).with_nodelay(Some(true)),
        )
        .await?;
    Ok(())
}
