//! What of a journal is durable, and where it stands: the one thing that a writer and its readers share.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use crate::storage::StorageFile;

/// Bytes between two points of the index.
pub(crate) const SPACING_BYTES: u64 = 32 * 1024;
/// Bytes read first: what one entry is looked up in. Whoever reads on reads more at a time.
const READ_FIRST_BYTES: usize = 32 * 1024;
/// Bytes read first where the entry itself is pointed at.
const READ_ENTRY_BYTES: usize = 4 * 1024;
/// Entries whose place is remembered one by one: what was just recorded is what is asked for most. 900 kB of a ledger's.
const RECENT_MAX: usize = 16 * 1024;

/// Where an entry stands, and what was counted before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point<M> {
    pub(crate) sequence: u64,
    pub(crate) offset: u64,
    pub(crate) before: M,
}

pub(crate) struct Segment<M> {
    pub(crate) first: u64,
    pub(crate) file: Arc<dyn StorageFile>,
    pub(crate) path: PathBuf,
    /// Durable bytes.
    pub(crate) len: u64,
    pub(crate) points: Vec<Point<M>>,
}

/// What readers see of a journal: everything durable.
pub(crate) struct Durable<M> {
    pub(crate) segments: Vec<Segment<M>>,
    /// The places of the last entries, each with its segment.
    recent: VecDeque<(u64, Point<M>)>,
    /// The highest durable sequence.
    pub(crate) sequence: u64,
    /// Why a commit failed: nothing more is written.
    pub(crate) failed: Option<String>,
}

impl<M> Durable<M> {
    /// Remembers the places of entries that have just become durable.
    pub(crate) fn remember(&mut self, segment: u64, points: Vec<Point<M>>) {
        let kept = RECENT_MAX.saturating_sub(points.len());
        let over = self.recent.len().saturating_sub(kept);
        self.recent.drain(..over);
        let over = points.len().saturating_sub(RECENT_MAX);
        let points = points.into_iter().skip(over);
        self.recent.extend(points.map(|point| (segment, point)));
    }
}

/// Where a cursor begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start<M> {
    /// First sequence of the segment; 0 before the first.
    pub(crate) segment: u64,
    pub(crate) point: Point<M>,
    /// Bytes to read first.
    pub(crate) read_first: usize,
}

/// Shared by all who write and read a journal.
pub(crate) struct Index<M>(Arc<RwLock<Durable<M>>>);

impl<M> Clone for Index<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> Index<M> {
    pub(crate) fn new(segments: Vec<Segment<M>>, sequence: u64) -> Self {
        Self(Arc::new(RwLock::new(Durable {
            segments,
            sequence,
            recent: VecDeque::new(),
            failed: None,
        })))
    }

    pub(crate) fn view<T>(&self, look: impl FnOnce(&Durable<M>) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Durable<M>)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<M: Copy + Default> Index<M> {
    /// The last point that `wanted` takes, or the beginning; `wanted` holds for a prefix of all points.
    pub(crate) fn start(&self, wanted: impl Fn(&Point<M>) -> bool) -> Start<M> {
        let found = self.view(|durable| {
            let recent = durable.recent.partition_point(|(_, point)| wanted(point));
            if let Some((segment, point)) = recent.checked_sub(1).map(|at| durable.recent[at]) {
                return Some(Start {
                    segment,
                    point,
                    read_first: READ_ENTRY_BYTES,
                });
            }
            let until = durable
                .segments
                .partition_point(|segment| segment.points.first().is_some_and(&wanted));
            let segment = durable.segments.get(until.checked_sub(1)?)?;
            let at = segment.points.partition_point(&wanted).checked_sub(1)?;
            Some(Start {
                segment: segment.first,
                point: segment.points[at],
                read_first: READ_FIRST_BYTES,
            })
        });
        found.unwrap_or(Start {
            segment: 0,
            point: Point {
                sequence: 1,
                offset: 0,
                before: M::default(),
            },
            read_first: READ_FIRST_BYTES,
        })
    }
}
