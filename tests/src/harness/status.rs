//! What a refusal says: its code, and its details.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// A refusal with its details.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) metadata: HashMap<String, String>,
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
    assert_eq!(info.domain, protocol::reasons::DOMAIN);
    Refused {
        code: status.code(),
        reason: info.reason.clone(),
        metadata: info.metadata.clone(),
        message: status.message().to_owned(),
        details,
    }
}

impl Refused {
    /// The code and the reason.
    pub(crate) fn why(&self) -> (Code, &str) {
        (self.code, &self.reason)
    }

    /// The value of one key of ErrorInfo.
    #[track_caller]
    pub(crate) fn says(&self, key: &str) -> &str {
        match self.metadata.get(key) {
            Some(value) => value,
            None => panic!("there is no {key} in {self:?}"),
        }
    }

    /// The fields of BadRequest, in order.
    #[track_caller]
    pub(crate) fn fields(&self) -> Vec<&str> {
        let bad = self.details.bad_request().expect("there is a BadRequest");
        let violations = bad.field_violations.iter();
        violations.map(|violation| &*violation.field).collect()
    }

    /// When to ask again.
    #[track_caller]
    pub(crate) fn retry_after(&self) -> Duration {
        let retry = self.details.retry_info().expect("there is a RetryInfo");
        retry.retry_delay.expect("it has a delay")
    }
}
