//! The best few of many, ties going to whoever came first.

/// The `k` positions with the greatest scores, as they are offered in ascending
/// order of positions.
#[derive(Debug, Clone)]
pub(super) struct Nearest {
    k: usize,
    /// Best first.
    best: Vec<(f64, usize)>,
}

impl Nearest {
    pub(super) fn new(k: usize) -> Self {
        Self {
            k,
            best: Vec::with_capacity(k + 1),
        }
    }

    pub(super) fn offer(&mut self, score: f64, position: usize) {
        if self.best.len() == self.k && self.best.last().is_some_and(|last| score <= last.0) {
            return;
        }
        let place = self.best.partition_point(|better| better.0 >= score);
        self.best.insert(place, (score, position));
        self.best.truncate(self.k);
    }

    /// How many both hold.
    pub(super) fn in_common(&self, other: &Self) -> usize {
        let has = |position: usize| other.best.iter().any(|held| held.1 == position);
        self.best.iter().filter(|held| has(held.1)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(k: usize, scores: &[f64]) -> Vec<usize> {
        let mut nearest = Nearest::new(k);
        for (position, score) in scores.iter().enumerate() {
            nearest.offer(*score, position);
        }
        nearest.best.iter().map(|held| held.1).collect()
    }

    #[test]
    fn the_greatest_are_kept_and_ties_go_to_the_first() {
        assert_eq!(nearest(2, &[0.1, 0.9, 0.5, 0.9]), [1, 3]);
        assert_eq!(nearest(2, &[0.5, 0.5, 0.5]), [0, 1]);
        assert_eq!(nearest(3, &[0.5, 0.7, 0.5, 0.5]), [1, 0, 2]);
        assert_eq!(nearest(5, &[-1.0, -2.0]), [0, 1]);
    }

    #[test]
    fn what_two_have_in_common_does_not_depend_on_the_order() {
        let mut one = Nearest::new(3);
        let mut other = Nearest::new(3);
        for (position, score) in [1.0, 2.0, 3.0, 4.0].into_iter().enumerate() {
            one.offer(score, position);
            other.offer(-score, position);
        }
        assert_eq!(one.in_common(&other), 2);
        assert_eq!(one.in_common(&one.clone()), 3);
    }
}
