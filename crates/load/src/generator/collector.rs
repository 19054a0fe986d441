//! Adds up what the threads tell.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::worker::{ThreadEnd, Told};
use crate::transport::Failed;
use report::{Interval, Intervals, Recorder, interval};

/// The sum of what has been told.
pub(crate) struct Collector {
    pub(crate) total: Recorder,
    pub(crate) intervals: Intervals,
    ended: Vec<ThreadEnd>,
    spares: Vec<mpsc::UnboundedSender<Box<Recorder>>>,
    /// The last interval that each thread has told of.
    told: Vec<Option<i64>>,
    open: BTreeMap<i64, (Recorder, u64)>,
    in_flight: Vec<u64>,
}

/// News for who waits.
pub(crate) enum News {
    Ready(Result<(), Failed>),
    Intervals(Vec<Interval>),
    Ended,
}

impl Collector {
    pub(crate) fn new(spares: Vec<mpsc::UnboundedSender<Box<Recorder>>>) -> Self {
        for spare in &spares {
            // One in use, two on their way: threads and collector never wait for each other.
            for _ in 0..2 {
                let _ = spare.send(Box::default());
            }
        }
        Self {
            total: Recorder::default(),
            intervals: Intervals::default(),
            ended: Vec::new(),
            told: vec![None; spares.len()],
            in_flight: vec![0; spares.len()],
            spares,
            open: BTreeMap::new(),
        }
    }

    pub(crate) fn take(&mut self, told: Told) -> News {
        match told {
            Told::Ready(ready) => News::Ready(ready),
            Told::Interval {
                thread,
                number,
                mut recorder,
                in_flight,
            } => {
                self.in_flight[thread] = in_flight as u64;
                self.told[thread] = Some(number);
                self.add(number, &recorder);
                recorder.clear();
                let _ = self.spares[thread].send(recorder);
                News::Intervals(self.close())
            }
            Told::Ended(end) => {
                let last = self.told[end.thread].map_or(0, |number| number + 1);
                self.told[end.thread] = Some(i64::MAX);
                self.in_flight[end.thread] = 0;
                self.add(last, &end.recorder);
                self.ended.push(*end);
                News::Ended
            }
        }
    }

    /// All that was seen: the sum, the log, and each thread's own, in their order.
    pub(crate) fn into_parts(mut self) -> (Recorder, Vec<Interval>, Vec<ThreadEnd>) {
        self.ended.sort_by_key(|end| end.thread);
        (self.total, self.intervals.into_log(), self.ended)
    }

    fn add(&mut self, number: i64, recorder: &Recorder) {
        self.total.add(recorder);
        let (sum, in_flight) = self.open.entry(number).or_default();
        sum.add(recorder);
        *in_flight = self.in_flight.iter().sum();
    }

    /// The intervals of which all threads have told.
    pub(crate) fn close(&mut self) -> Vec<Interval> {
        let Some(through) = self.told.iter().copied().min().flatten() else {
            return Vec::new();
        };
        let mut closed = Vec::new();
        while let Some(first) = self.open.first_entry()
            && *first.key() <= through
        {
            let number = *first.key();
            let (recorder, in_flight) = first.remove();
            let closing = interval(number as f64, 1.0, &recorder, in_flight);
            if number >= 0 && (recorder.offered > 0 || recorder.calls > 0 || through < i64::MAX) {
                self.intervals.push(closing.clone());
            }
            closed.push(closing);
        }
        closed
    }
}
