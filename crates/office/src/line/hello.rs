//! What each side says first, and how the other judges it.

use std::cmp::Ordering;

use crate::line::{EPOCH_MAX, Line, LineFault, LineHash, Mark, VERSION_MAX, VERSION_MIN};
use crate::place::Place;

/// What each side says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// Who speaks.
    pub place: Place,
    /// Its restore counter.
    pub epoch: u64,
    /// The lowest protocol version it knows.
    pub version_min: u32,
    /// The highest protocol version it knows.
    pub version_max: u32,
    /// The last of its own steps in its ledger.
    pub appended: Mark,
    /// The last of the hearer's steps in its ledger.
    pub received: Mark,
    /// It is being restored, and asks for its own steps back.
    pub restoring: bool,
}

/// What to do after a Hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// Send own parcels after this sequence.
    pub send_after: u64,
    /// Give the restoring peer its own parcels back, after this sequence.
    pub return_after: Option<u64>,
    /// The peer's epoch is news, to be logged before anything else.
    pub new_peer_epoch: Option<u64>,
}

impl Line {
    /// What this office says first.
    pub fn hello(&self) -> Hello {
        Hello {
            place: self.place,
            epoch: self.epoch,
            version_min: VERSION_MIN,
            version_max: VERSION_MAX,
            appended: self.appended,
            received: self.received,
            restoring: self.restoring,
        }
    }

    /// Judges the peer's Hello. `own_at` and `peer_at` give the line hash that this ledger holds at one of
    /// its own or the peer's sequences, if it can be read already.
    ///
    /// `said` is the Hello of this office that this one answers; `None` if somebody calls. Anybody can call, so what a
    /// caller says changes nothing here: no fault is set or taken away, and an epoch that is news, or that the
    /// caller is being restored, counts only once the answer to this office's own Hello says the same.
    ///
    /// In an answer a disagreement is remembered: the line stays down from then on. The two directions
    /// run on connections of their own, so parcels overtake a Hello: what the peer says it has is held
    /// against what stood here when it was asked, not against what has come since.
    pub fn take_hello(
        &mut self,
        hello: &Hello,
        said: Option<&Hello>,
        own_at: impl FnOnce(u64) -> Option<LineHash>,
        peer_at: impl FnOnce(u64) -> Option<LineHash>,
    ) -> Result<Resume, LineFault> {
        let outcome = self.judge_hello(hello, said, own_at, peer_at);
        if said.is_none() {
            return outcome.and_then(|resume| self.judge_claims(hello, resume));
        }
        match &outcome {
            Err(fault @ LineFault::Diverged { .. }) => self.fault = Some(fault.clone()),
            Ok(_) => self.fault = None,
            Err(_) => {}
        }
        self.answered = outcome.is_ok().then_some(*hello);
        outcome
    }

    /// What a caller claims must be known already.
    fn judge_claims(&self, hello: &Hello, mut resume: Resume) -> Result<Resume, LineFault> {
        // Every office begins with epoch 1: that is no claim.
        if hello.epoch > self.peer_epoch.max(1) {
            return Err(LineFault::Unconfirmed {
                what: format!(
                    "epoch {} is news here, where epoch {} is known",
                    hello.epoch, self.peer_epoch
                ),
            });
        }
        resume.new_peer_epoch = resume.new_peer_epoch.filter(|epoch| *epoch == 1);
        let Some(sequence) = resume.return_after else {
            return Ok(resume);
        };
        let confirmed = self.answered.is_some_and(|answered| {
            answered.restoring
                && answered.epoch == hello.epoch
                && answered.appended.sequence <= hello.appended.sequence
        });
        if confirmed {
            return Ok(resume);
        }
        Err(LineFault::Unconfirmed {
            what: format!(
                "the caller says that it is being restored and has {sequence} of its own steps, of which {} are known here",
                self.received.sequence
            ),
        })
    }

    /// The peer has refused this office's own Hello, its newest, for a disagreement: that proves as much as a
    /// disagreement found here, and is remembered like one.
    pub fn take_refusal(&mut self, said: String) {
        self.fault = Some(LineFault::Refused { said });
        self.answered = None;
    }

    fn judge_hello(
        &self,
        hello: &Hello,
        said: Option<&Hello>,
        own_at: impl FnOnce(u64) -> Option<LineHash>,
        peer_at: impl FnOnce(u64) -> Option<LineHash>,
    ) -> Result<Resume, LineFault> {
        self.judge_speaker(hello)?;
        self.judge_received(hello.received, own_at)?;
        Ok(Resume {
            send_after: hello.received.sequence.min(self.appended.sequence),
            return_after: self.judge_appended(hello, said, peer_at)?,
            new_peer_epoch: (hello.epoch > self.peer_epoch).then_some(hello.epoch),
        })
    }

    /// The right office, in a version that both know, and not from before a restore.
    fn judge_speaker(&self, hello: &Hello) -> Result<(), LineFault> {
        let wanted = self.place.peer();
        if hello.place != wanted {
            return Err(LineFault::WrongPlace {
                said: hello.place,
                wanted,
            });
        }
        if hello.version_min > VERSION_MAX
            || hello.version_max < VERSION_MIN
            || hello.version_min > hello.version_max
        {
            return Err(LineFault::UnsupportedVersion {
                min: VERSION_MIN,
                max: VERSION_MAX,
            });
        }
        if hello.epoch > EPOCH_MAX {
            return Err(LineFault::EpochOutOfRange {
                said: hello.epoch,
                max: EPOCH_MAX,
            });
        }
        if hello.epoch < self.peer_epoch {
            return Err(LineFault::StaleEpoch {
                said: hello.epoch,
                known: self.peer_epoch,
            });
        }
        Ok(())
    }

    /// What the peer holds of this office's steps, this office must hold too, unless it has lost them.
    fn judge_received(
        &self,
        received: Mark,
        own_at: impl FnOnce(u64) -> Option<LineHash>,
    ) -> Result<(), LineFault> {
        let peer = self.place.peer();
        let Mark { sequence, hash } = received;
        if sequence > self.appended.sequence {
            if self.restoring {
                return Ok(());
            }
            return Err(diverged(format!(
                "the {peer} office has received {sequence} of this office's steps, and this ledger holds {}",
                self.appended.sequence
            )));
        }
        if own_at(sequence) == Some(hash) {
            return Ok(());
        }
        Err(diverged(format!(
            "this office's step {sequence} has another hash at the {peer} office"
        )))
    }

    /// What this office held of the peer's steps when it asked, the peer must hold too. If it has lost them,
    /// tells after which sequence they are to be given back.
    fn judge_appended(
        &self,
        hello: &Hello,
        said: Option<&Hello>,
        peer_at: impl FnOnce(u64) -> Option<LineHash>,
    ) -> Result<Option<u64>, LineFault> {
        let peer = self.place.peer();
        let Mark { sequence, hash } = hello.appended;
        let known = said.map_or(self.received.sequence, |said| said.received.sequence);
        if sequence < known && !hello.restoring {
            return Err(diverged(format!(
                "this ledger holds {known} of the {peer} office's steps, and that office says it has {sequence}"
            )));
        }
        let held = match sequence.cmp(&self.received.sequence) {
            Ordering::Less => peer_at(sequence),
            Ordering::Equal => Some(self.received.hash),
            // Not here yet: it will be judged parcel by parcel.
            Ordering::Greater => None,
        };
        if held.is_some_and(|held| held != hash) {
            return Err(diverged(format!(
                "the {peer} office's step {sequence} has another hash here"
            )));
        }
        let lost = hello.restoring && sequence < self.received.sequence;
        Ok(lost.then_some(sequence))
    }

    /// Whether a restore is complete: all is back that the peer had, by its Hello, of both offices' steps.
    /// The peer's own count too, for this office acknowledged them once: the peer may hold for settled what
    /// a step authored without them would cross.
    pub fn is_restored_by(&self, hello: &Hello) -> bool {
        self.restoring
            && hello.received.sequence <= self.appended.sequence
            && hello.appended.sequence <= self.received.sequence
    }
}

fn diverged(what: String) -> LineFault {
    LineFault::Diverged { what }
}
