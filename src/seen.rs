//! Which points have been seen: one bit each, so that ten million ids take
//! little more than a megabyte.

/// A set of ordinals below a fixed number.
#[derive(Debug)]
pub(crate) struct Seen {
    words: Vec<u64>,
}

impl Seen {
    pub(crate) fn below(points: u64) -> Self {
        let words =
            usize::try_from(points.div_ceil(64)).expect("an archive's points fit memory as bits");
        Self {
            words: vec![0; words],
        }
    }

    pub(crate) fn insert(&mut self, ordinal: u64) {
        if let Some(word) = self.words.get_mut((ordinal / 64) as usize) {
            *word |= 1 << (ordinal % 64);
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.words
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }

    pub(crate) fn contains(&self, ordinal: u64) -> bool {
        self.words
            .get((ordinal / 64) as usize)
            .is_some_and(|word| word >> (ordinal % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_is_contained_and_nothing_else() {
        let mut seen = Seen::below(130);
        for ordinal in [0, 63, 64, 129] {
            seen.insert(ordinal);
        }
        seen.insert(100_000);
        let found: Vec<u64> = (0..200).filter(|ordinal| seen.contains(*ordinal)).collect();
        assert_eq!(found, [0, 63, 64, 129]);
        assert_eq!(seen.count(), 4);
    }
}
