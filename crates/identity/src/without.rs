//! A build without TLS: the same types, and nobody has an identity.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use office::authority::Name;

use crate::error::IdentityError;
use crate::holder::Directory;
use crate::warning::Warning;

/// Who somebody is, and whom they trust: nobody.
#[derive(Debug, Clone, Copy)]
pub enum Tls {}

impl Tls {
    /// Refuses.
    ///
    /// # Errors
    /// It is not in this build.
    pub fn of(bundle: &Bundle) -> Result<Self, IdentityError> {
        match bundle.never {}
    }

    /// Who speaks.
    pub fn own(&self) -> &Certified {
        match *self {}
    }

    /// The file that it was read from.
    pub fn path(&self) -> &Path {
        match *self {}
    }

    /// Whether somebody would still be let in.
    ///
    /// # Errors
    /// Never.
    pub fn judge(&self, _: &Certified, _: Timestamp) -> Result<(), IdentityError> {
        match *self {}
    }

    /// What ends soon, or has ended.
    pub fn warnings(&self, _: Timestamp) -> Vec<Warning> {
        match *self {}
    }
}

/// Somebody whose certificate was checked: nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// Who they are.
    pub name: Name,
    /// The certificate's SHA-256.
    pub sha256: [u8; 32],
    /// Until when it holds.
    pub not_after: Timestamp,
    never: Infallible,
}

/// What an identity's file holds: it is not read.
#[derive(Debug)]
pub struct Bundle {
    /// The file.
    pub path: PathBuf,
    never: Infallible,
}

impl Bundle {
    /// Refuses.
    ///
    /// # Errors
    /// It is not in this build.
    pub fn read(_: &Path) -> Result<Self, IdentityError> {
        Err(IdentityError::NotBuilt)
    }

    /// Whether the files have other bytes than when this was read.
    pub fn has_changed(&self) -> bool {
        match self.never {}
    }

    /// From here on what the files hold now is nothing new.
    pub fn is_known(&mut self) {
        match self.never {}
    }
}

impl Directory {
    /// Refuses.
    ///
    /// # Errors
    /// It is not in this build.
    pub fn make_what_is_missing(&self, _: Timestamp) -> Result<(), IdentityError> {
        Err(IdentityError::NotBuilt)
    }
}

/// What a handshake came to.
pub fn why_not(error: &io::Error) -> String {
    error.to_string()
}
