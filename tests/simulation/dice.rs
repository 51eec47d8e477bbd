//! Chance, all of it from one seed.

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

/// Seeded chance. Parts get dice of their own, so that one throw more in one part
/// does not change the others.
pub struct Dice(StdRng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Dice of a part's own.
    pub fn part(&mut self) -> Self {
        Self::new(self.0.next_u64())
    }

    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// From `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        self.0.random_range(least..=most)
    }

    pub fn index(&mut self, length: usize) -> usize {
        self.0.random_range(0..length)
    }

    /// Whether something of that probability happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability)
    }

    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.index(among.len())]
    }

    /// One of these, each as often as the number beside it says.
    pub fn weighted<T: Copy>(&mut self, among: &[(u32, T)]) -> T {
        let total: u32 = among.iter().map(|(weight, _)| weight).sum();
        let mut at = self.0.random_range(0..total);
        for (weight, one) in among {
            if at < *weight {
                return *one;
            }
            at -= weight;
        }
        among[0].1
    }

    /// A number from 1 to `most`, small ones as likely as large ones.
    pub fn scale(&mut self, most: u64) -> u64 {
        let bits = 64 - most.leading_zeros();
        let upto = 1_u64 << self.between(0, u64::from(bits));
        self.between(1, upto.min(most))
    }

    pub fn float(&mut self) -> f32 {
        self.0.random_range(-1.0_f32..1.0)
    }
}
