//! What the transport must know of a method: how many messages come in, and whether the answer is a stream.

use std::collections::HashMap;

use office::authority::{Act, act_of_method};
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
    /// It is served even where all places are taken: the line, and how the office is.
    pub(crate) is_for_all: bool,
    /// What it does; `None` if it is nobody's to call.
    pub(crate) act: Option<Act>,
    /// It is served.
    pub(crate) is_known: bool,
    /// Its place among all methods, in the order of their paths.
    pub(crate) number: usize,
}

const LINE: &str = "liaison.line.v1.LineService";
/// How an office is: services, and methods of others.
const FOR_ALL: [&str; 4] = [
    LINE,
    "grpc.health.v1.Health",
    "liaison.office.v1.OfficeService",
    "liaison.ledger.v1.LedgerService/GetTally",
];

impl Method {
    /// One that is not known: nothing of it is read.
    pub(crate) const UNKNOWN: Self = Self {
        takes_many: false,
        gives_many: false,
        is_line: false,
        is_upload: false,
        is_for_all: false,
        act: None,
        is_known: false,
        number: usize::MAX,
    };
}

/// The methods of an office, by path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Methods {
    by_path: HashMap<String, Method>,
}

impl Methods {
    /// All methods of these encoded descriptor sets.
    pub(crate) fn of(sets: &[&[u8]]) -> Self {
        let mut by_path = HashMap::new();
        for set in sets {
            let set = FileDescriptorSet::decode(*set).expect("descriptors are made at build time");
            for file in set.file {
                let package = file.package().to_owned();
                for service in &file.service {
                    let service_name = format!("{package}.{}", service.name());
                    for method in &service.method {
                        let name = method.name();
                        let path = format!("{service_name}/{name}");
                        let method = Method {
                            takes_many: method.client_streaming(),
                            gives_many: method.server_streaming(),
                            is_line: service_name == LINE,
                            is_upload: name == "UploadDocument",
                            is_for_all: FOR_ALL.contains(&&*service_name)
                                || FOR_ALL.contains(&&*path),
                            act: act_of_method(&path),
                            is_known: true,
                            number: 0,
                        };
                        by_path.insert(format!("/{path}"), method);
                    }
                }
            }
        }
        let mut paths: Vec<String> = by_path.keys().cloned().collect();
        paths.sort_unstable();
        for (number, path) in paths.iter().enumerate() {
            if let Some(method) = by_path.get_mut(path) {
                method.number = number;
            }
        }
        Self { by_path }
    }

    /// All of them, each at the place of its number.
    pub(crate) fn in_order(&self) -> Vec<(&str, Method)> {
        let mut methods: Vec<_> = self
            .by_path
            .iter()
            .map(|(path, it)| (&**path, *it))
            .collect();
        methods.sort_unstable_by_key(|(_, method)| method.number);
        methods
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
        let mut allowed: Vec<_> = office::authority::methods()
            .map(|name| format!("/{name}"))
            .filter(|path| !path.contains("reflection"))
            .collect();
        allowed.sort_unstable();
        let mut served: Vec<_> = methods.by_path.keys().cloned().collect();
        served.sort_unstable();
        // What is served and does not stand in the table would be nobody's, and the other way round is a slip of the pen.
        assert_eq!(allowed, served);
        let for_all = methods.by_path.iter().filter(|(_, it)| it.is_for_all);
        let mut for_all: Vec<&str> = for_all.map(|(path, _)| &**path).collect();
        for_all.sort_unstable();
        assert_eq!(
            for_all,
            [
                "/grpc.health.v1.Health/Check",
                "/grpc.health.v1.Health/Watch",
                "/liaison.ledger.v1.LedgerService/GetTally",
                "/liaison.line.v1.LineService/Carry",
                "/liaison.office.v1.OfficeService/GetOffice",
            ]
        );
    }
}
