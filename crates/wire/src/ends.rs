//! Where the tap ends TLS, and begins it anew.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use command::failure::Failure;
use load::transport::Tls;
use proxy::Ends;

/// TLS towards the caller, and towards the service.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TlsArgs {
    /// End TLS here, with this certificate, in PEM: what passes is seen, and the service is spoken to over TLS anew
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = "TLS")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Its key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "TLS")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Certificates that the service's is to be of, in PEM [default: the system's]
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "TLS")]
    pub(crate) ca: Option<PathBuf>,

    /// The name in the service's certificate [default: the host of --to]
    #[arg(long, value_name = "NAME", requires = "tls_cert", help_heading = "TLS")]
    pub(crate) server_name: Option<String>,

    /// Our own certificate towards the service, in PEM
    #[arg(long, value_name = "FILE", requires_all = ["tls_cert", "key"], help_heading = "TLS")]
    pub(crate) cert: Option<PathBuf>,

    /// Its key, in PEM
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    pub(crate) key: Option<PathBuf>,
}

impl TlsArgs {
    /// How the service is spoken to, if TLS is.
    pub(crate) fn towards_service(&self) -> Option<Tls> {
        self.tls_cert.is_some().then(|| Tls {
            ca: self.ca.clone(),
            server_name: self.server_name.clone(),
            identity: self.cert.clone().zip(self.key.clone()),
        })
    }

    /// Both ends, if TLS is spoken.
    pub(crate) fn ends(&self, to: &str) -> Result<Option<Arc<dyn Ends>>, Failure> {
        let Some((cert, key)) = self.tls_cert.as_deref().zip(self.tls_key.as_deref()) else {
            return Ok(None);
        };
        let tls = self.towards_service().unwrap_or_default();
        secured(cert, key, &tls, to)
            .map(Some)
            .map_err(Failure::Failed)
    }
}

#[cfg(not(feature = "tls"))]
fn secured(
    _: &std::path::Path,
    _: &std::path::Path,
    _: &Tls,
    _: &str,
) -> Result<Arc<dyn Ends>, String> {
    Err(load::transport::TlsError::NotBuilt.to_string())
}

#[cfg(feature = "tls")]
use with_tls::secured;

#[cfg(feature = "tls")]
mod with_tls {
    use std::path::Path;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use load::transport::{Connector, Tls};
    use proxy::{Agreed, Ends, Io};
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    use tokio::net::TcpStream;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio_rustls::{TlsAcceptor, TlsStream};

    #[derive(Clone)]
    struct Secured {
        acceptor: TlsAcceptor,
        connector: Connector,
    }

    impl std::fmt::Debug for Secured {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Secured").finish_non_exhaustive()
        }
    }

    pub(super) fn secured(
        cert: &Path,
        key: &Path,
        tls: &Tls,
        to: &str,
    ) -> Result<Arc<dyn Ends>, String> {
        let file = |path: &Path, error: &dyn std::fmt::Display| {
            format!(
                "{} cannot be used for TLS: {error}; it must be PEM",
                path.display()
            )
        };
        let chain = CertificateDer::pem_file_iter(cert).map_err(|error| file(cert, &error))?;
        let chain: Result<Vec<_>, _> = chain.collect();
        let chain = chain.map_err(|error| file(cert, &error))?;
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| file(key, &error))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(chain, secret);
        let mut config = config.map_err(|error| file(cert, &error))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        let host = to.rsplit_once(':').map_or(to, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let connector = Connector::new(tls, host).map_err(|error| error.to_string())?;
        Ok(Arc::new(Secured {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            connector,
        }))
    }

    impl Ends for Secured {
        fn accepted(&self, client: TcpStream) -> Agreed<'_> {
            Box::pin(async {
                let stream = self.acceptor.accept(client).await?;
                Ok(Box::new(End(TlsStream::Server(stream))) as Box<dyn Io>)
            })
        }

        fn dialled(&self, server: TcpStream) -> Agreed<'_> {
            Box::pin(async {
                let stream = self.connector.connect(server).await?;
                Ok(Box::new(End(stream)) as Box<dyn Io>)
            })
        }
    }

    struct End(TlsStream<TcpStream>);

    impl Io for End {
        fn break_off(&self) {
            self.0.get_ref().0.break_off();
        }
    }

    impl AsyncRead for End {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            Pin::new(&mut self.0).poll_read(context, buffer)
        }
    }

    impl AsyncWrite for End {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<std::io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(context, bytes)
        }

        fn poll_flush(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<std::io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(context)
        }

        fn poll_shutdown(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<std::io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(context)
        }
    }
}
