//! Calls that go wrong: how many, which, and how.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::{Request, Response};
use prost::Message as _;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::garbage::Garbage;
use super::pace::Pace;
use super::spread::Spread;
use crate::relay::answer;

/// Only these calls go wrong: health and reflection do not.
const PATH_PREFIX: &str = "/relay.v1.RelayService/";

/// Which shares of the calls go wrong, 0 to 1. They add up to 1 at most.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shares {
    /// Refused with UNAVAILABLE.
    pub refuse: f64,
    /// Ended by RST_STREAM with INTERNAL_ERROR, instead of an answer.
    pub reset: f64,
    /// Answered with garbage.
    pub garbage: f64,
    /// The kinds of garbage, in turn.
    pub kinds: Vec<Garbage>,
}

impl Shares {
    /// What is wrong with them, if anything is.
    pub fn check(&self) -> Result<(), String> {
        let shares = [self.refuse, self.reset, self.garbage];
        if shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
            return Err("a share is from 0 to 1".to_owned());
        }
        if shares.iter().sum::<f64>() > 1.0 {
            return Err("the shares of the faults add up to more than 1".to_owned());
        }
        if self.garbage > 0.0 && self.kinds.is_empty() {
            return Err("a share of garbage needs a kind of garbage".to_owned());
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Refuse,
    Reset,
    Garbage(Garbage),
}

/// Decides which calls go wrong.
#[derive(Debug)]
struct Faults {
    shares: Shares,
    drawn: Mutex<Drawn>,
}

#[derive(Debug)]
struct Drawn {
    quantiles: Spread,
    garbage: usize,
}

impl Faults {
    fn new(shares: Shares, seed: u64) -> Self {
        let drawn = Drawn {
            quantiles: Spread::new(seed),
            garbage: 0,
        };
        Self {
            shares,
            drawn: Mutex::new(drawn),
        }
    }

    fn draw(&self) -> Option<Fault> {
        let shares = &self.shares;
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let quantile = drawn.quantiles.next().expect("it is endless");
        let (refused, reset) = (shares.refuse, shares.refuse + shares.reset);
        if quantile < refused {
            Some(Fault::Refuse)
        } else if quantile < reset {
            Some(Fault::Reset)
        } else if quantile < reset + shares.garbage {
            let kind = shares.kinds[drawn.garbage % shares.kinds.len()];
            drawn.garbage += 1;
            Some(Fault::Garbage(kind))
        } else {
            None
        }
    }
}

/// Why a call was reset. hyper makes RST_STREAM of it.
#[derive(Debug)]
pub(super) struct Reset;

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the target resets this call, as asked")
    }
}

impl std::error::Error for Reset {}

/// A service some of whose calls go wrong before they reach it.
#[derive(Debug, Clone)]
pub(super) struct Faulty<S> {
    inner: S,
    faults: Option<Arc<Faults>>,
    pace: Arc<Pace>,
}

impl<S> Faulty<S> {
    /// Faults go out at the target's pace, as answers do.
    pub(super) fn new(inner: S, shares: Shares, seed: u64, pace: Arc<Pace>) -> Self {
        let any = shares.refuse + shares.reset + shares.garbage > 0.0;
        Self {
            inner,
            faults: any.then(|| Arc::new(Faults::new(shares, seed))),
            pace,
        }
    }

    fn fault(&self, path: &str) -> Option<Fault> {
        let faults = self.faults.as_ref()?;
        path.starts_with(PATH_PREFIX).then(|| faults.draw())?
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Reset>> + Send>>;

impl<S, B> Service<Request<B>> for Faulty<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = std::convert::Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Reset;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Reset>> {
        self.inner
            .poll_ready(context)
            .map_err(|never| match never {})
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        let Some(fault) = self.fault(request.uri().path()) else {
            let answer = self.inner.call(request);
            return Box::pin(async move { answer.await.map_err(|never| match never {}) });
        };
        let pace = Arc::clone(&self.pace);
        let due = pace.arrive();
        Box::pin(async move {
            pace.until(due).await;
            match fault {
                Fault::Refuse => {
                    Ok(Status::unavailable("the target refuses this call, as asked").into_http())
                }
                Fault::Reset => Err(Reset),
                Fault::Garbage(kind) => {
                    Ok(kind.response(&answer("as asked".to_owned()).encode_to_vec()))
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_come_out_exactly() {
        let shares = Shares {
            refuse: 0.01,
            reset: 0.02,
            garbage: 0.008,
            kinds: Garbage::ALL.to_vec(),
        };
        shares.check().expect("they are good");
        let faults = Faults::new(shares, 1);
        let drawn: Vec<_> = (0..10_000).filter_map(|_| faults.draw()).collect();
        let count = |fault| drawn.iter().filter(|one| **one == fault).count();
        assert_eq!(count(Fault::Refuse), 100);
        assert_eq!(count(Fault::Reset), 200);
        for kind in Garbage::ALL {
            assert_eq!(count(Fault::Garbage(kind)), 10);
        }
    }

    #[test]
    fn shares_of_more_than_all_are_none() {
        let shares = |refuse, reset| Shares {
            refuse,
            reset,
            ..Shares::default()
        };
        assert!(shares(0.5, 0.5).check().is_ok());
        assert!(shares(0.6, 0.5).check().is_err());
        assert!(shares(-0.1, 0.0).check().is_err());
    }
}
