//! Exact neighbours, as `--dims` measures its recall with them.

use std::hint::black_box;

use cf_migrate::recall::{Base, MOST_BASE, MOST_QUERIES, dimensions_beside, measure};
use cf_migrate::record::Metric;

use crate::data;
use crate::measure::{Part, cpu_of};

const DIMENSIONS: usize = 3_072;
/// Sums that do not wait for each other, and fill a processor's registers.
const LANES: usize = 16;
/// So many numbers, each with its lanes, fit the fastest cache.
const IN_CACHE: usize = 96;
/// Of so many passes over all vectors one is measured and stands for all.
const PASSES: usize = 10;

/// The largest measurement there is, with all its numbers of dimensions.
pub(crate) fn neighbours(name: &'static str) -> Part {
    let base = base();
    let shorter = dimensions_beside(DIMENSIONS, 1_536);
    Part::new(name, (MOST_QUERIES, "query"), move || {
        cpu_of(|| measure(&base, Metric::Cosine, &shorter))
    })
    .beside("bare products in cache", bare_products())
    .beside("reading all vectors for each", reading())
}

fn base() -> Base {
    let mut base = Base::new(DIMENSIONS);
    for point in data::points(MOST_BASE, DIMENSIONS) {
        let vector = point.dense[0].as_deref().unwrap_or_default();
        assert!(base.add(vector), "the vectors have a direction");
    }
    base
}

/// As many multiplications and additions, over memory that is always near.
fn bare_products() -> impl FnMut() -> f64 {
    let numbers: Vec<[f64; LANES]> = (0..IN_CACHE).map(|at| [at as f64; LANES]).collect();
    let rounds = MOST_QUERIES * MOST_BASE * DIMENSIONS / (IN_CACHE * LANES);
    move || {
        cpu_of(|| {
            for _ in 0..rounds {
                black_box(products(black_box(&numbers), black_box(0.5)));
            }
        })
    }
}

fn products(numbers: &[[f64; LANES]], factor: f64) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for lanes in numbers {
        for (sum, lane) in sums.iter_mut().zip(lanes) {
            *sum += lane * factor;
        }
    }
    sums
}

/// What a search that takes one query after the other has to bring from memory.
fn reading() -> impl FnMut() -> f64 {
    let numbers = vec![1_u32; MOST_BASE * DIMENSIONS];
    move || {
        let cpu = cpu_of(|| {
            for _ in 0..MOST_QUERIES / PASSES {
                let sum = black_box(&numbers).iter().copied();
                black_box(sum.fold(0, u32::wrapping_add));
            }
        });
        cpu * PASSES as f64
    }
}
