//! A line for each thing that happens.

use std::time::Duration;

use tap::{Call, Event, Field, Head, HeadKind, Message, Protocol, Side, What};
use words::figures;
use words::style::{BAD, FAINT, GOOD, HEADING, LOUD, clean, styled};

use crate::call::{end_words, ended_well, latency};
use crate::{Known, frames};

/// A longer text is cut on a line; the call in full has all of it.
const SAID_CHARACTERS_MAX: usize = 600;
const VALUE_CHARACTERS_MAX: usize = 120;
const UNREAD_BYTES_SHOWN: usize = 24;
/// What says nothing of a call that its path does not.
const UNTOLD: [&str; 3] = ["content-type", "te", "grpc-accept-encoding"];

/// What a line calls a call by.
#[derive(Debug, Clone)]
pub(crate) struct Named<'a> {
    pub(crate) number: u64,
    pub(crate) path: Option<&'a str>,
    pub(crate) encodings: [&'a str; 2],
}

impl<'a> Named<'a> {
    pub(crate) fn of(call: &'a Call) -> Self {
        Self {
            number: call.number,
            path: call.path.as_deref(),
            encodings: Side::BOTH.map(|side| call.encoding(side)),
        }
    }
}

/// What is to be told.
pub(crate) struct Told<'a> {
    pub(crate) connection: u64,
    pub(crate) event: &'a Event,
    pub(crate) named: Option<&'a Named<'a>>,
    pub(crate) ended: Option<&'a Call>,
    pub(crate) known: &'a Known,
    pub(crate) frames: bool,
}

impl Told<'_> {
    pub(crate) fn say(&self, message: &Message) -> Result<serde_json::Value, String> {
        let from = self.event.from;
        let path = self.named.and_then(|it| it.path);
        let encoding = self
            .named
            .map_or("identity", |it| it.encodings[from as usize]);
        self.known.say(path, from, encoding, message).0
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let text = match &self.event.what {
            What::Frame(_) | What::SettingsTaken | What::Window(_) if !self.frames => None,
            What::Speaks(Protocol::Http2) if !self.frames => None,
            What::HalfClosed if self.event.from == Side::Server => None,
            what => Some(self.text(what)),
        };
        let mut lines: Vec<String> = text.into_iter().map(|text| self.line(&text)).collect();
        if let Some(call) = self.ended {
            lines.push(ended(self.event.at, call));
        }
        lines
    }

    fn line(&self, text: &str) -> String {
        let arrow = match self.event.from {
            Side::Client => "→",
            Side::Server => "←",
        };
        let who = match self.named {
            Some(named) => format!("#{}", named.number),
            None if self.event.stream != 0 => format!("c{}/{}", self.connection, self.event.stream),
            None => format!("c{}", self.connection),
        };
        format!("{} {who:<6} {arrow} {text}", time(self.event.at))
    }

    fn text(&self, what: &What) -> String {
        match what {
            What::Speaks(protocol) => format!("speaks {protocol}"),
            What::Frame(frame) => {
                let size = figures::bytes(u64::from(frame.bytes));
                let text = format!("{} {size} {}", frames::kind(*frame), frames::flags(*frame));
                styled(FAINT, text.trim_end())
            }
            What::Head(head) => Self::head(head),
            What::Message(message) => self.message(message),
            What::Body(bytes) => format!("{} that are not gRPC's", figures::bytes(*bytes)),
            What::HalfClosed => styled(FAINT, "that is all"),
            What::Promise { stream } => format!("PUSH_PROMISE of stream {stream}"),
            What::Unread(bytes) => {
                let shown = &bytes[..bytes.len().min(UNREAD_BYTES_SHOWN)];
                let more = if shown.len() < bytes.len() {
                    " …"
                } else {
                    ""
                };
                format!(
                    "{} not understood: {}{more}  |{}|",
                    figures::bytes(bytes.len() as u64),
                    words::hex::spaced(shown),
                    words::hex::letters(shown)
                )
            }
            What::Missing(bytes) => {
                let text = format!(
                    "{} were not seen: what follows is joined midway",
                    figures::bytes(*bytes)
                );
                styled(LOUD, &text)
            }
            What::Fault(fault) => styled(BAD, fault),
            what => self.of_http2(what),
        }
    }

    /// What is of HTTP/2, and of no call.
    fn of_http2(&self, what: &What) -> String {
        match what {
            What::Reset(code) => styled(BAD, &format!("RST_STREAM {}", frames::error(*code))),
            What::GoAway {
                last_stream,
                code,
                debug,
            } => {
                let said = clean(&String::from_utf8_lossy(debug));
                let said = if said.is_empty() {
                    said
                } else {
                    format!(", {said:?}")
                };
                let text = format!(
                    "GOAWAY {}, after stream {last_stream}{said}",
                    frames::error(*code)
                );
                styled(BAD, &text)
            }
            What::Settings(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|pair| frames::setting(*pair)).collect();
                styled(FAINT, &format!("SETTINGS {}", pairs.join(", ")))
            }
            What::SettingsTaken => styled(FAINT, "SETTINGS taken"),
            What::Ping { is_answer, data } => {
                let what = if *is_answer { "PING answered" } else { "PING" };
                styled(FAINT, &format!("{what} {}", words::hex::joined(data)))
            }
            What::Window(by) => {
                let by = figures::bytes(u64::from(*by));
                styled(FAINT, &format!("WINDOW_UPDATE: {by} more may be sent"))
            }
            What::Starved => {
                let whose = if self.event.stream == 0 {
                    "connection"
                } else {
                    "stream"
                };
                styled(
                    BAD,
                    &format!("stalled: the window of the {whose} has run out"),
                )
            }
            What::Fed { after } => format!("goes on after a stall of {}", latency(*after)),
            _ => String::new(),
        }
    }

    fn head(head: &Head) -> String {
        let metadata = metadata(&head.fields);
        match head.kind {
            HeadKind::Request => {
                let path = head
                    .get(":path")
                    .map_or("a call whose path is not known".to_owned(), clean);
                format!("{}{}", styled(HEADING, &path), behind(&metadata))
            }
            HeadKind::Informational => format!("status {}", head.get(":status").unwrap_or("?")),
            HeadKind::Response => {
                let status = head.get(":status").unwrap_or("?");
                let status = if status == "200" {
                    String::new()
                } else {
                    format!(" status {status}")
                };
                format!("the answer begins{status}{}", behind(&metadata))
            }
            HeadKind::Trailers | HeadKind::TrailersOnly => {
                let alone = if head.kind == HeadKind::TrailersOnly {
                    " alone"
                } else {
                    ""
                };
                format!("trailers{alone}{}", behind(&metadata))
            }
        }
    }

    fn message(&self, message: &Message) -> String {
        let said = match self.say(message) {
            Ok(said) => cut(&clean(&said.to_string()), SAID_CHARACTERS_MAX),
            Err(why) => format!("({why})"),
        };
        let packed = if message.is_compressed {
            ", compressed"
        } else {
            ""
        };
        format!(
            "message {}, {}{packed}  {said}",
            message.number,
            figures::bytes(message.len)
        )
    }
}

/// The metadata of a header list, as far as it says more than the path.
fn metadata(fields: &[Field]) -> String {
    let told = fields
        .iter()
        .filter(|it| !it.name.starts_with(b":") && !UNTOLD.contains(&it.name()));
    let pairs: Vec<String> = told
        .map(|field| {
            let value = clean(&String::from_utf8_lossy(&field.value));
            let value = if field.is_known {
                value
            } else {
                "(headers came before)".to_owned()
            };
            format!(
                "{}: {}",
                clean(field.name()),
                cut(&value, VALUE_CHARACTERS_MAX)
            )
        })
        .collect();
    pairs.join(", ")
}

fn behind(metadata: &str) -> String {
    if metadata.is_empty() {
        String::new()
    } else {
        format!("  {}", styled(FAINT, metadata))
    }
}

fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text.to_owned(),
    }
}

fn time(at: Duration) -> String {
    format!("{:>10.6}", at.as_secs_f64())
}

/// How a call came to its end.
pub(crate) fn ended(at: Duration, call: &Call) -> String {
    let how = end_words(&call.end);
    let how = styled(if ended_well(&call.end) { GOOD } else { BAD }, &how);
    let took = call
        .took()
        .map_or(String::new(), |took| format!(" after {}", latency(took)));
    let first = call.first_byte.map(|first| {
        format!(
            ", its first byte after {}",
            latency(first.saturating_sub(call.began))
        )
    });
    let stalled = (!call.stalled.is_zero()).then(|| format!(", stalled {}", latency(call.stalled)));
    let [(up, up_bytes), (down, down_bytes)] = call.counts;
    format!(
        "{} #{:<5} = {how}{took}{}{}; {} up ({}), {down} down ({})",
        time(at),
        call.number,
        first.unwrap_or_default(),
        stalled.unwrap_or_default(),
        figures::count(up, "message", "messages"),
        figures::bytes(up_bytes),
        figures::bytes(down_bytes),
    )
}

pub(crate) fn opened(at: Duration, connection: u64, client: &str, server: &str) -> String {
    format!(
        "{} c{connection:<5} opened by {client}, to {server}",
        time(at)
    )
}

pub(crate) fn closed(at: Duration, connection: u64) -> String {
    format!("{} c{connection:<5} closed", time(at))
}
