//! Exact neighbours, as `--dims` measures its recall with them.

use std::hint::black_box;

use cf_migrate::recall::{Base, MOST_BASE, MOST_QUERIES, dimensions_beside, measure};
use cf_migrate::record::Metric;

use crate::data;
use crate::measure::{Part, cpu_of};

const DIMENSIONS: usize = 3_072;
/// Sums that do not wait for each other.
const LANES: usize = 8;

/// The largest measurement there is: its numbers of dimensions at once.
pub(crate) fn neighbours(name: &'static str) -> Part {
    let base = base();
    let shorter = dimensions_beside(DIMENSIONS, 1_536);
    let few: Vec<f32> = (0..DIMENSIONS).map(|number| number as f32).collect();
    Part::new(name, (MOST_QUERIES, "query"), move || {
        cpu_of(|| measure(&base, Metric::Cosine, &shorter))
    })
    .beside("bare products in cache", move || {
        cpu_of(|| {
            for _ in 0..MOST_QUERIES * MOST_BASE {
                black_box(products(black_box(&few), black_box(&few)));
            }
        })
    })
}

fn base() -> Base {
    let mut base = Base::new(DIMENSIONS);
    for point in data::points(MOST_BASE, DIMENSIONS) {
        let vector = point.dense[0].as_deref().unwrap_or_default();
        assert!(base.add(vector), "the vectors have a direction");
    }
    base
}

/// The sum of products in f64, in whatever order is fastest.
fn products(left: &[f32], right: &[f32]) -> f64 {
    let mut sums = [0.0; LANES];
    for (left, right) in left.chunks_exact(LANES).zip(right.chunks_exact(LANES)) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += f64::from(*left) * f64::from(*right);
        }
    }
    sums.into_iter().sum()
}
