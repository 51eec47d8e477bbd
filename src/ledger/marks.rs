//! Marked ordinals, a bit each, in blocks that are made where ordinals are: ten million
//! take little more than a megabyte, and an ordinal that only a damaged file has
//! takes no more than a block, however large it is. A block is found as fast among many as
//! among few, because ordinals come in any order, and each looks for its own.

use std::collections::HashMap;

/// Ordinals of one block.
const BLOCK: u64 = 1 << 16;
const WORDS: usize = (BLOCK / 64) as usize;

/// A set of ordinals.
#[derive(Debug, Default)]
pub(super) struct Marks {
    blocks: HashMap<u64, Box<[u64; WORDS]>>,
}

impl Marks {
    pub(super) fn insert(&mut self, ordinal: u64) {
        let block = self.blocks.entry(ordinal / BLOCK);
        let block = block.or_insert_with(|| Box::new([0; WORDS]));
        let within = ordinal % BLOCK;
        block[(within / 64) as usize] |= 1 << (within % 64);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(super) fn contains(&self, ordinal: u64) -> bool {
        let within = ordinal % BLOCK;
        let block = self.blocks.get(&(ordinal / BLOCK));
        block.is_some_and(|words| words[(within / 64) as usize] >> (within % 64) & 1 == 1)
    }

    /// All of them, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        let mut blocks: Vec<_> = self.blocks.iter().collect();
        blocks.sort_unstable_by_key(|(block, _)| **block);
        blocks.into_iter().flat_map(|(block, words)| {
            let firsts = (block * BLOCK..).step_by(64);
            firsts.zip(words.iter()).flat_map(|(first, word)| {
                let bits = (0..64).filter(move |bit| word >> bit & 1 == 1);
                bits.map(move |bit: u64| first + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_comes_back_in_order_wherever_it_lies() {
        let ordinals = [0, 1, 63, 64, BLOCK - 1, BLOCK, 9_999_999, i64::MAX as u64];
        let mut marks = Marks::default();
        assert!(marks.is_empty());
        for ordinal in ordinals.iter().rev().chain(&ordinals) {
            marks.insert(*ordinal);
        }
        assert_eq!(marks.iter().collect::<Vec<u64>>(), ordinals);
        assert!(!marks.is_empty());
        assert!(ordinals.iter().all(|ordinal| marks.contains(*ordinal)));
        let others = [2, 62, 65, BLOCK - 2, BLOCK + 1, 9_999_998, 20_000_000];
        assert!(!others.iter().any(|ordinal| marks.contains(*ordinal)));
    }
}
