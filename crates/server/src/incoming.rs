//! What comes in of a call: whole messages, each held to its bounds before anything is made of it.
//!
//! A message of which a part is missing is held here, and accounted for; whoever decodes it gets it when it is whole. So
//! neither a length that is only announced nor a message that never ends costs more than what has come of it. What is
//! compressed is unpacked here, as far as a message may be long and no further.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::{Body, Frame, SizeHint};
use office::Refusal;
use prometheus_client::metrics::counter::Counter;
use tokio::time::Sleep;
use tonic::Status;

use crate::methods::Method;
use crate::status::{malformed, second_message, status_of, too_large, too_large_for_line};
use callers::Call;
use callers::Lease;
use tap::{Assembly, Fault, PIECE_BYTES, Piece, Unpacker};

/// What is taken at first, and at most at once, for a message that is held.
const LEASE_BYTES_MIN: u64 = 16 * 1024;
const LEASE_BYTES_MAX: u64 = 512 * 1024;
/// A message that is whole is copied once more by whoever decodes it.
const COPIES: u64 = 2;

/// The messages of a call.
pub(crate) struct Messages<B> {
    inner: B,
    method: Method,
    message_bytes_max: u64,
    timeout: Duration,
    call: Arc<Call>,
    received: Option<Counter>,
    assembly: Assembly,
    /// What is whole, and nobody has asked for yet.
    ready: VecDeque<Piece>,
    unpacking: Option<Unpacker>,
    /// For the message that is held, or was last given out.
    leases: Vec<Lease>,
    /// For the message that is being unpacked, or was last.
    unpacked_leases: Vec<Lease>,
    leasing: Option<BoxFuture<'static, Result<Lease, Refusal>>>,
    /// Runs while more is due.
    timer: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

/// The bounds of what comes in.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    pub(crate) method: Method,
    pub(crate) message_bytes_max: u64,
    /// How long nothing may come while a message is due.
    pub(crate) timeout: Duration,
    /// Messages may be compressed with gzip.
    pub(crate) gzip: bool,
    /// Counts them, if somebody looks.
    pub(crate) received: Option<Counter>,
}

impl<B> Messages<B> {
    pub(crate) fn new(inner: B, bounds: Bounds, call: Arc<Call>) -> Self {
        let Bounds {
            method,
            message_bytes_max,
            timeout,
            gzip,
            received,
        } = bounds;
        let messages_max = (!method.takes_many).then_some(1);
        Self {
            inner,
            method,
            message_bytes_max,
            timeout,
            call,
            received,
            assembly: Assembly::new(message_bytes_max, messages_max, gzip),
            ready: VecDeque::new(),
            unpacking: None,
            leases: Vec::new(),
            unpacked_leases: Vec::new(),
            leasing: None,
            timer: None,
            ended: false,
        }
    }

    fn status(&self, fault: Fault) -> Status {
        match fault {
            Fault::TooLarge if self.method.is_line => too_large_for_line(self.message_bytes_max),
            Fault::TooLarge => too_large(self.message_bytes_max),
            Fault::TooMany => second_message(),
            Fault::Malformed(what) => malformed(what),
        }
    }

    /// Whether something must come soon: the rest of a message, or a first one where there is to be exactly one.
    fn is_due(&self) -> bool {
        self.assembly.is_within_a_message()
            || self.method.is_upload
            || (!self.method.takes_many && self.assembly.taken() == 0)
    }

    /// What must be leased before more is unpacked or read.
    fn lacking(&self) -> Option<u64> {
        if let Some(unpacking) = &self.unpacking {
            let leased: u64 = self.unpacked_leases.iter().map(Lease::bytes).sum();
            let wanted = (unpacking.bytes() + PIECE_BYTES as u64) * COPIES;
            return (leased < wanted).then(|| leased.clamp(PIECE_BYTES as u64, LEASE_BYTES_MAX));
        }
        let (held, whole) = self.assembly.held();
        if held == 0 {
            return None;
        }
        let leased: u64 = self.leases.iter().map(Lease::bytes).sum();
        let wanted = (whole * COPIES).min((held + LEASE_BYTES_MIN) * COPIES);
        let grown = leased.clamp(LEASE_BYTES_MIN, LEASE_BYTES_MAX);
        let rest = (whole * COPIES).saturating_sub(leased);
        (leased < wanted && rest > 0).then(|| grown.min(rest))
    }
}

impl<B> Messages<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if self.leasing.is_none() && self.unpacking.is_none() {
                self.unpacked_leases.clear();
                match self.ready.pop_front() {
                    Some(Piece::Plain(messages)) => {
                        return Poll::Ready(Some(Ok(Frame::data(messages))));
                    }
                    Some(Piece::Packed(message)) => {
                        self.unpacking = Some(Unpacker::new(message, self.message_bytes_max));
                    }
                    None => {}
                }
            }
            if self.unpacking.is_none()
                && self.leasing.is_none()
                && !self.assembly.is_within_a_message()
            {
                // Whoever asks again has made of the last message what is to be made of it.
                self.leases.clear();
            }
            if self.leasing.is_some() {
                ready!(self.poll_leasing(context))?;
                continue;
            }
            if let Some(bytes) = self.lacking() {
                let (call, here) = (Arc::clone(&self.call), self.assembly.held().0);
                let leasing = async move { call.lease_for_bytes(bytes, here).await };
                self.leasing = Some(Box::pin(leasing));
                continue;
            }
            if let Some(unpacking) = &mut self.unpacking {
                let stepped = unpacking.step();
                if let Some(message) = stepped.map_err(|fault| self.status(fault))? {
                    self.unpacking = None;
                    return Poll::Ready(Some(Ok(Frame::data(message))));
                }
                continue;
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match Pin::new(&mut self.inner).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.timer = None;
                    match frame.into_data() {
                        Ok(chunk) => {
                            let before = self.assembly.taken();
                            let taken = self.assembly.take(chunk, &mut self.ready);
                            if let Some(received) = &self.received {
                                received.inc_by(self.assembly.taken() - before);
                            }
                            taken.map_err(|fault| self.status(fault))?;
                        }
                        Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(Status::from_error(error.into()))));
                }
                Poll::Ready(None) => {
                    self.ended = true;
                    if self.assembly.is_within_a_message() {
                        let cut = malformed("it ends in the middle of a message");
                        return Poll::Ready(Some(Err(cut)));
                    }
                }
                Poll::Pending => return self.poll_timer(context),
            }
        }
    }

    /// Waits for memory, if some is wanted.
    fn poll_leasing(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        let Some(leasing) = &mut self.leasing else {
            return Poll::Ready(Ok(()));
        };
        let lease =
            ready!(leasing.as_mut().poll(context)).map_err(|refusal| status_of(&refusal))?;
        let leases = match self.unpacking {
            Some(_) => &mut self.unpacked_leases,
            None => &mut self.leases,
        };
        leases.push(lease);
        self.leasing = None;
        Poll::Ready(Ok(()))
    }

    fn poll_timer(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !self.is_due() {
            return Poll::Pending;
        }
        let timeout = self.timeout;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        if timer.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.ended = true;
        let during = format!(
            "while the request came in: nothing of it has come for {} s",
            timeout.as_secs_f32()
        );
        Poll::Ready(Some(Err(status_of(&Refusal::DeadlineExceeded { during }))))
    }
}

impl<B> Body for Messages<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let next = this.poll_next(context);
        if let Poll::Ready(Some(Err(_))) = next {
            this.ended = true;
        }
        next
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty()
            && self.unpacking.is_none()
            && (self.ended || (!self.assembly.is_within_a_message() && self.inner.is_end_stream()))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
