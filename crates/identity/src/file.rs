//! Identities as files: PEM, with a line above that says what it is.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use crate::error::IdentityError;

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// What beside an identity is in force for all that lie there.
pub(crate) const TRUST: &str = "trust.pem";

/// What an identity's file holds: a certificate and its key, and whom its holder trusts.
#[derive(Debug)]
pub struct Bundle {
    /// The file.
    pub path: PathBuf,
    /// The holder's certificate.
    pub(crate) certificate: CertificateDer<'static>,
    /// Its key.
    pub(crate) key: PrivateKeyDer<'static>,
    /// The authorities, and the lists of what they revoked.
    pub(crate) trust: Trust,
    /// The bytes that it was read from, to be told from later ones.
    pub(crate) bytes: Vec<u8>,
}

/// Authorities, and the lists of what they revoked.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    pub(crate) authorities: Vec<CertificateDer<'static>>,
    pub(crate) lists: Vec<CertificateRevocationListDer<'static>>,
}

impl Bundle {
    /// Reads the file at `path`, and `trust.pem` beside it if there is one: that stands over what the file says of the
    /// authority, since it is what `pki revoke` writes.
    pub fn read(path: &Path) -> Result<Self, IdentityError> {
        let mut bytes = bytes_of(path)?;
        let mut found = Found::in_pem(path, &bytes)?;
        let no = |what: &str| faulty(path, "identity", what);
        if found.certificates.is_empty() {
            return Err(no("it has no certificate; `liaison pki issue` makes one"));
        }
        let certificate = found.certificates.remove(0);
        let key = found.key.ok_or_else(|| {
            no("it has no private key; `liaison pki bundle` makes one file of all")
        })?;
        let mut trust = Trust {
            authorities: found.certificates,
            lists: found.lists,
        };
        let beside = path.with_file_name(TRUST);
        if beside.exists() {
            let more = bytes_of(&beside)?;
            let found = Found::in_pem(&beside, &more)?;
            trust = Trust {
                authorities: found.certificates,
                lists: found.lists,
            };
            bytes.extend_from_slice(&more);
        }
        if trust.authorities.is_empty() {
            return Err(no(
                "no authority's certificate is in it or in trust.pem beside it; `liaison pki bundle` makes one file of all",
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            certificate,
            key,
            trust,
            bytes,
        })
    }

    /// Whether the files have other bytes than when this was read. What cannot be read now has not changed.
    pub fn has_changed(&self) -> bool {
        self.bytes_now().is_some_and(|bytes| bytes != self.bytes)
    }

    /// From here on what the files hold now is nothing new.
    pub fn is_known(&mut self) {
        if let Some(bytes) = self.bytes_now() {
            self.bytes = bytes;
        }
    }

    fn bytes_now(&self) -> Option<Vec<u8>> {
        let mut bytes = bytes_of(&self.path).ok()?;
        let beside = self.path.with_file_name(TRUST);
        if beside.exists() {
            bytes.extend_from_slice(&bytes_of(&beside).ok()?);
        }
        Some(bytes)
    }
}

pub(crate) fn faulty(path: &Path, wanted: &'static str, what: &str) -> IdentityError {
    IdentityError::File {
        path: path.to_owned(),
        wanted,
        what: what.to_owned(),
    }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, IdentityError> {
    let told = fs::metadata(path).map_err(IdentityError::io("read", path))?;
    if told.len() > FILE_BYTES_MAX {
        return Err(faulty(path, "identity", "it is larger than 1 MiB"));
    }
    fs::read(path).map_err(IdentityError::io("read", path))
}

/// What a file in PEM holds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    pub(crate) key: Option<PrivateKeyDer<'static>>,
    pub(crate) lists: Vec<CertificateRevocationListDer<'static>>,
}

impl Found {
    pub(crate) fn read(path: &Path) -> Result<Self, IdentityError> {
        Self::in_pem(path, &bytes_of(path)?)
    }

    fn in_pem(path: &Path, bytes: &[u8]) -> Result<Self, IdentityError> {
        let mut found = Self::default();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
            let (kind, der) =
                section.map_err(|error| faulty(path, "file in PEM", &format!("{error:?}")))?;
            match kind {
                SectionKind::Certificate => found.certificates.push(der.into()),
                SectionKind::Crl => found.lists.push(der.into()),
                SectionKind::PrivateKey => found.key = Some(PrivateKeyDer::Pkcs8(der.into())),
                SectionKind::EcPrivateKey => found.key = Some(PrivateKeyDer::Sec1(der.into())),
                _ => {}
            }
        }
        Ok(found)
    }
}

/// Makes a directory that nobody else reads, if it is not there.
pub(crate) fn make_directory(path: &Path) -> Result<(), IdentityError> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(path)
        .map_err(IdentityError::io("create", path))
}

/// Puts a file in its place whole, by a rename; nobody else may read it.
pub(crate) fn publish(path: &Path, text: &str) -> Result<(), IdentityError> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let written = || {
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(parent)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        fs::File::open(parent)?.sync_all()
    };
    written().map_err(IdentityError::io("write", path))
}
