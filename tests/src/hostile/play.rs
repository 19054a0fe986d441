//! Plays acts against South, and holds all that it tells against its ledger after each of them.

use bytes::Bytes;
use ledger::faulty::{FaultyStorage, Unsynced};
use office::{Place, StepId};
use protocol::pb::line as pb;
use protocol::pb::line::carry_request::Message as Says;
use protocol::pb::line::carry_response::Message as Responds;
use protocol::pb::office as office_pb;
use tonic::Code;

use super::account::Account;
use super::act::{Acknowledged, Act, Content, Frame, Hello, Said, Then, Uninvited};
use super::called::{Answer, Call, Called};
use super::caller::Stream;
use super::message::{Known, Message, is_too_large};
use super::place::{Door, Office, long_rest, rest};
use super::truth::{
    DISAGREE, NEWER_HELLO, OUT_OF_ORDER, Reason, TOO_LARGE, Truth, judge_parcel, last_mark,
    mark_at, sealed,
};
use crate::harness::{Clients, acknowledge, refused};

/// What a stream must have come to when all is at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was said on it.
    Silent,
    /// Its Hello has passed, and no newer one has.
    Open,
    /// The caller half-closed it: all it sent is acknowledged.
    Closed,
    /// The office has broken it.
    Broken(Reason),
    /// The caller broke it off.
    BrokenOff,
}

struct Line {
    stream: Stream,
    state: State,
    /// The parcels that must have been given back on it.
    returned: Vec<pb::Parcel>,
}

/// What the peer's end of the office's own call must have come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnCall {
    /// Nothing is known of one.
    Unknown,
    /// The office has ended it.
    Over,
    /// The peer had so many of the office's steps.
    Up { has: u64 },
}

/// South and all who speak with it.
pub(super) struct Play {
    pub(super) south: Office,
    pub(super) to_north: Door,
    called: Called,
    answer: Answer,
    own_call: OwnCall,
    clients: Clients,
    account: Account,
    lines: Vec<Line>,
    /// All that the ledger must hold of the caller's parcels.
    received: Vec<pb::Parcel>,
    /// The parcels of those last sent that may be recorded or not.
    perhaps: usize,
    acknowledged: u64,
    marks: office_pb::Marks,
    is_faulty: bool,
    power_cut: Option<(Unsynced, u64)>,
    pub(super) truth: Truth,
}

impl Play {
    pub(super) async fn begin() -> Self {
        let (to_south, to_north) = (Door::default(), Door::default());
        let called = Called::at(&to_north);
        let storage = FaultyStorage::new(1);
        let south = Office::start(Place::South, storage, to_south, to_north.clone());
        rest().await;
        Self {
            clients: south.clients(),
            truth: Truth::read(&south.storage),
            south,
            to_north,
            called,
            answer: Answer::Unavailable,
            own_call: OwnCall::Unknown,
            account: Account::default(),
            lines: Vec::new(),
            received: Vec::new(),
            perhaps: 0,
            acknowledged: 0,
            marks: office_pb::Marks::default(),
            is_faulty: false,
            power_cut: None,
        }
    }

    /// Plays one act, and checks what came of it.
    pub(super) async fn act(&mut self, act: Act) {
        match act {
            Act::Open(hello, said, then) => self.open(hello, &said, then).await,
            Act::Begin(said, then) => self.begin_with(&said, then).await,
            Act::Silence => self.begin_stream(State::Silent),
            Act::Say(which, said, then) => self.say(which, &said, then),
            Act::Race(contents) => return self.race(&contents).await,
            Act::Send { delivered } => return self.send(delivered).await,
            Act::Repeat { which, other } => self.account.repeat(&self.clients, which, other),
            Act::AnswerDocument(sequence) => self.answer_document(sequence).await,
            Act::Answer { answer, stale } => return self.answer(answer, stale).await,
            Act::Acknowledge(acknowledged) => self.acknowledge(acknowledged),
            Act::Uninvited(uninvited) => self.uninvited(uninvited),
            Act::LongRest => return self.long_rest().await,
            Act::Drop => self.reopen(false).await,
            Act::Drain => self.reopen(true).await,
            Act::CutPower {
                after,
                unsynced,
                seed,
            } => {
                self.south.cut_power_after(after);
                self.power_cut = Some((unsynced, seed));
            }
        }
        self.settle().await;
    }

    /// Lets everything come to rest, and holds what was told against the ledger.
    async fn settle(&mut self) {
        rest().await;
        if self.south.storage.has_crashed() {
            return self.restart_machine().await;
        }
        assert!(self.south.runs(), "the office serves");
        self.truth = Truth::read(&self.south.storage);
        let may_disagree = self.is_faulty | self.ask_office().await;
        self.account.take_answers(may_disagree, false).await;
        self.account.check(&self.truth);
        self.check_received(self.perhaps);
        self.check_lines();
        self.check_own_call();
    }

    fn check_received(&mut self, perhaps: usize) {
        let least = self.received.len() - perhaps;
        let count = self.truth.received.len();
        assert!(
            (least..=self.received.len()).contains(&count),
            "{count} parcels stand, and {least} to {} must",
            self.received.len()
        );
        self.received.truncate(count);
        assert_eq!(self.received, self.truth.received, "as they were sent");
        self.perhaps = 0;
    }

    /// Asks the office how it is; returns whether the ledgers seem to disagree.
    async fn ask_office(&mut self) -> bool {
        assert!(self.clients.serves().await, "health says so too");
        let office = self.clients.office().await;
        let marks = office.marks.expect("there are marks");
        self.check_marks(&marks);
        assert_eq!(office.ledger_sequence, self.truth.entries);
        assert_eq!(office.epoch, 1, "nobody raised it");
        assert_eq!(office.peer_epoch, self.truth.peer_epoch());
        let tally = protocol::tally_to_pb(&self.truth.tally);
        assert_eq!(self.clients.tally().await, tally, "live, as read cold");
        self.is_faulty = office.connection() == office_pb::Connection::Fault;
        assert!(!self.is_faulty || !office.connection_reason.is_empty());
        self.is_faulty
    }

    /// Marks are what the ledger holds, and never move backwards, whatever was restarted.
    fn check_marks(&mut self, marks: &office_pb::Marks) {
        let line = self.truth.office.line();
        let held = office_pb::Marks {
            appended: line.appended().sequence,
            acknowledged: line.acknowledged(),
            settled: line.settled(),
            received: line.received().sequence,
        };
        assert_eq!(*marks, held, "what is told is what stands");
        assert!(marks.settled <= marks.acknowledged && marks.acknowledged <= marks.appended);
        let before = std::mem::replace(&mut self.marks, *marks);
        assert!(
            before.appended <= marks.appended
                && before.acknowledged <= marks.acknowledged
                && before.settled <= marks.settled
                && before.received <= marks.received,
            "{before:?} was told, and then {marks:?}"
        );
    }

    /// Holds what was heard on each stream against what had to come of it.
    fn check_lines(&mut self) {
        let mark = last_mark(&self.truth.received);
        for line in &self.lines {
            check_acknowledgements(line, &self.truth);
            let heard = line.stream.heard();
            match (line.state, &heard.end) {
                (State::Silent, None) => assert_eq!(heard.hello, None),
                (State::Open, None) => {}
                (State::Closed, Some(status)) => assert_eq!(status.code(), Code::Ok, "{status:?}"),
                (State::Broken(reason), Some(status)) => {
                    assert_eq!(refused(status).why(), reason, "{status:?}");
                }
                (State::BrokenOff, _) => continue,
                (state, end) => panic!("{state:?} has come to {end:?}"),
            }
            if matches!(line.state, State::Open | State::Closed) {
                let last = heard.acknowledgements.last().expect("one follows Hello");
                assert_eq!(last.through.as_ref(), Some(&mark), "all is acknowledged");
                assert_eq!(heard.returned, line.returned, "what is given back");
            }
        }
        self.lines
            .retain(|line| matches!(line.state, State::Silent | State::Open));
    }

    fn begin_stream(&mut self, state: State) {
        let stream = Stream::begin(self.south.door.channel_of(Place::North));
        self.lines.push(Line {
            stream,
            state,
            returned: Vec::new(),
        });
    }

    async fn open(&mut self, hello: Hello, said: &[Said], then: Then) {
        let hello = self.known().hello(hello);
        let judged = self.truth.judge_hello(&hello);
        self.begin_stream(judged.map_or_else(State::Broken, |()| State::Open));
        let index = self.lines.len() - 1;
        self.lines[index].stream.say_hello(hello.clone());
        if judged.is_ok() {
            self.supersede(index, then);
            self.say(index, said, then);
        } else if then != Then::Stay {
            // Whoever leaves at once may hear nothing, and may not have been heard.
            self.part(index, then);
            self.lines[index].state = State::BrokenOff;
        }
        if self.answer.disagrees() || self.answer.passes() {
            return;
        }
        // Nobody else says what would change it.
        rest().await;
        if self.south.runs() && matches!(self.lines[index].state, State::Open | State::Broken(_)) {
            let office = self.clients.offices.clone();
            let asked = office
                .clone()
                .get_office(office_pb::GetOfficeRequest {})
                .await;
            let is_fault =
                asked.map(|asked| asked.into_inner().connection() == office_pb::Connection::Fault);
            let Ok(is_fault) = is_fault else { return };
            assert_eq!(
                is_fault, self.is_faulty,
                "a caller's {hello:?} shows nothing"
            );
        }
    }

    /// A Hello that has passed ends the older stream. Whoever leaves at once may not have been heard: then the older
    /// stream is left too.
    fn supersede(&mut self, newest: usize, then: Then) {
        for (index, line) in self.lines.iter_mut().enumerate() {
            if index != newest && line.state == State::Open {
                line.state = match then {
                    Then::Stay | Then::HalfClose => State::Broken(NEWER_HELLO),
                    Then::Reset | Then::Leave => State::BrokenOff,
                };
            }
        }
    }

    async fn begin_with(&mut self, said: &Said, then: Then) {
        self.begin_stream(State::Silent);
        let index = self.lines.len() - 1;
        let before = self.received.clone();
        let is_hello = matches!(said, Said::Hello);
        let Some(message) = self.known().message(said, &before) else {
            return;
        };
        if is_hello {
            return self.open(Hello::True, &[], then).await;
        }
        let reason = match message {
            Message::Says(says) => {
                let too_large = is_too_large(says.as_ref());
                self.lines[index].stream.say(says);
                if too_large { TOO_LARGE } else { OUT_OF_ORDER }
            }
            Message::Bytes(bytes, reason) => {
                self.lines[index].stream.say_bytes(bytes);
                reason
            }
        };
        let cut_off = matches!(said, Said::Frame(Frame::CutOff));
        let then = if cut_off { Then::HalfClose } else { then };
        self.lines[index].state = State::Broken(reason);
        if !cut_off && then != Then::Stay {
            self.lines[index].state = State::BrokenOff;
        }
        self.part(index, then);
    }

    /// Says `said` on a stream until it breaks, with no pause.
    fn say(&mut self, which: usize, said: &[Said], then: Then) {
        let Some(index) = which.checked_rem(self.lines.len()) else {
            return;
        };
        if self.lines[index].state != State::Open {
            return;
        }
        let start = self.received.clone();
        let mut then = then;
        for said in said {
            let Some(message) = self.known().message(said, &start) else {
                continue;
            };
            let reason = match message {
                Message::Says(says) => {
                    let too_large = is_too_large(says.as_ref());
                    let reason = match &says {
                        _ if too_large => Some(TOO_LARGE),
                        Some(Says::Parcel(parcel)) => self.judge(parcel),
                        _ => Some(OUT_OF_ORDER),
                    };
                    if matches!(said, Said::Hello | Said::Nothing | Said::ShortHash) {
                        // What came with it in one piece is not looked at.
                        self.perhaps = self.received.len() - start.len();
                    }
                    self.lines[index].stream.say(says);
                    reason
                }
                Message::Bytes(bytes, reason) => {
                    self.lines[index].stream.say_bytes(bytes);
                    if matches!(said, Said::Frame(Frame::CutOff)) {
                        then = Then::HalfClose;
                    }
                    Some(reason)
                }
            };
            if let Some(reason) = reason {
                self.lines[index].state = State::Broken(reason);
                break;
            }
        }
        if matches!(then, Then::Reset | Then::Leave) {
            self.perhaps = self.received.len() - start.len();
            self.lines[index].state = State::BrokenOff;
        } else if then == Then::HalfClose && self.lines[index].state == State::Open {
            self.lines[index].state = State::Closed;
        }
        self.part(index, then);
    }

    /// Judges a parcel, and takes it if it is the next.
    fn judge(&mut self, parcel: &pb::Parcel) -> Option<Reason> {
        match judge_parcel(&self.received, parcel) {
            Ok(true) => self.received.push(parcel.clone()),
            Ok(false) => {}
            Err(reason) => return Some(reason),
        }
        None
    }

    fn part(&mut self, index: usize, then: Then) {
        match then {
            Then::Stay => {}
            Then::HalfClose => self.lines[index].stream.half_close(),
            Then::Reset => self.lines[index].stream.reset(),
            Then::Leave => self.lines[index].stream.leave(),
        }
    }

    /// Two streams at once: one ends, and what both sent stands once.
    async fn race(&mut self, contents: &[Content]) {
        let hello = self.known().hello(Hello::True);
        if self.truth.judge_hello(&hello).is_err() {
            return self.settle().await;
        }
        self.lines.clear();
        let start = self.received.len();
        for content in contents {
            let parcel = self.known().next(content);
            assert_eq!(self.judge(&parcel), None);
        }
        let mut both = Vec::new();
        for _ in 0..2 {
            let stream = Stream::begin(self.south.door.channel_of(Place::North));
            stream.say_hello(hello.clone());
            for parcel in &self.received[start..] {
                stream.say_parcel(parcel.clone());
            }
            both.push(stream);
        }
        rest().await;
        let ends: Vec<_> = both
            .iter()
            .filter_map(|stream| stream.heard().end.clone())
            .collect();
        if !self.south.storage.has_crashed() {
            assert_eq!(ends.len(), 1, "one of two streams ends: {ends:?}");
            let why = refused(&ends[0]);
            let known = [NEWER_HELLO, DISAGREE].contains(&(why.code, &why.reason));
            assert!(known, "{why:?}");
        }
        drop(both);
        self.settle().await;
    }

    async fn send(&mut self, delivered: bool) {
        let wait = if delivered {
            office_pb::Wait::Delivered
        } else {
            office_pb::Wait::Recorded
        };
        let (before, was_faulty) = (self.truth.own.len(), self.is_faulty);
        self.account.send(&self.clients, wait);
        let starts = self.south.starts();
        self.settle().await;
        // What changed meanwhile decides nothing.
        if was_faulty == self.is_faulty && self.south.starts() == starts {
            let grown = self.truth.own.len() - before;
            assert_eq!(
                grown,
                usize::from(!was_faulty),
                "a doubt stops all authoring"
            );
        }
    }

    async fn answer_document(&mut self, sequence: u64) {
        let id = StepId::new(Place::North, sequence);
        let answered = acknowledge(&self.clients, &id.name(office::Collection::Documents)).await;
        if let Err(status) = answered
            && !self.south.storage.has_crashed()
        {
            let refused = refused(&status);
            let known = [
                (Code::NotFound, "NOT_FOUND"),
                (Code::FailedPrecondition, "ILLEGAL_STEP"),
                DISAGREE,
            ];
            assert!(
                known.contains(&(refused.code, &refused.reason)),
                "{refused:?}"
            );
        }
    }

    /// The office's own call ends, and it dials again.
    async fn answer(&mut self, answer: Answer, stale: bool) {
        let known = self.truth.peer_epoch();
        let stale = stale && known > 1;
        let epoch = if stale { known - 1 } else { known.max(1) };
        self.called.answer(answer, epoch);
        self.answer = answer;
        self.own_call = OwnCall::Unknown;
        let starts = self.south.starts();
        self.long_rest().await;
        if self.south.starts() != starts {
            return;
        }
        if stale && answer != Answer::Unavailable {
            // It says so once and again, and takes nothing.
            self.called.answer(Answer::Unavailable, epoch);
            self.answer = Answer::Unavailable;
            let office = self.clients.office().await;
            assert_ne!(office.connection(), office_pb::Connection::Up, "{office:?}");
            return self.settle().await;
        }
        let office = self.clients.office().await;
        if answer.disagrees() {
            assert_eq!(office.connection(), office_pb::Connection::Fault);
        }
        if answer.passes() {
            assert_eq!(office.connection(), office_pb::Connection::Up, "{office:?}");
            let has = self.called.with_call(|call| match call.answer {
                Answer::HasAll => call.hello.appended.clone().expect("a mark").sequence,
                _ => 0,
            });
            let has = has.expect("the office has called");
            self.own_call = OwnCall::Up { has };
            self.settle().await;
        } else {
            assert_ne!(office.connection(), office_pb::Connection::Up, "{office:?}");
        }
    }

    /// The office's steps that the peer lacks have come, in order and as they stand.
    fn check_own_call(&mut self) {
        assert_eq!(self.truth.acknowledged(), self.acknowledged);
        let OwnCall::Up { has } = self.own_call else {
            let is_over = self.called.with_call(Call::is_over);
            assert!(self.own_call != OwnCall::Over || is_over == Some(true));
            self.own_call = OwnCall::Unknown;
            return;
        };
        let known = self.called.with_call(|call| {
            assert!(!call.is_over(), "the office goes on with its peer");
            call.parcels.clone()
        });
        let parcels = known.expect("there is a call");
        assert_eq!(parcels, self.truth.own[has as usize..], "all that it lacks");
    }

    fn acknowledge(&mut self, acknowledged: Acknowledged) {
        if !matches!(self.own_call, OwnCall::Up { .. }) {
            return;
        }
        let own = &self.truth.own;
        let last = own.len() as u64;
        let mark = |back: u64| mark_at(own, last.saturating_sub(back)).expect("it stands");
        let (through, appended) = match acknowledged {
            Acknowledged::True { back, appended } => (Some(mark(back)), appended),
            Acknowledged::Beyond => {
                let sequence = last + 1;
                (
                    Some(pb::Mark {
                        sequence,
                        ..mark(0)
                    }),
                    0,
                )
            }
            Acknowledged::OtherHash { back } => {
                let hash = Bytes::from_static(&[7; 32]);
                (Some(pb::Mark { hash, ..mark(back) }), 0)
            }
            Acknowledged::Incomplete => (None, 0),
        };
        let is_old = |through: &pb::Mark| through.sequence < self.acknowledged;
        let is_true = |through: &pb::Mark| mark_at(own, through.sequence).as_ref() == Some(through);
        match &through {
            Some(through) if is_old(through) => {}
            Some(through) if is_true(through) => self.acknowledged = through.sequence,
            _ => self.own_call = OwnCall::Over,
        }
        let message = Responds::Acknowledgement(pb::Acknowledgement { through, appended });
        self.say_called(message);
    }

    fn uninvited(&mut self, uninvited: Uninvited) {
        if !matches!(self.own_call, OwnCall::Up { .. }) {
            return;
        }
        self.own_call = OwnCall::Over;
        let message = match uninvited {
            Uninvited::Hello => Responds::Hello(self.known().hello(Hello::True)),
            Uninvited::ReturnedNext => {
                Responds::Returned(sealed(&self.truth.own, &Bytes::new(), &Bytes::new()))
            }
        };
        self.say_called(message);
    }

    /// Says something on the office's own call. If that breaks it, the next one is not taken: the test knows then
    /// what the office may hold.
    fn say_called(&mut self, message: Responds) {
        let said = self.called.with_call(|call| call.say(message));
        said.expect("there is a call");
        if self.own_call == OwnCall::Over {
            self.answer = Answer::Unavailable;
            self.called.answer_no_more();
        }
    }

    async fn long_rest(&mut self) {
        long_rest().await;
        for line in &mut self.lines {
            if line.state == State::Silent {
                line.state = State::Broken(OUT_OF_ORDER);
            }
        }
        self.settle().await;
    }

    async fn reopen(&mut self, drained: bool) {
        self.forget_streams();
        self.south.keep_power();
        if drained {
            self.south.drain_and_reopen().await;
        } else {
            self.south.drop_and_reopen().await;
        }
        self.after_start().await;
    }

    fn known(&self) -> Known<'_> {
        Known {
            own: &self.truth.own,
            received: &self.received,
            peer_epoch: self.truth.peer_epoch(),
        }
    }

    /// The caller leaves for good.
    pub(super) async fn leave(&mut self) {
        self.forget_streams();
        self.settle().await;
    }

    /// What was under way is over.
    fn forget_streams(&mut self) {
        self.lines.clear();
        self.own_call = OwnCall::Unknown;
        self.answer = Answer::Unavailable;
        self.called.answer(Answer::Unavailable, 1);
    }

    async fn after_start(&mut self) {
        rest().await;
        self.clients = self.south.clients();
        let is_faulty = std::mem::replace(&mut self.is_faulty, false);
        self.account.take_answers(is_faulty, true).await;
    }

    /// The machine has died: what was told before stands on what is left of its disk.
    async fn restart_machine(&mut self) {
        let (unsynced, seed) = self.power_cut.take().expect("it was planned");
        let lines = std::mem::take(&mut self.lines);
        self.forget_streams();
        self.south.restart_machine(unsynced, seed).await;
        self.truth = Truth::read(&self.south.storage);
        for line in &lines {
            check_acknowledgements(line, &self.truth);
        }
        let all = self.received.len();
        self.check_received(all);
        assert!(self.truth.acknowledged() >= self.marks.acknowledged);
        self.acknowledged = self.truth.acknowledged();
        self.after_start().await;
        self.account.forget_deliveries(&self.truth);
        self.account.check(&self.truth);
        self.ask_office().await;
    }
}

/// Each acknowledgement is of what stands, and they never move backwards.
fn check_acknowledgements(line: &Line, truth: &Truth) {
    let mut before = 0;
    for acknowledgement in &line.stream.heard().acknowledgements {
        let through = acknowledgement.through.as_ref().expect("a mark");
        let stands = mark_at(&truth.received, through.sequence);
        assert_eq!(stands.as_ref(), Some(through), "it is acknowledged");
        assert!(before <= through.sequence, "{before} before {through:?}");
        assert!(acknowledgement.appended <= truth.own.len() as u64);
        before = through.sequence;
    }
}
