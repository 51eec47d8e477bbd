//! The one place where time is asked: monotonic, wall and sleep. Everything
//! else is forbidden to (see `clippy.toml`), so that a whole migration, the
//! sandbox included, can run on a simulated clock: when tokio's time is paused,
//! the wall clock here moves with it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use tokio::time::Instant;

/// A clock: real, or simulated on tokio's (pausable) time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Where the simulated wall clock stood at an instant; none for the real one.
    simulated: Option<(SystemTime, Instant)>,
}

impl Clock {
    /// The machine's clock.
    pub fn real() -> Self {
        Self { simulated: None }
    }

    /// A wall clock that starts at `wall` and moves as tokio's time does.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where time is asked"
    )]
    pub fn simulated(wall: SystemTime) -> Self {
        Self {
            simulated: Some((wall, Instant::now())),
        }
    }

    /// Monotonic time.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where time is asked"
    )]
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Wall-clock time.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where time is asked"
    )]
    pub fn wall(&self) -> SystemTime {
        match self.simulated {
            Some((wall, since)) => wall + since.elapsed(),
            None => SystemTime::now(),
        }
    }

    /// Milliseconds since the Unix epoch, by the wall clock.
    pub fn wall_ms(&self) -> u64 {
        let since_epoch = self.wall().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where time is asked"
    )]
    pub async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}
