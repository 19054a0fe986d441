//! `liaison tap show`: what was recorded.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use command::failure::Failure;
use command::output::{Output, note};
use command::settings::Settings;
use tap::{Bounds, Call, Event, Frames, Part, Passing, Recording, Side, Told, What};
use transcript::{FrameBytes, Manner, Transcript};
use words::figures;

use crate::schemas::SchemaArgs;

const EXAMPLES: &str = "\
Examples:
  liaison tap show calls.pcapng
  liaison tap show calls.pcapng --events --frames
  liaison tap show calls.pcapng --call 3 --bytes
  liaison tap show capture.pcap --proto greeter.proto
  liaison tap show grpcgo_binarylog.txt

FILE is a recording of `liaison tap`, any pcapng or pcap (tcpdump -w), or a grpc.binarylog.v1 as gRPC's own \
libraries write it. A connection whose beginning is not in it is told as joined midway.

JSON: an object a call; with --call one, with \"request\", \"response\", \"messages\", \"trailers\" and, with --bytes, \
\"frames\"; with --events an object an event, as of `liaison tap --output json`.";

/// Messages kept of the one call that is shown.
const CALL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// It is no frame; whoever has none is joined midway.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Frames kept of it.
const FRAMES_MAX: usize = 100_000;

/// Show the calls of a recording, or one of them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct ShowArgs {
    /// The recording
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// This call in full: its metadata, its messages, how it ended
    #[arg(long, value_name = "N")]
    call: Option<u64>,

    /// Of the call, every frame byte by byte
    #[arg(long, requires = "call", conflicts_with = "diagram")]
    bytes: bool,

    /// The call as a diagram of who said what to whom
    #[arg(long, requires = "call")]
    diagram: bool,

    /// What happened, a line each, as `liaison tap` shows it
    #[arg(long, conflicts_with = "call")]
    events: bool,

    /// With --events: frames of HTTP/2, too
    #[arg(long, requires = "events")]
    frames: bool,

    /// Calls in the table at most
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: usize,

    #[command(flatten)]
    schema: SchemaArgs,
}

/// Reads a recording to its end.
pub fn read_recording(
    path: &Path,
    bounds: Bounds,
    mut each: impl FnMut(Told<'_>) -> Result<(), Failure>,
) -> Result<Recording, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::Failed(format!("failed to read {}: {error}", path.display()))
    };
    let mut file = std::fs::File::open(path).map_err(|error| failed(&error))?;
    let mut recording = Recording::new(bounds);
    let mut buffer = vec![0; 256 * 1024];
    let mut told = Ok(());
    let mut tell = |what: Told<'_>| {
        if told.is_ok() {
            told = each(what);
        }
    };
    let read = loop {
        match file.read(&mut buffer) {
            Ok(0) => break recording.end(&mut tell),
            Ok(count) => {
                let taken = recording.take(&buffer[..count], &mut tell);
                if taken.is_err() {
                    break taken;
                }
            }
            Err(error) => return Err(failed(&error)),
        }
    };
    told?;
    read.map_err(|error| failed(&error))?;
    Ok(recording)
}

impl ShowArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let output = settings.output;
        let manner = Manner {
            json: output.is_json(),
            frames: self.frames,
        };
        let kept = self.call.map(|_| CALL_BYTES_MAX);
        let mut transcript = Transcript::new(self.schema.known()?, manner, kept);
        let mut calls: Vec<Call> = Vec::new();
        let mut count = 0_u64;
        let mut frames = FramesOf::default();
        let recording = read_recording(&self.file, Bounds::default(), |told| match told {
            Told::Passed(passed) => {
                if self.bytes {
                    frames.take(passed);
                }
                if let (true, Passing::Opened(client, server)) = (self.events, passed.what) {
                    let (client, server) = (client.to_string(), server.to_string());
                    let line = transcript.open(passed.connection, passed.at, &client, &server);
                    output.text(&format!("{line}\n"))?;
                }
                Ok(())
            }
            Told::Event(connection, event) => {
                if self.bytes {
                    frames.name(connection, &event);
                }
                let (lines, ended) = transcript.take(connection, &event);
                if self.events {
                    print(output, &lines)?;
                }
                count += u64::from(ended.is_some());
                self.keep(&mut calls, ended);
                Ok(())
            }
            Told::Over(connection, at) => {
                let (lines, ended) = transcript.close(connection, at);
                if self.events {
                    print(output, &lines)?;
                }
                count += ended.len() as u64;
                for call in ended {
                    self.keep(&mut calls, Some(call));
                }
                Ok(())
            }
        })?;
        let known = transcript.known().clone();
        for call in transcript.left() {
            count += 1;
            self.keep(&mut calls, Some(call));
        }
        let passed_over = recording.passed_over();
        if passed_over > 0 {
            let packets = figures::count(passed_over, "packet was", "packets were");
            note(&format!("{packets} no TCP over IP, and passed over"));
        }
        if self.events {
            return Ok(());
        }
        self.print(calls, count, frames, &known, output)
    }

    fn print(
        &self,
        mut calls: Vec<Call>,
        count: u64,
        frames: FramesOf,
        known: &transcript::Known,
        output: Output,
    ) -> Result<(), Failure> {
        let Some(wanted) = self.call else {
            calls.sort_by_key(|call| call.number);
            if output.is_json() {
                let mut objects = calls.iter().map(transcript::object);
                return objects.try_for_each(|call| output.json_line(&call));
            }
            output.text(&transcript::table(&calls, output.width()))?;
            if count > calls.len() as u64 {
                let all = figures::thousands(count);
                note(&format!(
                    "the first {} of {all} calls; --limit shows more",
                    calls.len()
                ));
            }
            return Ok(());
        };
        let Some(call) = calls.first() else {
            return Err(Failure::Failed(format!(
                "there is no call {wanted} in {}, which has {}",
                self.file.display(),
                figures::count(count, "call", "calls")
            )));
        };
        if output.is_json() {
            let mut object = transcript::object_in_full(call, known);
            if self.bytes {
                object["frames"] = transcript::dumped(&frames.of(call));
            }
            return output.json(&object);
        }
        if self.diagram {
            return output.text(&transcript::diagram(call));
        }
        if !self.bytes {
            return output.text(&transcript::in_full(call, known));
        }
        let frames = frames.of(call);
        if frames.is_empty() {
            let text = "the recording has messages, and not the bytes that they passed in";
            return Err(Failure::Failed(text.to_owned()));
        }
        output.text(&transcript::dump(&frames, call.path.as_deref(), known))
    }

    fn keep(&self, calls: &mut Vec<Call>, ended: Option<Box<Call>>) {
        let is_wanted = |call: &Call| match self.call {
            Some(number) => call.number == number,
            None => !self.events,
        };
        if let Some(call) = ended.filter(|call| is_wanted(call))
            && calls.len() < self.limit
        {
            calls.push(*call);
        }
    }
}

fn print(output: Output, lines: &[String]) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    output.text(&(lines.join("\n") + "\n"))
}

/// The frames of every call; those of one are asked for at the end, when it is known which it is.
#[derive(Default)]
struct FramesOf {
    readers: std::collections::BTreeMap<(u64, Side), (Frames, Option<usize>)>,
    all: Vec<(u64, FrameBytes)>,
    begun: std::collections::BTreeSet<(u64, Side)>,
}

impl FramesOf {
    fn take(&mut self, passed: tap::Passed<'_>) {
        let Passing::Bytes(from, mut bytes) = passed.what else {
            return;
        };
        let key = (passed.connection, from);
        if self.begun.insert(key) && from == Side::Client {
            bytes = bytes.strip_prefix(PREFACE).unwrap_or(bytes);
        }
        let (mut frames, mut open) = self.readers.remove(&key).unwrap_or_default();
        frames.parts(bytes, |part| match part {
            Part::Head(frame) => {
                open = (self.all.len() < FRAMES_MAX).then_some(self.all.len());
                if open.is_some() {
                    let bytes = FrameBytes {
                        at: passed.at,
                        from,
                        frame,
                        payload: Vec::new(),
                        fields: Vec::new(),
                    };
                    self.all.push((passed.connection, bytes));
                }
            }
            Part::Payload { bytes, .. } => {
                if let Some(frame) = open.and_then(|at| self.all.get_mut(at)) {
                    frame.1.payload.extend_from_slice(bytes);
                    frame.1.at = passed.at;
                }
            }
        });
        self.readers.insert(key, (frames, open));
    }

    /// What a header list says stands with the frame that ends it, which is the last on its stream.
    fn name(&mut self, connection: u64, event: &Event) {
        let What::Head(head) = &event.what else {
            return;
        };
        let is_it = |(of, bytes): &&mut (u64, FrameBytes)| {
            let is_of_headers = matches!(bytes.frame.kind, 1 | 9) && bytes.fields.is_empty();
            *of == connection
                && bytes.from == event.from
                && bytes.frame.stream == event.stream
                && is_of_headers
        };
        if let Some((_, frame)) = self.all.iter_mut().find(is_it) {
            let field = |it: &tap::Field| {
                [
                    it.name().to_owned(),
                    String::from_utf8_lossy(&it.value).into_owned(),
                ]
            };
            frame.fields = head.fields.iter().map(field).collect();
        }
    }

    fn of(self, call: &Call) -> Vec<FrameBytes> {
        let of_it = self.all.into_iter().filter(|(connection, bytes)| {
            *connection == call.connection && bytes.frame.stream == call.stream
        });
        of_it.map(|(_, bytes)| bytes).collect()
    }
}
