//! What a refusal says: its code, and its details.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// A refusal with its details.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) details: ErrorDetails,
    pub(crate) message: String,
}

/// Reads a refusal. Each carries ErrorInfo of this domain.
#[track_caller]
pub(crate) fn refused(status: &Status) -> Refused {
    let details = status.get_error_details();
    let Some(info) = details.error_info() else {
        panic!("there is no ErrorInfo in {status:?}");
    };
    assert_eq!(info.domain, server::DOMAIN);
    Refused {
        code: status.code(),
        reason: info.reason.clone(),
        message: status.message().to_owned(),
        details,
    }
}

impl Refused {
    /// The code and the reason.
    pub(crate) fn why(&self) -> (Code, &str) {
        (self.code, &self.reason)
    }

    /// When to ask again.
    #[track_caller]
    pub(crate) fn retry_after(&self) -> Duration {
        let retry = self.details.retry_info().expect("there is a RetryInfo");
        retry.retry_delay.expect("it has a delay")
    }
}
