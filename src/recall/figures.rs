//! From every query's hits to the figures that are shown.

use serde::{Deserialize, Serialize};

/// Recall with the first `dims` numbers, over all queries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The numbers that are kept.
    pub dims: usize,
    /// The mean.
    pub mean: f64,
    /// Half of the queries find at least so much.
    pub median: f64,
    /// All but the worst twentieth find at least so much.
    pub p5: f64,
    /// The worst query's.
    pub min: f64,
}

impl Row {
    /// The figures of at least one query, of whose `k` neighbours each entry of
    /// `hits` were found.
    pub(super) fn of(dims: usize, mut hits: Vec<usize>, k: usize) -> Self {
        hits.sort_unstable();
        let share = |hits: f64| hits / k as f64;
        let sum: usize = hits.iter().sum();
        Self {
            dims,
            mean: share(sum as f64) / hits.len() as f64,
            median: share(percentile(&hits, 0.5)),
            p5: share(percentile(&hits, 0.05)),
            min: share(percentile(&hits, 0.0)),
        }
    }
}

/// Linear between the two nearest of the ascending values, as numpy's default.
fn percentile(ascending: &[usize], part: f64) -> f64 {
    let place = (ascending.len() - 1) as f64 * part;
    let below = place.floor() as usize;
    let above = (below + 1).min(ascending.len() - 1);
    let (low, high) = (ascending[below] as f64, ascending[above] as f64);
    low + (high - low) * (place - place.floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_linear_between_neighbours() {
        assert_eq!(percentile(&[7], 0.05), 7.0);
        assert_eq!(percentile(&[2, 4], 0.5), 3.0);
        assert_eq!(percentile(&[1, 2, 9], 0.5), 2.0);
        // numpy.percentile([1, 5, 6, 10], 5) == 1.6
        assert!((percentile(&[1, 5, 6, 10], 0.05) - 1.6).abs() < 1e-12);
        assert_eq!(percentile(&[1, 5, 6, 10], 0.0), 1.0);
    }

    #[test]
    fn a_row_is_of_shares_whatever_the_order_of_the_queries() {
        let row = Row::of(256, vec![10, 4, 10, 8], 10);
        let expected = Row {
            dims: 256,
            mean: 0.8,
            median: 0.9,
            p5: 0.46,
            min: 0.4,
        };
        assert!((row.p5 - expected.p5).abs() < 1e-12);
        assert_eq!(Row { p5: 0.46, ..row }, expected);
        let perfect = Row::of(256, vec![3, 3, 3], 3);
        assert_eq!((perfect.mean, perfect.p5, perfect.min), (1.0, 1.0, 1.0));
    }
}
