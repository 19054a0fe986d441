//! Cycles: their names, and running one after another.

use std::fmt;
use std::str::FromStr;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::arguments::Arguments;
use crate::binaries::Binaries;
use crate::check::Findings;
use crate::draw::{Draw, cycle_seed};
use crate::pair::{Pair, SHORT_LIMITS};
use crate::report::{Failure, Report};
use crate::simulate::simulate_seed;
use crate::{Failed, client_faults, clock_jumps, kills, line_faults, wrong_peer};

/// What a cycle does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Kill,
    Line,
    WrongPeer,
    ClientFault,
    Clock,
    /// A kill, with every limit at its default.
    Default,
    Simulated,
}

const KINDS: [(Kind, &str); 7] = [
    (Kind::Kill, "kill"),
    (Kind::Line, "line"),
    (Kind::WrongPeer, "peer"),
    (Kind::ClientFault, "client"),
    (Kind::Clock, "clock"),
    (Kind::Default, "default"),
    (Kind::Simulated, "simulated"),
];

/// A cycle's name, such as `kill-17`: its kind, and its number among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    kind: Kind,
    number: u64,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = KINDS.iter().find(|(kind, _)| *kind == self.kind);
        write!(f, "{}-{}", word.map_or("", |(_, word)| word), self.number)
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = text.split_once('-').and_then(|(word, number)| {
            let (kind, _) = KINDS.iter().find(|(_, known)| *known == word)?;
            Some(Self {
                kind: *kind,
                number: number.parse().ok()?,
            })
        });
        read.ok_or_else(|| {
            let words: Vec<_> = KINDS.iter().map(|(_, word)| *word).collect();
            format!(
                "{text:?} is no cycle; write one of {} and a number, such as kill-17",
                words.join(", ")
            )
        })
    }
}

/// All cycles asked for, in order.
fn names(arguments: &Arguments) -> Vec<Name> {
    if let Some(only) = arguments.only_cycle {
        return vec![only];
    }
    let counts = [
        (Kind::Kill, arguments.kills),
        (Kind::Line, arguments.line_faults),
        (Kind::WrongPeer, arguments.wrong_peers),
        (Kind::ClientFault, arguments.client_faults),
        (Kind::Clock, arguments.clock_jumps),
        (Kind::Default, arguments.default_limits),
        (Kind::Simulated, arguments.sim_seeds),
    ];
    let named = |(kind, count)| (0..count).map(move |number| Name { kind, number });
    counts.into_iter().flat_map(named).collect()
}

/// Runs cycles on pairs of offices.
pub(crate) struct Runner<'a> {
    arguments: &'a Arguments,
    binaries: Binaries,
    pair: Option<Pair>,
    /// Whether the pair runs on the defaults.
    default_limits: bool,
    report: Report,
}

impl<'a> Runner<'a> {
    pub(crate) fn new(arguments: &'a Arguments, binaries: Binaries) -> Self {
        let report = Report {
            seed: arguments.seed,
            ..Report::default()
        };
        Self {
            arguments,
            binaries,
            pair: None,
            default_limits: false,
            report,
        }
    }

    /// Runs everything asked for.
    pub(crate) async fn run(mut self) -> Report {
        let began = Instant::now();
        let names = names(self.arguments);
        let mut told = began;
        let is_simulated = |name: &&Name| name.kind == Kind::Simulated;
        let simulated: Vec<_> = names.iter().filter(is_simulated).copied().collect();
        let real: Vec<_> = names.iter().filter(|name| !is_simulated(name)).collect();
        for (index, name) in real.iter().enumerate() {
            self.run_one(**name).await;
            if self.report.failures.len() >= self.arguments.failures_max {
                eprintln!("stopping: {} cycles failed", self.report.failures.len());
                break;
            }
            if told.elapsed().as_secs() >= 10 {
                told = Instant::now();
                let seconds = began.elapsed().as_secs();
                eprintln!("{} of {} cycles in {seconds} s", index + 1, real.len());
            }
        }
        if let Some(last) = real.last() {
            let ended = self.end_pair().await;
            self.judge(**last, ended);
        }
        self.simulate(simulated).await;
        self.report.seconds = began.elapsed().as_secs_f64();
        self.report
    }

    async fn run_one(&mut self, name: Name) {
        let seed = cycle_seed(self.arguments.seed, name.kind as u64, name.number);
        self.report.cycles += 1;
        let outcome = self.cycle(name, &mut Draw::new(seed)).await;
        self.judge(name, outcome);
    }

    /// Runs seeds of the simulator, as many at once as there are processors: each is one thread's work.
    async fn simulate(&mut self, names: Vec<Name>) {
        let (began, count) = (Instant::now(), names.len());
        let mut told = began;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (mut names, mut running) = (names.into_iter(), JoinSet::new());
        loop {
            while running.len() < threads
                && let Some(name) = names.next()
            {
                let seed = cycle_seed(self.arguments.seed, name.kind as u64, name.number);
                running.spawn_blocking(move || (name, simulate_seed(name.number, seed)));
            }
            let Some(run) = running.join_next().await else {
                break;
            };
            let (name, simulated) = run.expect("a simulation does not panic");
            self.report.cycles += 1;
            match simulated {
                Ok(simulated) => self.report.add_simulated(simulated),
                Err(what) => self.judge(name, Err(Failed(what))),
            }
            if self.report.failures.len() >= self.arguments.failures_max {
                break;
            }
            if told.elapsed().as_secs() >= 10 {
                told = Instant::now();
                let (done, seconds) = (
                    count - names.len() - running.len(),
                    began.elapsed().as_secs(),
                );
                eprintln!("{done} of {count} simulated seeds in {seconds} s");
            }
        }
    }

    async fn cycle(&mut self, name: Name, draw: &mut Draw) -> Result<Findings, Failed> {
        let default_limits = name.kind == Kind::Default;
        let mut findings = Findings::default();
        let is_worn = |pair: &Pair| pair.cycles >= self.arguments.rotate_after;
        if self.default_limits != default_limits || self.pair.as_ref().is_some_and(is_worn) {
            findings.add(self.end_pair().await?);
        }
        self.default_limits = default_limits;
        let mut pair = if let Some(pair) = self.pair.take() {
            pair
        } else {
            let limits = if default_limits {
                &[][..]
            } else {
                SHORT_LIMITS
            };
            Pair::begin(&self.binaries, limits, &mut draw.part()).await?
        };
        pair.cycles += 1;
        let before = pair.client.account.acknowledged();
        let report = &mut self.report;
        let outcome = match name.kind {
            Kind::Kill | Kind::Default => kills::cycle(&mut pair, draw, report).await,
            Kind::Line => line_faults::cycle(&mut pair, draw, report).await,
            Kind::WrongPeer => wrong_peer::cycle(&mut pair, draw, name.number, report).await,
            Kind::ClientFault => client_faults::cycle(&mut pair, draw, name.number, report).await,
            Kind::Clock => clock_jumps::cycle(&mut pair, draw, report).await,
            Kind::Simulated => Ok(Findings::default()),
        };
        report.acknowledged += pair.client.account.acknowledged() - before;
        self.pair = Some(pair);
        findings.add(outcome?);
        Ok(findings)
    }

    async fn end_pair(&mut self) -> Result<Findings, Failed> {
        match self.pair.take() {
            Some(pair) => pair.end(self.arguments.keep).await,
            None => Ok(Findings::default()),
        }
    }

    /// Takes down what a cycle came to. After a failure the next one begins with empty ledgers.
    fn judge(&mut self, name: Name, outcome: Result<Findings, Failed>) {
        let findings = outcome.unwrap_or_else(|Failed(what)| {
            let mut findings = Findings::default();
            findings.unhealthy(what);
            findings
        });
        if findings.is_clean() {
            return;
        }
        let mut what = findings.notes.clone();
        if let Some(pair) = &self.pair {
            // A failed cycle says all it knows.
            what.extend(pair.client.account.take_wrongs());
        }
        let data = self
            .pair
            .take()
            .map(|pair| pair.abandon().display().to_string());
        let seed = self.arguments.seed;
        eprintln!("{name} failed; run it again with --seed {seed} --only-cycle {name}");
        for line in &what {
            eprintln!("  {line}");
        }
        if let Some(data) = &data {
            eprintln!("  ledgers and logs are kept in {data}");
        }
        self.report.findings.add(findings);
        self.report.failures.push(Failure {
            cycle: name.to_string(),
            seed,
            what,
            data,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_known_by_its_name() {
        let name: Name = "kill-17".parse().expect("a name");
        assert_eq!((name.kind, name.number), (Kind::Kill, 17));
        assert_eq!(name.to_string(), "kill-17");
        for text in ["kill", "kill-", "rain-1", "17"] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_cycle_has_its_seed_whatever_the_others_are() {
        let seeds: std::collections::BTreeSet<_> = (0..3)
            .flat_map(|kind| (0..100).map(move |number| cycle_seed(1, kind, number)))
            .collect();
        assert_eq!(seeds.len(), 300);
        assert_eq!(cycle_seed(1, 0, 5), cycle_seed(1, 0, 5));
    }
}
