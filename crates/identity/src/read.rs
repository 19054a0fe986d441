//! What a certificate says of its holder.

use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode as _, Reader as _, Tag, TagNumber, Tagged as _};
use jiff::Timestamp;
use office::authority::Name;
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use webpki::EndEntityCert;

use crate::error::IdentityError;

/// Somebody whose certificate was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// Who they are.
    pub name: Name,
    /// The certificate's SHA-256.
    pub sha256: [u8; 32],
    /// Its serial number, in hexadecimal.
    pub serial: String,
    /// From when on it holds.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
    pub(crate) chain: Vec<CertificateDer<'static>>,
}

impl Certified {
    /// Reads whose certificate stands first. That it holds is somebody else's to check.
    pub(crate) fn read(chain: &[CertificateDer<'_>]) -> Result<Self, IdentityError> {
        let Some(first) = chain.first() else {
            return Err(IdentityError::refused("no certificate was shown"));
        };
        let faulty = |error: webpki::Error| {
            IdentityError::refused(format!("the certificate cannot be read: {error}"))
        };
        let certificate = EndEntityCert::try_from(first).map_err(faulty)?;
        let uris: Vec<&str> = certificate.valid_uri_names().collect();
        let [uri] = uris[..] else {
            return Err(IdentityError::refused(format!(
                "the certificate names {} URIs, and an office's has one: spiffe://<domain>/office/<south|north>/<role>/<name>",
                uris.len()
            )));
        };
        let name = uri
            .parse()
            .map_err(|error| IdentityError::refused(format!("of the certificate: {error}")))?;
        let (not_before, not_after) = validity(first)
            .ok_or_else(|| IdentityError::refused("the certificate's dates cannot be read"))?;
        Ok(Self {
            name,
            sha256: Sha256::digest(first).into(),
            serial: hex(certificate.serial()),
            not_before,
            not_after,
            chain: chain.iter().map(|it| it.clone().into_owned()).collect(),
        })
    }
}

/// Bytes in hexadecimal, as serial numbers are written.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The elements of a sequence.
fn elements(bytes: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let sequence = AnyRef::from_der(bytes).ok()?;
    if sequence.tag() != Tag::Sequence {
        return None;
    }
    let mut reader = der::SliceReader::new(sequence.value()).ok()?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(reader.decode::<AnyRef<'_>>().ok()?);
    }
    Some(found)
}

/// The same of a sequence in a sequence.
fn within<'a>(element: &AnyRef<'a>) -> Option<Vec<AnyRef<'a>>> {
    if element.tag() != Tag::Sequence {
        return None;
    }
    let mut reader = der::SliceReader::new(element.value()).ok()?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(reader.decode::<AnyRef<'a>>().ok()?);
    }
    Some(found)
}

fn time(element: &AnyRef<'_>) -> Option<Timestamp> {
    let since_epoch = match element.tag() {
        Tag::UtcTime => element.decode_as::<UtcTime>().ok()?.to_unix_duration(),
        Tag::GeneralizedTime => element
            .decode_as::<GeneralizedTime>()
            .ok()?
            .to_unix_duration(),
        _ => return None,
    };
    Timestamp::from_second(i64::try_from(since_epoch.as_secs()).ok()?).ok()
}

/// From when to when a certificate holds (RFC 5280, 4.1).
pub(crate) fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let certificate = elements(certificate)?;
    let signed = within(certificate.first()?)?;
    // The version is explicit, and left out where it is the first.
    let version = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber::N0,
    };
    let skipped = usize::from(signed.first()?.tag() == version);
    // Serial number, signature, issuer, validity.
    let validity = within(signed.get(skipped + 3)?)?;
    Some((time(validity.first()?)?, time(validity.get(1)?)?))
}

/// When the next list of the revoked is due (RFC 5280, 5.1).
pub(crate) fn next_update(list: &[u8]) -> Option<Timestamp> {
    let list = elements(list)?;
    let signed = within(list.first()?)?;
    let skipped = usize::from(signed.first()?.tag() == Tag::Integer);
    // Signature, issuer, this update, next update.
    time(signed.get(skipped + 3)?)
}
