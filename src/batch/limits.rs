//! How large one upsert may be.

/// The most records in one upsert over HTTP (Vectorize limits page).
pub const MAX_BATCH_COUNT: usize = 5_000;
/// The most bytes in one upsert: 5 MB below the 100 MB of the Vectorize limits
/// page, which does not say what it counts.
pub const MAX_BATCH_BYTES: usize = 95_000_000;

/// A limit that Vectorize would not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchLimitError {
    /// Bytes outside of 1 to [`MAX_BATCH_BYTES`].
    #[error("a batch of {0} bytes is not possible; choose 1 to {MAX_BATCH_BYTES}")]
    Bytes(usize),
    /// A count outside of 1 to [`MAX_BATCH_COUNT`].
    #[error("a batch of {0} records is not possible; choose 1 to {MAX_BATCH_COUNT}")]
    Count(usize),
}

/// How large a batch may be, within what Vectorize takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    bytes: usize,
    count: usize,
}

impl BatchLimits {
    /// The largest that Vectorize takes. Records that were one batch under any
    /// limits are one batch under these.
    pub const LARGEST: Self = Self {
        bytes: MAX_BATCH_BYTES,
        count: MAX_BATCH_COUNT,
    };

    /// Checks both against what Vectorize takes.
    pub fn new(bytes: usize, count: usize) -> Result<Self, BatchLimitError> {
        if !(1..=MAX_BATCH_BYTES).contains(&bytes) {
            return Err(BatchLimitError::Bytes(bytes));
        }
        if !(1..=MAX_BATCH_COUNT).contains(&count) {
            return Err(BatchLimitError::Count(count));
        }
        Ok(Self { bytes, count })
    }

    /// The most bytes of a body; a single larger record still goes, alone.
    pub fn bytes(self) -> usize {
        self.bytes
    }

    /// The most records of a body.
    pub fn count(self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_within_what_vectorize_takes() {
        assert!(BatchLimits::new(1, 1).is_ok());
        assert_eq!(
            BatchLimits::new(MAX_BATCH_BYTES, MAX_BATCH_COUNT),
            Ok(BatchLimits::LARGEST)
        );
        assert_eq!(BatchLimits::new(0, 1), Err(BatchLimitError::Bytes(0)));
        assert_eq!(
            BatchLimits::new(95_000_001, 1),
            Err(BatchLimitError::Bytes(95_000_001))
        );
        assert_eq!(BatchLimits::new(1, 0), Err(BatchLimitError::Count(0)));
        assert_eq!(
            BatchLimits::new(1, 5_001),
            Err(BatchLimitError::Count(5_001))
        );
    }
}
