//! Who stands behind a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use identity::Certified;
use office::authority::{Authority, Speaker};

/// Who stands behind a connection.
#[derive(Debug)]
pub struct Known {
    speaker: Speaker,
    author: Option<Arc<str>>,
    certified: Option<Certified>,
    is_peer: bool,
}

impl Known {
    /// Somebody who showed no certificate.
    pub fn as_said(speaker: Speaker, authority: Authority) -> Self {
        Self {
            is_peer: authority.is_peer(&speaker),
            author: None,
            certified: None,
            speaker,
        }
    }

    /// Somebody whose certificate was checked.
    pub fn by(certified: Certified, authority: Authority) -> Self {
        let speaker = Speaker::Named(certified.name.clone());
        Self {
            is_peer: authority.is_peer(&speaker),
            author: Some(certified.name.to_string().into()),
            certified: Some(certified),
            speaker,
        }
    }

    /// Who speaks.
    pub fn speaker(&self) -> &Speaker {
        &self.speaker
    }

    /// Who makes steps over it, if they have shown a certificate.
    pub fn author(&self) -> Option<&Arc<str>> {
        self.author.as_ref()
    }

    /// The certificate they have shown.
    pub fn certified(&self) -> Option<&Certified> {
        self.certified.as_ref()
    }

    /// Whether it is the peer, which never gives way.
    pub fn is_peer(&self) -> bool {
        self.is_peer
    }
}

/// Whether whoever calls from there need not say who they are.
pub(crate) fn is_here(address: Option<SocketAddr>) -> bool {
    // What came over no network came from this process.
    address.is_none_or(|address| address.ip().to_canonical().is_loopback())
}
