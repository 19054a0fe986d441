//! Two offices, the two lines between them, and their clients.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use identity::Tls;
use office::{PerPlace, Place};
use protocol::pb::ledger as pb;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use pb::ledger_service_client::LedgerServiceClient;

use crate::Failed;
use crate::binaries::Binaries;
use crate::check::{Findings, check};
use crate::client::Client;
use crate::draw::Draw;
use crate::process::{OfficeStart, Program, Relay};
use crate::watch;

/// Time-outs that let a thousand cycles pass in a coffee break.
pub(crate) const SHORT_LIMITS: &[(&str, u64)] = &[
    ("backoff_min", 5),
    ("backoff_max", 60),
    ("hello_timeout", 400),
    ("keep_alive_interval", 150),
    ("peer_timeout", 400),
    ("drain_timeout", 2_000),
];
/// Longer than any of them.
pub(crate) const LONGER_THAN_ANY_MS: u64 = 900;

const QUIET_TIMEOUT: Duration = Duration::from_secs(60);
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(3);

/// Two offices under torture.
#[derive(Debug)]
pub(crate) struct Pair {
    binaries: Binaries,
    directory: TempDir,
    limits: &'static [(&'static str, u64)],
    offices: PerPlace<Option<Program>>,
    /// By the office that dials.
    pub(crate) lines: PerPlace<Relay>,
    pub(crate) client: Client,
    /// Cycles so far.
    pub(crate) cycles: u64,
}

impl Pair {
    /// Two offices with empty ledgers.
    pub(crate) async fn begin(
        binaries: &Binaries,
        limits: &'static [(&'static str, u64)],
        draw: &mut Draw,
    ) -> Result<Self, Failed> {
        let directory = tempfile::Builder::new().prefix("torture-").tempdir();
        let directory =
            directory.map_err(|error| Failed(format!("failed to make a directory: {error}")))?;
        let mut line = async |place| {
            let seed = draw.within(0, u64::MAX);
            Relay::start(binaries, place, seed, directory.path()).await
        };
        let lines = PerPlace::new(line(Place::South).await?, line(Place::North).await?);
        let mut pair = Self {
            binaries: binaries.clone(),
            directory,
            limits,
            offices: PerPlace::new(None, None),
            lines,
            client: Client::default(),
            cycles: 0,
        };
        for place in Place::BOTH {
            pair.start(place, 0).await?;
        }
        Ok(pair)
    }

    /// Starts an office on the ledger it has.
    pub(crate) async fn start(
        &mut self,
        place: Place,
        clock_offset_seconds: i64,
    ) -> Result<(), Failed> {
        let start = OfficeStart {
            place,
            directory: self.directory.path(),
            peer: self.lines[place].address(),
            limits: self.limits,
            clock_offset_seconds,
        };
        let program = start.start(&self.binaries).await?;
        let address = program.address;
        self.offices[place] = Some(program);
        let line = &mut self.lines[place.peer()];
        line.tell(&format!("to {address}")).await?;
        self.client.doors.open(place, address);
        Ok(())
    }

    /// Kills an office. Gives back how many requests to it were under way.
    pub(crate) async fn kill(&mut self, place: Place) -> Result<u64, Failed> {
        let program = self.offices[place].take();
        let program = program.ok_or_else(|| Failed(format!("{place} does not run")))?;
        let unanswered = self.client.account.unanswered(place);
        self.client.doors.close(place);
        program.kill().await?;
        Ok(unanswered)
    }

    /// Has an office drain and end.
    pub(crate) async fn terminate(&mut self, place: Place) -> Result<(), Failed> {
        self.client.doors.close(place);
        match self.offices[place].take() {
            Some(program) => program.terminate().await,
            None => Ok(()),
        }
    }

    pub(crate) fn office(&self, place: Place) -> Result<&Program, Failed> {
        let program = self.offices[place].as_ref();
        program.ok_or_else(|| Failed(format!("{place} does not run")))
    }

    /// Where the ledgers and logs lie.
    /// The identity of the office at `place`.
    pub(crate) fn identity(&self, place: Place) -> Result<Arc<Tls>, Failed> {
        let identity = tests::secured::identity(&self.directory().join("identities"), place);
        identity.map_err(|error| Failed(error.to_string()))
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Whether both offices run.
    pub(crate) fn is_alive(&mut self) -> Result<(), Failed> {
        for place in Place::BOTH {
            if !self.offices[place].as_mut().is_some_and(Program::is_alive) {
                return Err(Failed(format!("{place} has ended by itself")));
            }
        }
        Ok(())
    }

    /// Reads the ledger of an office, beside it.
    pub(crate) fn ledger(&self, place: Place) -> Result<ledger::Reader, Failed> {
        let storage = ledger::DiskStorage::existing(self.directory.path().join(place.word()));
        ledger::read(&storage).map_err(|error| Failed(error.to_string()))
    }

    /// Waits until each office has everything of the other, and rests.
    pub(crate) async fn quiet(&mut self) -> Result<(), Failed> {
        let deadline = Instant::now() + QUIET_TIMEOUT;
        let mut before = None;
        loop {
            let mut known = Vec::new();
            for place in Place::BOTH {
                let channel = timeout(CALL_TIMEOUT, self.client.doors.channel(place)).await;
                if let Ok(channel) = channel {
                    known.extend(watch::office(channel).await);
                }
            }
            if let [south, north] = known.as_slice() {
                let marks = |office: &protocol::pb::office::GetOfficeResponse| {
                    office.marks.unwrap_or_default()
                };
                let (here, there) = (marks(south), marks(north));
                let all = (here.appended, there.appended) == (there.received, here.received)
                    && (here.appended, there.appended) == (here.acknowledged, there.acknowledged);
                let now = Some((south.ledger_sequence, north.ledger_sequence));
                if all && now == before {
                    return Ok(());
                }
                before = now;
            }
            if Instant::now() >= deadline {
                return Err(Failed(format!(
                    "the offices do not come to rest: {known:?}"
                )));
            }
            self.is_alive()?;
            sleep(PAUSE).await;
        }
    }

    /// What the running offices have counted.
    pub(crate) async fn live_tallies(&self) -> Result<PerPlace<pb::Tally>, Failed> {
        let south = self.live_tally(Place::South).await?;
        Ok(PerPlace::new(south, self.live_tally(Place::North).await?))
    }

    async fn live_tally(&self, place: Place) -> Result<pb::Tally, Failed> {
        let failed = |what: String| Failed(format!("{place} tells no tally: {what}"));
        let mut ledgers = LedgerServiceClient::new(self.client.doors.channel(place).await);
        let asked = timeout(
            CALL_TIMEOUT,
            ledgers.get_tally(pb::GetTallyRequest::default()),
        )
        .await;
        let answer = asked.map_err(|_| failed("no answer".to_owned()))?;
        let answer = answer.map_err(|status| failed(status.to_string()))?;
        let tally = answer.into_inner().tally;
        tally.ok_or_else(|| failed("an empty answer".to_owned()))
    }

    /// Waits for quiet, then checks everything.
    pub(crate) async fn check(&mut self) -> Result<Findings, Failed> {
        self.quiet().await?;
        let live = self.live_tallies().await?;
        self.check_ledgers(Some(live)).await
    }

    async fn check_ledgers(&self, live: Option<PerPlace<pb::Tally>>) -> Result<Findings, Failed> {
        let requests = self.client.account.requests();
        let directory = self.directory.path().to_owned();
        let checking =
            tokio::task::spawn_blocking(move || check(&directory, &requests, live.as_ref()));
        let mut findings = checking
            .await
            .map_err(|error| Failed(format!("the check failed: {error}")))??;
        for wrong in self.client.account.take_wrongs() {
            findings.unhealthy(wrong);
        }
        Ok(findings)
    }

    /// Asks again for some of what was acknowledged: the answers must be the first ones.
    pub(crate) async fn ask_again(&self, draw: &mut Draw, count: u64) -> u64 {
        let requests = self.client.account.requests();
        let acknowledged: Vec<_> = requests
            .values()
            .filter(|request| matches!(request.standing, crate::account::Standing::Acknowledged(_)))
            .collect();
        if acknowledged.is_empty() {
            return 0;
        }
        for _ in 0..count {
            let request = *draw.one_of(&acknowledged);
            self.client
                .ask_again(request.place, &request.mutation)
                .await;
        }
        count
    }

    /// Mends the lines, and has both offices drain and end.
    pub(crate) async fn drain(&mut self) -> Result<(), Failed> {
        for place in Place::BOTH {
            self.lines[place].mend().await?;
        }
        for place in Place::BOTH {
            self.terminate(place).await?;
        }
        Ok(())
    }

    /// Ends both offices in good order, and checks what they leave.
    pub(crate) async fn end(mut self, keep: bool) -> Result<Findings, Failed> {
        self.drain().await?;
        let findings = self.check_ledgers(None).await?;
        let Self {
            mut lines,
            directory,
            ..
        } = self;
        for place in Place::BOTH {
            lines[place].tell("quit").await?;
        }
        if keep || !findings.is_clean() {
            let kept = directory.keep();
            eprintln!("kept {}", kept.display());
        }
        Ok(findings)
    }

    /// Ends both offices as they are, and keeps what they leave.
    pub(crate) fn abandon(self) -> PathBuf {
        self.directory.keep()
    }
}
