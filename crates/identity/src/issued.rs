//! What an authority has issued, as it remembers it: a line a certificate.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;
use office::authority::Name;

use crate::authority::Addresses;
use crate::error::IdentityError;
use crate::file::faulty;

const HEADING: &str = "# serial\tuntil\trevoked\tname\taddresses\n";
const NEVER: &str = "-";

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Its serial number, in hexadecimal.
    pub serial: String,
    /// Until when it holds.
    pub not_after: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// To whom.
    pub name: Name,
    /// Where they may be reached.
    pub addresses: Addresses,
}

/// How a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds.
    Holds,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl Standing {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Issued {
    /// How it stands.
    pub fn standing(&self, now: Timestamp) -> Standing {
        if self.revoked_at.is_some() {
            Standing::Revoked
        } else if self.not_after <= now {
            Standing::Expired
        } else {
            Standing::Holds
        }
    }

    /// Its serial number in bytes.
    pub(crate) fn serial_bytes(&self) -> Vec<u8> {
        let pairs = self.serial.as_bytes().chunks(2);
        pairs
            .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect()
    }

    fn line(&self) -> String {
        let Addresses { names, ips } = &self.addresses;
        let addresses: Vec<String> = names
            .iter()
            .cloned()
            .chain(ips.iter().map(ToString::to_string))
            .collect();
        format!(
            "{}\t{}\t{}\t{}\t{}\n",
            self.serial,
            self.not_after,
            self.revoked_at
                .map_or_else(|| NEVER.to_owned(), |at| at.to_string()),
            self.name,
            addresses.join(",")
        )
    }

    fn read(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [serial, not_after, revoked_at, name, addresses] = fields[..] else {
            return None;
        };
        let is_hex = !serial.is_empty() && serial.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut found = Addresses::default();
        for address in addresses.split(',').filter(|it| !it.is_empty()) {
            match address.parse::<IpAddr>() {
                Ok(ip) => found.ips.push(ip),
                Err(_) => found.names.push(address.to_owned()),
            }
        }
        Some(Self {
            serial: is_hex.then(|| serial.to_owned())?,
            not_after: not_after.parse().ok()?,
            revoked_at: match revoked_at {
                NEVER => None,
                at => Some(at.parse().ok()?),
            },
            name: name.parse().ok()?,
            addresses: found,
        })
    }
}

/// All of them, as the file holds them.
pub(crate) fn written(issued: &[Issued]) -> String {
    let mut text = HEADING.to_owned();
    for issued in issued {
        let _ = text.write_str(&issued.line());
    }
    text
}

/// Reads the file.
pub(crate) fn read(path: &Path, text: &str) -> Result<Vec<Issued>, IdentityError> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let wrong = format!(
            "line {} is not serial, until, revoked, name and addresses with tabs between; restore the file, or begin anew \
             in another directory",
            number + 1
        );
        let issued = Issued::read(line);
        found.push(issued.ok_or_else(|| faulty(path, "register of certificates", &wrong))?);
    }
    Ok(found)
}
