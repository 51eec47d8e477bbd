//! Recall as `docs/dimensions.md` defines it, counted in the plainest way.

/// Neighbours that are looked for.
const K: usize = 10;

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let pairs = a.iter().zip(b);
    let dot: f64 = pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    let norm = |v: &[f32]| {
        v.iter()
            .map(|x| f64::from(*x) * f64::from(*x))
            .sum::<f64>()
            .sqrt()
    };
    dot / (norm(a) * norm(b))
}

fn nearest(vectors: &[Vec<f32>], query: usize, dims: usize) -> Vec<usize> {
    let others = (0..vectors.len()).filter(|other| *other != query);
    let mut scored: Vec<(f64, usize)> = others
        .map(|other| {
            (
                cosine(&vectors[query][..dims], &vectors[other][..dims]),
                other,
            )
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.iter().take(K).map(|scored| scored.1).collect()
}

/// Mean and minimum over all points, all of them queries.
pub(crate) fn recall(vectors: &[Vec<f32>], dims: usize) -> (f64, f64) {
    let k = K.min(vectors.len() - 1) as f64;
    let recalls: Vec<f64> = (0..vectors.len())
        .map(|query| {
            let whole = nearest(vectors, query, vectors[query].len());
            let short = nearest(vectors, query, dims);
            let found = short.iter().filter(|found| whole.contains(found));
            found.count() as f64 / k
        })
        .collect();
    let mean = recalls.iter().sum::<f64>() / recalls.len() as f64;
    (mean, recalls.iter().copied().fold(1.0, f64::min))
}
