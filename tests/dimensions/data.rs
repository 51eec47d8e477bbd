//! Vectors for tests, the same at every run.

/// Numbers from -1 to 1 that look random.
pub(crate) fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Points around a few centres, the first numbers telling more than the last.
pub(crate) fn clustered(points: usize, dimensions: usize, seed: u64) -> Vec<Vec<f32>> {
    let centres: Vec<Vec<f32>> = (0..5)
        .map(|centre| numbers(dimensions, seed + centre))
        .collect();
    (0..points)
        .map(|point| {
            let near = numbers(dimensions, seed + 1_000 + point as u64);
            let centre = &centres[point % centres.len()];
            let places = centre.iter().zip(near).enumerate();
            places
                .map(|(place, (centre, near))| (centre + near) / (1.0 + place as f32 / 64.0))
                .collect()
        })
        .collect()
}
