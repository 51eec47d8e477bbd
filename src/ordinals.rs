//! Sets of ordinals, a bit each, in blocks that are made where ordinals are: ten million
//! take little more than a megabyte. A block is found as fast among many as among few,
//! because ordinals come in any order, and each looks for its own.

use std::collections::BTreeSet;

/// Ordinals of one block.
const BLOCK: u64 = 1 << 16;
const WORDS: usize = (BLOCK / 64) as usize;

/// An archive has no more blocks than these: 68 thousand million points. What lies beyond
/// is of a damaged file, and is to take as little as it is.
const MOST_BLOCKS: u64 = 1 << 20;

type Block = Box<[u64; WORDS]>;

/// A set of ordinals.
#[derive(Debug, Default)]
pub(crate) struct Ordinals {
    blocks: Vec<Option<Block>>,
    far: BTreeSet<u64>,
}

impl Ordinals {
    pub(crate) fn insert(&mut self, ordinal: u64) {
        let Some(block) = block_of(ordinal) else {
            self.far.insert(ordinal);
            return;
        };
        if block >= self.blocks.len() {
            self.blocks.resize_with(block + 1, || None);
        }
        let words = self.blocks[block].get_or_insert_with(|| Box::new([0; WORDS]));
        let (word, bit) = within(ordinal);
        words[word] |= bit;
    }

    pub(crate) fn contains(&self, ordinal: u64) -> bool {
        let Some(block) = block_of(ordinal) else {
            return self.far.contains(&ordinal);
        };
        let (word, bit) = within(ordinal);
        let words = self.blocks.get(block).and_then(Option::as_ref);
        words.is_some_and(|words| words[word] & bit != 0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.far.is_empty()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        let words = self.blocks.iter().flatten().flat_map(|words| words.iter());
        let near: u64 = words.map(|word| u64::from(word.count_ones())).sum();
        near + self.far.len() as u64
    }

    /// All of them, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        let blocks = (0..).step_by(BLOCK as usize).zip(&self.blocks);
        let near = blocks.flat_map(|(first, block)| {
            let words = block.iter().flat_map(|words| words.iter());
            let firsts = (first..).step_by(64);
            firsts.zip(words).flat_map(|(first, word)| {
                let bits = (0..64).filter(move |bit| word >> bit & 1 == 1);
                bits.map(move |bit: u64| first + bit)
            })
        });
        near.chain(self.far.iter().copied())
    }
}

/// The block's place; none for an ordinal that no archive has.
fn block_of(ordinal: u64) -> Option<usize> {
    let block = ordinal / BLOCK;
    (block < MOST_BLOCKS).then_some(block as usize)
}

/// The word of a block, and the bit of it.
fn within(ordinal: u64) -> (usize, u64) {
    let within = ordinal % BLOCK;
    ((within / 64) as usize, 1 << (within % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_comes_back_in_order_wherever_it_lies() {
        let beyond = BLOCK * MOST_BLOCKS;
        let ordinals = [
            0,
            1,
            63,
            64,
            BLOCK - 1,
            BLOCK,
            9_999_999,
            beyond - 1,
            beyond,
            i64::MAX as u64,
            u64::MAX,
        ];
        let mut set = Ordinals::default();
        assert!(set.is_empty());
        assert_eq!(set.count(), 0);
        for ordinal in ordinals.iter().rev().chain(&ordinals) {
            set.insert(*ordinal);
        }
        assert_eq!(set.iter().collect::<Vec<u64>>(), ordinals);
        assert_eq!(set.count(), ordinals.len() as u64);
        assert!(!set.is_empty());
        assert!(ordinals.iter().all(|ordinal| set.contains(*ordinal)));
        let others = [
            2,
            62,
            65,
            BLOCK - 2,
            BLOCK + 1,
            9_999_998,
            beyond - 2,
            beyond + 1,
        ];
        assert!(!others.iter().any(|ordinal| set.contains(*ordinal)));
    }

    #[test]
    fn one_far_ordinal_makes_a_set_of_its_own() {
        let mut set = Ordinals::default();
        set.insert(u64::MAX);
        assert!(!set.is_empty());
        assert!(set.blocks.is_empty(), "no block is made for it");
        assert!(!set.contains(0));
    }
}
