//! Exact search among the base, with whole vectors and with their first numbers in
//! one pass. Every score is a sum in f64 in the order of the numbers, so that
//! it is the same on every machine and however many threads share the work.

use std::num::NonZeroUsize;
use std::thread;

use super::Base;
use super::nearest::Nearest;
use crate::record::Metric;

/// Queries that are searched for in one pass over the base: their sums do not wait
/// for each other, and fill a processor's wide registers.
const LANES: usize = 16;

/// What a base is searched with.
struct Search<'a> {
    base: &'a Base,
    metric: Metric,
    /// Ascending; the last is the whole.
    prefixes: Vec<usize>,
    /// For each of the base the norm of each prefix; empty where no norm is needed.
    norms: Vec<f64>,
    k: usize,
}

/// For each of `dimensions` and each query, how many of its `k` neighbours by
/// whole vectors are among those by the first numbers.
pub(super) fn hits(
    base: &Base,
    metric: Metric,
    dimensions: &[usize],
    (queries, k): (&[usize], usize),
) -> Vec<Vec<usize>> {
    let search = Search::new(base, metric, dimensions, k);
    let found = search.all(queries);
    let place = |wanted: &usize| search.prefixes.binary_search(wanted).unwrap_or_default();
    dimensions
        .iter()
        .map(|wanted| {
            let place = place(wanted);
            found.iter().map(|hits| hits[place]).collect()
        })
        .collect()
}

impl<'a> Search<'a> {
    fn new(base: &'a Base, metric: Metric, dimensions: &[usize], k: usize) -> Self {
        let mut prefixes = dimensions.to_vec();
        prefixes.push(base.dimensions());
        prefixes.sort_unstable();
        prefixes.dedup();
        let norms = match metric {
            Metric::Cosine => (0..base.len())
                .flat_map(|position| norms(base.vector(position), &prefixes))
                .collect(),
            Metric::Euclidean | Metric::DotProduct => Vec::new(),
        };
        Self {
            base,
            metric,
            prefixes,
            norms,
            k,
        }
    }

    /// The hits of every query, by prefix; shared among the processors.
    fn all(&self, queries: &[usize]) -> Vec<Vec<usize>> {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let share = queries.len().div_ceil(threads).next_multiple_of(LANES);
        thread::scope(|scope| {
            let shares: Vec<_> = queries
                .chunks(share)
                .map(|share| scope.spawn(move || self.share(share)))
                .collect();
            shares
                .into_iter()
                .flat_map(|share| share.join().expect("a search does not panic"))
                .collect()
        })
    }

    fn share(&self, queries: &[usize]) -> Vec<Vec<usize>> {
        queries
            .chunks(LANES)
            .flat_map(|lanes| match self.metric {
                Metric::Cosine | Metric::DotProduct => self.lanes(lanes, |a, b| a * b),
                Metric::Euclidean => self.lanes(lanes, |a, b| (a - b) * (a - b)),
            })
            .collect()
    }

    /// At most [`LANES`] queries; `term` is what each number adds to a sum.
    fn lanes(&self, queries: &[usize], term: impl Fn(f64, f64) -> f64) -> Vec<Vec<usize>> {
        let numbers = side_by_side(self.base, queries);
        let mut nearest = vec![vec![Nearest::new(self.k); self.prefixes.len()]; queries.len()];
        for position in 0..self.base.len() {
            let vector = self.base.vector(position);
            let (mut sums, mut begun) = ([0.0; LANES], 0);
            for (prefix, end) in self.prefixes.iter().enumerate() {
                add(
                    &mut sums,
                    &vector[begun..*end],
                    &numbers[begun..*end],
                    &term,
                );
                begun = *end;
                for (lane, query) in queries.iter().enumerate() {
                    if *query != position {
                        let score = self.score(sums[lane], prefix, (*query, position));
                        nearest[lane][prefix].offer(score, position);
                    }
                }
            }
        }
        nearest.iter().map(|prefixes| in_common(prefixes)).collect()
    }

    /// The greater, the nearer.
    fn score(&self, sum: f64, prefix: usize, (query, position): (usize, usize)) -> f64 {
        let norm = |of: usize| self.norms[of * self.prefixes.len() + prefix];
        match self.metric {
            Metric::DotProduct => sum,
            Metric::Euclidean => -sum,
            Metric::Cosine => {
                let norms = norm(query) * norm(position);
                // Nothing is left of one of them.
                if norms == 0.0 { 0.0 } else { sum / norms }
            }
        }
    }
}

/// What every prefix has in common with the whole, which is the last.
fn in_common(prefixes: &[Nearest]) -> Vec<usize> {
    let whole = prefixes.last();
    let common = |nearest: &Nearest| whole.map_or(0, |whole| whole.in_common(nearest));
    prefixes.iter().map(common).collect()
}

/// Adds the terms of a stretch of numbers to the sums, in their order.
#[inline(always)]
fn add(
    sums: &mut [f64; LANES],
    vector: &[f32],
    numbers: &[[f64; LANES]],
    term: &impl Fn(f64, f64) -> f64,
) {
    let mut held = *sums;
    for (number, lanes) in vector.iter().zip(numbers) {
        let number = f64::from(*number);
        for (sum, lane) in held.iter_mut().zip(lanes) {
            *sum += term(*lane, number);
        }
    }
    *sums = held;
}

/// The queries' vectors, number by number; lanes without a query hold zeros.
fn side_by_side(base: &Base, queries: &[usize]) -> Vec<[f64; LANES]> {
    let mut numbers = vec![[0.0; LANES]; base.dimensions()];
    for (lane, query) in queries.iter().enumerate() {
        for (lanes, number) in numbers.iter_mut().zip(base.vector(*query)) {
            lanes[lane] = f64::from(*number);
        }
    }
    numbers
}

/// The norm of every prefix.
fn norms(vector: &[f32], prefixes: &[usize]) -> Vec<f64> {
    let (mut squares, mut begun) = (0.0_f64, 0);
    let norm_up_to = |end: &usize| {
        for number in &vector[begun..*end] {
            squares += f64::from(*number) * f64::from(*number);
        }
        begun = *end;
        squares.sqrt()
    };
    prefixes.iter().map(norm_up_to).collect()
}
