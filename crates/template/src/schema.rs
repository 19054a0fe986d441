//! Which methods there are, and what messages they take and give.
//!
//! A schema comes from a descriptor set, wherever that comes from.

mod editions;
mod error;

use std::fmt;

use http::uri::PathAndQuery;
use prost_reflect::{DescriptorPool, MessageDescriptor, MethodDescriptor, ServiceDescriptor};

pub use error::SchemaError;

use crate::meant::meant_or_listed;

/// The services that are known.
#[derive(Clone)]
pub struct Schema {
    pool: DescriptorPool,
}

/// How many messages a call sends and receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// One, and one back.
    Unary,
    /// Many, and one back.
    ClientStream,
    /// One, and many back.
    ServerStream,
    /// Many, and many back.
    Bidi,
}

impl CallKind {
    /// Whether a call sends a stream.
    pub fn sends_stream(self) -> bool {
        matches!(self, Self::ClientStream | Self::Bidi)
    }

    /// Whether a call receives a stream.
    pub fn receives_stream(self) -> bool {
        matches!(self, Self::ServerStream | Self::Bidi)
    }
}

/// A method that can be called.
#[derive(Clone)]
pub struct Method {
    /// The path of its requests, such as `/liaison.office.v1.DocumentService/SendDocument`.
    pub path: PathAndQuery,
    /// Its name, such as `liaison.office.v1.DocumentService/SendDocument`.
    pub name: String,
    /// What it sends and receives.
    pub kind: CallKind,
    /// The message it takes.
    pub input: MessageDescriptor,
    /// The message it gives.
    pub output: MessageDescriptor,
}

impl Schema {
    /// What a descriptor set has, as `buf build -o` and `protoc --include_imports -o` write it. `name` is how errors name it.
    pub fn of_descriptor_set(name: &str, bytes: &[u8]) -> Result<Self, SchemaError> {
        let faulty = |message: String| SchemaError::DescriptorSet {
            name: name.to_owned(),
            message,
        };
        let set = editions::with_well_known(&editions::lowered(bytes).map_err(faulty)?);
        let pool = DescriptorPool::decode(&set[..]).map_err(|source| faulty(source.to_string()))?;
        Self { pool }.checked(name)
    }

    /// Finds `package.Service/Method`; a dot or a slash may stand before the method, and a slash before all.
    pub fn method(&self, name: &str) -> Result<Method, SchemaError> {
        let asked = name.trim().trim_start_matches('/');
        let split = asked.rsplit_once('/').or_else(|| asked.rsplit_once('.'));
        let Some((service_name, method_name)) = split else {
            return Err(SchemaError::NoMethod {
                name: name.to_owned(),
                remedy: "write package.Service/Method".to_owned(),
            });
        };
        let Some(service) = self.pool.get_service_by_name(service_name) else {
            return Err(self.unknown_service(name, service_name, method_name));
        };
        let method = service
            .methods()
            .find(|method| method.name() == method_name);
        let method = method.ok_or_else(|| {
            let methods: Vec<MethodDescriptor> = service.methods().collect();
            let methods: Vec<&str> = methods.iter().map(MethodDescriptor::name).collect();
            let near = meant_or_listed(method_name, &methods, "");
            let listed = methods.join(", ");
            let remedy = if near.starts_with("did") {
                format!("{near} {service_name} has {listed}")
            } else {
                format!("{service_name} has {listed}")
            };
            SchemaError::NoMethod {
                name: name.to_owned(),
                remedy,
            }
        })?;
        Ok(Method::of(&method))
    }

    /// A message by its full name.
    pub fn message(&self, name: &str) -> Option<MessageDescriptor> {
        self.pool.get_message_by_name(name)
    }

    /// The services, by name, each with its methods as it declares them.
    pub fn services(&self) -> Vec<(String, Vec<Method>)> {
        let mut services: Vec<(String, Vec<Method>)> = self
            .pool
            .services()
            .map(|service| {
                let methods = service.methods().map(|method| Method::of(&method));
                (service.full_name().to_owned(), methods.collect())
            })
            .collect();
        services.sort_by(|a, b| a.0.cmp(&b.0));
        services
    }

    fn checked(self, name: &str) -> Result<Self, SchemaError> {
        if self.pool.services().len() == 0 {
            return Err(SchemaError::NoService {
                name: name.to_owned(),
            });
        }
        Ok(self)
    }

    fn unknown_service(&self, name: &str, service_name: &str, method_name: &str) -> SchemaError {
        let services: Vec<ServiceDescriptor> = self.pool.services().collect();
        let short = service_name.rsplit('.').next().unwrap_or_default();
        // A method of that name elsewhere, or the package left out: that is what was meant.
        let same_method = services.iter().find(|service| {
            let has = service.methods().any(|method| method.name() == method_name);
            has && (service.name() == short || services.len() == 1)
        });
        let full: Vec<&str> = services.iter().map(ServiceDescriptor::full_name).collect();
        let remedy = same_method.map_or_else(
            || meant_or_listed(service_name, &full, "the services are"),
            |service| format!("did you mean `{}/{method_name}`?", service.full_name()),
        );
        SchemaError::NoMethod {
            name: name.to_owned(),
            remedy,
        }
    }
}

// prost-reflect's own `Debug` does not end where a message has itself as a field: names stand for descriptors here.
impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<ServiceDescriptor> = self.pool.services().collect();
        let names = services.iter().map(ServiceDescriptor::full_name);
        f.debug_set().entries(names).finish()
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("input", &self.input.full_name())
            .field("output", &self.output.full_name())
            .finish()
    }
}

impl Method {
    fn of(method: &MethodDescriptor) -> Self {
        let name = format!("{}/{}", method.parent_service().full_name(), method.name());
        let path = format!("/{name}");
        Self {
            path: path
                .try_into()
                .expect("protobuf names are letters, digits, dots and underscores"),
            name,
            kind: match (method.is_client_streaming(), method.is_server_streaming()) {
                (false, false) => CallKind::Unary,
                (true, false) => CallKind::ClientStream,
                (false, true) => CallKind::ServerStream,
                (true, true) => CallKind::Bidi,
            },
            input: method.input(),
            output: method.output(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offices() -> Schema {
        Schema::of_descriptor_set("the offices", protocol::DESCRIPTORS).expect("a schema")
    }

    #[test]
    fn a_method_is_found_however_it_is_written() {
        let schema = offices();
        let name = "liaison.office.v1.DocumentService/SendDocument";
        for written in [
            name,
            "/liaison.office.v1.DocumentService/SendDocument",
            "liaison.office.v1.DocumentService.SendDocument",
        ] {
            let method = schema.method(written).expect("a method");
            assert_eq!(method.name, name);
            assert_eq!(method.path.as_str(), format!("/{name}"));
            assert_eq!(method.kind, CallKind::Unary);
            assert_eq!(method.input.name(), "SendDocumentRequest");
        }
        let kind = |method: &str| {
            let name = format!("liaison.office.v1.{method}");
            schema.method(&name).expect("a method").kind
        };
        assert_eq!(kind("DocumentService/SendDocuments"), CallKind::Bidi);
        assert_eq!(
            kind("DocumentService/UploadDocument"),
            CallKind::ClientStream
        );
        assert_eq!(kind("MeetingService/WatchMeetings"), CallKind::ServerStream);
    }

    #[test]
    fn an_unknown_method_is_told_with_the_near_ones() {
        let schema = offices();
        let error = |name: &str| schema.method(name).unwrap_err().to_string();
        let near = error("liaison.office.v1.DocumentService/SendDocment");
        assert!(near.contains("did you mean `SendDocument`?"), "{near}");
        assert!(near.contains("RefuseDocument"), "{near}");
        let service = error("liaison.office.v1.DocumntService/SendDocument");
        assert!(
            service.contains("`liaison.office.v1.DocumentService`"),
            "{service}"
        );
        let short = error("DocumentService/SendDocument");
        assert!(
            short.contains("`liaison.office.v1.DocumentService/SendDocument`"),
            "{short}"
        );
        assert!(error("SendDocument").contains("write package.Service/Method"));
        let far = error("echo.Echo/Call");
        assert!(far.contains("liaison.ledger.v1.LedgerService"), "{far}");
    }

    #[test]
    fn descriptor_sets_are_read() {
        let read = |bytes: &[u8]| Schema::of_descriptor_set("image.binpb", bytes);
        assert!(read(protocol::DESCRIPTORS).is_ok());
        let error = read(b"\x0a\xff").unwrap_err().to_string();
        assert!(error.contains("image.binpb"), "{error}");
        let error = read(b"").unwrap_err().to_string();
        assert!(error.contains("no service"), "{error}");
    }
}
