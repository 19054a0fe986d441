//! Where a target is.

use http::Uri;
use http::uri::{Authority, PathAndQuery};

use super::tls::{Connector, Tls, TlsError};

/// Where a target is.
#[derive(Debug, Clone)]
pub struct Endpoint {
    authority: Authority,
    tls: Option<Connector>,
}

impl Endpoint {
    /// A target at `HOST:PORT`.
    pub fn new(authority: Authority, tls: Option<&Tls>) -> Result<Self, TlsError> {
        let tls = tls.map(|tls| Connector::new(tls, authority.host()));
        let tls = tls.transpose()?;
        Ok(Self { authority, tls })
    }

    /// Its address.
    pub fn address(&self) -> &str {
        self.authority.as_str()
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
