//! Waiting to the tenth of a millisecond, on the runtime that makes the calls.
//!
//! The runtime's own timer has a grain of a millisecond, and a thread that only waits costs two wake-ups a tick. Linux
//! has timers that are file descriptors: the runtime waits for it as it waits for its sockets.

use std::io;

use tokio::time::Instant;

#[cfg(target_os = "linux")]
mod kind {
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;
    use tokio::time::Duration;

    #[derive(Debug)]
    pub(super) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        #[expect(
            deprecated,
            reason = "what replaces it is unsafe, for descriptors that may be closed meanwhile; this one is owned"
        )]
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            AsyncFd::with_interest(timer, Interest::READABLE).map(Self)
        }

        pub(super) async fn wait(&self, wait: Duration) -> io::Result<()> {
            let zero = Timespec::default();
            let value = Timespec::try_from(wait).unwrap_or(zero);
            let once = Itimerspec {
                it_interval: zero,
                it_value: value,
            };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
            loop {
                let mut ready = self.0.readable().await?;
                let mut times = [0; 8];
                match rustix::io::read(self.0.get_ref(), &mut times) {
                    Ok(_) => return Ok(()),
                    Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod kind {
    use std::io;

    use tokio::time::Duration;

    #[derive(Debug)]
    pub(super) struct Timer;

    impl Timer {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn wait(&self, wait: Duration) -> io::Result<()> {
            tokio::time::sleep(wait).await;
            Ok(())
        }
    }
}

/// Wakes whoever waits, on time.
#[derive(Debug)]
pub(crate) struct Ticker(kind::Timer);

impl Ticker {
    pub(crate) fn new() -> io::Result<Self> {
        kind::Timer::new().map(Self)
    }

    /// Waits until `at`.
    pub(crate) async fn until(&self, at: Instant) -> io::Result<()> {
        let wait = at.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            tokio::task::yield_now().await;
            return Ok(());
        }
        self.0.wait(wait).await
    }
}
