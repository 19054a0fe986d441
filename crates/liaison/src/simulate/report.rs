//! What a simulated run came to, as the ministry told it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use ledger::Reconciliation;
use protocol::pb::ledger::Tally;
use records::reconciled_text;
use serde_json::{Value, json};
use words::figures::thousands;
use words::style::{HEADING, styled};
use words::{tally, time};

use super::plan::Plan;
use command::failure::Failure;

/// What a simulated run came to.
#[derive(Debug, Clone)]
pub(super) struct Report {
    /// The scenario's name.
    pub(super) scenario: String,
    /// What it is, in a line.
    pub(super) title: String,
    pub(super) plan: Plan,
    /// Simulated days.
    pub(super) days: u64,
    /// The counts of South's ledger.
    pub(super) south: Tally,
    /// The counts of North's.
    pub(super) north: Tally,
    pub(super) reconciled: Reconciliation,
    /// Steps of both offices.
    pub(super) steps: u64,
    pub(super) wall: Duration,
    /// The directory of the first pair.
    pub(super) shown: PathBuf,
    pub(super) out: PathBuf,
}

impl Report {
    pub(super) fn to_text(&self) -> String {
        let Self {
            title, plan, days, ..
        } = self;
        let out = self.shown.display();
        let times = match plan.scale {
            1 => String::new(),
            scale => format!(", {} times the traffic", thousands(scale.into())),
        };
        let pairs = match plan.pairs {
            1 => String::new(),
            pairs => format!(" in each of {} pairs", thousands(pairs)),
        };
        let mut text = format!(
            "{}\nseed {}{times}{pairs}, {} days, {} steps, simulated in {}\n\n",
            styled(HEADING, title),
            plan.seed,
            thousands(*days),
            thousands(self.steps),
            time::duration_words(self.wall),
        );
        text.push_str(&tally::lines(&self.south));
        text.push('\n');
        text.push_str(&reconciled_text(&self.reconciled));
        let _ = writeln!(
            text,
            "\nnext:\n  liaison tally {out} --by week\n  liaison ledger show {out}/south --limit 20\n  \
             liaison ledger verify {out}"
        );
        text
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "scenario": self.scenario,
            "seed": self.plan.seed,
            "scale": self.plan.scale,
            "pairs": self.plan.pairs,
            "out": self.out,
            "tally": tally::to_json(&self.south),
            "reconciled": self.reconciled,
            "steps": self.steps,
            "wall_ms": self.wall.as_millis() as u64,
        })
    }

    /// Fails if the two ledgers do not come to the same.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.reconciled.agreed && self.south == self.north {
            return Ok(());
        }
        let first = self.reconciled.differences.first();
        Err(Failure::Disagreed(format!(
            "the two ledgers in {} differ: {}. This must never happen; keep both ledgers and report it with the \
             scenario and seed {}",
            self.out.display(),
            first.map_or("the counts are not the same", String::as_str),
            self.plan.seed
        )))
    }
}

#[cfg(test)]
mod tests {
    use protocol::pb::ledger::{ConsultationsTally, ContactsTally, MeetingsTally};

    use super::*;

    fn record() -> Tally {
        Tally {
            contacts: Some(ContactsTally {
                total: 285,
                meetings: Some(MeetingsTally {
                    total: 46,
                    government_officials: 5,
                    working_level: 5,
                    chiefs: 36,
                }),
                consultations: Some(ConsultationsTally {
                    regular: 188,
                    on_demand: 49,
                }),
                unspecified: 2,
            }),
            documents: 173,
            calls: 140,
            exchanges: 458,
        }
    }

    fn report(agreed: bool) -> Report {
        Report {
            scenario: "kaesong-2018".to_owned(),
            title: "The joint liaison office, 14 Sep to 20 Dec 2018".to_owned(),
            plan: Plan {
                seed: 1,
                scale: 1,
                pairs: 1,
                until: None,
                timetable: true,
                faults: simulator::Faults::NONE,
            },
            days: 98,
            south: record(),
            north: record(),
            reconciled: Reconciliation {
                agreed,
                south_to_north: 700,
                north_to_south: 650,
                differences: if agreed {
                    vec![]
                } else {
                    vec!["step 3 of south has other bytes".into()]
                },
            },
            steps: 1_350,
            wall: Duration::from_millis(420),
            shown: PathBuf::from("liaison-data/kaesong-2018-1"),
            out: PathBuf::from("liaison-data/kaesong-2018-1"),
        }
    }

    #[test]
    fn the_text_is_as_the_ministry_told_it() {
        let text = anstream::adapter::strip_str(&report(true).to_text()).to_string();
        let told: Vec<String> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        for wanted in [
            "rounds of contact 285",
            "meetings 46",
            "among government officials of both sides 5",
            "working-level talks 5",
            "between chiefs and deputy chiefs 36",
            "regular consultations 188",
            "consultations on demand 49",
            "of no stated kind (unspecified) 2",
            "on top of them, messages or documents 173",
            "beside them, calls 140",
            "both ledgers agree: 700 steps from South to North, 650 from North to South",
        ] {
            assert!(
                told.iter().any(|line| line == wanted),
                "{wanted} is missing in\n{text}"
            );
        }
    }

    #[test]
    fn json_has_the_tally_as_a_member() {
        let value = report(true).to_json();
        assert_eq!(value["tally"]["contacts"]["meetings"]["chiefs"], 36);
        assert_eq!(value["tally"]["exchanges"], 458);
        assert_eq!(value["reconciled"]["agreed"], true);
        assert_eq!(value["wall_ms"], 420);
    }

    #[test]
    fn ledgers_that_differ_fail_the_run() {
        assert!(report(true).check().is_ok());
        assert_eq!(
            report(false).check().expect_err("they differ").exit_code(),
            99
        );
    }
}
