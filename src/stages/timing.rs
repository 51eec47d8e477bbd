//! How long a step took.

use crate::clock::{Clock, Instant};

/// A step's beginning.
pub(super) struct Timing<'a> {
    clock: &'a Clock,
    begun: Instant,
}

impl<'a> Timing<'a> {
    /// Begins now.
    pub(super) fn begin(clock: &'a Clock) -> Self {
        Self {
            clock,
            begun: clock.now(),
        }
    }

    /// Adds the time since then to `seconds`.
    pub(super) fn end(self, seconds: &mut Option<f64>) {
        let took = (self.clock.now() - self.begun).as_secs_f64();
        *seconds = Some(seconds.unwrap_or(0.0) + took);
    }
}
