//! What is to be sent, and when, out of the calls that were recorded.

use std::time::Duration;

use bytes::Bytes;
use prost_reflect::MessageDescriptor;
use tap::{Call, CallEnd, Field, Side};
use transcript::Known;

use crate::Played;
use crate::values::Source;

/// What a compressed message may unpack to.
const UNPACKED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A value that was blanked has nothing else.
const BLANK: u8 = b'*';

/// A message to be sent.
#[derive(Debug, Clone)]
pub struct Say {
    /// When, since the recording began.
    pub at: Duration,
    /// The message as it passed.
    pub bytes: Bytes,
    /// The same, unpacked.
    pub unpacked: Bytes,
    /// Whether it was compressed.
    pub is_compressed: bool,
    /// Values within it that come from answers: indices of [`Script::sources`].
    pub needs: Vec<usize>,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Awaited {
    /// Its answers and its status, as they would be now.
    pub played: Played,
    /// When its first byte and its end came, since the call began; `None` if that was not recorded.
    pub took: Option<Duration>,
    /// When each answer came, since the recording began.
    pub at: Vec<Duration>,
}

/// A call to be made.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Which of the recording it was.
    pub number: u64,
    /// The connection it was made on.
    pub connection: u64,
    /// Where that connection led, if that was recorded.
    pub server: Option<String>,
    /// Its path.
    pub path: String,
    /// When it began, since the recording began.
    pub began: Duration,
    /// Its metadata, but what HTTP/2 itself needs.
    pub metadata: Vec<(String, Vec<u8>)>,
    /// Values within it that come from answers.
    pub needs: Vec<usize>,
    /// Its messages, in their order.
    pub says: Vec<Say>,
    /// When the caller had said all; `None` if it never had.
    pub asked: Option<Duration>,
    /// When the caller gave it up, if it did.
    pub given_up: Option<Duration>,
    /// What was answered.
    pub awaited: Awaited,
    /// What it sends, if that is known.
    pub input: Option<MessageDescriptor>,
    /// What is answered, if that is known.
    pub output: Option<MessageDescriptor>,
}

impl Planned {
    /// When anything of it happened.
    fn times(&self) -> impl Iterator<Item = Duration> {
        let ended = self.awaited.took.map(|took| self.began + took);
        let said = self.says.iter().map(|say| say.at);
        let answered = self.awaited.at.iter().copied();
        let ends = [self.asked, self.given_up, ended].into_iter().flatten();
        said.chain(answered).chain(ends).chain([self.began])
    }
}

/// A call that is not made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Which of the recording it was.
    pub number: u64,
    /// Its path, if it was seen.
    pub path: Option<String>,
    /// Why.
    pub why: String,
}

/// What is to be sent.
#[derive(Debug, Default)]
pub struct Script {
    /// The calls, in the order in which they began.
    pub calls: Vec<Planned>,
    /// What is not sent.
    pub left_out: Vec<LeftOut>,
    /// Values that answers made and requests repeat.
    pub sources: Vec<Source>,
    /// Names of metadata that was blanked, and was not given.
    pub blanked: Vec<String>,
}

/// How calls are taken from a recording.
#[derive(Debug, Default)]
pub struct Taking {
    /// What messages say.
    pub known: Known,
    /// Metadata that every call has, in place of its own of that name.
    pub metadata: Vec<(String, Vec<u8>)>,
    /// Methods and services to be made again, by the beginnings of their names; all, if none are named.
    pub only: Vec<String>,
}

impl Script {
    /// Takes a call that is over, or that was open when the recording ended; `server` is where its connection led.
    pub fn take(&mut self, call: &Call, server: Option<&str>, taking: &Taking) {
        let name = call
            .path
            .as_deref()
            .map(|path| path.trim_start_matches('/'));
        let is_wanted = |name: &str| {
            taking.only.is_empty() || taking.only.iter().any(|it| name.starts_with(it.as_str()))
        };
        if name.is_some_and(|name| !is_wanted(name)) {
            return;
        }
        match self.planned(call, server, taking) {
            Ok(planned) => self.calls.push(planned),
            Err(why) => self.left_out.push(LeftOut {
                number: call.number,
                path: call.path.clone(),
                why,
            }),
        }
    }

    /// Puts the calls in order; nothing is taken after that.
    pub fn settle(&mut self) {
        // What nobody had ended when the recording was, is given up when it was.
        let last = self.calls.iter().flat_map(Planned::times).max();
        for call in &mut self.calls {
            if call.awaited.played.was_given_up {
                call.given_up = call.given_up.or(last);
            }
        }
        self.calls.sort_by_key(|call| (call.began, call.number));
        self.blanked.sort();
        self.blanked.dedup();
    }

    fn planned(
        &mut self,
        call: &Call,
        server: Option<&str>,
        taking: &Taking,
    ) -> Result<Planned, String> {
        let path = call.path.clone().ok_or("its beginning was not recorded")?;
        if !path.starts_with('/') || path.contains(|it: char| it.is_control() || it == ' ') {
            return Err("its path is none of gRPC's".to_owned());
        }
        if let Some(field) = call.request.iter().find(|field| !field.is_known) {
            return Err(format!("its metadata {} was not seen whole", field.name()));
        }
        if let Some(fault) = call.faults.first() {
            return Err(format!("it was not as it should be: {fault}"));
        }
        let (says, mut played, at) = said(call)?;
        let mut given_up = None;
        match &call.end {
            CallEnd::Answered(status) => {
                played.code = status.code;
                played.message.clone_from(&status.message);
            }
            CallEnd::Reset(Side::Client, _) | CallEnd::ConnectionLost | CallEnd::Open => {
                played.was_given_up = true;
                given_up = call.ended;
            }
            CallEnd::Reset(Side::Server, _) | CallEnd::WithoutStatus => {
                const UNKNOWN: u32 = 2;
                played.code = UNKNOWN;
                played.message = transcript::end_words(&call.end);
            }
        }
        let descriptor = |from| taking.known.message(&path, from);
        Ok(Planned {
            number: call.number,
            connection: call.connection,
            server: server.map(str::to_owned),
            began: call.began,
            metadata: self.metadata(&call.request, taking),
            needs: Vec::new(),
            says,
            asked: call.asked,
            given_up,
            awaited: Awaited {
                played,
                took: call.took(),
                at,
            },
            input: descriptor(Side::Client),
            output: descriptor(Side::Server),
            path,
        })
    }

    /// What a call's metadata is now.
    fn metadata(&mut self, recorded: &[Field], taking: &Taking) -> Vec<(String, Vec<u8>)> {
        let is_given = |name: &str| taking.metadata.iter().any(|(given, _)| given == name);
        let mut metadata = Vec::new();
        for field in recorded {
            let name = field.name();
            // A message may have another length this time.
            let is_of_http2 = name.starts_with(':') || name == "te" || name == "content-length";
            if is_of_http2 || is_given(name) {
                continue;
            }
            if !field.value.is_empty() && field.value.iter().all(|byte| *byte == BLANK) {
                self.blanked.push(name.to_owned());
                continue;
            }
            metadata.push((name.to_owned(), field.value.to_vec()));
        }
        metadata.extend(taking.metadata.iter().cloned());
        metadata
    }
}

/// What a call's sides said: what is to be sent, the answers, and when they came.
fn said(call: &Call) -> Result<(Vec<Say>, Played, Vec<Duration>), String> {
    let (mut says, mut played, mut at) = (Vec::new(), Played::default(), Vec::new());
    for said in &call.messages {
        let message = &said.message;
        let unpacked = if message.is_cut() {
            Err("it is longer than what is kept of a call".to_owned())
        } else {
            tap::unpacked(message, call.encoding(said.from), UNPACKED_BYTES_MAX)
        };
        if said.from == Side::Client {
            let why = |why| format!("its message {} cannot be sent: {why}", message.number);
            says.push(Say {
                at: said.at,
                bytes: message.bytes.clone(),
                unpacked: unpacked.map_err(why)?,
                is_compressed: message.is_compressed,
                needs: Vec::new(),
            });
        } else {
            // What cannot be unpacked is compared as it passed.
            let as_it_passed = |_| message.bytes.clone();
            played.answers.push(unpacked.unwrap_or_else(as_it_passed));
            at.push(said.at);
        }
    }
    Ok((says, played, at))
}
