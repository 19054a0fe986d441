//! What a run came to.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::check::Findings;
use crate::simulate::Simulated;

/// A cycle in which something was found.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) cycle: String,
    pub(crate) seed: u64,
    pub(crate) what: Vec<String>,
    pub(crate) data: Option<String>,
}

/// The counts of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) cycles: u64,
    pub(crate) kills: u64,
    pub(crate) kills_with_unanswered_work: u64,
    pub(crate) unanswered_at_kills: u64,
    /// Between telling that a document is delivered, and noting it.
    pub(crate) kills_before_the_note: u64,
    pub(crate) line_faults: u64,
    pub(crate) stops: u64,
    pub(crate) wrong_peers: u64,
    pub(crate) client_faults: u64,
    pub(crate) clock_jumps: u64,
    pub(crate) sim_seeds: u64,
    /// Of the seeds, those run again for the same bytes.
    pub(crate) sim_seeds_again: u64,
    pub(crate) sim_cuts: u64,
    pub(crate) sim_crashes: u64,
    pub(crate) sim_crossings: u64,
    pub(crate) sim_exchanges: u64,
    pub(crate) acknowledged: u64,
    /// Requests asked again after their acknowledgement.
    pub(crate) repeated: u64,
    pub(crate) findings: Findings,
    pub(crate) failures: Vec<Failure>,
    pub(crate) seconds: f64,
}

impl Report {
    pub(crate) fn is_clean(&self) -> bool {
        self.findings.is_clean() && self.failures.is_empty()
    }

    pub(crate) fn add_simulated(&mut self, simulated: Simulated) {
        let Simulated {
            cuts,
            crashes,
            crossings,
            exchanges,
            again,
        } = simulated;
        self.sim_seeds += 1;
        self.sim_seeds_again += u64::from(again);
        self.sim_cuts += cuts;
        self.sim_crashes += crashes;
        self.sim_crossings += crossings;
        self.sim_exchanges += exchanges;
    }

    pub(crate) fn to_json(&self) -> Value {
        let failures: Vec<Value> = self
            .failures
            .iter()
            .map(|failure| {
                json!({
                    "cycle": failure.cycle,
                    "seed": failure.seed,
                    "what": failure.what,
                    "data": failure.data,
                })
            })
            .collect();
        json!({
            "seed": self.seed,
            "cycles": self.cycles,
            "kills": self.kills,
            "kills_with_unanswered_work": self.kills_with_unanswered_work,
            "unanswered_at_kills": self.unanswered_at_kills,
            "kills_before_the_note": self.kills_before_the_note,
            "line_faults": self.line_faults,
            "stops": self.stops,
            "wrong_peers": self.wrong_peers,
            "client_faults": self.client_faults,
            "clock_jumps": self.clock_jumps,
            "sim_seeds": self.sim_seeds,
            "sim_seeds_again": self.sim_seeds_again,
            "sim_cuts": self.sim_cuts,
            "sim_crashes": self.sim_crashes,
            "sim_crossings": self.sim_crossings,
            "sim_exchanges": self.sim_exchanges,
            "acknowledged": self.acknowledged,
            "repeated": self.repeated,
            "lost": self.findings.lost,
            "doubled": self.findings.doubled,
            "diverged": self.findings.diverged,
            "unhealthy": self.findings.unhealthy,
            "seconds": (self.seconds * 10.0).round() / 10.0,
            "failures": failures,
        })
    }

    pub(crate) fn to_text(&self) -> String {
        let Self {
            seed,
            cycles,
            kills,
            kills_with_unanswered_work,
            unanswered_at_kills,
            kills_before_the_note,
            line_faults,
            stops,
            wrong_peers,
            client_faults,
            clock_jumps,
            sim_seeds,
            sim_seeds_again,
            sim_cuts,
            sim_crashes,
            sim_crossings,
            sim_exchanges,
            acknowledged,
            repeated,
            findings,
            seconds,
            ..
        } = self;
        let Findings {
            lost,
            doubled,
            diverged,
            unhealthy,
            ..
        } = findings;
        let mut text = format!(
            "seed {seed}: {cycles} cycles in {seconds:.1} s\n\
             {kills} kills, {kills_with_unanswered_work} with unanswered work ({unanswered_at_kills} requests), \
             {kills_before_the_note} between DELIVERED and the note of it\n\
             {line_faults} line faults ({stops} of them stops), {wrong_peers} wrong peers, {client_faults} client faults, \
             {clock_jumps} clock jumps\n\
             {sim_seeds} simulated seeds ({sim_seeds_again} run again): {sim_cuts} cuts, {sim_crashes} crashes, \
             {sim_crossings} crossings, {sim_exchanges} exchanges\n\
             {acknowledged} requests acknowledged, {repeated} of them asked again\n\
             {lost} lost, {doubled} doubled, {diverged} diverged, {unhealthy} unhealthy\n"
        );
        for failure in &self.failures {
            let _ = writeln!(text, "failed: {}", failure.cycle);
            for what in &failure.what {
                let _ = writeln!(text, "  {what}");
            }
        }
        text
    }
}
