//! Opening and closing calls: one each on every working day.

use office::Place;
use office::call::{Call, CallKind};

use crate::calendar::Calendar;
use crate::draw::Draw;
use crate::timeline::{Act, Fault, FaultSpan, Plan};
use reading::Table;

pub(crate) const CALLS_KEYS: &[&str] = &["made_by", "unanswered_per_mille"];

/// Which office makes the calls of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MadeBy {
    Alternately,
    Seed,
    Always(Place),
}

const MADE_BY: &[(&str, MadeBy)] = &[
    ("alternately", MadeBy::Alternately),
    ("seed", MadeBy::Seed),
    ("south", MadeBy::Always(Place::South)),
    ("north", MadeBy::Always(Place::North)),
];

/// The calls of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Calls {
    made_by: MadeBy,
    unanswered_per_mille: u64,
}

impl Calls {
    pub(crate) fn read(table: &Table<'_>) -> Option<Self> {
        let made_by = table
            .required("made_by")
            .and_then(|value| value.word(MADE_BY));
        let unanswered_per_mille = table.per_mille("unanswered_per_mille");
        Some(Self {
            made_by: made_by?,
            unanswered_per_mille: unanswered_per_mille?,
        })
    }

    pub(crate) fn draw(
        &self,
        calendar: &Calendar,
        faults: &[FaultSpan],
        draw: &mut Draw,
        plan: &mut Plan,
    ) {
        for (index, &day) in calendar.working_days().iter().enumerate() {
            let calls = [
                (CallKind::Opening, calendar.opens(day)),
                (CallKind::Closing, calendar.closes(day)),
            ];
            for (kind, at) in calls {
                let holds = |fault: Fault| {
                    let mut spans = faults.iter().filter(|span| span.fault == fault);
                    spans.any(|span| (span.from..span.until).contains(&at))
                };
                let away = |place: Place| holds(Fault::StaffWithdrawn(place));
                let office = match self.made_by {
                    MadeBy::Alternately => Place::BOTH[index % 2],
                    MadeBy::Seed => *draw.one_of(&Place::BOTH),
                    MadeBy::Always(place) => place,
                };
                // Whoever is there calls, and where nobody is, nobody answers.
                let office = if away(office) { office.peer() } else { office };
                let nobody = away(office.peer()) || holds(Fault::CallsUnanswered);
                let answered = !draw.chance(self.unanswered_per_mille) && !nobody;
                if away(office) {
                    continue;
                }
                let call = Call {
                    kind,
                    day: calendar.date(day),
                    answered,
                };
                plan.add(at, office, Act::RecordCall { call });
            }
        }
    }
}
