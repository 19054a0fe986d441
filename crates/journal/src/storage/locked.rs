//! Locks that no panic poisons.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A panic elsewhere cannot leave half a write under these locks: each guarded change is one step.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
