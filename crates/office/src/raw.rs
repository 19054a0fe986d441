//! Bytes that a snapshot holds as they are, not element by element.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Borrowed from the snapshot where they can be.
#[derive(Serialize, Deserialize)]
pub(crate) struct Raw<'a>(#[serde(borrow, with = "serde_bytes")] pub(crate) Cow<'a, [u8]>);
