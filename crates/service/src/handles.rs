//! File handles: as many as the system gives, and no more connections than there are handles for.

use office::Limits;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Handles that connections leave alone, for segments, snapshots and whatever else must be opened: at most a quarter.
const RESERVE: u64 = 64;
/// Handles of an office that serves nobody, or a little more.
const USED: u64 = 64;

/// Raises this process's limit of file handles as far as it may, and lowers the number of connections to what is there
/// for each of `offices` in this process.
pub fn make_room(limits: &mut Limits, offices: u64) {
    let needed = offices * (limits.connections_max + 2 * limits.places_kept + RESERVE) + USED;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let most = limit.maximum.map_or(needed, |most| most.min(needed));
        limit.current = limit.current.max(Some(most));
        // What cannot be raised is lived with, below.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    let Some(current) = getrlimit(Resource::Nofile).current else {
        return;
    };
    let used = std::fs::read_dir("/proc/self/fd").map_or(USED / 2, |all| all.count() as u64);
    let (connections, kept) = share(current.saturating_sub(used) / offices.max(1), limits);
    if connections < limits.connections_max {
        tracing::warn!(
            file_handles = current,
            connections_max = connections,
            places_kept = kept,
            "there are few file handles: fewer connections are taken; raise the limit (ulimit -n) to {needed}"
        );
    }
    (limits.connections_max, limits.places_kept) = (connections, kept);
}

/// How many connections there may be with so many handles, and how many places are kept beside them. As many as are
/// kept may be about to close.
fn share(free: u64, limits: &Limits) -> (u64, u64) {
    let for_connections = free - (free / 4).min(RESERVE);
    let kept = limits.places_kept.min(for_connections / 8).max(1);
    let connections = for_connections.saturating_sub(2 * kept).max(1);
    (connections.min(limits.connections_max), kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_never_take_the_last_handles() {
        let limits = Limits::default();
        for free in 8..10_000 {
            let (connections, kept) = share(free, &limits);
            assert!(connections >= 1 && kept >= 1);
            assert!(connections <= limits.connections_max && kept <= limits.places_kept);
            assert!(
                connections + 2 * kept + (free / 4).min(RESERVE) <= free,
                "{free}"
            );
        }
        assert_eq!(
            share(100_000, &limits),
            (limits.connections_max, limits.places_kept)
        );
    }
}
