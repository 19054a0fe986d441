//! TLS to a target. It is in builds with the feature `tls` alone; the flags are always there.

use std::path::PathBuf;

/// How a target is spoken to over TLS.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Certificates that are trusted, in PEM; those of the system if `None`.
    pub ca: Option<PathBuf>,
    /// The name that the server's certificate must have; the target's host if `None`.
    pub server_name: Option<String>,
    /// Our own certificate and its key, in PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Why TLS cannot be spoken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// It is not in this build.
    #[error(
        "this build speaks no TLS; build it with the feature `tls`, which is on by default, or leave --tls away"
    )]
    NotBuilt,
    /// A file with certificates or a key cannot be used.
    #[error("{path} cannot be used for TLS: {what}; it must be PEM")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The settings do not fit together.
    #[error("TLS cannot be spoken so: {what}")]
    Settings {
        /// Why.
        what: String,
    },
}

#[cfg(not(feature = "tls"))]
mod kind {
    use std::future::Ready;
    use std::io;
    use std::sync::Arc;

    use office::Place;

    use super::{Tls, TlsError};

    /// Never made.
    #[derive(Debug, Clone)]
    pub enum Connector {}

    impl Connector {
        /// # Errors
        /// Always.
        pub fn new(_: &Tls, _: &str) -> Result<Self, TlsError> {
            Err(TlsError::NotBuilt)
        }

        pub(crate) fn of_office(
            _: &Arc<identity::Tls>,
            _: String,
            _: Place,
        ) -> Result<Self, TlsError> {
            Err(TlsError::NotBuilt)
        }

        /// It is never made, and never asked.
        pub fn connect<S>(&self, _: S) -> Ready<io::Result<S>> {
            match *self {}
        }
    }
}

#[cfg(feature = "tls")]
mod kind {
    use std::path::Path;
    use std::sync::Arc;

    use office::Place;
    use tokio::io::{AsyncRead, AsyncWrite};
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
    use tokio_rustls::{TlsConnector, TlsStream};

    use super::{Tls, TlsError};

    /// What a connection is secured by.
    #[derive(Clone)]
    pub enum Connector {
        /// By the settings of a target.
        Target(TlsConnector, ServerName<'static>),
        /// By an identity of the pair's, at the office of this address.
        Office(Arc<identity::Tls>, String, Place),
    }

    impl std::fmt::Debug for Connector {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let (kind, name): (_, &dyn std::fmt::Debug) = match self {
                Self::Target(_, name) => ("Target", name),
                Self::Office(_, address, _) => ("Office", address),
            };
            f.debug_tuple(kind).field(name).finish()
        }
    }

    impl Connector {
        /// As `tls` says, to a target on `host`.
        ///
        /// # Errors
        /// A file cannot be used, or the settings do not fit together.
        pub fn new(tls: &Tls, host: &str) -> Result<Self, TlsError> {
            let settings = |error: &dyn std::fmt::Display| TlsError::Settings {
                what: error.to_string(),
            };
            let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| settings(&error))?
                .with_root_certificates(roots(tls)?);
            let mut config = match &tls.identity {
                None => config.with_no_client_auth(),
                Some((certificate, key)) => {
                    let read = PrivateKeyDer::from_pem_file(key);
                    let read = read.map_err(|error| faulty(key, &error))?;
                    let chain = certificates(certificate)?;
                    let config = config.with_client_auth_cert(chain, read);
                    config.map_err(|error| settings(&error))?
                }
            };
            config.alpn_protocols = vec![b"h2".to_vec()];
            let name = tls.server_name.as_deref().unwrap_or(host).to_owned();
            let name = ServerName::try_from(name).map_err(|error| settings(&error))?;
            Ok(Self::Target(TlsConnector::from(Arc::new(config)), name))
        }

        #[expect(clippy::unnecessary_wraps, reason = "without TLS it is refused")]
        pub(crate) fn of_office(
            tls: &Arc<identity::Tls>,
            address: String,
            place: Place,
        ) -> Result<Self, TlsError> {
            Ok(Self::Office(Arc::clone(tls), address, place))
        }

        /// Speaks TLS over a connection.
        ///
        /// # Errors
        /// The two do not agree.
        pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
            &self,
            stream: S,
        ) -> std::io::Result<TlsStream<S>> {
            match self {
                Self::Target(connector, name) => {
                    let connected = connector.connect(name.clone(), stream).await;
                    connected.map(TlsStream::from)
                }
                Self::Office(tls, address, place) => {
                    let met = handshake::connect_to_office(tls, stream, address, Some(*place));
                    met.await.map(|(stream, _)| stream)
                }
            }
        }
    }

    fn roots(tls: &Tls) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &tls.ca {
            for certificate in certificates(path)? {
                let added = roots.add(certificate);
                added.map_err(|error| faulty(path, &error))?;
            }
        } else {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
        Ok(roots)
    }

    fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let read = CertificateDer::pem_file_iter(path).map_err(|error| faulty(path, &error))?;
        let read: Result<Vec<_>, _> = read.collect();
        let read = read.map_err(|error| faulty(path, &error))?;
        if read.is_empty() {
            return Err(faulty(path, &"it holds no certificate"));
        }
        Ok(read)
    }

    fn faulty(path: &Path, what: &dyn std::fmt::Display) -> TlsError {
        TlsError::File {
            path: path.to_owned(),
            what: what.to_string(),
        }
    }
}

pub use kind::Connector;
