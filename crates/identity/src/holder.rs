//! Who has an identity, where it lies, and where whoever is dialled is.

use std::path::{Path, PathBuf};

use office::Place;
use office::authority::{Name, Role};

use crate::error::IdentityError;

/// Somebody in the domain of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Of which office.
    pub place: Place,
    /// What they are to it.
    pub role: Role,
    /// What they are called.
    pub name: String,
}

impl Holder {
    /// The office itself.
    pub fn server(place: Place) -> Self {
        Self {
            place,
            role: Role::Server,
            name: place.word().to_owned(),
        }
    }

    /// What their file is called, without `.pem`.
    pub fn stem(&self) -> String {
        let Self { place, role, name } = self;
        if *role == Role::Server && name == place.word() {
            return format!("{place}-{role}");
        }
        format!("{place}-{role}-{name}")
    }

    /// Whether `name` is of the same office and role.
    pub fn serves_as(&self, name: &Name) -> bool {
        (self.place, self.role) == (name.place(), name.role())
    }

    #[cfg(feature = "tls")]
    pub(crate) fn is(&self, name: &Name) -> bool {
        (self.place, self.role, self.name.as_str()) == (name.place(), name.role(), name.name())
    }
}

/// The identities of a pair.
#[derive(Debug, Clone)]
pub struct Directory {
    pub(crate) path: PathBuf,
}

impl Directory {
    /// The one at `path`, which need not be there.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of `holder`.
    pub fn file(&self, holder: &Holder) -> PathBuf {
        self.path.join(format!("{}.pem", holder.stem()))
    }

    /// What to say where `holder` has no file here.
    pub fn missing(&self, holder: &Holder) -> IdentityError {
        IdentityError::Missing {
            what: format!(
                "{} is not there: identities are looked for in {}; issue one there with `liaison pki issue`, or carry a file of \
                 `liaison pki bundle` here and name it with --identity",
                self.file(holder).display(),
                self.path.display()
            ),
        }
    }
}

/// The host of `host:port`, as a certificate names it: without the brackets of an address of version 6.
pub fn host_of(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    bare.unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn a_host_is_what_a_certificate_names() {
        for (address, host) in [
            ("127.0.0.1:50051", "127.0.0.1"),
            ("[::1]:50051", "::1"),
            ("north.example:7", "north.example"),
            ("north.example", "north.example"),
        ] {
            assert_eq!(host_of(address), host);
        }
    }
}
