//! What is worth another try, and when.

use std::time::Duration;

use protocol::reasons::NOT_SETTLED;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// What a call waits for that is not there yet, beside the office itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// Nothing: what it names is there.
    Nothing,
    /// What it names may be on its way from the other office: NOT_FOUND passes.
    Named,
    /// So may the state that it needs: NOT_FOUND and FAILED_PRECONDITION pass.
    State,
}

/// How long to wait between tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The first wait; each further one is twice as long.
    pub first: Duration,
    /// The longest wait, unless the office asks for a longer one.
    pub longest: Duration,
    /// What may be on its way.
    pub awaited: Awaited,
}

impl Patience {
    /// The tries of one call.
    pub fn tries(self) -> Tries {
        Tries {
            patience: self,
            wait: self.first,
        }
    }
}

/// The tries of one call.
#[derive(Debug, Clone)]
pub struct Tries {
    patience: Patience,
    wait: Duration,
}

impl Tries {
    /// How long to wait before the next try; `None` if it would be refused alike. An office that says when to come again
    /// is obeyed.
    pub fn wait_after(&mut self, refused: &Status) -> Option<Duration> {
        if !may_pass(refused, self.patience.awaited) {
            return None;
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(self.patience.longest);
        Some(wait.max(asked_for(refused).unwrap_or_default()))
    }
}

/// Whether another try of the same call may be answered otherwise.
pub fn may_pass(refused: &Status, awaited: Awaited) -> bool {
    match refused.code() {
        // The office is not there, is full, or took too long; or a connection broke, and what became of the call is unknown.
        Code::Unavailable
        | Code::ResourceExhausted
        | Code::DeadlineExceeded
        | Code::Unknown
        | Code::Cancelled
        | Code::Internal => true,
        Code::NotFound => awaited != Awaited::Nothing,
        Code::FailedPrecondition => awaited == Awaited::State,
        // A lost crossing, another content under the same id, a damaged ledger: for good.
        Code::Ok
        | Code::InvalidArgument
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss => false,
    }
}

/// How long to wait before a close is tried again that was refused since its convening is not final yet. `None` if it was
/// refused for another reason.
pub fn until_settled(refused: &Status) -> Option<Duration> {
    let reason = refused.get_details_error_info()?.reason;
    asked_for(refused).filter(|_| reason == NOT_SETTLED.name)
}

fn asked_for(refused: &Status) -> Option<Duration> {
    refused.get_details_retry_info()?.retry_delay
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use tonic_types::ErrorDetails;

    use super::*;

    const PATIENCE: Patience = Patience {
        first: Duration::from_millis(20),
        longest: Duration::from_secs(1),
        awaited: Awaited::Nothing,
    };

    fn refused(code: Code, retry_after: Option<Duration>) -> Status {
        let mut details = ErrorDetails::new();
        details.set_retry_info(retry_after);
        Status::with_error_details(code, "refused", details)
    }

    #[test]
    fn an_office_that_says_when_is_obeyed() {
        let mut tries = PATIENCE.tries();
        let full = refused(Code::ResourceExhausted, Some(Duration::from_secs(5)));
        assert_eq!(tries.wait_after(&full), Some(Duration::from_secs(5)));
        let away = refused(Code::Unavailable, Some(Duration::from_millis(1)));
        assert_eq!(
            tries.wait_after(&away),
            Some(Duration::from_millis(40)),
            "not sooner than others"
        );
        let silent = refused(Code::Unavailable, None);
        assert_eq!(tries.wait_after(&silent), Some(Duration::from_millis(80)));
    }

    #[test]
    fn what_another_try_does_not_change_is_not_tried() {
        for code in [
            Code::InvalidArgument,
            Code::AlreadyExists,
            Code::Aborted,
            Code::DataLoss,
            Code::NotFound,
            Code::FailedPrecondition,
        ] {
            assert_eq!(PATIENCE.tries().wait_after(&refused(code, None)), None);
        }
    }

    #[test]
    fn a_close_waits_for_its_convening_and_for_nothing_else() {
        let because = |reason: &str| {
            let mut details = ErrorDetails::with_error_info(reason, "liaison", HashMap::new());
            details.set_retry_info(Some(Duration::from_millis(200)));
            Status::with_error_details(Code::Unavailable, "refused", details)
        };
        let wait = until_settled(&because("NOT_SETTLED"));
        assert_eq!(wait, Some(Duration::from_millis(200)));
        assert_eq!(until_settled(&because("DRAINING")), None);
    }

    #[test]
    fn what_is_on_its_way_is_waited_for_by_whoever_knows_that_it_is() {
        let (nothing_there, not_yet) = (
            refused(Code::NotFound, None),
            refused(Code::FailedPrecondition, None),
        );
        assert!(may_pass(&nothing_there, Awaited::Named));
        assert!(!may_pass(&not_yet, Awaited::Named));
        assert!(may_pass(&not_yet, Awaited::State));
    }

    proptest! {
        #[test]
        fn waits_grow_to_the_longest_and_stay_there(tries in 1_usize..40) {
            let silent = refused(Code::Unavailable, None);
            let mut made = PATIENCE.tries();
            let waits: Vec<_> = (0..tries).filter_map(|_| made.wait_after(&silent)).collect();
            prop_assert!(waits.is_sorted());
            prop_assert!(waits.iter().all(|wait| *wait <= PATIENCE.longest));
        }
    }
}
