//! What the torture program is asked to do.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::cycle::Name;

const EXAMPLES: &str = "\
Examples:
  cargo run --release -p tests --bin torture -- --seed 7 --kills 1000 --line-faults 200
  cargo run --release -p tests --bin torture -- --seed 7 --only-cycle kill-412 --keep
  cargo run --release -p tests --bin torture -- --output json | jq .lost
  cargo run --release -p tests --bin torture -- --soak-minutes 15 --soak-rate 2000

Every cycle has a seed of its own, from --seed and its name. A cycle that fails is named with what was found, and is run
again by --only-cycle. The choices are then the same; the machine's timing is not, so run it a few times.

JSON: seed, kills, kills_with_unanswered_work, unanswered_at_kills, kills_before_the_note, line_faults, stops, wrong_peers, client_faults,
clock_jumps, sim_seeds, sim_seeds_again, sim_cuts, sim_crashes, sim_crossings, sim_exchanges, cycles, acknowledged,
repeated, lost, doubled, diverged, unhealthy, seconds, failures [{cycle, seed, what, data}].
JSON of a soak: seed, minutes, rate_asked, rate, documents, documents_streamed, documents_unary, faults {kill, cut,
reset_in_frame, delay, stop, half_open}, restart_ms_max, lost, doubled, diverged, unhealthy, notes, offices {south, north:
{memory_bytes {min, median, max}, memory_slope_bytes_per_minute, memory_slope_last_third_bytes_per_minute,
memory_peak_bytes, file_handles_max, disk_bytes}}, samples, seconds, data. Memory leaves out the first minute.
Exit code: 0 nothing found; 1 the run could not be made; 99 something was found.";

/// Kills, stops, cuts and lies to two real offices, and checks after every cycle that each acknowledged exchange
/// stands exactly once in each ledger.
#[derive(Debug, Parser)]
#[command(name = "torture", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Where every choice comes from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Cycles that end processes with SIGKILL under load
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) kills: u64,
    /// Cycles that cut, delay, tear, trickle or silence the line, or stop a process for a while
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub(crate) line_faults: u64,
    /// Cycles with a peer that answers wrongly
    #[arg(long, value_name = "N", default_value_t = crate::wrong_peer::KINDS)]
    pub(crate) wrong_peers: u64,
    /// Cycles with clients that cancel, come too late, or ask again
    #[arg(long, value_name = "N", default_value_t = crate::client_faults::KINDS)]
    pub(crate) client_faults: u64,
    /// Cycles with a clock that jumps by an hour
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) clock_jumps: u64,
    /// Kill cycles with every limit and time-out at its default
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) default_limits: u64,
    /// Seeds of the simulator: cuts, crashes and crossings; every 20th is run twice, and must give the same ledgers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) sim_seeds: u64,
    /// Instead of cycles: keep two offices at work for so many minutes, with a fault every 10 s, and watch what they use
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_440))]
    pub(crate) soak_minutes: Option<u64>,
    /// Documents a second in a soak, at both offices together
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(100..=100_000))]
    pub(crate) soak_rate: u64,
    /// Run this cycle only, such as kill-17
    #[arg(long, value_name = "CYCLE")]
    pub(crate) only_cycle: Option<Name>,
    /// Cycles on one pair of ledgers before a new one is begun
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) rotate_after: u64,
    /// Stop after so many failed cycles
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) failures_max: usize,
    /// Keep all ledgers and logs; those of failed cycles are always kept
    #[arg(long)]
    pub(crate) keep: bool,
    /// Use south, north and liaison from this directory, and build nothing
    #[arg(long, value_name = "DIR")]
    pub(crate) binaries: Option<PathBuf>,
    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Text,
    Json,
}
