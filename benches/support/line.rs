//! A line that is no faster than it is: what comes in over all connections together
//! is read at a fixed rate, and when how much was read is remembered.

use std::sync::Mutex;
use std::time::Duration;

use cf_migrate::clock::{Clock, Instant};

/// How a sink reads.
#[derive(Debug)]
pub struct Line {
    clock: Clock,
    /// Bytes in a second; none for as many as there are.
    rate: Option<u64>,
    /// How long an answer takes after the last byte.
    answer: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the next bytes may be read.
    next: Instant,
    read: Vec<(Instant, u64)>,
}

impl Line {
    /// A line of that rate, at whose end answers take that long.
    pub fn new(rate: Option<u64>, answer: Duration) -> Self {
        let clock = Clock::real();
        Self {
            clock,
            rate,
            answer,
            state: Mutex::new(State {
                next: clock.now(),
                read: Vec::new(),
            }),
        }
    }

    /// Takes the time of so many bytes, which were read.
    pub async fn read(&self, bytes: u64) {
        let until = self.take(bytes);
        let wait = until.saturating_duration_since(self.clock.now());
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
    }

    fn take(&self, bytes: u64) -> Instant {
        let mut state = self.state.lock().expect("nobody panics");
        let now = self.clock.now();
        state.read.push((now, bytes));
        let takes = self.rate.map_or(Duration::ZERO, |rate| {
            Duration::from_secs_f64(bytes as f64 / rate as f64)
        });
        state.next = state.next.max(now) + takes;
        state.next
    }

    /// Takes the time of an answer.
    pub async fn answer(&self) {
        self.clock.sleep(self.answer).await;
    }

    /// Bytes in a second, from the first to the last that were read: but for the very
    /// last piece, the barrier's, for which every answer is waited for.
    pub fn used(&self) -> f64 {
        let state = self.state.lock().expect("nobody panics");
        let Some((_, batches)) = state.read.split_last() else {
            return 0.0;
        };
        let Some(((first, _), (last, _))) = batches.first().zip(batches.last()) else {
            return 0.0;
        };
        let bytes: u64 = batches.iter().map(|(_, bytes)| bytes).sum();
        bytes as f64 / (*last - *first).as_secs_f64()
    }

    /// The most bytes in a second, of any span of that length.
    pub fn densest(&self, span: Duration) -> f64 {
        let state = self.state.lock().expect("nobody panics");
        let (mut most, mut bytes, mut first) = (0, 0, 0);
        for (at, piece) in &state.read {
            bytes += piece;
            while *at - state.read[first].0 > span {
                bytes -= state.read[first].1;
                first += 1;
            }
            most = most.max(bytes);
        }
        most as f64 / span.as_secs_f64()
    }
}
