//! Both offices, as processes, with a line between them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::{DiskStorage, Reader, Storage};
use office::{PerPlace, Place, Tally};
use protocol::pb::line::line_service_client::LineServiceClient;
use protocol::pb::office as pb;
use tempfile::TempDir;
use tonic::transport::Channel;

use super::clients::Clients;
use super::liaison;
use super::line::Way;
use super::process::{Ended, Process};
use super::wait::until;

/// The storage of a ledger.
pub(crate) fn storage_of(directory: &Path) -> Arc<dyn Storage> {
    Arc::new(DiskStorage::existing(directory))
}

/// Reads a ledger, beside its office or cold.
pub(crate) fn ledger_of(directory: &Path) -> Reader {
    ledger::read(&*storage_of(directory)).expect("the ledger can be read")
}

/// Two offices.
pub(crate) struct Pair {
    directory: TempDir,
    arguments: Vec<String>,
    ways: PerPlace<Way>,
    running: PerPlace<Option<Process>>,
}

impl Pair {
    /// Two offices with nothing in their ledgers, and the line up.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same, with further arguments for both.
    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let mut pair = Self::idle(arguments).await;
        for place in Place::BOTH {
            pair.start_office(place).await;
        }
        for place in Place::BOTH {
            pair.connected(place).await;
        }
        pair
    }

    /// Two offices that do not run yet.
    pub(crate) async fn idle(arguments: &[&str]) -> Self {
        Self {
            directory: TempDir::new().expect("a directory"),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            ways: PerPlace::new(Way::new().await, Way::new().await),
            running: PerPlace::default(),
        }
    }

    /// Where the ledger of an office lies.
    pub(crate) fn data(&self, place: Place) -> PathBuf {
        self.directory.path().join(place.word())
    }

    /// Who the offices are.
    pub(crate) fn identities(&self) -> PathBuf {
        self.directory.path().join("identities")
    }

    /// An officer at `place`, called kim: the file.
    pub(crate) async fn officer(&self, place: Place) -> String {
        let identities = self.identities().display().to_string();
        let issue = ["pki", "issue", place.word(), "officer", "kim"];
        let issue = [&issue[..], &["--identities", &identities]].concat();
        let ran = liaison(&self.path(""), &issue).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        format!("{identities}/{place}-officer-kim.pem")
    }

    /// A client at `place` that is known as its peer.
    pub(crate) fn as_peer(&self, place: Place) -> LineServiceClient<Channel> {
        let tls = tests::secured::identity(&self.identities(), place.peer());
        let tls = tls.expect("there are identities");
        LineServiceClient::new(tests::secured::channel(self.process(place).address, tls))
    }

    /// An office whose peer is at `peer`, whoever that is. It is not one of the pair's.
    pub(crate) async fn office_towards(&self, place: Place, peer: &str) -> Process {
        let mut command = Process::command(place);
        command
            .args(["--listen", "127.0.0.1:0", "--peer", peer, "--data"])
            .arg(self.data(place))
            .arg("--identities")
            .arg(self.identities());
        let process = Process::start(command, &self.path(&format!("{place}.log"))).await;
        process.unwrap_or_else(|ended| panic!("the {place} office did not start: {ended:?}"))
    }

    /// A path that nothing has yet.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts an office on its ledger, on a port of the system's choice.
    pub(crate) async fn start_office(&mut self, place: Place) {
        self.start_office_with(place, &[]).await;
    }

    /// The same, with further arguments.
    pub(crate) async fn start_office_with(&mut self, place: Place, arguments: &[&str]) {
        if let Err(ended) = self.try_start(place, arguments).await {
            panic!("the {place} office did not start: {ended:?}");
        }
    }

    /// Starts an office, which may refuse.
    pub(crate) async fn try_start(
        &mut self,
        place: Place,
        arguments: &[&str],
    ) -> Result<(), Ended> {
        assert!(self.running[place].is_none(), "{place} runs already");
        let mut command = Process::command(place);
        command
            .args(["--listen", "127.0.0.1:0", "--peer"])
            .arg(self.ways[place.peer()].address.to_string())
            .arg("--data")
            .arg(self.data(place))
            .arg("--identities")
            .arg(self.identities())
            .args(&self.arguments)
            .args(arguments);
        let log = self.path(&format!("{place}.log"));
        let process = Process::start(command, &log).await?;
        self.ways[place].lead_to(Some(process.address));
        self.running[place] = Some(process);
        Ok(())
    }

    /// The process of an office.
    pub(crate) fn process(&self, place: Place) -> &Process {
        self.running[place].as_ref().expect("the office runs")
    }

    /// Takes an office out of the pair.
    pub(crate) fn take(&mut self, place: Place) -> Process {
        self.ways[place].lead_to(None);
        self.running[place].take().expect("the office runs")
    }

    /// Ends an office without warning.
    pub(crate) fn kill(&mut self, place: Place) {
        self.take(place).kill();
    }

    /// Drains an office, which must end well.
    pub(crate) async fn stop(&mut self, place: Place) {
        let ended = self.take(place).stop().await;
        assert_eq!(ended.code, Some(0), "{place} ends well: {}", ended.log);
    }

    /// Cuts the line, in both directions.
    pub(crate) fn cut(&self) {
        for place in Place::BOTH {
            self.ways[place].cut();
        }
    }

    /// Restores the line.
    pub(crate) fn restore(&self) {
        for place in Place::BOTH {
            self.ways[place].restore();
        }
    }

    /// Clients of an office, over a connection of their own.
    pub(crate) fn clients(&self, place: Place) -> Clients {
        Clients::of(self.process(place).address)
    }

    /// Clients of both.
    pub(crate) fn both(&self) -> (Clients, Clients) {
        (self.clients(Place::South), self.clients(Place::North))
    }

    /// Waits until an office has the line up.
    pub(crate) async fn connected(&self, place: Place) {
        self.connection(place, pb::Connection::Up).await;
    }

    /// Waits until an office says so of the line.
    pub(crate) async fn connection(
        &self,
        place: Place,
        wanted: pb::Connection,
    ) -> pb::GetOfficeResponse {
        let clients = self.clients(place);
        until(&format!("{wanted:?} at {place}"), async || {
            let office = clients.office().await;
            (office.connection() == wanted).then_some(office)
        })
        .await
    }

    /// Waits until each office has acknowledged all that the other has.
    pub(crate) async fn quiet(&self) {
        let (south, north) = self.both();
        until("a quiet line", async || {
            let (south, north) = (south.marks().await, north.marks().await);
            client::is_quiet(&south, &north).then_some(())
        })
        .await;
    }

    /// Waits until the line is quiet, drains both offices, and holds their ledgers against each other: both are
    /// sound, they agree, and both count what is returned.
    pub(crate) async fn finish(mut self) -> Tally {
        self.quiet().await;
        for place in Place::BOTH {
            self.stop(place).await;
        }
        self.reconciled()
    }

    /// What both ledgers count; they are sound, and agree.
    pub(crate) fn reconciled(&self) -> Tally {
        for place in Place::BOTH {
            let verified = ledger::verify(&*storage_of(&self.data(place))).expect("it is a ledger");
            assert_eq!(verified.faults, [], "{place}'s ledger is sound");
        }
        let [south, north] = Place::BOTH.map(|place| ledger_of(&self.data(place)));
        let found = ledger::reconcile(&south, &north).expect("they can be read");
        assert!(found.agreed, "{:?}", found.differences);
        let tally = ledger::tally(&south).expect("it can be counted");
        let there = ledger::tally(&north).expect("it can be counted");
        assert_eq!(tally, there, "both count the same");
        tally
    }
}
