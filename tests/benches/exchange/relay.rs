//! (a) The yardstick: two hops of bare tonic, nothing stored.

use std::error::Error;
use std::process::Command;
use std::time::Instant;

use bytes::Bytes;
use tests::relay::{PassRequest, RelayServiceClient};
use tokio_stream::StreamExt as _;
use tonic::transport::{Channel, Endpoint};

use crate::process::Process;
use crate::{BODY_BYTES, Plan, load};

/// What the relay carried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) stream_per_s: f64,
    pub(crate) unary64_per_s: f64,
}

/// A body and a subject with some officers come to about this many bytes.
const PAYLOAD_BYTES: usize = BODY_BYTES + 34;

fn request(index: u64, payload: &Bytes) -> PassRequest {
    PassRequest {
        request_id: crate::pair::request_id(index),
        payload: payload.clone(),
    }
}

pub(crate) async fn measure(plan: Plan) -> Result<Figures, Box<dyn Error>> {
    let program = env!("CARGO_BIN_EXE_relay");
    let last = Process::start(Command::new(program).arg("127.0.0.1:0"))?;
    let first = Process::start(Command::new(program).args(["127.0.0.1:0", &last.address]))?;
    let channel = Endpoint::from_shared(format!("http://{}", first.address))?
        .connect()
        .await?;
    let unary64_per_s = unary(&channel, plan).await?;
    let stream_per_s = stream(channel, plan).await?;
    Ok(Figures {
        stream_per_s,
        unary64_per_s,
    })
}

async fn unary(channel: &Channel, plan: Plan) -> Result<f64, Box<dyn Error>> {
    let payload = Bytes::from(vec![7; PAYLOAD_BYTES]);
    let client = RelayServiceClient::new(channel.clone());
    let done = load::calls(64, plan.each, move |index| {
        let (mut client, request) = (client.clone(), request(index, &payload));
        async move { client.pass(request).await.map(drop) }
    });
    Ok(done.await?.per_s)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the machine's time"
)]
async fn stream(channel: Channel, plan: Plan) -> Result<f64, Box<dyn Error>> {
    let payload = Bytes::from(vec![7; PAYLOAD_BYTES]);
    let begun = Instant::now();
    let requests = tokio_stream::iter(0u64..)
        .map(move |index| request(index, &payload))
        .take_while(move |_| begun.elapsed() < plan.each);
    let mut client = RelayServiceClient::new(channel);
    let mut answers = client.pass_many(requests).await?.into_inner();
    let mut count = 0u64;
    while answers.message().await?.is_some() {
        count += 1;
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}
