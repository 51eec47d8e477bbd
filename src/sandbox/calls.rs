//! The record of calls, for tests that assert how many there were and how
//! close together.

use std::time::Duration;

use tokio::time::Instant;

use super::Operation;

/// One call that reached the sandbox, refused and failed ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// What was asked.
    pub operation: Operation,
    /// When it arrived, by the sandbox's clock.
    pub at: Instant,
}

/// Every call so far.
#[derive(Debug, Clone, Default)]
pub struct CallCounts {
    calls: Vec<Call>,
}

impl CallCounts {
    pub(super) fn record(&mut self, operation: Operation, at: Instant) {
        self.calls.push(Call { operation, at });
    }

    /// The calls in the order of arrival.
    pub fn all(&self) -> &[Call] {
        &self.calls
    }

    /// How many calls there were.
    pub fn total(&self) -> usize {
        self.calls.len()
    }

    /// How many calls of one operation there were.
    pub fn count(&self, operation: Operation) -> usize {
        self.calls
            .iter()
            .filter(|call| call.operation == operation)
            .count()
    }

    /// The largest number of calls in any span shorter than `window`.
    pub fn most_within(&self, window: Duration) -> usize {
        let mut first = 0;
        let mut most = 0;
        for (last, call) in self.calls.iter().enumerate() {
            while call.at.duration_since(self.calls[first].at) >= window {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        most
    }
}
