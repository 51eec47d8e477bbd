//! How large the next batch may be, and how many may be under way: as memory allows
//! for bodies that are encoded or wait for their answers. A size is what was asked
//! for, or 32 MiB that grows to 95 MB while requests, and not bandwidth, are what
//! holds us back.

use crate::batch::{BatchLimits, MAX_BATCH_BYTES};
use crate::error::Error;
use crate::settings::{Pace, USUAL_CONCURRENCY};

/// What a batch weighs unless `--batch-bytes` says otherwise.
const USUAL_BYTES: usize = 32 << 20;

/// Upserts under way at once unless `--concurrency` says otherwise, those included
/// that only wait for their answers: enough for a thousand of them in five minutes
/// where an answer takes four seconds.
const MOST_UNDER_WAY: usize = 16;

/// The size of batches, and how many may be under way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BatchSize {
    bytes: usize,
    /// What it may grow to.
    most: usize,
    count: usize,
    /// Upserts whose bodies are being sent.
    sending: usize,
    /// Upserts under way, those included that wait for their answers.
    under_way: usize,
    /// What bodies may take together.
    memory: usize,
}

/// The bodies that are held because their upserts are under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) upserts: usize,
    pub(super) bytes: usize,
}

impl BatchSize {
    pub(super) fn new(pace: &Pace) -> Self {
        // The other half is left for the archive's row groups and the ledger.
        let half = pace.memory / 2;
        // One body is encoded while another is under way.
        let fitting = (half / 2).min(MAX_BATCH_BYTES);
        let (bytes, most, memory) = match pace.batch_bytes {
            Some(bytes) => (bytes, bytes, half.max(2 * bytes).min(pace.memory)),
            None => (USUAL_BYTES.min(fitting), fitting, half),
        };
        Self {
            bytes,
            most,
            count: pace.batch_count,
            sending: pace.concurrency.unwrap_or(USUAL_CONCURRENCY),
            under_way: pace.concurrency.unwrap_or(MOST_UNDER_WAY),
            memory,
        }
    }

    /// The limits of the next batch.
    pub(super) fn limits(&self) -> Result<BatchLimits, Error> {
        BatchLimits::new(self.bytes, self.count)
            .map_err(|error| Error::usage("the batch limits cannot be used").because(error))
    }

    /// The fewest batches of records that weigh so much together.
    pub(super) fn least_batches(&self, records: u64, bytes: u64) -> u64 {
        let by_count = records.div_ceil(self.count as u64);
        by_count.max(bytes.div_ceil(self.bytes as u64))
    }

    /// Upserts whose bodies may be sent at once.
    pub(super) fn sending(&self) -> usize {
        self.sending
    }

    /// Whether there is memory to encode a batch of at most `next` bytes.
    pub(super) fn may_encode(&self, held: Held, next: usize) -> bool {
        // A batch that was cut when more memory was given goes alone.
        held.upserts == 0 || held.bytes + next <= self.memory
    }

    /// Whether one more upsert may be under way.
    pub(super) fn may_send(&self, held: Held) -> bool {
        held.upserts < self.under_way
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
    use proptest::prelude::*;

    use super::*;
    use crate::settings::PaceOptions;

    fn pace(batch_bytes: Option<usize>, memory: usize) -> Pace {
        let pace = Pace::resolve(&PaceOptions::default()).unwrap();
        Pace {
            batch_bytes,
            memory,
            ..pace
        }
    }

    /// The most bodies of `bytes` each that are held at once, the one that is being
    /// encoded included, and how many of them are under way.
    fn fill(size: &BatchSize, bytes: usize) -> (usize, usize) {
        let mut held = Held::default();
        let mut most = bytes;
        while size.may_encode(held, size.bytes) {
            most = most.max(held.bytes + bytes);
            if !size.may_send(held) {
                break;
            }
            held.upserts += 1;
            held.bytes += bytes;
        }
        (most, held.upserts)
    }

    #[test]
    fn an_automatic_size_grows_to_what_vectorize_and_memory_allow() {
        let mut size = BatchSize::new(&pace(None, 1 << 30));
        assert_eq!(size.bytes, 32 << 20);
        while size.grow() {}
        assert_eq!(size.bytes, MAX_BATCH_BYTES);
        let mut small = BatchSize::new(&pace(None, 64 << 20));
        assert_eq!((small.bytes, small.grow()), (16 << 20, false));
    }

    #[test]
    fn a_size_that_was_asked_for_stays() {
        let mut size = BatchSize::new(&pace(Some(1 << 20), 256 << 20));
        assert!(!size.grow());
        assert_eq!(size.limits().unwrap().bytes(), 1 << 20);
    }

    #[test]
    fn as_many_are_under_way_as_memory_has_room_for_what_they_really_weigh() {
        let usual = BatchSize::new(&pace(None, 256 << 20));
        assert_eq!(fill(&usual, 32 << 20), (128 << 20, 4));
        assert_eq!(fill(&usual, 2 << 20).1, MOST_UNDER_WAY);
        let asked = Pace {
            concurrency: Some(1),
            ..pace(None, 256 << 20)
        };
        assert_eq!(fill(&BatchSize::new(&asked), 2 << 20).1, 1);
    }

    #[test]
    fn the_largest_batches_are_encoded_beside_sending_with_the_usual_memory() {
        let size = BatchSize::new(&pace(Some(MAX_BATCH_BYTES), 256 << 20));
        assert_eq!(fill(&size, MAX_BATCH_BYTES), (2 * MAX_BATCH_BYTES, 2));
        // With less there is one at a time: it is answered before the next is encoded.
        let tight = BatchSize::new(&pace(Some(MAX_BATCH_BYTES), 128 << 20));
        assert_eq!(fill(&tight, MAX_BATCH_BYTES), (MAX_BATCH_BYTES, 1));
    }

    proptest! {
        #[test]
        fn bodies_never_take_more_than_the_memory_and_of_their_own_accord_half_of_it(
            memory in (64_usize << 20)..(1 << 31),
            asked in prop::option::of(65_536_usize..=MAX_BATCH_BYTES),
            growth in 0..8,
            filled in 0.01_f64..=1.0,
        ) {
            let asked = asked.filter(|bytes| *bytes <= memory);
            let mut size = BatchSize::new(&pace(asked, memory));
            for _ in 0..growth {
                size.grow();
            }
            let bytes = (size.bytes as f64 * filled) as usize;
            let (most, _) = fill(&size, bytes);
            prop_assert!(most <= memory, "{size:?}");
            prop_assert!(asked.is_some() || most <= memory / 2, "{size:?}");
        }
    }
}
