//! `liaison up --play`: a scenario at the offices that are up.

use office::{PerPlace, Place};
use officers::{answer_live, live_seed, play_live};
use scenario::{Answers, Scenario, Timeline};
use tonic::transport::Endpoint;
use words::figures::thousands;

use super::examples::People;
use command::connect::Address;
use command::failure::Failure;
use command::output::note;
use command::system;

/// Which scenario is played, and at which office; `None` for both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Played {
    at: Option<Place>,
    scenario: String,
}

/// A scenario whose timeline is drawn.
pub(super) struct Drawn {
    scenario: Scenario,
    timeline: Timeline,
    seed: u64,
    /// The office that is played, where people play the other.
    at: Option<Place>,
}

/// `both=workshop`, as typed.
pub(super) fn played(text: &str) -> Result<Played, String> {
    let remedy = "write both=, south= or north= and a scenario, such as both=workshop";
    let (at, scenario) = text.split_once('=').ok_or(remedy)?;
    let at = match at {
        "both" => None,
        "south" => Some(Place::South),
        "north" => Some(Place::North),
        _ => return Err(remedy.to_owned()),
    };
    Ok(Played {
        at,
        scenario: scenario.to_owned(),
    })
}

impl Played {
    pub(super) fn drawn(self, seed: u64) -> Result<Drawn, Failure> {
        let scenario = crate::simulate::find(&self.scenario)?;
        let timeline = scenario.timeline(seed);
        Ok(Drawn {
            scenario,
            timeline: match self.at {
                None => timeline,
                Some(place) => timeline.begun_by(place),
            },
            seed,
            at: self.at,
        })
    }
}

impl Drawn {
    /// Where people act, and no officer of the scenario's.
    pub(super) fn people(&self) -> People {
        self.at
            .map_or(People::Nowhere, |place| People::At(place.peer()))
    }

    /// Begins to play, beside the offices on their runtime. What comes of it is noted.
    pub(super) fn begin(self, addresses: &PerPlace<Address>, speed: u32) -> Result<(), Failure> {
        let channel = |place: Place| {
            let address = format!("http://{}", addresses[place]);
            let endpoint = Endpoint::from_shared(address.clone());
            let endpoint =
                endpoint.map_err(|error| Failure::Failed(format!("{address}: {error}")))?;
            Ok::<_, Failure>(endpoint.connect_lazy())
        };
        let offices = PerPlace::new(channel(Place::South)?, channel(Place::North)?);
        let now = system::now();
        let Self {
            scenario,
            timeline,
            seed,
            at,
        } = self;
        let name = scenario.name.clone();
        if let Some(place) = at {
            let answers = Answers::new(scenario, place, seed);
            let office = offices[place].clone();
            let seed = live_seed(seed, now);
            tokio::spawn(async move {
                let why = answer_live(answers, place, now, speed, seed, office).await;
                note(&format!(
                    "the {place} office answers nobody any more: {}",
                    why.message()
                ));
            });
        }
        let timeline = timeline.moved(now, speed);
        let events = thousands(timeline.events.len() as u64);
        note(&format!(
            "{name} is played from now on: {events} acts, {speed} times as fast"
        ));
        tokio::spawn(async move {
            match play_live(timeline, live_seed(seed, now), offices).await {
                Ok(steps) => note(&format!(
                    "{name} is over: {} acts; the offices stay up until Ctrl-C",
                    thousands(steps)
                )),
                Err(error) => note(&format!(
                    "{name} was broken off: {error}; the offices stay up"
                )),
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_office_or_both_are_named_with_a_scenario() {
        let both = played("both=workshop").expect("it is right");
        assert_eq!((both.at, &*both.scenario), (None, "workshop"));
        assert_eq!(
            played("north=a=b").map(|played| played.at),
            Ok(Some(Place::North))
        );
        for text in ["workshop", "east=workshop", "="] {
            assert!(played(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_office_does_only_what_it_begins() {
        let drawn = played("north=workshop")
            .and_then(|played| played.drawn(1).map_err(|error| error.to_string()));
        let events = drawn.expect("it is shipped").timeline.events;
        assert!(
            events.iter().all(|event| event.office == Place::North),
            "{events:?}"
        );
        assert!(events.len() > 5 && events.len() < 15, "{}", events.len());
    }
}
