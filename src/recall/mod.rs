//! How much of exact search shortening costs: of the nearest neighbours that whole
//! vectors give, how many are still found with their first numbers only. Pure; the
//! definition, with which others get the same figures, is in `docs/dimensions.md`.

mod figures;
mod nearest;
mod search;
#[cfg(test)]
mod tests;

pub use figures::Row;

use crate::record::Metric;

/// Neighbours that are looked for.
pub const K: usize = 10;
/// The most points that are searched among.
pub const MOST_BASE: usize = 4_000;
/// The most of them that are searched for.
pub const MOST_QUERIES: usize = 500;
/// Where shortening is looked at besides the chosen number.
const BESIDE: [usize; 5] = [256, 512, 768, 1_024, 1_536];

/// The points that are searched among, in the order of their ordinals: whole
/// vectors of one length, finite, not all zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct Base {
    dimensions: usize,
    numbers: Vec<f32>,
}

impl Base {
    /// None yet, of vectors of `dimensions` numbers (at least one).
    pub fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            numbers: Vec::new(),
        }
    }

    /// Adds the next point's vector, unless it has no direction or another length;
    /// whether it was added.
    pub fn add(&mut self, vector: &[f32]) -> bool {
        let usable = vector.len() == self.dimensions
            && vector.iter().all(|number| number.is_finite())
            && vector.iter().any(|number| *number != 0.0);
        if usable {
            self.numbers.extend_from_slice(vector);
        }
        usable
    }

    /// How many points.
    pub fn len(&self) -> usize {
        self.numbers.len() / self.dimensions
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The length of the vectors.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn vector(&self, position: usize) -> &[f32] {
        &self.numbers[position * self.dimensions..][..self.dimensions]
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Recall {
    /// Neighbours looked for: [`K`], fewer where the base has not as many others.
    pub k: usize,
    /// Points searched for.
    pub queries: usize,
    /// A row for each number of dimensions.
    pub rows: Vec<Row>,
}

/// The numbers of dimensions to look at between `from`, which is left out, and
/// the fewest: the chosen one and those beside it, most first.
pub fn dimensions_beside(from: usize, chosen: usize) -> Vec<usize> {
    let mut dimensions: Vec<usize> = BESIDE.into_iter().chain([chosen]).collect();
    dimensions.retain(|dimensions| *dimensions < from);
    dimensions.sort_unstable_by(|a, b| b.cmp(a));
    dimensions.dedup();
    dimensions
}

/// Of `count` things at most `most`, evenly spaced: all of them, or those at
/// `floor(i * count / most)`.
pub fn evenly(count: u64, most: usize) -> impl Iterator<Item = u64> {
    let most = most as u64;
    let chosen = count.min(most);
    (0..chosen).map(move |position| match count <= most {
        true => position,
        // At most 4,000 times the points of a collection.
        false => (u128::from(position) * u128::from(count) / u128::from(most)) as u64,
    })
}

/// Searches exactly, with whole vectors and with the first numbers of them; every
/// entry of `dimensions` is below the base's. None where nobody has a neighbour.
pub fn measure(base: &Base, metric: Metric, dimensions: &[usize]) -> Option<Recall> {
    let k = K.min(base.len().checked_sub(1)?);
    if k == 0 {
        return None;
    }
    let queries: Vec<usize> = evenly(base.len() as u64, MOST_QUERIES)
        .filter_map(|position| usize::try_from(position).ok())
        .collect();
    let found = search::hits(base, metric, dimensions, (&queries, k));
    let rows = dimensions.iter().zip(found);
    Some(Recall {
        k,
        queries: queries.len(),
        rows: rows
            .map(|(dimensions, hits)| Row::of(*dimensions, hits, k))
            .collect(),
    })
}
