//! The plan: both offices' steps as one stream, each with the recorded time that passes before it.

use std::time::Duration;

use jiff::Timestamp;
use office::{PerPlace, Place, StepKind};

use crate::pace::Rhythm;
use crate::recording::{Lane, Recorded, Recording, ReplayError};
use crate::speed::Speed;

/// Which steps are wanted, and when.
#[derive(Debug, Clone)]
pub struct Selection {
    /// How fast.
    pub speed: Speed,
    /// The longest gap, in recorded time.
    pub gap_max: Option<Duration>,
    /// Steps authored at or after this time.
    pub from: Option<Timestamp>,
    /// Steps authored before this time.
    pub until: Option<Timestamp>,
    /// Steps of these kinds; all if empty.
    pub only: Vec<StepKind>,
    /// The recorded time at which the replay begins; the first wanted step's if `None`.
    pub begins_at: Option<Timestamp>,
    /// Officers act on whole seconds: the fraction is how long their office took to record. A scenario's do.
    pub whole_seconds: bool,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            speed: Speed::Times(1.0),
            gap_max: None,
            from: None,
            until: None,
            only: Vec::new(),
            begins_at: None,
            whole_seconds: false,
        }
    }
}

impl Selection {
    /// What is to be done about a step.
    pub fn verdict(&self, recorded: &Recorded) -> Verdict {
        let time = recorded.step.authored_at;
        let kind = recorded.step.kind;
        let early = self.from.is_some_and(|from| time < from);
        let late = self.until.is_some_and(|until| time >= until);
        if early || late || !(self.only.is_empty() || self.only.contains(&kind)) {
            return Verdict::NotWanted;
        }
        match kind {
            StepKind::DocumentExpired | StepKind::MeetingLapsed => Verdict::ByClock,
            _ => Verdict::Make,
        }
    }
}

/// What is to be done about a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// An officer makes it again.
    Make,
    /// An office's clock makes it, if its time comes: an expiry or a lapse.
    ByClock,
    /// It is not wanted.
    NotWanted,
}

/// A recorded step, and what is intended with it.
#[derive(Debug, Clone)]
pub struct Intended {
    /// The step as recorded.
    pub recorded: Recorded,
    /// What to do.
    pub verdict: Verdict,
    /// How much recorded time passes before it, long gaps shortened; at speed 1 it is due so long after the start.
    pub at: Duration,
}

/// Reads a recording by cursor. Steps of one office come in their order, and each after what it answers.
#[derive(Debug)]
pub struct Plan {
    lanes: PerPlace<Lane>,
    heads: PerPlace<Option<Recorded>>,
    /// The last line sequence given out, of each office.
    given: PerPlace<u64>,
    selection: Selection,
    rhythm: Option<Rhythm>,
    begun: bool,
}

impl Plan {
    /// The plan of replaying `recording`.
    pub fn new(recording: &Recording, selection: Selection) -> Self {
        let lanes = PerPlace::new(recording.lane(Place::South), recording.lane(Place::North));
        Self {
            lanes,
            heads: PerPlace::default(),
            given: PerPlace::default(),
            selection,
            rhythm: None,
            begun: false,
        }
    }

    /// How fast it is to be played.
    pub fn speed(&self) -> Speed {
        self.selection.speed
    }

    /// The next step.
    pub fn next_step(&mut self) -> Result<Option<Intended>, ReplayError> {
        self.begin()?;
        let Some(place) = self.next_place() else {
            return Ok(None);
        };
        let head = self.lanes[place].next_step()?;
        let Some(recorded) = std::mem::replace(&mut self.heads[place], head) else {
            return Ok(None);
        };
        self.given[place] = recorded.step.id.sequence;
        let verdict = self.selection.verdict(&recorded);
        let at = match verdict {
            Verdict::Make => self.passed(recorded.step.authored_at),
            _ => Duration::ZERO,
        };
        Ok(Some(Intended {
            recorded,
            verdict,
            at,
        }))
    }

    /// When the recorded time begins at which steps are due.
    pub(crate) fn peek_wanted(&mut self) -> Result<Option<Timestamp>, ReplayError> {
        self.begin()?;
        let heads = Place::BOTH
            .iter()
            .filter_map(|place| self.heads[*place].as_ref());
        let first = heads.map(|head| head.step.authored_at).min();
        let Selection {
            from, begins_at, ..
        } = self.selection;
        Ok(begins_at.or(from.max(first)))
    }

    fn begin(&mut self) -> Result<(), ReplayError> {
        if !self.begun {
            for place in Place::BOTH {
                self.heads[place] = self.lanes[place].next_step()?;
            }
            self.begun = true;
        }
        Ok(())
    }

    /// The office whose step comes next: the earlier, unless it answers a step that has not come.
    fn next_place(&self) -> Option<Place> {
        let time = |place: Place| Some(self.heads[place].as_ref()?.step.authored_at);
        let (south, north) = (time(Place::South), time(Place::North));
        let earlier = match (south, north) {
            (None, None) => return None,
            (Some(_), None) => return Some(Place::South),
            (None, Some(_)) => return Some(Place::North),
            (Some(south), Some(north)) if north < south => Place::North,
            _ => Place::South,
        };
        // Two clocks may disagree, answers may not. Where both wait for each other the ledger is no ledger of ours.
        let other = earlier.peer();
        let waits = self.waits(earlier) && !self.waits(other);
        Some(if waits { other } else { earlier })
    }

    fn waits(&self, place: Place) -> bool {
        let head = self.heads[place].as_ref();
        head.is_some_and(|head| {
            head.answers()
                .any(|id| id.place != place && id.sequence > self.given[id.place])
        })
    }

    fn passed(&mut self, time: Timestamp) -> Duration {
        let Selection {
            gap_max,
            begins_at,
            whole_seconds,
            ..
        } = self.selection;
        let time = if whole_seconds {
            Timestamp::from_second(time.as_second()).unwrap_or(time)
        } else {
            time
        };
        let t0 = begins_at.unwrap_or(time);
        self.rhythm
            .get_or_insert_with(|| Rhythm::new(t0, gap_max))
            .passed(time)
    }
}

impl Iterator for Plan {
    type Item = Result<Intended, ReplayError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_step().transpose()
    }
}

#[cfg(test)]
mod tests {
    use ledger::{MemoryStorage, Reader};
    use scenario::Scenario;
    use simulator::Simulation;

    use super::*;

    fn simulated() -> PerPlace<Reader> {
        let text = scenario::shipped_text("kaesong-2018").expect("it is shipped");
        let scenario = Scenario::parse("kaesong-2018.toml", text).expect("it has no mistake");
        let (south, north) = (MemoryStorage::default(), MemoryStorage::default());
        Simulation::in_storages(&scenario, 1, south.clone(), north.clone())
            .run()
            .expect("it can be simulated");
        let read = |storage: &MemoryStorage| ledger::read(storage).expect("it is a ledger");
        PerPlace::new(read(&south), read(&north))
    }

    fn planned(recording: &Recording, selection: Selection) -> Vec<Intended> {
        Plan::new(recording, selection)
            .collect::<Result<_, _>>()
            .expect("it can be read")
    }

    #[test]
    fn one_ledger_holds_what_the_pair_holds() {
        let readers = simulated();
        let (south, north) = (&readers[Place::South], &readers[Place::North]);
        let pair = Recording::of_pair(north.clone(), south.clone()).expect("one of each");
        let ids = |recording: &Recording| -> Vec<_> {
            planned(recording, Selection::default())
                .iter()
                .map(|intended| (intended.recorded.step.id, intended.at))
                .collect()
        };
        let wanted = ids(&pair);
        assert_eq!(wanted.len(), 1_163);
        assert_eq!(ids(&Recording::of_one(south.clone())), wanted);
        assert_eq!(ids(&Recording::of_one(north.clone())), wanted);
        assert!(Recording::of_pair(south.clone(), south.clone()).is_err());
    }

    #[test]
    fn nothing_comes_before_what_it_answers_and_nothing_goes_back() {
        let readers = simulated();
        let recording = Recording::of_one(readers[Place::North].clone());
        let mut seen = PerPlace::<u64>::default();
        let mut last = Duration::ZERO;
        for intended in planned(&recording, Selection::default()) {
            let id = intended.recorded.step.id;
            assert_eq!(id.sequence, seen[id.place] + 1, "an office's own order");
            seen[id.place] = id.sequence;
            for answered in intended.recorded.answers() {
                assert!(answered.sequence <= seen[answered.place], "{id}");
            }
            assert!(intended.at >= last);
            last = intended.at;
        }
    }

    #[test]
    fn a_part_is_wanted_by_time_and_kind() {
        let readers = simulated();
        let recording = Recording::of_one(readers[Place::South].clone());
        let time = |text: &str| Some(text.parse().expect("it is a time"));
        let selection = Selection {
            from: time("2018-10-01T00:00:00+09:00"),
            until: time("2018-11-01T00:00:00+09:00"),
            only: vec![StepKind::DocumentSent],
            ..Selection::default()
        };
        let planned = planned(&recording, selection.clone());
        let wanted: Vec<_> = planned
            .iter()
            .filter(|intended| intended.verdict == Verdict::Make)
            .collect();
        assert!(!wanted.is_empty() && wanted.len() < 173);
        assert_eq!(wanted[0].at, Duration::ZERO, "it begins with the first");
        for intended in wanted {
            let step = intended.recorded.step;
            assert_eq!(step.kind, StepKind::DocumentSent);
            assert!(
                Some(step.authored_at) >= selection.from
                    && Some(step.authored_at) < selection.until
            );
        }
    }
}
