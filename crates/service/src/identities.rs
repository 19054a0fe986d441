//! Who an office is: found or made at its start, and taken up anew whenever the files change.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use identity::{Bundle, Directory, Holder, IdentityError, Tls, Warning};
use jiff::Timestamp;
use office::Place;
use server::{Dial, Knowing, SecuredDial, TcpDial};
use tokio::sync::watch;

/// How often it is looked whether the files have changed.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked whether something ends soon.
const LOOK_AHEAD: Duration = Duration::from_secs(3600);

/// Where an office's identity is.
#[derive(Debug, Clone)]
pub struct Identities {
    /// The directory of the pair's identities: what is missing is made there.
    pub directory: PathBuf,
    /// One file with all of it, which stands over the directory.
    pub file: Option<PathBuf>,
    /// The line is carried without certificates.
    pub insecure_line: bool,
    /// Clients on other machines need not show one.
    pub insecure_bind: bool,
}

impl Default for Identities {
    fn default() -> Self {
        Self {
            directory: Path::new("liaison-data").join("identities"),
            file: None,
            insecure_line: false,
            insecure_bind: false,
        }
    }
}

/// What an office is known by, and how it reaches its peer.
pub struct Identified {
    /// How it knows who speaks with it.
    pub knowing: Knowing,
    /// The way to the peer.
    pub dial: Arc<dyn Dial>,
}

impl Identities {
    /// Finds or makes who the office at `place` is, and keeps it in force. Its peer listens at `peer`.
    pub fn of(&self, place: Place, peer: &str) -> Result<Identified, String> {
        if self.insecure_line && is_elsewhere(peer) {
            return Err(format!(
                "failed to reach {peer} without certificates: --insecure-line is for loopback alone; give both offices their \
                 identities (`liaison pki`)"
            ));
        }
        let tls = match Held::read(self, place) {
            Ok(held) => Some(held.keep()),
            // Who carries the line without certificates needs none for it.
            Err(IdentityError::NotBuilt) if self.insecure_line => None,
            Err(error) => return Err(error.to_string()),
        };
        if self.insecure_line {
            tracing::warn!(
                %place,
                "the line is carried without certificates (--insecure-line): whoever reaches this machine's ports can be the \
                 peer"
            );
        }
        let secured = tls.clone().filter(|_| !self.insecure_line);
        let dial: Arc<dyn Dial> = match secured {
            Some(tls) => Arc::new(SecuredDial::new(place, peer, tls)),
            None => Arc::new(TcpDial::new(peer)),
        };
        let knowing = Knowing {
            tls,
            open_line: self.insecure_line,
            open_clients: self.insecure_bind,
        };
        Ok(Identified { knowing, dial })
    }
}

/// Whether an address is another machine's for sure. What a name leads to is seen when it is dialled.
fn is_elsewhere(address: &str) -> bool {
    let ip = identity::host_of(address).parse::<IpAddr>();
    ip.is_ok_and(|ip| !ip.to_canonical().is_loopback())
}

/// An identity in force, and where it comes from.
struct Held {
    place: Place,
    /// None where it is one file.
    directory: Option<Directory>,
    bundle: Bundle,
    tls: watch::Sender<Arc<Tls>>,
    /// What was warned of last.
    warned: Vec<Warning>,
}

impl Held {
    fn read(identities: &Identities, place: Place) -> Result<Self, IdentityError> {
        let (directory, path) = if let Some(file) = &identities.file {
            (None, file.clone())
        } else {
            let directory = Directory::at(&identities.directory);
            directory.make_what_is_missing(now())?;
            let holder = Holder::server(place);
            let path = directory.file(&holder);
            if !path.exists() {
                return Err(directory.missing(&holder));
            }
            (Some(directory), path)
        };
        let bundle = Bundle::read(&path)?;
        let tls = Tls::of(&bundle)?;
        let name = &tls.own().name;
        if !Holder::server(place).serves_as(name) {
            return Err(IdentityError::Refused {
                why: format!(
                    "{} is the identity of {name}, and this is the {place} office's server; `liaison pki issue {place} server` \
                     makes its own",
                    path.display()
                ),
            });
        }
        let mut held = Self {
            place,
            directory,
            bundle,
            tls: watch::channel(Arc::new(tls)).0,
            warned: Vec::new(),
        };
        held.warn();
        Ok(held)
    }

    /// Keeps it in force for as long as somebody uses it.
    fn keep(mut self) -> watch::Receiver<Arc<Tls>> {
        let tls = self.tls.subscribe();
        tokio::spawn(async move {
            let mut looked_ahead = tokio::time::Instant::now();
            loop {
                tokio::select! {
                    biased;
                    () = self.tls.closed() => return,
                    () = tokio::time::sleep(LOOK) => {}
                }
                if self.bundle.has_changed() {
                    self.take_up();
                }
                if looked_ahead.elapsed() >= LOOK_AHEAD {
                    looked_ahead = tokio::time::Instant::now();
                    self.renew();
                    self.warn();
                }
            }
        });
        tls
    }

    /// Takes up what the files say now: all of it, or what was in force stays so.
    fn take_up(&mut self) {
        let read = Bundle::read(&self.bundle.path).and_then(|bundle| {
            let tls = Tls::of(&bundle)?;
            Ok((bundle, tls))
        });
        match read {
            Ok((bundle, tls)) => {
                tracing::info!(place = %self.place, name = %tls.own().name, until = %tls.own().not_after, "an identity is taken up");
                self.bundle = bundle;
                self.tls.send_replace(Arc::new(tls));
                self.warn();
            }
            Err(error) => {
                // Said once: these bytes are not looked at again.
                tracing::warn!(place = %self.place, %error, "a new identity cannot be used; the one before stays in force");
                self.bundle.is_known();
            }
        }
    }

    fn renew(&self) {
        let Some(directory) = &self.directory else {
            return;
        };
        if let Err(error) = directory.make_what_is_missing(now()) {
            tracing::warn!(place = %self.place, %error, "failed to renew the identity");
        }
    }

    /// Warns of what ends, at 30, 7 and 1 days.
    fn warn(&mut self) {
        let warnings = self.tls.borrow().warnings(now());
        for warning in &warnings {
            if !self.warned.contains(warning) {
                tracing::warn!(place = %self.place, days = warning.days, "{}", warning.what);
            }
        }
        self.warned = warnings;
    }
}

/// Certificates are dated by the world's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the dates of certificates are the world's, not the office's"
)]
fn now() -> Timestamp {
    Timestamp::now()
}
