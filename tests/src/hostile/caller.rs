//! A caller on the line that holds to nothing: its streams are bytes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body::Frame;
use prost::Message as _;
use protocol::pb::line as pb;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::codec::{Codec as _, Streaming};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tower::{Service as _, ServiceExt as _};

/// What a caller has heard on one stream.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) hello: Option<pb::Hello>,
    pub(super) acknowledgements: Vec<pb::Acknowledgement>,
    pub(super) returned: Vec<pb::Parcel>,
    /// `Ok` code if the office ended the stream well.
    pub(super) end: Option<Status>,
}

/// A stream to an office.
#[derive(Debug)]
pub(super) struct Stream {
    say: Option<mpsc::UnboundedSender<Result<Bytes, io::Error>>>,
    heard: Arc<Mutex<Heard>>,
    listening: JoinHandle<()>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Stream {
    /// Begins a stream on which nothing is said yet.
    pub(super) fn begin(channel: Channel) -> Self {
        let (say, said) = mpsc::unbounded_channel();
        let heard = Arc::<Mutex<Heard>>::default();
        let listening = tokio::spawn(listen(channel, Said(said), Arc::clone(&heard)));
        Self {
            say: Some(say),
            heard,
            listening,
        }
    }

    /// Says bytes, in whatever frames they are.
    pub(super) fn say_bytes(&self, bytes: impl Into<Bytes>) {
        if let Some(say) = &self.say {
            // The office may have ended the stream.
            let _ = say.send(Ok(bytes.into()));
        }
    }

    pub(super) fn say(&self, message: Option<pb::carry_request::Message>) {
        let request = pb::CarryRequest { message };
        self.say_bytes(framed(&request.encode_to_vec()));
    }

    pub(super) fn say_hello(&self, hello: pb::Hello) {
        self.say(Some(pb::carry_request::Message::Hello(hello)));
    }

    pub(super) fn say_parcel(&self, parcel: pb::Parcel) {
        self.say(Some(pb::carry_request::Message::Parcel(parcel)));
    }

    /// The caller has said all it will.
    pub(super) fn half_close(&mut self) {
        self.say = None;
    }

    /// The caller breaks off in the middle.
    pub(super) fn reset(&mut self) {
        if let Some(say) = self.say.take() {
            let _ = say.send(Err(io::ErrorKind::BrokenPipe.into()));
        }
    }

    /// The caller is gone, with its connection.
    pub(super) fn leave(&mut self) {
        self.listening.abort();
        self.say = None;
    }

    pub(super) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A gRPC frame.
pub(super) fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    frame.freeze()
}

struct Said(mpsc::UnboundedReceiver<Result<Bytes, io::Error>>);

impl http_body::Body for Said {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let said = self.0.poll_recv(context);
        said.map(|said| said.map(|said| said.map(Frame::data)))
    }
}

async fn listen(channel: Channel, said: Said, heard: Arc<Mutex<Heard>>) {
    let ended = match responses(channel, said).await {
        Ok(stream) => hear(stream, &heard).await,
        Err(status) => status,
    };
    heard.lock().unwrap_or_else(PoisonError::into_inner).end = Some(ended);
}

async fn responses(
    mut channel: Channel,
    said: Said,
) -> Result<Streaming<pb::CarryResponse>, Status> {
    let broken = |error: tonic::transport::Error| Status::unknown(format!("{error:?}"));
    let request = http::Request::post("http://office/liaison.line.v1.LineService/Carry")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(said))
        .expect("it is a request");
    let ready = channel.ready().await.map_err(broken)?;
    let response = ready.call(request).await.map_err(broken)?;
    if let Some(status) = Status::from_header_map(response.headers())
        && status.code() != Code::Ok
    {
        return Err(status);
    }
    let status = response.status();
    let decoder = ProstCodec::<pb::CarryRequest, pb::CarryResponse>::default().decoder();
    let body = response.into_body();
    Ok(Streaming::new_response(decoder, body, status, None, None))
}

async fn hear(mut stream: Streaming<pb::CarryResponse>, heard: &Mutex<Heard>) -> Status {
    use pb::carry_response::Message::{Acknowledgement, Hello, Returned};
    loop {
        let message = match stream.message().await {
            Ok(Some(response)) => response.message.expect("the office says something"),
            Ok(None) => return Status::ok(""),
            Err(status) => return status,
        };
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        match message {
            Hello(hello) => assert_eq!(heard.hello.replace(hello), None, "Hello is said once"),
            Acknowledgement(acknowledgement) => heard.acknowledgements.push(acknowledgement),
            Returned(parcel) => heard.returned.push(parcel),
        }
    }
}
