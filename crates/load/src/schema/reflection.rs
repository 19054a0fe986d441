//! Asking a target what it serves, by gRPC reflection, over the transport that calls go over: what a target asks of calls
//! (TLS, metadata, a name) it asks of this, too.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue};
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::{DescriptorProto, FileDescriptorProto};
use reading::near_miss;
use tokio::time::{Instant, timeout};
use tonic::Code;
// v1 and v1alpha are the same on the wire: one set of types serves both.
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{
    ErrorResponse, ExtensionRequest, ServerReflectionRequest, ServerReflectionResponse,
};

use super::error::SourceError;
use crate::transport::{
    Attempts, Endpoint, Failed, Pool, PoolLimits, Receiving, Request, Sending, frame,
};

const PATHS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
/// A large product's whole schema has some thousand files.
const FILES_MAX: usize = 10_000;
const BYTES_MAX: usize = 64 << 20;
const EXTENSIONS_MAX: usize = 1_000;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const CONVERSATION_TIMEOUT: Duration = Duration::from_secs(120);
/// So many services are listed to whoever asked for one that is not there.
const LISTED_MAX: usize = 12;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Methods or services; all services if there are none.
    pub symbols: Vec<String>,
    /// Messages that are named in requests alone, such as those within an `Any`.
    pub types: Vec<String>,
    /// What is sent beside the questions.
    pub metadata: Vec<(HeaderName, HeaderValue)>,
}

/// Why asking stopped.
enum Stop {
    /// This version of reflection is not there; the other may be.
    Unimplemented,
    /// It knows no such symbol.
    Unknown(String),
    Failed(String),
}

/// An encoded descriptor set with all that is wanted. Needs a task set for what is not sent between threads.
pub(super) async fn fetch(endpoint: Endpoint, wanted: &Wanted) -> Result<Vec<u8>, SourceError> {
    let failed = |message: String| SourceError::Reflection { message };
    let limits = PoolLimits {
        connections: 1,
        connections_max: 1,
        message_bytes_max: BYTES_MAX,
    };
    let pool = Pool::connect(endpoint, limits).await;
    let pool = pool.map_err(|error| SourceError::Unreachable {
        message: error.message,
    })?;
    for path in PATHS {
        let target = Target {
            pool: &pool,
            path: PathAndQuery::from_static(path),
            metadata: &wanted.metadata,
        };
        let mut files = Files::default();
        match files.fetch(&target, wanted).await {
            Ok(()) => return Ok(files.into_set()),
            Err(Stop::Unimplemented) => {}
            Err(Stop::Failed(message)) => return Err(failed(message)),
            Err(Stop::Unknown(name)) => {
                let services = target.services().await.unwrap_or_default();
                let remedy = meant(&name, &services);
                return Err(SourceError::Unknown { name, remedy });
            }
        }
    }
    Err(failed(
        "it serves neither grpc.reflection.v1 nor v1alpha".to_owned(),
    ))
}

/// What to write in place of a service that is not there.
fn meant(name: &str, services: &[String]) -> String {
    let known: Vec<&str> = services.iter().map(String::as_str).collect();
    // The package left out, or a slip.
    let ends = known.iter().find(|it| it.ends_with(&format!(".{name}")));
    if let Some(near) = ends.copied().or_else(|| near_miss(name, &known)) {
        return format!("did you mean `{near}`?");
    }
    let listed = known.iter().take(LISTED_MAX).copied().collect::<Vec<_>>();
    let more = match known.len().saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if listed.is_empty() {
        return "it lists no services".to_owned();
    }
    format!("it serves {}{more}", listed.join(", "))
}

/// Who is asked, and in which version.
struct Target<'a> {
    pool: &'a Rc<Pool>,
    path: PathAndQuery,
    metadata: &'a [(HeaderName, HeaderValue)],
}

/// One stream of questions and their answers.
struct Conversation {
    questions: Sending,
    answers: Receiving,
}

impl Target<'_> {
    async fn open(&self) -> Result<Conversation, Stop> {
        let mut request = Request::new(self.pool.endpoint(), &self.path, CONVERSATION_TIMEOUT);
        for (name, value) in self.metadata {
            request.insert(name.clone(), value.clone());
        }
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        let attempts = Attempts::default();
        let opened = self.pool.open(&request, deadline, &attempts).await;
        let (questions, answers) = opened.map_err(stop_of)?;
        Ok(Conversation { questions, answers })
    }

    /// All services, reflection itself left out.
    async fn services(&self) -> Result<Vec<String>, Stop> {
        let question = MessageRequest::ListServices(String::new());
        let mut conversation = self.open().await?;
        let MessageResponse::ListServicesResponse(listed) = conversation.ask(question).await?
        else {
            return Err(Stop::Failed("it does not list its services".to_owned()));
        };
        let names = listed.service.into_iter().map(|service| service.name);
        Ok(names
            .filter(|name| !name.starts_with("grpc.reflection."))
            .collect())
    }

    /// The file of a symbol; of a method's service where the symbol is a method.
    async fn file_of(
        &self,
        conversation: &mut Conversation,
        symbol: &str,
    ) -> Result<MessageResponse, Stop> {
        let question = MessageRequest::FileContainingSymbol(symbol.to_owned());
        let told = conversation.ask(question).await?;
        if !is_not_found(&told) {
            return Ok(told);
        }
        // Some servers end the stream when they do not know a symbol, so this goes on another.
        *conversation = self.open().await?;
        let unknown = || Stop::Unknown(symbol.to_owned());
        // `package.Service.Method` was taken for a service; its last part may be a method.
        let (outer, _) = symbol.rsplit_once('.').ok_or_else(unknown)?;
        let question = MessageRequest::FileContainingSymbol(outer.to_owned());
        let told = conversation.ask(question).await?;
        if is_not_found(&told) {
            return Err(unknown());
        }
        Ok(told)
    }
}

/// The files told so far.
#[derive(Default)]
struct Files {
    by_name: BTreeMap<String, Vec<u8>>,
    bytes: usize,
    /// Imported and not told yet.
    wanted: BTreeSet<String>,
    /// Messages that may be extended, and were not asked about yet.
    extendable: Vec<String>,
}

impl Files {
    async fn fetch(&mut self, target: &Target<'_>, wanted: &Wanted) -> Result<(), Stop> {
        let services = if wanted.symbols.is_empty() {
            target.services().await?
        } else {
            let symbols = wanted.symbols.iter();
            symbols.map(|symbol| service_of(symbol)).collect()
        };
        let mut conversation = target.open().await?;
        for symbol in services.iter().chain(&wanted.types) {
            let told = target.file_of(&mut conversation, symbol).await?;
            self.take(told, symbol)?;
        }
        self.imports(&mut conversation).await?;
        self.extensions(target, &mut conversation).await
    }

    async fn imports(&mut self, conversation: &mut Conversation) -> Result<(), Stop> {
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

    /// Asks for what extends the messages that are known. Who knows of none is not held to it.
    async fn extensions(
        &mut self,
        target: &Target<'_>,
        conversation: &mut Conversation,
    ) -> Result<(), Stop> {
        let mut count = 0;
        while let Some(containing_type) = self.extendable.pop() {
            let question = MessageRequest::AllExtensionNumbersOfType(containing_type.clone());
            let numbers = match conversation.ask(question).await {
                Ok(MessageResponse::AllExtensionNumbersResponse(told)) => told.extension_number,
                Ok(_) => continue,
                Err(_) => {
                    *conversation = target.open().await?;
                    continue;
                }
            };
            for extension_number in numbers {
                count += 1;
                if count > EXTENSIONS_MAX {
                    let message = format!("it has more than {EXTENSIONS_MAX} extensions");
                    return Err(Stop::Failed(message));
                }
                let question = MessageRequest::FileContainingExtension(ExtensionRequest {
                    containing_type: containing_type.clone(),
                    extension_number,
                });
                let told = conversation.ask(question).await?;
                self.take(told, &format!("{containing_type}[{extension_number}]"))?;
                self.imports(conversation).await?;
            }
        }
        Ok(())
    }

    fn take(&mut self, told: MessageResponse, asked: &str) -> Result<(), Stop> {
        if is_not_found(&told) {
            return Err(Stop::Failed(format!("it does not know `{asked}`")));
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
            // Options are extended everywhere, and say nothing of messages.
            if name != "google/protobuf/descriptor.proto" {
                extendable_in(file.package(), &file.message_type, &mut self.extendable);
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

/// The full names of the messages that have numbers for extensions.
fn extendable_in(outer: &str, messages: &[DescriptorProto], found: &mut Vec<String>) {
    for message in messages {
        let name = match outer {
            "" => message.name().to_owned(),
            outer => format!("{outer}.{}", message.name()),
        };
        extendable_in(&name, &message.nested_type, found);
        if !message.extension_range.is_empty() {
            found.push(name);
        }
    }
}

impl Conversation {
    async fn ask(&mut self, question: MessageRequest) -> Result<MessageResponse, Stop> {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(question),
        };
        let mut body = BytesMut::new();
        let _: Result<(), ()> = frame(&mut body, |out| {
            out.extend_from_slice(&request.encode_to_vec());
            Ok(())
        });
        // If the stream has ended, its answer says why.
        let _ended = self.questions.send(body.freeze()).await;
        let answer = timeout(ANSWER_TIMEOUT, self.answers.message()).await;
        let answer = answer
            .map_err(|_| Stop::Failed(format!("no answer within {ANSWER_TIMEOUT:?}")))?
            .and_then(|answer| answer.ok_or_else(|| Failed::garbage("it ended the stream")));
        let answer = match answer {
            Ok(answer) => answer,
            Err(failed) if failed.code == Code::NotFound => {
                return Ok(MessageResponse::ErrorResponse(ErrorResponse {
                    error_code: Code::NotFound as i32,
                    error_message: failed.message,
                }));
            }
            Err(failed) => return Err(stop_of(failed)),
        };
        let answer = ServerReflectionResponse::decode(answer)
            .map_err(|error| Stop::Failed(format!("its answer is broken: {error}")))?;
        let told = answer.message_response;
        told.ok_or_else(|| Stop::Failed("it answered nothing".to_owned()))
    }
}

fn stop_of(failed: Failed) -> Stop {
    match failed.code {
        Code::Unimplemented => Stop::Unimplemented,
        Code::Unauthenticated | Code::PermissionDenied => Stop::Failed(format!(
            "{failed} (-H gives it metadata, as it does to calls)"
        )),
        _ => Stop::Failed(failed.to_string()),
    }
}

fn is_not_found(told: &MessageResponse) -> bool {
    let code = Code::NotFound as i32;
    matches!(told, MessageResponse::ErrorResponse(error) if error.error_code == code)
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
    use tonic::transport::Server;
    use tonic::transport::server::TcpIncoming;
    use tonic_reflection::server::Builder;

    use template::Schema;

    use crate::schema::{SourceError, Wanted, by_reflection};
    use crate::transport::Endpoint;

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

    async fn target(serves: Serves) -> Endpoint {
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
        let target = address.to_string().parse().expect("an address");
        Endpoint::new(target, None, None).expect("no TLS")
    }

    async fn asked(serves: Serves, symbols: &[&str]) -> Result<Schema, SourceError> {
        let wanted = Wanted {
            symbols: symbols.iter().map(|symbol| (*symbol).to_owned()).collect(),
            ..Wanted::default()
        };
        by_reflection(target(serves).await, &wanted).await
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
        let unknown = unknown.to_string();
        assert!(unknown.contains("knows no `echo.Echo`"), "{unknown}");
        assert!(
            unknown.contains("liaison.office.v1.DocumentService"),
            "{unknown}"
        );
        for (asked_for, near) in [
            (
                "liaison.office.v1.DocumntService/SendDocument",
                "liaison.office.v1.DocumentService",
            ),
            (
                "MeetingService/CloseMeeting",
                "liaison.office.v1.MeetingService",
            ),
        ] {
            let error = asked(Serves::V1, &[asked_for]).await.expect_err("unknown");
            let wanted = format!("did you mean `{near}`?");
            assert!(error.to_string().contains(&wanted), "{error}");
        }
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
