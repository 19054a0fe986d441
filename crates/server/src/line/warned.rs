//! One warning for each thing that is wrong with the line, however often it comes.

use std::collections::VecDeque;
use std::mem::{Discriminant, discriminant};
use std::sync::{Arc, Mutex, PoisonError};

use office::Refusal;
use office::line::LineFault;

/// Warnings remembered: one for each of so many strangers.
const REMEMBERED_MAX: usize = 64;

/// What was warned of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Warned {
    told: Arc<Mutex<VecDeque<(String, Kind)>>>,
}

/// What is wrong, without the numbers: whoever claims another one each time is not news each time.
type Kind = (Discriminant<Refusal>, Option<Discriminant<LineFault>>);

fn kind_of(refusal: &Refusal) -> Kind {
    let fault = match refusal {
        Refusal::Line(fault) => Some(discriminant(fault)),
        _ => None,
    };
    (discriminant(refusal), fault)
}

impl Warned {
    /// Warns of a Hello that was refused, with the address it came from, if that is news of this address.
    pub(crate) fn tell(&self, from: &str, refusal: &Refusal) {
        if self.is_news(from, kind_of(refusal)) {
            tracing::warn!(from, why = %refusal, "a Hello was refused");
        }
    }

    fn is_news(&self, from: &str, kind: Kind) -> bool {
        let told = (host(from).to_owned(), kind);
        let mut known = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&told) {
            return false;
        }
        if known.len() == REMEMBERED_MAX {
            known.pop_front();
        }
        known.push_back(told);
        true
    }

    /// A Hello of that address has passed: what is refused next is news.
    pub(crate) fn forget(&self, from: &str) {
        let mut known = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(other, _)| other != host(from));
    }
}

/// The address without its port, which is another one at each call.
fn host(from: &str) -> &str {
    from.rsplit_once(':').map_or(from, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(said: u64) -> Kind {
        kind_of(&Refusal::Line(LineFault::EpochOutOfRange { said, max: 9 }))
    }

    #[test]
    fn each_thing_is_told_once_of_an_address_until_it_was_well() {
        let warned = Warned::default();
        let unconfirmed = kind_of(&Refusal::Line(LineFault::Unconfirmed {
            what: "more".to_owned(),
        }));
        assert!(warned.is_news("127.0.0.1:1", epoch(10)));
        for said in 11..100 {
            let from = format!("127.0.0.1:{said}");
            assert!(!warned.is_news(&from, epoch(said)), "{said}");
        }
        assert!(warned.is_news("127.0.0.1:2", unconfirmed));
        assert!(warned.is_news("[::1]:1", epoch(10)));
        warned.forget("127.0.0.1:7");
        assert!(warned.is_news("127.0.0.1:3", epoch(10)));
        assert!(!warned.is_news("[::1]:2", epoch(10)));
    }
}
