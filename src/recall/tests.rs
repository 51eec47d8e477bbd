//! Against a computation that shares nothing with the one it checks: every score
//! on its own, all of them sorted.

use std::cmp::Ordering;

use super::*;
use proptest::prelude::*;

/// Numbers that look random, from -1 to 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }
}

/// Points around a few centres, the first numbers telling more than the last, as
/// models give them that are trained for it.
fn clustered(points: usize, dimensions: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut random = Random(seed);
    let weight = |place: usize| 1.0 / (1.0 + place as f32 / 64.0);
    let mut vector = |scale: f32| -> Vec<f32> {
        (0..dimensions)
            .map(|place| random.next() * scale * weight(place))
            .collect()
    };
    let centres: Vec<Vec<f32>> = (0..7).map(|_| vector(1.0)).collect();
    (0..points)
        .map(|point| {
            let near = vector(0.6);
            let centre = &centres[point * point % centres.len()];
            centre.iter().zip(near).map(|(a, b)| a + b).collect()
        })
        .collect()
}

fn base(vectors: &[Vec<f32>]) -> Base {
    let mut base = Base::new(vectors[0].len());
    for vector in vectors {
        assert!(base.add(vector));
    }
    base
}

fn score(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let pairs = || a.iter().zip(b).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let dot: f64 = pairs().map(|(a, b)| a * b).sum();
    let norm = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    match metric {
        Metric::DotProduct => dot,
        Metric::Euclidean => -pairs().map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt(),
        Metric::Cosine if norm(a) * norm(b) == 0.0 => 0.0,
        Metric::Cosine => dot / (norm(a) * norm(b)),
    }
}

fn neighbours(
    metric: Metric,
    vectors: &[Vec<f32>],
    query: usize,
    dims: usize,
    k: usize,
) -> Vec<usize> {
    let mut others: Vec<(f64, usize)> = (0..vectors.len())
        .filter(|other| *other != query)
        .map(|other| {
            (
                score(metric, &vectors[query][..dims], &vectors[other][..dims]),
                other,
            )
        })
        .collect();
    others.sort_by(|a, b| {
        b.0.partial_cmp(&a.0)
            .unwrap_or(Ordering::Equal)
            .then(a.1.cmp(&b.1))
    });
    others.into_iter().take(k).map(|found| found.1).collect()
}

/// Mean and minimum of every query's recall.
fn naive(
    metric: Metric,
    vectors: &[Vec<f32>],
    queries: &[usize],
    dims: usize,
    k: usize,
) -> (f64, f64) {
    let recalls: Vec<f64> = queries
        .iter()
        .map(|query| {
            let whole = neighbours(metric, vectors, *query, vectors[0].len(), k);
            let short = neighbours(metric, vectors, *query, dims, k);
            short.iter().filter(|found| whole.contains(found)).count() as f64 / k as f64
        })
        .collect();
    let mean = recalls.iter().sum::<f64>() / recalls.len() as f64;
    (mean, recalls.into_iter().fold(1.0, f64::min))
}

#[test]
fn the_figures_are_those_of_a_naive_search_under_every_metric() {
    let vectors = clustered(90, 3_072, 11);
    let base = base(&vectors);
    let queries: Vec<usize> = (0..90).collect();
    for metric in [Metric::Cosine, Metric::Euclidean, Metric::DotProduct] {
        let found = measure(&base, metric, &[1_536, 1_024, 512, 40]).unwrap();
        assert_eq!((found.k, found.queries), (10, 90));
        for row in &found.rows {
            let (mean, min) = naive(metric, &vectors, &queries, row.dims, 10);
            assert!((row.mean - mean).abs() < 1e-12, "{metric} {row:?} {mean}");
            assert_eq!(row.min, min, "{metric}");
            assert!(row.min <= row.p5 && row.p5 <= row.median && row.median <= 1.0);
        }
        let means: Vec<f64> = found.rows.iter().map(|row| row.mean).collect();
        assert!(means[0] > means[3] && means[3] < 1.0, "{metric} {means:?}");
    }
}

#[test]
fn queries_are_evenly_spaced_where_there_are_more_points() {
    let vectors = clustered(1_100, 40, 3);
    let queries: Vec<usize> = (0..500).map(|query| query * 1_100 / 500).collect();
    let found = measure(&base(&vectors), Metric::Cosine, &[33]).unwrap();
    assert_eq!(found.queries, 500);
    let (mean, min) = naive(Metric::Cosine, &vectors, &queries, 33, 10);
    assert!((found.rows[0].mean - mean).abs() < 1e-12);
    assert_eq!(found.rows[0].min, min);
}

#[test]
fn ties_go_to_the_lower_ordinal_before_and_after() {
    // Twelve equal points: each query's ten are the lowest others in both searches.
    let found = measure(&base(&vec![vec![1.0; 64]; 12]), Metric::Cosine, &[32]).unwrap();
    assert_eq!((found.rows[0].mean, found.rows[0].min), (1.0, 1.0));
    // The first half of all is equal, the second tells them apart.
    let vectors: Vec<Vec<f32>> = (0..30)
        .map(|point| [vec![1.0; 32], vec![(point as f32 * 0.7).sin(); 32]].concat())
        .collect();
    let queries: Vec<usize> = (0..30).collect();
    for metric in [Metric::Cosine, Metric::Euclidean, Metric::DotProduct] {
        let found = measure(&base(&vectors), metric, &[32]).unwrap();
        let (mean, _) = naive(metric, &vectors, &queries, 32, 10);
        assert!((found.rows[0].mean - mean).abs() < 1e-12, "{metric}");
    }
}

#[test]
fn few_points_have_fewer_neighbours_and_one_has_none() {
    let vectors = clustered(4, 64, 5);
    let found = measure(&base(&vectors), Metric::Cosine, &[32]).unwrap();
    assert_eq!((found.k, found.queries), (3, 4));
    assert_eq!(found.rows[0].mean, 1.0);
    assert_eq!(measure(&base(&vectors[..1]), Metric::Cosine, &[32]), None);
    assert_eq!(measure(&Base::new(64), Metric::Cosine, &[32]), None);
}

#[test]
fn a_point_of_whose_direction_nothing_is_left_scores_0() {
    let mut vectors = clustered(40, 64, 9);
    vectors[3][..32].fill(0.0);
    let queries: Vec<usize> = (0..40).collect();
    let found = measure(&base(&vectors), Metric::Cosine, &[32]).unwrap();
    let (mean, min) = naive(Metric::Cosine, &vectors, &queries, 32, 10);
    assert!((found.rows[0].mean - mean).abs() < 1e-12);
    assert_eq!(found.rows[0].min, min);
}

#[test]
fn vectors_that_cannot_be_searched_with_are_not_taken() {
    let mut base = Base::new(3);
    assert!(!base.add(&[0.0, -0.0, 0.0]));
    assert!(!base.add(&[1.0, f32::NAN, 0.0]));
    assert!(!base.add(&[1.0, 2.0]));
    assert!(base.is_empty());
    assert!(base.add(&[1.0, 2.0, 3.0]));
    assert_eq!(base.len(), 1);
}

#[test]
fn the_chosen_number_stands_among_those_beside_it() {
    assert_eq!(
        dimensions_beside(3_072, 1_536),
        [1_536, 1_024, 768, 512, 256]
    );
    assert_eq!(
        dimensions_beside(3_072, 900),
        [1_536, 1_024, 900, 768, 512, 256]
    );
    assert_eq!(dimensions_beside(768, 64), [512, 256, 64]);
    assert_eq!(dimensions_beside(48, 32), [32]);
}

proptest! {
    #[test]
    fn evenly_spaced_ones_are_within_and_ascending(count in 0_u64..1_000_000_000, most in 1_usize..5_000) {
        let chosen: Vec<u64> = evenly(count, most).collect();
        prop_assert_eq!(chosen.len() as u64, count.min(most as u64));
        prop_assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(chosen.last().is_none_or(|last| *last < count));
        prop_assert!(chosen.first().is_none_or(|first| *first == 0));
    }
}
