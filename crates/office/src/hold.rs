//! When an office writes nothing, though it serves: its disk is nearly full, or its clock is broken.

use std::time::Duration;

use jiff::Timestamp;

use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::time::{UNRECORDABLE, is_recordable};

/// How soon it is worth asking again: somebody must make room, or set the clock.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why nothing may be recorded now, neither this office's steps nor the peer's; reads go on. `free_bytes` are those of the
/// ledger's disk, if they can be told.
pub fn why_held(now: Timestamp, free_bytes: Option<u64>, limits: &Limits) -> Option<Refusal> {
    if !is_recordable(now) {
        return Some(Refusal::Unavailable {
            reason: "CLOCK_OUT_OF_RANGE",
            why: format!(
                "this office's clock says {now}, which {UNRECORDABLE}: set it, and ask again"
            ),
            retry_after: RETRY_AFTER,
        });
    }
    let reserve = limits.disk_reserve_bytes;
    free_bytes
        .is_some_and(|free| free < reserve)
        .then_some(Refusal::Exhausted {
            what: "the ledger's disk (free bytes kept in reserve)",
            limit: reserve,
            retry_after: RETRY_AFTER,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_office_holds_back_below_its_reserve_and_by_a_broken_clock() {
        let limits = Limits::default();
        let now = |text: &str| text.parse::<Timestamp>().expect("a time");
        let held = |time: &str, free| why_held(now(time), free, &limits);
        let reserve = limits.disk_reserve_bytes;
        assert_eq!(held("2018-09-14T00:00:00Z", Some(reserve)), None);
        assert_eq!(held("2018-09-14T00:00:00Z", None), None);
        assert!(matches!(
            held("2018-09-14T00:00:00Z", Some(reserve - 1)),
            Some(Refusal::Exhausted { limit, .. }) if limit == reserve
        ));
        assert!(matches!(
            held("1899-12-31T23:00:00Z", None),
            Some(Refusal::Unavailable {
                reason: "CLOCK_OUT_OF_RANGE",
                ..
            })
        ));
    }
}
