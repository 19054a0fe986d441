//! Calls of bytes, for what generated clients cannot say.

use bytes::{Buf as _, BufMut as _, Bytes};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};

#[derive(Debug, Clone, Copy, Default)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// Calls a method such as `/liaison.office.v1.OfficeService/GetOffice` with these bytes.
pub(crate) async fn call(
    channel: &Channel,
    method: &'static str,
    request: impl Into<Bytes>,
) -> Result<Bytes, Status> {
    call_with(channel, method, vec![request.into()]).await
}

/// The same with a stream of messages.
pub(crate) async fn call_with(
    channel: &Channel,
    method: &'static str,
    requests: Vec<Bytes>,
) -> Result<Bytes, Status> {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready()
        .await
        .map_err(|error| Status::unknown(error.to_string()))?;
    let path = PathAndQuery::from_static(method);
    let requests = Request::new(tokio_stream::iter(requests));
    let answered = grpc.client_streaming(requests, path, RawCodec).await?;
    Ok(answered.into_inner())
}
