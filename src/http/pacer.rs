//! No more bytes in a second than were allowed: bodies go in pieces of a hundredth of
//! a second ([`crate::http::body`]), and here each piece is told its time. All bodies
//! of a process share one timetable, in the order in which they ask. It knows nothing
//! of what is sent, and counts what is sent again like anything else.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Instant};

/// A number of bytes in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bandwidth(u64);

impl Bandwidth {
    /// The least that can be asked for: calls are given up whose bodies travel more
    /// slowly than this ([`crate::http::Request::patience`]).
    pub const SLOWEST: Self = Self(100_000);

    /// So many bytes; none where that is less than the least.
    pub fn new(bytes_per_second: u64) -> Option<Self> {
        (bytes_per_second >= Self::SLOWEST.0).then_some(Self(bytes_per_second))
    }

    /// In bytes.
    pub fn bytes_per_second(self) -> u64 {
        self.0
    }

    /// How long so many bytes take.
    pub fn time_of(self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.0 as f64)
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = bytesize::ByteSize(self.0);
        write!(f, "{}/s", bytes.display().si())
    }
}

/// What is planned of the rate: the rest is for headers and for TLS, and lets any two
/// seconds hold no more than was asked for although pieces and [`SLACK`] are uneven.
const PLANNED: f64 = 0.98;

/// Pieces in a second.
const PIECES: u64 = 100;

/// A piece that comes late by no more than this loses nothing of the rate: timers are
/// coarse, and a busy machine wakes whom it wakes.
const SLACK: Duration = Duration::from_millis(30);

/// The timetable of one process. Clones share it.
#[derive(Debug, Clone)]
pub struct Pacer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bandwidth: Bandwidth,
    /// Bodies that are under way together, at most.
    at_once: u32,
    clock: Clock,
    /// When the next piece may go.
    next: Mutex<Instant>,
}

impl Pacer {
    /// A timetable for bodies of which at most `at_once` are under way together.
    pub fn new(bandwidth: Bandwidth, at_once: u32, clock: Clock) -> Self {
        Self {
            shared: Arc::new(Shared {
                bandwidth,
                at_once,
                clock,
                next: Mutex::new(clock.now()),
            }),
        }
    }

    /// How long a body may take of which all others take their part.
    pub(crate) fn longest(&self, bytes: usize) -> Duration {
        let all = bytes as u64 * u64::from(self.shared.at_once);
        self.shared.bandwidth.time_of(all)
    }

    /// Waits for the time of the next piece, which has so many bytes.
    pub(crate) async fn wait(self, bytes: usize) {
        let wait = self.reserve(bytes);
        if !wait.is_zero() {
            self.shared.clock.sleep(wait).await;
        }
    }

    /// How long the next piece has to wait.
    fn reserve(&self, bytes: usize) -> Duration {
        let Shared {
            bandwidth,
            clock,
            next,
            ..
        } = &*self.shared;
        let takes = bandwidth.time_of(bytes as u64).div_f64(PLANNED);
        let now = clock.now();
        let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
        // What was not used is not saved up.
        let at = (*next).max(now.checked_sub(SLACK).unwrap_or(now));
        *next = at + takes;
        at.saturating_duration_since(now)
    }

    /// The size of a piece.
    pub(crate) fn piece_bytes(&self) -> usize {
        usize::try_from(self.shared.bandwidth.0 / PIECES).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests;
