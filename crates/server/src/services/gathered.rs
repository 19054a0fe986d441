//! What a request asks for, with all that is wrong with it told at once.

use office::{Refusal, RequestId, Violation};
use protocol::{Checked, Fields};

/// Gathers the violations of a request, so that all are told at once.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    violations: Vec<Violation>,
}

impl Gathered {
    pub(super) fn request_id(&mut self, text: &str) -> Option<RequestId> {
        let read = protocol::parse_request_id(text);
        read.map_err(|violation| self.violations.push(violation))
            .ok()
    }

    /// A part of the request that must be there.
    pub(super) fn required<T, M>(
        &mut self,
        field: &str,
        message: Option<M>,
        fields: &Fields,
    ) -> Option<T>
    where
        T: Checked<M>,
    {
        let Some(message) = message else {
            self.add(field, "is required");
            return None;
        };
        self.checked(message, fields)
    }

    /// A part of the request that may be left out.
    pub(super) fn optional<M>(&mut self, message: Option<M>, fields: &Fields)
    where
        (): Checked<M>,
    {
        if let Some(message) = message {
            let _: Option<()> = self.checked(message, fields);
        }
    }

    pub(super) fn checked<T: Checked<M>, M>(&mut self, message: M, fields: &Fields) -> Option<T> {
        T::checked(message, fields)
            .map_err(|violations| self.violations.extend(violations))
            .ok()
    }

    pub(super) fn add(&mut self, field: &str, description: impl Into<String>) {
        self.violations.push(Violation {
            field: field.to_owned(),
            description: description.into(),
        });
    }

    /// The parts, if nothing is wrong with any.
    pub(super) fn done<T>(self, parts: Option<T>) -> Result<T, Refusal> {
        match parts {
            Some(parts) if self.violations.is_empty() => Ok(parts),
            _ => Err(Refusal::Invalid {
                violations: self.violations,
            }),
        }
    }
}

/// How many items a page has: 50 unless asked otherwise, at most 1,000.
pub(super) fn page_size(asked: i32) -> Result<usize, Refusal> {
    match usize::try_from(asked) {
        Ok(0) => Ok(50),
        Ok(size) => Ok(size.min(1_000)),
        Err(_) => Err(crate::status::invalid(
            "page_size",
            "is negative; write 0 for 50, or 1 to 1,000",
        )),
    }
}

pub(super) fn wrong_page_token() -> Refusal {
    crate::status::invalid(
        "page_token",
        "is not a token that this method gave; leave it empty for the first page",
    )
}
