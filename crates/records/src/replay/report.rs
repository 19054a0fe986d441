//! What a replay came to, in words and as JSON.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use replay::{Comparison, Played, Speed};
use serde_json::{Value, json};
use words::figures::thousands;
use words::style::{BAD, clean, styled};

use crate::ledger_command::diff::compared_text;
use command::failure::Failure;

/// What a replay came to.
pub(super) struct Report {
    pub(super) ledger: PathBuf,
    pub(super) seed: u64,
    pub(super) speed: Speed,
    pub(super) passes: u32,
    pub(super) played: Played,
    pub(super) wall: Duration,
    pub(super) verified: Option<Comparison>,
    pub(super) out: Option<PathBuf>,
}

impl Report {
    pub(super) fn new(ledger: &Path, seed: u64, speed: Speed, played: Played) -> Self {
        Self {
            ledger: ledger.to_owned(),
            seed,
            speed,
            passes: 1,
            played,
            wall: Duration::ZERO,
            verified: None,
            out: None,
        }
    }

    /// Adds what comparing one pass came to.
    pub(super) fn verify(&mut self, found: Comparison) {
        let verified = self.verified.get_or_insert_default();
        verified.steps += found.steps;
        verified.more += found.more;
        verified.differences.extend(found.differences);
    }

    pub(super) fn to_text(&self) -> String {
        let Self { played, .. } = self;
        let lag = played.lag.report();
        let of_speed = match self.speed {
            Speed::Times(_) => "",
            // Everything was due at once: this is how long it waited for what came before.
            Speed::Max => ", all of it due at the start",
        };
        let ms = |us: u64| format!("{}.{:03} ms", us / 1_000, us % 1_000);
        let per_s = played.made as f64 / self.wall.as_secs_f64().max(1e-9);
        let mut text = format!(
            "replayed {}: {} steps in {:.3?} ({} steps/s), speed {}, seed {}\n\
             lag behind the schedule: p50 {}, p99 {}, max {}{of_speed}\n",
            self.ledger.display(),
            thousands(played.made),
            self.wall,
            thousands(per_s as u64),
            self.speed,
            self.seed,
            ms(lag.p50_us),
            ms(lag.p99_us),
            ms(lag.max_us),
        );
        if self.played.stopped_at.is_some() {
            text.push_str("stopped before its end\n");
        }
        for (count, what) in [
            (played.by_clock, "left to the offices' clocks"),
            (played.not_wanted, "left out"),
            (
                played.deadlines_moved,
                "deadlines moved, since they had passed",
            ),
            (
                played.contacts_rekeyed,
                "contacts with other nanoseconds, since the offices held them",
            ),
            (played.refused, "refused"),
            (
                played.orphaned,
                "not tried, since what they answer was not replayed",
            ),
        ] {
            if count > 0 {
                let _ = writeln!(text, "{}: {what}", thousands(count));
            }
        }
        for refused in &played.refusals {
            let _ = writeln!(
                text,
                "  {} {} ({}): {}",
                styled(BAD, &refused.step),
                refused.kind,
                refused.code,
                clean(&refused.message)
            );
        }
        if let Some(verified) = &self.verified {
            text.push_str(&compared_text(verified));
        }
        if let Some(out) = &self.out {
            let _ = writeln!(text, "the ledgers: {}", out.display());
        }
        text
    }

    pub(super) fn to_json(&self) -> Value {
        let Self { played, .. } = self;
        json!({
            "ledger": self.ledger,
            "seed": self.seed,
            "speed": self.speed.to_string(),
            "passes": self.passes,
            "made": played.made,
            "refused": played.refused,
            "orphaned": played.orphaned,
            "by_clock": played.by_clock,
            "not_wanted": played.not_wanted,
            "deadlines_moved": played.deadlines_moved,
            "contacts_rekeyed": played.contacts_rekeyed,
            "stopped": played.stopped_at.is_some(),
            "wall_ms": u64::try_from(self.wall.as_millis()).unwrap_or(u64::MAX),
            "lag": played.lag.report(),
            "refusals": played.refusals,
            "verified": self.verified,
            "out": self.out,
        })
    }

    /// A step refused, or a difference, fails the replay.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.verified.as_ref().is_some_and(|found| !found.agreed()) {
            return Err(Failure::Disagreed(
                "what came out differs from what was recorded, as listed. Offices that already hold a part of it, \
                 or that others act at meanwhile, differ; replay into new ones (`liaison up --data DIR`)"
                    .to_owned(),
            ));
        }
        let failed = self.played.refused + self.played.orphaned;
        if failed == 0 {
            return Ok(());
        }
        Err(Failure::Disagreed(format!(
            "{} of the recorded steps were not made again, as listed; steps that crossed when they were recorded \
             may be refused when they do not",
            thousands(failed)
        )))
    }
}
