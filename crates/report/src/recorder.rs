//! What one thread saw, kept in a size that does not depend on how much that was.

use std::collections::BTreeMap;
use std::time::Duration;

use tonic::Code;
use words::code_name;

use crate::interval::heat_bucket;
use crate::latency::LatencyHistogram;
use crate::report::FailureCount;

/// Buckets of a heat map: up to an hour.
const HEAT_BUCKETS: usize = 128;
/// The gRPC codes.
pub(crate) const CODES: usize = 17;
/// Failures that are listed.
const FAILURES_MAX: usize = 50;
/// Kinds of them that are told apart; the rest is counted by step and code alone.
const KINDS_MAX: usize = 32;

/// One call that ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// How it ended.
    pub code: Code,
    /// Intended to done.
    pub response: Duration,
    /// Sent to done; `None` if it was never sent.
    pub service: Option<Duration>,
    /// Intended to sent.
    pub lag: Duration,
}

/// What happened within some time: of one interval, or of the whole run.
#[derive(Debug, Clone)]
pub struct Recorder {
    /// Arrivals due.
    pub offered: u64,
    /// Arrivals finished, well or ill.
    pub finished: u64,
    /// Calls that ended.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// Messages sent on streams.
    pub messages_sent: u64,
    /// Messages received on streams.
    pub messages_received: u64,
    /// Bytes of messages sent.
    pub bytes_sent: u64,
    /// Bytes of messages received.
    pub bytes_received: u64,
    /// Calls by their gRPC code's number.
    pub codes: [u64; CODES],
    /// Intended to done.
    pub response: LatencyHistogram,
    /// Sent to done.
    pub service: LatencyHistogram,
    /// Intended to sent.
    pub lag: LatencyHistogram,
    heat: [u64; HEAT_BUCKETS],
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            offered: 0,
            finished: 0,
            calls: 0,
            errors: 0,
            messages_sent: 0,
            messages_received: 0,
            bytes_sent: 0,
            bytes_received: 0,
            codes: [0; CODES],
            response: LatencyHistogram::default(),
            service: LatencyHistogram::default(),
            lag: LatencyHistogram::default(),
            heat: [0; HEAT_BUCKETS],
        }
    }
}

impl Recorder {
    /// Takes a call down.
    pub fn ended(&mut self, ended: &Ended) {
        self.calls += 1;
        self.errors += u64::from(ended.code != Code::Ok);
        self.codes[ended.code as usize % CODES] += 1;
        self.latencies(ended);
    }

    /// Takes down that a stream ended, whose messages have been taken down one by one.
    pub fn stream_ended(&mut self, code: Code) {
        self.calls += 1;
        self.errors += u64::from(code != Code::Ok);
        self.codes[code as usize % CODES] += 1;
    }

    /// Takes its latencies down alone: of a message within a stream, whose answer is its own.
    pub fn latencies(&mut self, ended: &Ended) {
        self.response.record(ended.response);
        if let Some(service) = ended.service {
            self.service.record(service);
        }
        self.lag.record(ended.lag);
        let us = u64::try_from(ended.response.as_micros()).unwrap_or(u64::MAX);
        let bucket = usize::from(heat_bucket(us)).min(HEAT_BUCKETS - 1);
        self.heat[bucket] += 1;
    }

    /// Adds all that another saw.
    pub fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.finished += other.finished;
        self.calls += other.calls;
        self.errors += other.errors;
        self.messages_sent += other.messages_sent;
        self.messages_received += other.messages_received;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        for (own, more) in self.codes.iter_mut().zip(other.codes) {
            *own += more;
        }
        self.response.add(&other.response);
        self.service.add(&other.service);
        self.lag.add(&other.lag);
        for (own, more) in self.heat.iter_mut().zip(other.heat) {
            *own += more;
        }
    }

    /// Forgets all, and keeps the room.
    pub fn clear(&mut self) {
        for histogram in [&mut self.response, &mut self.service, &mut self.lag] {
            histogram.clear();
        }
        self.codes.fill(0);
        self.heat.fill(0);
        for count in [
            &mut self.offered,
            &mut self.finished,
            &mut self.calls,
            &mut self.errors,
            &mut self.messages_sent,
            &mut self.messages_received,
            &mut self.bytes_sent,
            &mut self.bytes_received,
        ] {
            *count = 0;
        }
    }

    /// How many responses were in each bucket of [`heat_bucket`]; those that are empty are left out.
    pub(crate) fn heat(&self) -> BTreeMap<u16, u64> {
        let buckets = (0..).zip(self.heat);
        buckets.filter(|(_, count)| *count > 0).collect()
    }
}

/// What came of one step.
#[derive(Debug, Clone, Default)]
pub struct StepRecorder {
    /// Calls that ended.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// Calls made again since the first could not be answered yet.
    pub retries: u64,
    /// Intended to done.
    pub response: LatencyHistogram,
    /// Sent to done.
    pub service: LatencyHistogram,
}

/// What came of one workflow.
#[derive(Debug, Clone, Default)]
pub struct WorkflowRecorder {
    /// How many were begun.
    pub started: u64,
    /// How many came to their end.
    pub finished: u64,
    /// How many stopped at a step that failed.
    pub failed: u64,
    /// From when it was intended to when its last step was done.
    pub end_to_end: LatencyHistogram,
    /// Its steps.
    pub steps: Vec<StepRecorder>,
}

/// What went on inside streams.
#[derive(Debug, Clone, Default)]
pub struct StreamRecorder {
    /// Streams opened.
    pub opened: u64,
    /// Messages sent.
    pub messages_sent: u64,
    /// Messages received.
    pub messages_received: u64,
    /// Each message.
    pub message: LatencyHistogram,
    /// The stream opened to its first message.
    pub first_message: LatencyHistogram,
    /// The stream opened to its end.
    pub life: LatencyHistogram,
}

impl StepRecorder {
    /// Takes latencies down.
    pub fn ended(&mut self, ended: &Ended) {
        self.response.record(ended.response);
        if let Some(service) = ended.service {
            self.service.record(service);
        }
    }

    /// Adds all that another saw.
    pub(crate) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.retries += other.retries;
        self.response.add(&other.response);
        self.service.add(&other.service);
    }
}

impl WorkflowRecorder {
    /// Of a workflow with so many steps.
    pub fn of_steps(steps: usize) -> Self {
        Self {
            steps: vec![StepRecorder::default(); steps],
            ..Self::default()
        }
    }

    /// Adds all that another saw of the same workflow.
    pub(crate) fn add(&mut self, other: &Self) {
        self.started += other.started;
        self.finished += other.finished;
        self.failed += other.failed;
        self.end_to_end.add(&other.end_to_end);
        for (own, more) in self.steps.iter_mut().zip(&other.steps) {
            own.add(more);
        }
    }
}

impl StreamRecorder {
    /// Adds all that another saw.
    pub(crate) fn add(&mut self, other: &Self) {
        self.opened += other.opened;
        self.messages_sent += other.messages_sent;
        self.messages_received += other.messages_received;
        self.message.add(&other.message);
        self.first_message.add(&other.first_message);
        self.life.add(&other.life);
    }
}

/// What the failures were: bounded, since a server may say something else each time.
#[derive(Debug, Clone, Default)]
pub struct Failures(BTreeMap<(String, u8, String), FailureCount>);

impl Failures {
    /// Takes one down.
    pub fn add(&mut self, step: &str, code: Code, message: &str) {
        self.add_count(step, code, message, 1);
    }

    /// Adds all that another saw.
    pub(crate) fn merge(&mut self, other: &Self) {
        for ((step, code, _), failure) in &other.0 {
            let code = Code::from_i32(i32::from(*code));
            self.add_count(step, code, &failure.message, failure.count);
        }
    }

    fn add_count(&mut self, step: &str, code: Code, message: &str, count: u64) {
        let mut key = (step.to_owned(), code as u8, kind_of(message));
        if self.0.len() >= KINDS_MAX && !self.0.contains_key(&key) {
            key.2 = String::new();
        }
        let counted = self.0.entry(key).or_insert_with(|| FailureCount {
            code: code_name(code).to_owned(),
            step: step.to_owned(),
            message: message.to_owned(),
            count: 0,
        });
        counted.count += count;
    }

    /// The failures, the most frequent first.
    pub(crate) fn report(&self) -> Vec<FailureCount> {
        let mut failures: Vec<_> = self.0.values().cloned().collect();
        failures.sort_by(|a, b| {
            b.count
                .cmp(&a.count)
                .then_with(|| a.message.cmp(&b.message))
        });
        failures.truncate(FAILURES_MAX);
        failures
    }
}

/// Two messages that differ in numbers only are of one kind.
fn kind_of(message: &str) -> String {
    let mut kind = String::with_capacity(message.len());
    for character in message.chars() {
        let character = if character.is_ascii_digit() {
            '#'
        } else {
            character
        };
        if !(character == '#' && kind.ends_with('#')) {
            kind.push(character);
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_counted_everywhere_it_belongs() {
        let mut recorder = Recorder::default();
        let mut ended = Ended {
            code: Code::Ok,
            response: Duration::from_millis(12),
            service: Some(Duration::from_millis(2)),
            lag: Duration::from_millis(10),
        };
        recorder.ended(&ended);
        ended.code = Code::Unavailable;
        ended.service = None;
        recorder.ended(&ended);
        assert_eq!((recorder.calls, recorder.errors), (2, 1));
        assert_eq!(recorder.codes[Code::Unavailable as usize], 1);
        assert_eq!(recorder.response.count(), 2);
        assert_eq!(recorder.service.count(), 1, "the other was never sent");
        assert_eq!(recorder.heat().values().sum::<u64>(), 2);
        let mut sum = recorder.clone();
        sum.add(&recorder);
        assert_eq!(sum.calls, 4);
        sum.clear();
        assert_eq!(
            (sum.calls, sum.response.count(), sum.heat().len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn failures_are_bounded_and_none_is_left_uncounted() {
        let mut failures = Failures::default();
        for index in 0..10_000_u32 {
            let word: String = index
                .to_string()
                .chars()
                .map(|it| char::from(it as u8 + 49))
                .collect();
            failures.add("send", Code::Internal, &word);
            failures.add("send", Code::Unavailable, &format!("no document {index}"));
        }
        let report = failures.report();
        assert!(report.len() <= FAILURES_MAX);
        assert_eq!(report.iter().map(|it| it.count).sum::<u64>(), 20_000);
        assert_eq!(
            report[0].count, 10_000,
            "numbers do not make it another kind"
        );
    }
}
