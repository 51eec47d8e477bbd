//! How large the next batch may be: what was asked for, or 32 MiB that grows to
//! 95 MB while requests, and not bandwidth, are what holds us back.

use crate::batch::{BatchLimits, MAX_BATCH_BYTES};
use crate::error::Error;
use crate::settings::Pace;

/// What a batch weighs unless `--batch-bytes` says otherwise.
const USUAL_BYTES: usize = 32 << 20;

/// The size of batches, and how many may be in flight.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BatchSize {
    bytes: usize,
    /// What it may grow to.
    most: usize,
    count: usize,
    concurrency: usize,
    /// What bodies may take together; the other half of the memory is left for
    /// the archive's row groups and the ledger.
    memory: usize,
}

impl BatchSize {
    pub(super) fn new(pace: &Pace) -> Self {
        let memory = pace.memory / 2;
        // One body is encoded while another flies.
        let fitting = (memory / 2).min(MAX_BATCH_BYTES);
        let (bytes, most) = match pace.batch_bytes {
            Some(bytes) => (bytes, bytes),
            None => (USUAL_BYTES.min(fitting), fitting),
        };
        Self {
            bytes,
            most,
            count: pace.batch_count,
            concurrency: pace.concurrency,
            memory,
        }
    }

    /// The limits of the next batch.
    pub(super) fn limits(&self) -> Result<BatchLimits, Error> {
        BatchLimits::new(self.bytes, self.count)
            .map_err(|error| Error::usage("the batch limits cannot be used").because(error))
    }

    /// How many batches may fly while one is being encoded.
    pub(super) fn in_flight(&self) -> usize {
        (self.memory / self.bytes)
            .saturating_sub(1)
            .clamp(1, self.concurrency)
    }

    /// Requests had to wait for their turn: larger batches need fewer of them.
    /// Whether that changed anything.
    pub(super) fn grow(&mut self) -> bool {
        let before = self.bytes;
        self.bytes = (self.bytes * 3 / 2).min(self.most);
        self.bytes > before
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pace(batch_bytes: Option<usize>, memory: usize) -> Pace {
        Pace {
            readers: crate::source::DEFAULT_READERS,
            api_budget: 1_000,
            batch_bytes,
            batch_count: 5_000,
            concurrency: 4,
            memory,
            settle_timeout: Duration::from_secs(900),
            max_poison: crate::settings::Share::percent(1),
        }
    }

    #[test]
    fn an_automatic_size_grows_to_what_vectorize_and_memory_allow() {
        let mut size = BatchSize::new(&pace(None, 1 << 30));
        assert_eq!((size.bytes, size.in_flight()), (32 << 20, 4));
        while size.grow() {}
        assert_eq!(size.bytes, MAX_BATCH_BYTES);
        let mut small = BatchSize::new(&pace(None, 64 << 20));
        assert_eq!(
            (small.bytes, small.grow(), small.in_flight()),
            (16 << 20, false, 1)
        );
    }

    #[test]
    fn a_size_that_was_asked_for_stays() {
        let mut size = BatchSize::new(&pace(Some(1 << 20), 256 << 20));
        assert!(!size.grow());
        assert_eq!(size.limits().unwrap().bytes(), 1 << 20);
    }

    #[test]
    fn bodies_never_take_more_than_half_of_the_memory() {
        for memory in [64, 100, 256, 400, 4_096].map(|mib| mib << 20) {
            let mut size = BatchSize::new(&pace(None, memory));
            loop {
                assert!(
                    (size.in_flight() + 1) * size.bytes <= memory / 2,
                    "{size:?}"
                );
                if !size.grow() {
                    break;
                }
            }
        }
    }
}
