//! The authority of a pair: issues certificates, and lists those that it revoked.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use office::authority::{Name, Role};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::PrivateKeyDer;
use time::OffsetDateTime;

use crate::error::IdentityError;
use crate::read::hex;

/// How long a certificate holds, and a list of the revoked, unless it is said otherwise.
pub const LIFE_DAYS: u32 = 90;
/// How long an authority holds.
const AUTHORITY_DAYS: u32 = 3_650;
/// A clock may be behind the one that issues.
const EARLIER: SignedDuration = SignedDuration::from_hours(1);

/// Where the holder of a certificate may be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// By these names.
    pub names: Vec<String>,
    /// At these addresses.
    pub ips: Vec<IpAddr>,
}

impl Addresses {
    /// This machine, as it calls itself.
    pub fn loopback() -> Self {
        Self {
            names: vec!["localhost".to_owned()],
            ips: vec![
                IpAddr::from([127, 0, 0, 1]),
                IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            ],
        }
    }
}

/// What is to be issued.
#[derive(Debug, Clone)]
pub struct Issuing {
    /// To whom.
    pub name: Name,
    /// Where they may be reached: servers alone are.
    pub addresses: Addresses,
    /// How long it holds.
    pub days: u32,
}

/// A certificate that was issued, with its key.
pub(crate) struct Made {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) serial: String,
    pub(crate) not_after: Timestamp,
}

/// An authority with its key.
pub(crate) struct Authority {
    domain: String,
    key: KeyPair,
}

impl Authority {
    /// A new one, and its certificate in PEM.
    pub(crate) fn new(domain: &str, now: Timestamp) -> Result<(Self, String), IdentityError> {
        let key = KeyPair::generate().map_err(|error| IdentityError::issuing(&error))?;
        let mut params = of_authority(domain)?;
        (params.not_before, params.not_after) = life(now, AUTHORITY_DAYS)?;
        params.serial_number = Some(serial()?);
        let certificate = params
            .self_signed(&key)
            .map_err(|error| IdentityError::issuing(&error))?;
        let domain = domain.to_owned();
        Ok((Self { domain, key }, certificate.pem()))
    }

    /// One whose key is there.
    pub(crate) fn with_key(domain: &str, key: &PrivateKeyDer<'_>) -> Result<Self, IdentityError> {
        let key = KeyPair::try_from(key).map_err(|error| IdentityError::issuing(&error))?;
        let domain = domain.to_owned();
        Ok(Self { domain, key })
    }

    /// The key, in PEM.
    pub(crate) fn key(&self) -> String {
        self.key.serialize_pem()
    }

    fn issuer(&self) -> Result<Issuer<'static, &KeyPair>, IdentityError> {
        Ok(Issuer::new(of_authority(&self.domain)?, &self.key))
    }

    /// Issues a certificate with a key of its own.
    pub(crate) fn issue(&self, issuing: &Issuing, now: Timestamp) -> Result<Made, IdentityError> {
        let key = KeyPair::generate().map_err(|error| IdentityError::issuing(&error))?;
        let serial = serial()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = called(&format!(
            "{} {} {}",
            issuing.name.place(),
            issuing.name.role(),
            issuing.name.name()
        ));
        params.subject_alt_names = alternative_names(issuing)?;
        (params.not_before, params.not_after) = life(now, issuing.days)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if issuing.name.role() == Role::Server {
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial.clone());
        let certificate = params
            .signed_by(&key, &self.issuer()?)
            .map_err(|error| IdentityError::issuing(&error))?;
        Ok(Made {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            serial: hex(serial.as_ref()),
            not_after: later(now, issuing.days)?,
        })
    }

    /// The list of the revoked, in PEM: each serial number, and when it was revoked.
    pub(crate) fn list(
        &self,
        revoked: &[(Vec<u8>, Timestamp)],
        now: Timestamp,
        days: u32,
    ) -> Result<String, IdentityError> {
        let revoked_certs = revoked
            .iter()
            .map(|(serial, at)| {
                Ok(RevokedCertParams {
                    serial_number: SerialNumber::from_slice(serial),
                    revocation_time: moment(*at)?,
                    reason_code: None,
                    invalidity_date: None,
                })
            })
            .collect::<Result<_, IdentityError>>()?;
        // It rises with each list.
        let number = now.as_microsecond().max(1).to_be_bytes();
        let params = CertificateRevocationListParams {
            this_update: moment(now - EARLIER)?,
            next_update: moment(later(now, days)?)?,
            crl_number: SerialNumber::from_slice(&number),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params
            .signed_by(&self.issuer()?)
            .map_err(|error| IdentityError::issuing(&error))?;
        list.pem().map_err(|error| IdentityError::issuing(&error))
    }
}

/// The same for the certificate and for whoever issues by it.
fn of_authority(domain: &str) -> Result<CertificateParams, IdentityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = called(&format!("Liaison {domain}"));
    params.subject_alt_names = vec![SanType::URI(ia5(&format!("spiffe://{domain}"))?)];
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

fn ia5(text: &str) -> Result<Ia5String, IdentityError> {
    Ia5String::try_from(text).map_err(|_| IdentityError::Issuing {
        why: format!("{text:?} has other characters than ASCII"),
    })
}

fn alternative_names(issuing: &Issuing) -> Result<Vec<SanType>, IdentityError> {
    let mut names = vec![SanType::URI(ia5(&issuing.name.to_string())?)];
    for name in &issuing.addresses.names {
        names.push(SanType::DnsName(ia5(name)?));
    }
    let ips = issuing.addresses.ips.iter();
    names.extend(ips.map(|ip| SanType::IpAddress(*ip)));
    Ok(names)
}

/// Sixteen bytes at random, as a positive number.
fn serial() -> Result<SerialNumber, IdentityError> {
    let mut bytes = [0; 16];
    fill(&mut bytes)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// Fills bytes at random.
#[expect(
    clippy::disallowed_methods,
    reason = "a serial number and a domain are nobody's to foretell, and no part of a run"
)]
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), IdentityError> {
    getrandom::fill(bytes).map_err(|error| IdentityError::Issuing {
        why: format!("the system gives no random bytes: {error}"),
    })
}

fn life(now: Timestamp, days: u32) -> Result<(OffsetDateTime, OffsetDateTime), IdentityError> {
    Ok((moment(now - EARLIER)?, moment(later(now, days)?)?))
}

fn later(now: Timestamp, days: u32) -> Result<Timestamp, IdentityError> {
    let life = SignedDuration::from_hours(i64::from(days) * 24);
    now.checked_add(life).map_err(|_| IdentityError::Issuing {
        why: format!("{days} days from now is no date"),
    })
}

fn moment(at: Timestamp) -> Result<OffsetDateTime, IdentityError> {
    OffsetDateTime::from_unix_timestamp(at.as_second()).map_err(|_| IdentityError::Issuing {
        why: format!("{at} is no date that a certificate can say"),
    })
}
