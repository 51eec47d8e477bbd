//! How long one call that keeps failing is tried: a number of tries and a time,
//! both bounded, with pauses that double. What a failure means is judged by
//! whoever knows the service; nothing here sleeps.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use crate::clock::{Clock, Instant};

/// How long one call is tried at all, waits asked for by the server included.
const MOST_TIME: Duration = Duration::from_secs(600);
/// Our own pauses end here.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The tries of one call so far.
pub(super) struct Tries {
    clock: Clock,
    began: Instant,
    most: u32,
    made: u32,
    pauses: ExponentialBackoff,
}

impl Tries {
    /// At most `most` tries; `first_pause` doubles from try to try, with jitter.
    pub(super) fn new(clock: Clock, first_pause: Duration, most: u32) -> Self {
        let pauses = ExponentialBuilder::new()
            .with_min_delay(first_pause)
            .with_max_delay(LONGEST_PAUSE)
            .with_jitter()
            .without_max_times()
            .build();
        Self {
            clock,
            began: clock.now(),
            most,
            made: 0,
            pauses,
        }
    }

    /// After a try that failed: the pause before the next one, `told` where the
    /// server says how long; none when enough was tried.
    pub(super) fn next_pause(&mut self, told: Option<Duration>) -> Option<Duration> {
        self.made += 1;
        let pause = match told {
            Some(told) => told,
            None => self.pauses.next()?,
        };
        let in_time = self.elapsed().saturating_add(pause) <= MOST_TIME;
        (in_time && self.made < self.most).then_some(pause)
    }

    /// How many tries have failed.
    pub(super) fn made(&self) -> u32 {
        self.made
    }

    /// As messages say it: `3 tries in 5 s`.
    pub(super) fn shown(&self) -> String {
        let times = if self.made == 1 { "try" } else { "tries" };
        format!("{} {times} in {} s", self.made, self.elapsed().as_secs())
    }

    fn elapsed(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.began)
    }
}
