//! A scenario played at offices that run anyway, in real time.

use std::sync::Arc;

use jiff::Timestamp;
use office::{PerPlace, Place};
use scenario::Timeline;
use tonic::transport::Channel;

use crate::acting::{Exchanges, LIVE, Officers, Refused};
use crate::desk::Desk;
use crate::timetable::Timetable;

/// Has officers at both offices do what `timeline` says, from its start on, which is now. Returns how many steps they
/// made. The request ids are of this `seed`: two runs at the same offices need two. The timeline's faults are left out.
///
/// # Errors
/// The act that was refused for good.
pub async fn play_live(
    timeline: Timeline,
    seed: u64,
    offices: PerPlace<Channel>,
) -> Result<u64, Refused> {
    let timetable = Timetable::starting_at(timeline.start);
    let (timeline, exchanges) = (Arc::new(timeline), Exchanges::default());
    let officers = |place: Place| {
        let desk = Desk::over(place, offices[place].clone());
        let officers = Officers::new(place, desk, timetable, exchanges.clone(), seed);
        let officers = officers.with_patience(LIVE);
        officers.act(Arc::clone(&timeline))
    };
    let (south, north) = tokio::try_join!(officers(Place::South), officers(Place::North))?;
    Ok(south + north)
}

/// The seed of a run at offices that may have seen another: of `seed` and the moment.
pub fn live_seed(seed: u64, now: Timestamp) -> u64 {
    seed ^ (now.as_nanosecond() as u64).rotate_left(17)
}
