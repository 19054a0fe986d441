//! What the calling thread took of the processor.

use std::time::Duration;

/// Processor time of one thread.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    /// It ran so long.
    pub(crate) ran: Duration,
    /// It could have run so much longer, and got no processor. Known on Linux only.
    pub(crate) waited: Duration,
}

impl Cpu {
    /// Of the calling thread, since it began.
    pub(crate) fn of_this_thread() -> Self {
        // Two numbers of nanoseconds, and how often it was scheduled.
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let mut numbers = text.split(' ').map(|number| number.parse().unwrap_or(0));
        let mut next = || Duration::from_nanos(numbers.next().unwrap_or(0));
        let (ran, waited) = (next(), next());
        if ran.is_zero() {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            return Self {
                ran: Duration::try_from(time).unwrap_or_default(),
                waited: Duration::ZERO,
            };
        }
        Self { ran, waited }
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            ran: self.ran.saturating_sub(earlier.ran),
            waited: self.waited.saturating_sub(earlier.waited),
        }
    }
}
