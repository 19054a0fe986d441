//! Asking a target what it serves, by gRPC reflection.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::Duration;

use http::uri::PathAndQuery;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::FileDescriptorProto;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
// v1 and v1alpha are the same on the wire: one set of types serves both.
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ErrorResponse, ServerReflectionRequest, ServerReflectionResponse};

use super::error::SourceError;

const PATHS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
/// A large product's whole schema has some thousand files.
const FILES_MAX: usize = 10_000;
const BYTES_MAX: usize = 64 << 20;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Why asking stopped.
enum Stop {
    /// This version of reflection is not there; the other may be.
    Unimplemented,
    Failed(String),
}

/// An encoded descriptor set with all that `symbols` need.
pub(super) async fn fetch(channel: Channel, symbols: &[String]) -> Result<Vec<u8>, SourceError> {
    for path in PATHS {
        let mut files = Files::default();
        match files.fetch(channel.clone(), path, symbols).await {
            Ok(()) => return Ok(files.into_set()),
            Err(Stop::Unimplemented) => {}
            Err(Stop::Failed(message)) => return Err(SourceError::Reflection { message }),
        }
    }
    Err(SourceError::Reflection {
        message: "it serves neither grpc.reflection.v1 nor v1alpha".to_owned(),
    })
}

/// The files told so far.
#[derive(Default)]
struct Files {
    by_name: BTreeMap<String, Vec<u8>>,
    bytes: usize,
    /// Imported and not told yet.
    wanted: BTreeSet<String>,
}

type Answers = tonic::Streaming<ServerReflectionResponse>;
type Opening = Pin<Box<dyn Future<Output = Result<Answers, Status>> + Send>>;

/// One stream of questions and their answers.
struct Conversation {
    questions: tokio::sync::mpsc::Sender<ServerReflectionRequest>,
    answers: Listening,
}

/// Some servers say nothing, not even that they listen, before the first question has come.
enum Listening {
    Opening(Opening),
    Open(Box<Answers>),
}

impl Files {
    async fn fetch(
        &mut self,
        channel: Channel,
        path: &'static str,
        symbols: &[String],
    ) -> Result<(), Stop> {
        let mut conversation = Conversation::open(channel.clone(), path).await?;
        let services = if symbols.is_empty() {
            conversation.services().await?
        } else {
            symbols.iter().map(|symbol| service_of(symbol)).collect()
        };
        for service in services {
            let question = MessageRequest::FileContainingSymbol(service.clone());
            let mut told = conversation.ask(question).await?;
            if let (true, Some((outer, _))) = (is_not_found(&told), service.rsplit_once('.')) {
                // `package.Service.Method` was taken for a service; its last part may be a method. Some servers end the
                // stream when they do not know a symbol, so this goes on another.
                conversation = Conversation::open(channel.clone(), path).await?;
                let question = MessageRequest::FileContainingSymbol(outer.to_owned());
                let of_outer = conversation.ask(question).await?;
                if is_not_found(&of_outer) {
                    return Err(Stop::Failed(unknown(&service)));
                }
                told = of_outer;
            }
            self.take(told, &service)?;
        }
        while let Some(name) = self.wanted.pop_first() {
            let question = MessageRequest::FileByFilename(name.clone());
            let told = conversation.ask(question).await?;
            self.take(told, &name)?;
            if !self.by_name.contains_key(&name) {
                return Err(Stop::Failed(format!(
                    "asked for {name}, it told another file"
                )));
            }
        }
        Ok(())
    }

    fn take(&mut self, told: MessageResponse, asked: &str) -> Result<(), Stop> {
        if is_not_found(&told) {
            return Err(Stop::Failed(unknown(asked)));
        }
        let files = match told {
            MessageResponse::FileDescriptorResponse(files) => files.file_descriptor_proto,
            MessageResponse::ErrorResponse(error) => {
                let message = format!("asked for `{asked}`, it said: {}", error.error_message);
                return Err(Stop::Failed(message));
            }
            _ => return Err(Stop::Failed("it answered another question".to_owned())),
        };
        for bytes in files {
            let file = FileDescriptorProto::decode(&bytes[..])
                .map_err(|error| Stop::Failed(format!("a file descriptor is broken: {error}")))?;
            let name = file.name().to_owned();
            self.wanted.remove(&name);
            if self.by_name.contains_key(&name) {
                continue;
            }
            self.bytes += bytes.len();
            if self.by_name.len() == FILES_MAX || self.bytes > BYTES_MAX {
                let message = format!("it has more than {FILES_MAX} files or {BYTES_MAX} bytes");
                return Err(Stop::Failed(message));
            }
            self.by_name.insert(name, bytes);
            let missing = file.dependency.into_iter();
            self.wanted
                .extend(missing.filter(|name| !self.by_name.contains_key(name)));
        }
        Ok(())
    }

    /// The files as they were told: a descriptor set decoded and encoded again would lose options.
    fn into_set(self) -> Vec<u8> {
        let mut set = Vec::with_capacity(self.bytes);
        for bytes in self.by_name.values() {
            encode_key(1, WireType::LengthDelimited, &mut set);
            encode_varint(bytes.len() as u64, &mut set);
            set.extend_from_slice(bytes);
        }
        set
    }
}

impl Conversation {
    async fn open(channel: Channel, path: &'static str) -> Result<Self, Stop> {
        let mut grpc = Grpc::new(channel).max_decoding_message_size(BYTES_MAX);
        grpc.ready()
            .await
            .map_err(|error| Stop::Failed(format!("it cannot be reached: {error}")))?;
        // One question is in flight at a time.
        let (questions, asked) = tokio::sync::mpsc::channel(1);
        let request = Request::new(tokio_stream::wrappers::ReceiverStream::new(asked));
        let codec = tonic_prost::ProstCodec::default();
        let opening = async move {
            let path = PathAndQuery::from_static(path);
            let opened = grpc.streaming(request, path, codec).await?;
            Ok(opened.into_inner())
        };
        Ok(Self {
            questions,
            answers: Listening::Opening(Box::pin(opening)),
        })
    }

    async fn ask(&mut self, question: MessageRequest) -> Result<MessageResponse, Stop> {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(question),
        };
        // If the stream has ended, its answer says why.
        let _ended = self.questions.send(request).await;
        let answer = timeout(ANSWER_TIMEOUT, self.answer())
            .await
            .map_err(|_| late())?;
        let answer = match answer {
            Ok(Some(answer)) => answer,
            Ok(None) => return Err(Stop::Failed("it ended the stream".to_owned())),
            Err(status) if status.code() == Code::NotFound => {
                return Ok(MessageResponse::ErrorResponse(ErrorResponse {
                    error_code: Code::NotFound as i32,
                    error_message: status.message().to_owned(),
                }));
            }
            Err(status) => return Err(stop_of(status)),
        };
        let told = answer.message_response;
        told.ok_or_else(|| Stop::Failed("it answered nothing".to_owned()))
    }

    async fn answer(&mut self) -> Result<Option<ServerReflectionResponse>, Status> {
        if let Listening::Opening(opening) = &mut self.answers {
            self.answers = Listening::Open(Box::new(opening.await?));
        }
        match &mut self.answers {
            Listening::Open(answers) => answers.message().await,
            Listening::Opening(_) => Ok(None),
        }
    }

    /// All services, reflection itself left out.
    async fn services(&mut self) -> Result<Vec<String>, Stop> {
        let question = MessageRequest::ListServices(String::new());
        let MessageResponse::ListServicesResponse(listed) = self.ask(question).await? else {
            return Err(Stop::Failed("it does not list its services".to_owned()));
        };
        let names = listed.service.into_iter().map(|service| service.name);
        Ok(names
            .filter(|name| !name.starts_with("grpc.reflection."))
            .collect())
    }
}

fn stop_of(status: Status) -> Stop {
    match status.code() {
        Code::Unimplemented => Stop::Unimplemented,
        code => Stop::Failed(format!("{code:?}: {}", status.message())),
    }
}

fn is_not_found(told: &MessageResponse) -> bool {
    let code = Code::NotFound as i32;
    matches!(told, MessageResponse::ErrorResponse(error) if error.error_code == code)
}

fn late() -> Stop {
    Stop::Failed(format!("no answer within {ANSWER_TIMEOUT:?}"))
}

fn unknown(name: &str) -> String {
    format!("it does not know `{name}`")
}

/// The service of a method, as far as its name tells.
fn service_of(symbol: &str) -> String {
    let symbol = symbol.trim().trim_start_matches('/');
    let service = symbol
        .split_once('/')
        .map_or(symbol, |(service, _)| service);
    service.to_owned()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::net::TcpListener;
    use tonic::transport::server::TcpIncoming;
    use tonic::transport::{Channel, Server};
    use tonic_reflection::server::Builder;

    use template::Schema;

    use crate::schema::{SourceError, by_reflection};

    #[derive(Clone, Copy)]
    enum Serves {
        V1,
        V1Alpha,
        Nothing,
    }

    type Serving = Pin<Box<dyn Future<Output = Result<(), tonic::transport::Error>> + Send>>;

    /// Knows no service.
    #[derive(Clone)]
    struct NotServed;

    impl<B> tonic::codegen::Service<http::Request<B>> for NotServed {
        type Response = http::Response<tonic::body::Body>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: http::Request<B>) -> Self::Future {
            ready(Ok(
                tonic::Status::unimplemented("no such service").into_http()
            ))
        }
    }

    async fn target(serves: Serves) -> Channel {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let builder =
            || Builder::configure().register_encoded_file_descriptor_set(protocol::DESCRIPTORS);
        let incoming = TcpIncoming::from(listener);
        let server = Server::builder();
        let serving: Serving = match serves {
            Serves::V1 => {
                let service = builder().build_v1().expect("reflection");
                Box::pin(server.serve_with_incoming(service, incoming))
            }
            Serves::V1Alpha => {
                let service = builder().build_v1alpha().expect("reflection");
                Box::pin(server.serve_with_incoming(service, incoming))
            }
            Serves::Nothing => Box::pin(server.serve_with_incoming(NotServed, incoming)),
        };
        tokio::spawn(serving);
        let endpoint = Channel::from_shared(format!("http://{address}")).expect("an address");
        endpoint.connect().await.expect("it listens")
    }

    async fn asked(serves: Serves, symbols: &[&str]) -> Result<Schema, SourceError> {
        let symbols: Vec<String> = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
        by_reflection(target(serves).await, &symbols).await
    }

    #[tokio::test]
    async fn a_target_tells_what_a_method_needs() {
        for serves in [Serves::V1, Serves::V1Alpha] {
            for symbol in [
                "liaison.office.v1.DocumentService/SendDocument",
                "/liaison.office.v1.DocumentService/SendDocument",
                "liaison.office.v1.DocumentService.SendDocument",
                "liaison.office.v1.DocumentService",
            ] {
                let schema = asked(serves, &[symbol]).await.expect("a schema");
                let method = schema.method("liaison.office.v1.DocumentService/SendDocument");
                let method = method.expect("a method");
                assert_eq!(
                    method.input.full_name(),
                    "liaison.office.v1.SendDocumentRequest"
                );
                // What it imports is there too.
                let document = method
                    .input
                    .get_field_by_name("document")
                    .expect("a field")
                    .kind();
                let document = document.as_message().expect("a message");
                let deadline = document
                    .get_field_by_name("deadline")
                    .expect("a field")
                    .kind();
                let deadline = deadline
                    .as_message()
                    .expect("a message")
                    .full_name()
                    .to_owned();
                assert_eq!(deadline, "google.protobuf.Timestamp");
            }
        }
    }

    #[tokio::test]
    async fn without_symbols_a_target_tells_all_its_services() {
        let schema = asked(Serves::V1, &[]).await.expect("a schema");
        assert!(
            schema
                .method("liaison.ledger.v1.LedgerService/GetTally")
                .is_ok()
        );
        assert!(
            schema
                .method("liaison.office.v1.MeetingService/CloseMeeting")
                .is_ok()
        );
    }

    #[tokio::test]
    async fn what_a_target_does_not_know_is_told() {
        let unknown = asked(Serves::V1, &["echo.Echo/Call"])
            .await
            .expect_err("unknown");
        assert!(
            unknown.to_string().contains("does not know `echo"),
            "{unknown}"
        );
        let nothing = asked(Serves::Nothing, &["echo.Echo/Call"])
            .await
            .expect_err("nothing");
        assert!(
            nothing
                .to_string()
                .contains("neither grpc.reflection.v1 nor v1alpha"),
            "{nothing}"
        );
    }
}
