//! How large a batch may be, and how many may be under way: as memory allows for bodies
//! that are encoded, sent, or wait for their answers. Unasked, a batch is as large as
//! leaves room for two, because a request costs more of the account than a byte.

use crate::batch::{BatchLimits, MAX_BATCH_BYTES};
use crate::error::Error;
use crate::settings::{Pace, USUAL_CONCURRENCY};

/// Upserts under way at once unless `--concurrency` says otherwise, those included
/// that only wait for their answers: enough for a thousand of them in five minutes
/// where an answer takes four seconds.
const MOST_UNDER_WAY: usize = 16;

/// What shares of the line are counted in, so that they fit a semaphore's numbers.
const LINE_UNIT: usize = 1 << 10;

/// The size of batches, and how many may be under way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BatchSize {
    bytes: usize,
    count: usize,
    /// Upserts whose bodies are being sent, at most.
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
        let memory = pace.memory_for_bodies();
        // One body is encoded while another is under way.
        let roomy = (memory / 2).min(MAX_BATCH_BYTES);
        Self {
            bytes: pace.batch_bytes.unwrap_or(roomy),
            count: pace.batch_count,
            sending: pace.concurrency.unwrap_or(USUAL_CONCURRENCY),
            under_way: pace.concurrency.unwrap_or(MOST_UNDER_WAY),
            memory,
        }
    }

    /// The limits of a batch.
    pub(super) fn limits(&self) -> Result<BatchLimits, Error> {
        BatchLimits::new(self.bytes, self.count)
            .map_err(|error| Error::usage("the batch limits cannot be used").because(error))
    }

    /// The fewest batches of records that weigh so much together.
    pub(super) fn least_batches(&self, records: u64, bytes: u64) -> u64 {
        let by_count = records.div_ceil(self.count as u64);
        by_count.max(bytes.div_ceil(self.bytes as u64))
    }

    /// What the line has to share out among bodies that are being sent: half of what
    /// memory holds. All of it at once would come to its end together, and then all
    /// would wait for answers while nothing is sent.
    pub(super) fn line(&self) -> usize {
        self.memory / 2 / LINE_UNIT
    }

    /// What a body takes of that.
    pub(super) fn share_of_line(&self, body_bytes: usize) -> u32 {
        let line = self.line();
        let share = body_bytes.div_ceil(LINE_UNIT).max(line / self.sending);
        u32::try_from(share.min(line)).unwrap_or(u32::MAX)
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
    fn an_automatic_size_is_what_memory_has_room_for_twice_and_vectorize_takes() {
        let bytes = |mib: usize| BatchSize::new(&pace(None, mib << 20)).bytes;
        assert_eq!(bytes(96), 16 << 20);
        assert_eq!(bytes(128), 32 << 20);
        assert_eq!(bytes(256), MAX_BATCH_BYTES);
        assert_eq!(bytes(1 << 10), MAX_BATCH_BYTES);
        let asked = BatchSize::new(&pace(Some(1 << 20), 256 << 20));
        assert_eq!(asked.limits().unwrap().bytes(), 1 << 20);
    }

    /// How many bodies of that size are sent at once.
    fn sent(size: &BatchSize, bytes: usize) -> usize {
        size.line() / size.share_of_line(bytes) as usize
    }

    #[test]
    fn the_line_is_shared_by_few_large_bodies_and_by_as_many_as_were_asked_for() {
        let usual = BatchSize::new(&pace(None, 256 << 20));
        assert_eq!(sent(&usual, 64 << 20), 1);
        assert_eq!(sent(&usual, MAX_BATCH_BYTES), 1);
        assert_eq!(sent(&usual, 32 << 20), 3);
        assert_eq!(sent(&usual, 16 << 20), USUAL_CONCURRENCY);
        assert_eq!(sent(&usual, 1), USUAL_CONCURRENCY);
        // Cut when more memory was given.
        let tight = BatchSize::new(&pace(None, 96 << 20));
        assert_eq!(sent(&tight, MAX_BATCH_BYTES), 1);
        let asked = Pace {
            concurrency: Some(64),
            ..pace(None, 256 << 20)
        };
        assert_eq!(sent(&BatchSize::new(&asked), 1), 64);
    }

    #[test]
    fn as_many_are_under_way_as_memory_has_room_for_what_they_really_weigh() {
        let usual = BatchSize::new(&pace(None, 256 << 20));
        assert_eq!(fill(&usual, 64 << 20), (128 << 20, 2));
        assert_eq!(fill(&usual, 30 << 20), (120 << 20, 4));
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
        let tight = BatchSize::new(&pace(Some(MAX_BATCH_BYTES), 192 << 20));
        assert_eq!(fill(&tight, MAX_BATCH_BYTES), (MAX_BATCH_BYTES, 1));
    }

    proptest! {
        #[test]
        fn bodies_never_take_more_than_the_memory_that_the_process_leaves_them(
            memory in (96_usize << 20)..(1 << 31),
            asked in prop::option::of(65_536_usize..=MAX_BATCH_BYTES),
            filled in 0.01_f64..=1.0,
        ) {
            let rest = memory - (64 << 20);
            let asked = asked.filter(|bytes| *bytes <= rest);
            let size = BatchSize::new(&pace(asked, memory));
            let bytes = (size.bytes as f64 * filled) as usize;
            let (most, _) = fill(&size, bytes);
            prop_assert!(most <= rest, "{size:?}");
        }
    }
}
