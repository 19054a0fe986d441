//! Hellos that parcels overtake: each direction of the line has a connection of its own.

use bytes::Bytes;
use jiff::Timestamp;
use office::line::{EPOCH_MAX, Hello, LineFault, LineHash, Mark, Resume};
use office::{Content, Limits, Mutation, Office, Place, Step, StepId, StepKind};

/// South's ledger, as far as a Hello is concerned: the peer's steps, and their hashes.
struct South {
    office: Office,
    hashes: Vec<LineHash>,
}

impl South {
    fn with(steps: u64) -> Self {
        let mut south = Self {
            office: Office::new(Place::South, Limits::default()),
            hashes: vec![LineHash::ZERO],
        };
        for _ in 0..steps {
            south.receive();
        }
        south
    }

    fn receive(&mut self) {
        let sequence = self.hashes.len() as u64;
        let payload = Bytes::from(sequence.to_string());
        let hash = hash_of(&self.hashes, sequence);
        let step = Step {
            id: StepId::new(Place::North, sequence),
            parent: None,
            kind: StepKind::DocumentSent,
            authored_at: Timestamp::UNIX_EPOCH,
            content: Content::Document { deadline: None },
        };
        let mutation = Mutation {
            request_id: None,
            payload: &payload,
            author: "",
        };
        self.office.record(&step, hash, mutation);
        self.hashes.push(hash);
    }

    fn hello(&self) -> Hello {
        self.office.line().hello()
    }

    fn hears(&mut self, hello: &Hello, said: Option<&Hello>) -> Result<Resume, LineFault> {
        let hashes = self.hashes.clone();
        self.office.line_mut().take_hello(
            hello,
            said,
            |_| Some(LineHash::ZERO),
            |sequence| hashes.get(sequence as usize).copied(),
        )
    }

    fn is_down(&self) -> bool {
        self.office.line().fault().is_some()
    }
}

fn hash_of(hashes: &[LineHash], sequence: u64) -> LineHash {
    hashes[sequence as usize - 1].next(sequence, b"", sequence.to_string().as_bytes())
}

/// What North says that has `appended` steps.
fn north(appended: u64) -> Hello {
    let mut hashes = vec![LineHash::ZERO];
    for sequence in 1..=appended {
        hashes.push(hash_of(&hashes, sequence));
    }
    let mut hello = Office::new(Place::North, Limits::default()).line().hello();
    hello.appended = Mark {
        sequence: appended,
        hash: hashes[appended as usize],
    };
    hello
}

#[test]
fn an_answer_that_parcels_overtook_is_no_loss() {
    let mut south = South::with(3);
    let said = south.hello();
    let answer = north(3);
    south.receive();
    let resume = south.hears(&answer, Some(&said)).expect("nothing is lost");
    assert_eq!(resume.return_after, None);
    assert!(!south.is_down());
}

#[test]
fn an_answer_with_less_than_was_here_when_it_was_asked_for_is_a_loss() {
    let mut south = South::with(3);
    let said = south.hello();
    let fault = south.hears(&north(2), Some(&said)).expect_err("a loss");
    assert!(matches!(fault, LineFault::Diverged { .. }));
    assert!(south.is_down());
}

#[test]
fn an_overtaken_answer_with_another_hash_is_a_disagreement() {
    let mut south = South::with(3);
    let said = south.hello();
    south.receive();
    let mut answer = north(3);
    answer.appended.hash = LineHash([7; 32]);
    south.hears(&answer, Some(&said)).expect_err("another hash");
    assert!(south.is_down());
}

#[test]
fn a_late_call_is_refused_and_proves_nothing() {
    let mut south = South::with(3);
    south.hears(&north(2), None).expect_err("it is late");
    assert!(
        !south.is_down(),
        "an old Hello may lie on the line for long"
    );
    let said = south.hello();
    south
        .hears(&north(2), Some(&said))
        .expect_err("the answer decides");
    assert!(south.is_down());
    let said = south.hello();
    south
        .hears(&north(3), Some(&said))
        .expect("it has them after all");
    assert!(!south.is_down());
}

/// As many steps as are here, and other ones: no Hello that came late says that.
#[test]
fn a_call_with_another_hash_is_a_disagreement() {
    let mut south = South::with(3);
    let mut call = north(3);
    call.appended.hash = LineHash([7; 32]);
    let refused = south.hears(&call, None).expect_err("another hash");
    assert!(matches!(refused, LineFault::Diverged { .. }));
    assert!(!south.is_down(), "anybody may call");
    let said = south.hello();
    south.hears(&call, Some(&said)).expect_err("another hash");
    assert!(south.is_down(), "the answer decides");
    south.hears(&north(3), None).expect("it is as it was");
    assert!(south.is_down(), "no caller takes the doubt away either");
}

#[test]
fn an_epoch_that_is_news_counts_in_an_answer_alone() {
    for epoch in [2, 1_000, EPOCH_MAX] {
        let mut south = South::with(3);
        let mut call = north(3);
        call.epoch = epoch;
        let refused = south.hears(&call, None).expect_err("it is news");
        assert!(matches!(refused, LineFault::Unconfirmed { .. }));
        south
            .hears(&north(3), None)
            .expect("the peer is not shut out");
        let said = south.hello();
        let resume = south.hears(&call, Some(&said)).expect("it says so itself");
        assert_eq!(resume.new_peer_epoch, Some(epoch));
    }
    for epoch in [EPOCH_MAX + 1, u64::MAX] {
        let mut south = South::with(3);
        let said = south.hello();
        let mut hello = north(3);
        hello.epoch = epoch;
        for said in [None, Some(&said)] {
            let refused = south.hears(&hello, said).expect_err("nobody has it");
            assert!(matches!(refused, LineFault::EpochOutOfRange { .. }));
        }
    }
}

#[test]
fn a_caller_that_is_being_restored_is_given_back_what_its_own_answer_lacks() {
    let mut south = South::with(3);
    let restoring = |appended| {
        let mut hello = north(appended);
        hello.restoring = true;
        hello
    };
    let refused = south.hears(&restoring(1), None).expect_err("a claim");
    assert!(matches!(refused, LineFault::Unconfirmed { .. }));
    let said = south.hello();
    south.hears(&restoring(1), Some(&said)).expect("its answer");
    let resume = south
        .hears(&restoring(2), None)
        .expect("it has come so far");
    assert_eq!(resume.return_after, Some(2));
    south
        .hears(&restoring(0), None)
        .expect_err("less than it said");
    let said = south.hello();
    south.hears(&north(3), Some(&said)).expect("it is restored");
    south.hears(&restoring(2), None).expect_err("it was");
}

/// Version 0.1.0 believed a stranger: the ledger says so for ever, and the fold does not.
#[test]
fn an_epoch_that_nobody_can_have_is_not_read_from_the_ledger() {
    let mut south = South::with(3);
    south.office.record_epoch(Place::North, 1, false);
    south.office.record_epoch(Place::North, u64::MAX, false);
    assert_eq!(south.office.line().peer_epoch(), 1);
    south
        .hears(&north(3), None)
        .expect("the peer is not shut out");
}
