//! The directory of a pair's identities: the authority, what it has issued, and whom they trust.
//!
//! - `authority.pem`: the authority's certificate and key. Only where this lies can anything be issued or revoked.
//! - `trust.pem`: the authority's certificate, and the list of what it revoked.
//! - `issued`: what it has issued.
//! - `<place>-<role>-<name>.pem`: a holder's certificate and key; `south-server.pem` is the South office's own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use office::Place;
use office::authority::{Name, Role};
use rustix::fs::FlockOperation;
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::authority::{Addresses, Authority, Issuing, LIFE_DAYS, fill};
use crate::error::IdentityError;
use crate::file::{Bundle, Found, TRUST, faulty, make_directory, publish};
use crate::holder::{Directory, Holder};
use crate::issued::{self, Issued, Standing};
use crate::read::{hex, next_update};

const AUTHORITY: &str = "authority.pem";
const ISSUED: &str = "issued";
const LOCK: &str = ".lock";
/// What ends sooner is made anew by whoever can.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Directory {
    /// Makes an authority, where there is none. Without a `domain` one is drawn.
    pub fn begin(&self, domain: Option<&str>, now: Timestamp) -> Result<String, IdentityError> {
        let _lock = self.lock()?;
        let path = self.path.join(AUTHORITY);
        if path.exists() {
            return Err(faulty(
                &path,
                "place for a new authority",
                "there is one already; name another directory with --identities",
            ));
        }
        self.begin_here(domain, now)
    }

    /// Makes what is missing for both offices to speak with each other on this machine, and makes anew what ends soon: by
    /// one process at a time, and each file whole. Where identities came from elsewhere nothing can be made, and nothing is.
    pub fn make_what_is_missing(&self, now: Timestamp) -> Result<(), IdentityError> {
        if self.is_complete(now) {
            return Ok(());
        }
        let _lock = self.lock()?;
        // Somebody else may have been first.
        if self.is_complete(now) {
            return Ok(());
        }
        if !self.path.join(AUTHORITY).exists() {
            if self.path.join(TRUST).exists() {
                return Ok(());
            }
            self.begin_here(None, now)?;
        }
        let mut desk = self.desk()?;
        desk.list(now)?;
        for place in Place::BOTH {
            let holder = Holder::server(place);
            let is_due = desk.ends_soon(&holder, now) || !self.file(&holder).exists();
            // Whoever is reached from another machine stays so.
            let addresses = match desk.latest(&holder) {
                Some(latest) => latest.addresses.clone(),
                // What somebody revoked, nobody makes anew by starting an office.
                None if desk.knows(&holder) => continue,
                None => Addresses::loopback(),
            };
            if is_due {
                desk.issue(&holder, addresses, LIFE_DAYS, now)?;
            }
        }
        desk.keep()
    }

    /// Issues a certificate, in place of one that they may have.
    pub fn issue(
        &self,
        holder: &Holder,
        addresses: Addresses,
        days: u32,
        now: Timestamp,
    ) -> Result<PathBuf, IdentityError> {
        let _lock = self.lock()?;
        let mut desk = self.desk()?;
        desk.issue(holder, addresses, days, now)?;
        desk.keep()?;
        Ok(self.file(holder))
    }

    /// Issues anew what holds and ends soon, or all that holds; and lists the revoked anew. Gives who was renewed.
    pub fn renew(&self, all: bool, days: u32, now: Timestamp) -> Result<Vec<Name>, IdentityError> {
        let _lock = self.lock()?;
        let mut desk = self.desk()?;
        let mut holders: Vec<(Holder, Addresses)> = Vec::new();
        for issued in &desk.issued {
            let Issued {
                name, addresses, ..
            } = issued;
            let holder = Holder {
                place: name.place(),
                role: name.role(),
                name: name.name().to_owned(),
            };
            let known = holders.iter().any(|(known, _)| *known == holder);
            if !known && desk.latest(&holder).is_some() {
                holders.push((holder, addresses.clone()));
            }
        }
        let mut renewed = Vec::new();
        for (holder, addresses) in holders {
            if all || desk.ends_soon(&holder, now) {
                renewed.push(desk.issue(&holder, addresses, days, now)?);
            }
        }
        desk.list_for(days, now)?;
        desk.keep()?;
        Ok(renewed)
    }

    /// Revokes every certificate of `holder` that holds, and lists it. Gives how many.
    pub fn revoke(&self, holder: &Holder, now: Timestamp) -> Result<usize, IdentityError> {
        let _lock = self.lock()?;
        let mut desk = self.desk()?;
        let mut revoked = 0;
        for issued in &mut desk.issued {
            if holder.is(&issued.name) && issued.standing(now) == Standing::Holds {
                issued.revoked_at = Some(now);
                revoked += 1;
            }
        }
        if revoked == 0 {
            return Err(IdentityError::Missing {
                what: format!(
                    "{} has no certificate that holds, by {}; `liaison pki show` lists all",
                    holder.stem(),
                    self.path.join(ISSUED).display()
                ),
            });
        }
        desk.list_for(LIFE_DAYS, now)?;
        desk.keep()?;
        Ok(revoked)
    }

    /// What the authority has issued.
    pub fn issued(&self) -> Result<Vec<Issued>, IdentityError> {
        Ok(self.desk()?.issued)
    }

    /// The domain.
    pub fn domain(&self) -> Result<String, IdentityError> {
        let path = self.path.join(TRUST);
        let found = Found::read(&path)?;
        let first = found.certificates.first();
        first.map_or_else(
            || Err(faulty(&path, "list of whom to trust", "it names nobody")),
            |certificate| domain_of(&path, certificate),
        )
    }

    /// When the list of the revoked must be made anew.
    pub fn list_due(&self) -> Option<Timestamp> {
        let found = Found::read(&self.path.join(TRUST)).ok()?;
        found
            .lists
            .iter()
            .filter_map(|list| next_update(list))
            .min()
    }

    /// One file with all that `holder` needs on another machine; without a holder, whom to trust alone.
    pub fn bundle(&self, holder: Option<&Holder>) -> Result<String, IdentityError> {
        let read = |path: &Path| fs::read_to_string(path).map_err(IdentityError::io("read", path));
        let trust = read(&self.path.join(TRUST))?;
        let Some(holder) = holder else {
            return Ok(trust);
        };
        let path = self.file(holder);
        if !path.exists() {
            return Err(self.missing(holder));
        }
        // That it can be used is seen here, not on the other machine.
        Bundle::read(&path)?;
        Ok(read(&path)? + &trust)
    }

    /// Whether nothing is missing, and nothing ends soon.
    fn is_complete(&self, now: Timestamp) -> bool {
        let lasts = |until: Timestamp| until.duration_since(now) > RENEWED_BEFORE;
        let of_server = |place| {
            let path = self.file(&Holder::server(place));
            let found = Found::read(&path).ok()?;
            let (_, not_after) = crate::read::validity(found.certificates.first()?)?;
            Some(lasts(not_after))
        };
        self.list_due().is_some_and(lasts)
            && Place::BOTH
                .into_iter()
                .all(|place| of_server(place) == Some(true))
    }

    fn begin_here(&self, domain: Option<&str>, now: Timestamp) -> Result<String, IdentityError> {
        let domain = if let Some(domain) = domain {
            domain.to_owned()
        } else {
            let mut drawn = [0; 6];
            fill(&mut drawn)?;
            format!("pair-{}", hex(&drawn))
        };
        // A name that can be said.
        Name::new(&domain, Place::South, Role::Server, "south").map_err(|error| {
            IdentityError::Issuing {
                why: error.to_string(),
            }
        })?;
        let (authority, certificate) = Authority::new(&domain, now)?;
        let list = authority.list(&[], now, LIFE_DAYS)?;
        publish(&self.path.join(ISSUED), &issued::written(&[]))?;
        publish(
            &self.path.join(TRUST),
            &trust_text(&domain, &certificate, &list),
        )?;
        // Last: it says that the rest is there.
        let text = format!(
            "The authority of {domain}. Whoever has this key can be anybody in it: it stays here.\n{certificate}{}",
            authority.key()
        );
        publish(&self.path.join(AUTHORITY), &text)?;
        Ok(domain)
    }

    fn lock(&self) -> Result<File, IdentityError> {
        make_directory(&self.path)?;
        let path = self.path.join(LOCK);
        let locked = || {
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?;
            rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        };
        locked().map_err(IdentityError::io("lock", &path))
    }

    fn desk(&self) -> Result<Desk<'_>, IdentityError> {
        let path = self.path.join(AUTHORITY);
        if !path.exists() {
            return Err(IdentityError::Missing {
                what: format!(
                    "{} is not there, so nothing can be issued or revoked in {}; do it where the authority is, or make one \
                     with `liaison pki init`",
                    path.display(),
                    self.path.display()
                ),
            });
        }
        let text = fs::read_to_string(&path).map_err(IdentityError::io("read", &path))?;
        let found = Found::read(&path)?;
        let certificate = found.certificates.first().ok_or_else(|| {
            faulty(
                &path,
                "authority",
                "it has no certificate; restore the file",
            )
        })?;
        let domain = domain_of(&path, certificate)?;
        let key = found.key.ok_or_else(|| {
            faulty(
                &path,
                "authority",
                "it has no private key; restore the file",
            )
        })?;
        let register = self.path.join(ISSUED);
        let issued = fs::read_to_string(&register).map_err(IdentityError::io("read", &register))?;
        Ok(Desk {
            directory: self,
            authority: Authority::with_key(&domain, &key)?,
            certificate: pem_of(&text),
            issued: issued::read(&register, &issued)?,
            domain,
            list: None,
        })
    }
}

/// The certificate in a text of PEM, as it stands there.
fn pem_of(text: &str) -> String {
    const END: &str = "-----END CERTIFICATE-----";
    let begin = text.find("-----BEGIN CERTIFICATE-----").unwrap_or(0);
    let end = text.find(END).map_or(text.len(), |at| at + END.len());
    text[begin..end].to_owned() + "\n"
}

fn trust_text(domain: &str, certificate: &str, list: &str) -> String {
    format!(
        "Whom to trust in {domain}: its authority, and what that has revoked.\n{certificate}{list}"
    )
}

fn domain_of(path: &Path, certificate: &CertificateDer<'_>) -> Result<String, IdentityError> {
    let no = |what: &str| faulty(path, "authority", what);
    let read = EndEntityCert::try_from(certificate);
    let read = read.map_err(|error| no(&format!("its certificate cannot be read: {error}")))?;
    let domain = read
        .valid_uri_names()
        .find_map(|uri| uri.strip_prefix("spiffe://").map(str::to_owned));
    domain.ok_or_else(|| no("its certificate names no domain, as spiffe://<domain>"))
}

/// An authority at work.
struct Desk<'a> {
    directory: &'a Directory,
    authority: Authority,
    certificate: String,
    domain: String,
    issued: Vec<Issued>,
    list: Option<String>,
}

impl Desk<'_> {
    /// The last certificate of `holder` that is not revoked.
    fn latest(&self, holder: &Holder) -> Option<&Issued> {
        let of = |issued: &&Issued| holder.is(&issued.name) && issued.revoked_at.is_none();
        self.issued.iter().rev().find(of)
    }

    /// Whether `holder` was issued anything, revoked or not.
    fn knows(&self, holder: &Holder) -> bool {
        self.issued.iter().any(|issued| holder.is(&issued.name))
    }

    fn ends_soon(&self, holder: &Holder, now: Timestamp) -> bool {
        let latest = self.latest(holder);
        latest.is_none_or(|latest| latest.not_after.duration_since(now) <= RENEWED_BEFORE)
    }

    fn issue(
        &mut self,
        holder: &Holder,
        addresses: Addresses,
        days: u32,
        now: Timestamp,
    ) -> Result<Name, IdentityError> {
        let name = Name::new(&self.domain, holder.place, holder.role, &holder.name);
        let name = name.map_err(|error| IdentityError::Issuing {
            why: error.to_string(),
        })?;
        let issuing = Issuing {
            name: name.clone(),
            addresses,
            days,
        };
        let made = self.authority.issue(&issuing, now)?;
        self.issued.push(Issued {
            serial: made.serial,
            not_after: made.not_after,
            revoked_at: None,
            name: name.clone(),
            addresses: issuing.addresses,
        });
        // Before anybody has it: what is revoked must be known.
        publish(
            &self.directory.path.join(ISSUED),
            &issued::written(&self.issued),
        )?;
        let text = format!(
            "{name}, until {}. Whoever has this key can be them.\n{}{}",
            made.not_after.strftime("%F"),
            made.certificate,
            made.key
        );
        publish(&self.directory.file(holder), &text)?;
        Ok(name)
    }

    fn list(&mut self, now: Timestamp) -> Result<(), IdentityError> {
        self.list_for(LIFE_DAYS, now)
    }

    /// Lists the revoked, for so long.
    fn list_for(&mut self, days: u32, now: Timestamp) -> Result<(), IdentityError> {
        let revoked: Vec<_> = self
            .issued
            .iter()
            // What is over is refused anyhow.
            .filter(|issued| issued.not_after > now)
            .filter_map(|issued| Some((issued.serial_bytes(), issued.revoked_at?)))
            .collect();
        self.list = Some(self.authority.list(&revoked, now, days)?);
        Ok(())
    }

    /// Publishes what was not published yet.
    fn keep(self) -> Result<(), IdentityError> {
        publish(
            &self.directory.path.join(ISSUED),
            &issued::written(&self.issued),
        )?;
        let Some(list) = &self.list else {
            return Ok(());
        };
        let text = trust_text(&self.domain, &self.certificate, list);
        publish(&self.directory.path.join(TRUST), &text)
    }
}
