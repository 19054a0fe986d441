//! Where a target is.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use http::Uri;
use http::uri::{Authority, PathAndQuery};

use super::tls::{Connector, Tls, TlsError};

/// What a target is called as long as it has no name of its own.
const LOCAL: &str = "localhost";

/// Where a target is, as people and gRPC write it: `HOST:PORT`, `dns:///HOST:PORT`, `unix:///PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    written: String,
    pub(super) place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A host, which may have several addresses, and a port.
    Host(String, u16),
    /// A socket in the file system.
    Path(PathBuf),
}

/// A target that is written so that nobody can know where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{written:?} is no target: {why}; write HOST:PORT, dns:///HOST:PORT or unix:///PATH")]
pub struct FaultyTarget {
    written: String,
    why: &'static str,
}

impl FromStr for Target {
    type Err = FaultyTarget;

    fn from_str(written: &str) -> Result<Self, FaultyTarget> {
        let place = place_of(written.trim());
        place
            .map(|place| Self {
                written: written.trim().to_owned(),
                place,
            })
            .map_err(|why| FaultyTarget {
                written: written.to_owned(),
                why,
            })
    }
}

fn place_of(written: &str) -> Result<Place, &'static str> {
    if let Some(path) = written.strip_prefix("unix:") {
        let path = match path.strip_prefix("//") {
            Some(path) if !path.starts_with('/') => {
                return Err("behind unix:// stands a path from the root");
            }
            Some(path) => path,
            None => path,
        };
        return match path {
            "" | "/" => Err("it names no socket"),
            path => Ok(Place::Path(PathBuf::from(path))),
        };
    }
    let bare = if let Some(rest) = written.strip_prefix("dns:") {
        match rest.strip_prefix("//").map(|rest| rest.split_once('/')) {
            None => rest,
            Some(Some(("", host))) => host,
            Some(_) => {
                return Err("names are looked up as this machine does, at no server of names");
            }
        }
    } else if written.starts_with("https://") {
        return Err("TLS is asked for with --tls");
    } else {
        let prefixes = ["http://", "ipv4:", "ipv6:"];
        let found = prefixes.iter().find_map(|it| written.strip_prefix(it));
        found.unwrap_or(written).trim_end_matches('/')
    };
    if bare.contains("://") || bare.contains('/') {
        return Err("this scheme is not known");
    }
    if let Ok(address) = bare.parse::<SocketAddr>() {
        return Ok(Place::Host(address.ip().to_string(), address.port()));
    }
    let (host, port) = bare.rsplit_once(':').ok_or("a port is missing")?;
    if host.is_empty() || host.contains([':', '[', ']', '@', ' ']) {
        return Err("that is no host");
    }
    let port = port
        .parse()
        .map_err(|_| "its port is no number up to 65535")?;
    Ok(Place::Host(host.to_owned(), port))
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Host(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Host(host, port) => write!(f, "{host}:{port}"),
            Place::Path(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Target {
    /// As it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    fn host(&self) -> &str {
        match &self.place {
            Place::Host(host, _) => host,
            Place::Path(_) => LOCAL,
        }
    }

    fn authority(&self) -> Authority {
        let named = match &self.place {
            Place::Host(..) => self.to_string(),
            Place::Path(_) => LOCAL.to_owned(),
        };
        // What a host may be that no authority may, the lookup refuses.
        let named = Authority::try_from(named);
        named.unwrap_or_else(|_| Authority::from_static(LOCAL))
    }
}

/// A target, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    target: Target,
    address: String,
    authority: Authority,
    tls: Option<Connector>,
}

impl Endpoint {
    /// `target`, called `authority` in requests, or as it is written.
    pub fn new(
        target: Target,
        authority: Option<Authority>,
        tls: Option<&Tls>,
    ) -> Result<Self, TlsError> {
        let tls = tls.map(|tls| Connector::new(tls, target.host()));
        Ok(Self::over(target, authority, tls.transpose()?))
    }

    /// The office at `place`, over TLS if there is somebody to speak there.
    pub fn of_office(
        target: Target,
        place: office::Place,
        tls: Option<&Arc<identity::Tls>>,
    ) -> Result<Self, TlsError> {
        let tls = tls.map(|tls| Connector::of_office(tls, target.to_string(), place));
        Ok(Self::over(target, None, tls.transpose()?))
    }

    fn over(target: Target, authority: Option<Authority>, tls: Option<Connector>) -> Self {
        Self {
            address: target.to_string(),
            authority: authority.unwrap_or_else(|| target.authority()),
            tls,
            target,
        }
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn place(&self) -> &Place {
        &self.target.place
    }

    pub(crate) fn uri(&self, path: &PathAndQuery) -> Uri {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Uri::builder()
            .scheme(scheme)
            .authority(self.authority.clone())
            .path_and_query(path.clone())
            .build()
            .expect("all three parts are there")
    }

    /// How to speak TLS to it, if it is to be spoken.
    pub(super) fn tls(&self) -> Option<&Connector> {
        self.tls.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_written_as_grpc_does() {
        for (written, shown) in [
            ("127.0.0.1:50051", "127.0.0.1:50051"),
            ("localhost:1", "localhost:1"),
            ("http://localhost:50051/", "localhost:50051"),
            ("dns:///example.org:443", "example.org:443"),
            ("dns:example.org:443", "example.org:443"),
            ("ipv4:10.0.0.1:80", "10.0.0.1:80"),
            ("ipv6:[::1]:80", "[::1]:80"),
            ("[::1]:50051", "[::1]:50051"),
            ("unix:///run/office.sock", "unix:/run/office.sock"),
            ("unix:/run/office.sock", "unix:/run/office.sock"),
            ("unix:office.sock", "unix:office.sock"),
        ] {
            let target: Target = written.parse().expect(written);
            assert_eq!(target.to_string(), shown);
            assert!(Endpoint::new(target, None, None).is_ok());
        }
    }

    #[test]
    fn what_is_no_target_is_told_with_what_to_write() {
        for (written, why) in [
            ("localhost", "a port is missing"),
            ("localhost:http", "no number"),
            ("localhost:70000", "no number"),
            (":50051", "no host"),
            ("::1:50051", "no host"),
            ("https://localhost:1", "--tls"),
            ("dns://8.8.8.8/example.org:443", "no server of names"),
            ("unix://relative", "from the root"),
            ("unix:", "no socket"),
            ("xds:///service:1", "not known"),
            ("", "a port is missing"),
        ] {
            let error = written.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(why), "{written}: {error}");
        }
    }
}
