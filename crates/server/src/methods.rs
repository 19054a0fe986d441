//! What the transport must know of a method: how many messages come in, and whether the answer is a stream.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::FileDescriptorSet;

/// How a method is called.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of the descriptor, and none depends on another"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Method {
    /// Any number of messages may come in; otherwise exactly one.
    pub(crate) takes_many: bool,
    /// Any number of messages go out.
    pub(crate) gives_many: bool,
    /// It is the line between the offices.
    pub(crate) is_line: bool,
    /// The next message is due soon after the one before: nobody thinks in the middle of a document.
    pub(crate) is_upload: bool,
}

impl Method {
    /// One that is not known: nothing of it is read.
    const UNKNOWN: Self = Self {
        takes_many: false,
        gives_many: false,
        is_line: false,
        is_upload: false,
    };
}

/// The methods of an office, by path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Methods {
    by_path: BTreeMap<String, Method>,
}

impl Methods {
    /// All methods of these encoded descriptor sets.
    pub(crate) fn of(sets: &[&[u8]]) -> Self {
        let mut by_path = BTreeMap::new();
        for set in sets {
            let set = FileDescriptorSet::decode(*set).expect("descriptors are made at build time");
            for file in set.file {
                let package = file.package().to_owned();
                for service in &file.service {
                    for method in &service.method {
                        let (service, name) = (service.name(), method.name());
                        let method = Method {
                            takes_many: method.client_streaming(),
                            gives_many: method.server_streaming(),
                            is_line: package == "liaison.line.v1",
                            is_upload: name == "UploadDocument",
                        };
                        by_path.insert(format!("/{package}.{service}/{name}"), method);
                    }
                }
            }
        }
        Self { by_path }
    }

    pub(crate) fn get(&self, path: &str) -> Method {
        self.by_path.get(path).copied().unwrap_or(Method::UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_known_by_their_descriptors() {
        let methods = Methods::of(&[protocol::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET]);
        let carry = methods.get("/liaison.line.v1.LineService/Carry");
        assert!(carry.takes_many && carry.gives_many && carry.is_line);
        let upload = methods.get("/liaison.office.v1.DocumentService/UploadDocument");
        assert!(upload.takes_many && upload.is_upload && !upload.gives_many);
        let watch = methods.get("/grpc.health.v1.Health/Watch");
        assert!(!watch.takes_many && watch.gives_many);
        assert_eq!(methods.get("/nobody/knows"), Method::UNKNOWN);
    }
}
