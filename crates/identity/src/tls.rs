//! One set-up of TLS for all who need it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::error::IdentityError;
use crate::file::{Bundle, faulty};
use crate::read::{Certified, next_update};
use crate::warning::Warning;

const ALPN: &[u8] = b"h2";
/// How long before an end it is told, in days.
const TOLD_BEFORE: [i64; 3] = [1, 7, 30];

/// Who somebody is, and whom they trust, ready to speak.
#[derive(Debug)]
pub struct Tls {
    own: Certified,
    path: PathBuf,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    verifier: Arc<dyn ClientCertVerifier>,
    list_due: Option<Timestamp>,
}

impl Tls {
    /// Sets it up with what a file holds: all of it, or nothing.
    pub fn of(bundle: &Bundle) -> Result<Self, IdentityError> {
        let no = |what: &str| faulty(&bundle.path, "identity", what);
        let tls = |error: rustls::Error| no(&error.to_string());
        let mut roots = RootCertStore::empty();
        for authority in &bundle.trust.authorities {
            roots.add(authority.clone()).map_err(tls)?;
        }
        let roots = Arc::new(roots);
        let lists = &bundle.trust.lists;
        let provider = Arc::new(ring::default_provider());
        let unverifiable = |error: rustls::client::VerifierBuilderError| no(&error.to_string());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
                .with_crls(lists.iter().cloned())
                .only_check_end_entity_revocation()
                .enforce_revocation_expiration()
                .build()
                .map_err(unverifiable)?;
        let of_servers = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .with_crls(lists.iter().cloned())
            .only_check_end_entity_revocation()
            .enforce_revocation_expiration()
            .build()
            .map_err(unverifiable)?;
        let chain = vec![bundle.certificate.clone()];
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(tls)?
            .with_client_cert_verifier(Arc::clone(&verifier))
            .with_single_cert(chain.clone(), bundle.key.clone_key())
            .map_err(tls)?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        // Whoever comes again is checked again: a ticket would outlive a revocation.
        server.send_tls13_tickets = 0;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(tls)?
            .with_webpki_verifier(of_servers)
            .with_client_auth_cert(chain.clone(), bundle.key.clone_key())
            .map_err(tls)?;
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.resumption = Resumption::disabled();
        let own = Certified::read(&chain).map_err(|error| no(&error.to_string()))?;
        Ok(Self {
            own,
            path: bundle.path.clone(),
            server: Arc::new(server),
            client: Arc::new(client),
            verifier,
            list_due: lists.iter().filter_map(|list| next_update(list)).min(),
        })
    }

    /// Who speaks.
    pub fn own(&self) -> &Certified {
        &self.own
    }

    /// The file that it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// For whoever is called.
    pub fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// For whoever calls.
    pub fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client)
    }

    /// Whom a handshake has shown: the chain was verified there.
    pub fn certified(
        &self,
        chain: Option<&[CertificateDer<'_>]>,
    ) -> Result<Certified, IdentityError> {
        let shown = Certified::read(chain.unwrap_or_default())?;
        let (domain, own) = (shown.name.domain(), self.own.name.domain());
        if domain != own {
            return Err(IdentityError::refused(format!(
                "the certificate is {}, and this is the domain {own}",
                shown.name
            )));
        }
        Ok(shown)
    }

    /// Whether somebody would still be let in.
    pub fn judge(&self, shown: &Certified, now: Timestamp) -> Result<(), IdentityError> {
        let Some((first, rest)) = shown.chain.split_first() else {
            return Err(IdentityError::refused("no certificate was shown"));
        };
        let since_epoch = u64::try_from(now.as_second()).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(since_epoch));
        let verified = self.verifier.verify_client_cert(first, rest, now);
        verified
            .map(drop)
            .map_err(|error| IdentityError::refused(why(&error)))
    }

    /// What ends within 30, 7 or 1 days, or has ended.
    pub fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        let path = self.path.display();
        let ends = [
            (
                Some(self.own.not_after),
                format!("the certificate of {} in {path}", self.own.name),
                "`liaison pki renew` makes it anew",
            ),
            (
                self.list_due,
                format!("the list of revoked certificates for {path}"),
                "`liaison pki renew` makes it anew; once it is over, nobody is let in",
            ),
        ];
        let told = |(at, what, remedy): (Option<Timestamp>, String, &str)| {
            let left = at?.duration_since(now);
            if left <= SignedDuration::ZERO {
                let what = format!("{what} is over since {}: {remedy}", at?);
                return Some(Warning { what, days: 0 });
            }
            let within = |days: &&i64| left <= SignedDuration::from_hours(**days * 24);
            let days = *TOLD_BEFORE.iter().find(within)?;
            let what = format!("{what} ends on {}: {remedy}", at?);
            Some(Warning { what, days })
        };
        ends.into_iter().filter_map(told).collect()
    }
}

/// Why TLS failed, in words that say what to do, if they are known.
pub(crate) fn why(error: &rustls::Error) -> String {
    use rustls::CertificateError as C;
    use rustls::{AlertDescription as A, Error as E};
    let known = match error {
        E::NoCertificatesPresented => {
            "it showed no certificate; give it an identity with --identity"
        }
        E::InvalidCertificate(of) => match of {
            C::UnknownIssuer | C::BadSignature => {
                "its certificate is of another authority: both sides need identities of one pair"
            }
            C::Expired | C::ExpiredContext { .. } => {
                "its certificate is over: renew it with `liaison pki renew`"
            }
            C::NotValidYet | C::NotValidYetContext { .. } => {
                "its certificate holds from later on: look at both clocks"
            }
            C::Revoked => "its certificate is revoked",
            C::ExpiredRevocationList | C::ExpiredRevocationListContext { .. } => {
                "the list of revoked certificates is over, so nobody is let in: renew it with `liaison pki renew`, and carry it \
                 here"
            }
            C::UnknownRevocationStatus => {
                "no list says whether its certificate is revoked: its authority's list is needed in trust.pem"
            }
            C::InvalidPurpose | C::InvalidPurposeContext { .. } => {
                "its certificate is not for this: a client's is no server's"
            }
            C::NotValidForName | C::NotValidForNameContext { .. } => {
                "its certificate does not name the address that was dialled: issue one with `liaison pki issue … --dns` or `--ip`"
            }
            _ => return error.to_string(),
        },
        E::AlertReceived(alert) => match alert {
            A::CertificateRequired => {
                "the other side wants a certificate; give an identity with --identity"
            }
            A::UnknownCA | A::DecryptError => {
                "the other side does not know this certificate's authority: both sides need identities of one pair"
            }
            A::CertificateExpired => {
                "the other side says that this certificate is over: renew it with `liaison pki renew`"
            }
            A::CertificateRevoked => "the other side says that this certificate is revoked",
            _ => return error.to_string(),
        },
        _ => return error.to_string(),
    };
    known.to_owned()
}

/// The same of what a handshake came to.
pub fn why_not(error: &std::io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    tls.map_or_else(|| error.to_string(), why)
}

#[cfg(test)]
mod tests {
    use office::Place;

    use super::*;
    use crate::{Directory, Holder};

    #[test]
    fn whoever_is_of_another_domain_is_not_known_whoever_has_signed() {
        let room = tempfile::tempdir().expect("room");
        let now: Timestamp = "2024-05-06T00:00:00Z".parse().expect("a time");
        let [here, elsewhere] = ["here.example", "elsewhere.example"].map(|domain| {
            let directory = Directory::at(room.path().join(domain));
            directory.begin(Some(domain), now).expect("begun");
            directory.make_what_is_missing(now).expect("made");
            let file = directory.file(&Holder::server(Place::North));
            Tls::of(&Bundle::read(&file).expect("an identity")).expect("it can be used")
        });
        assert!(here.certified(Some(&here.own.chain)).is_ok());
        let refused = here.certified(Some(&elsewhere.own.chain));
        let why = refused.expect_err("it is another's").to_string();
        assert!(why.contains("this is the domain here.example"), "{why}");
    }
}
