use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// A case of `fixtures/shorten.json`; numbers are the hex digits of their bits.
#[derive(Deserialize)]
struct Case {
    name: String,
    dims: usize,
    vector: Vec<String>,
    shortened: Vec<String>,
}

fn numbers(hex: &[String]) -> Vec<f32> {
    let bits = hex.iter().map(|hex| u32::from_str_radix(hex, 16).unwrap());
    bits.map(f32::from_bits).collect()
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

fn shortening(from: usize, to: usize, metric: Metric) -> Option<Shortening> {
    let dimensions = Dimensions::new(to).unwrap();
    Shortening::between(from, Target { dimensions, metric })
}

/// What the transform does.
fn shortened(vector: &[f32], to: usize, metric: Metric) -> Vec<f32> {
    let mut values = vector.to_vec();
    let shortening = shortening(vector.len(), to, metric).expect("more than are kept");
    shortening.shorten(&mut values);
    values
}

fn norm(vector: &[f32]) -> f64 {
    let squares = vector.iter().map(|number| f64::from(*number).powi(2));
    squares.sum::<f64>().sqrt()
}

#[test]
fn the_golden_vectors_are_given_bit_for_bit() {
    let text = include_str!("../../../fixtures/shorten.json");
    let cases: Vec<Case> = serde_json::from_str(text).unwrap();
    assert!(cases.len() >= 8);
    for case in cases {
        let given = shortened(&numbers(&case.vector), case.dims, Metric::Cosine);
        assert_eq!(
            bits(&given),
            bits(&numbers(&case.shortened)),
            "{}",
            case.name
        );
    }
}

#[test]
fn only_cosine_gives_length_1_again() {
    let vector: Vec<f32> = (0..40).map(|number| number as f32).collect();
    for metric in [Metric::Euclidean, Metric::DotProduct] {
        assert_eq!(shortening(40, 32, metric).unwrap().length(), Length::Left);
        assert_eq!(shortened(&vector, 32, metric), vector[..32]);
    }
    let cosine = shortening(40, 32, Metric::Cosine).unwrap();
    assert_eq!(cosine.length(), Length::Renormalised);
    assert_eq!((cosine.from(), cosine.to().get()), (40, 32));
}

#[test]
fn vectors_that_fit_are_left_alone() {
    assert_eq!(shortening(32, 32, Metric::Cosine), None);
    assert_eq!(shortening(384, 1_536, Metric::Cosine), None);
}

#[test]
fn nothing_left_stays_nothing() {
    let mut vector = vec![0.0_f32; 33];
    vector[32] = 1.0;
    assert_eq!(shortened(&vector, 32, Metric::Cosine), [0.0; 32]);
}

#[test]
fn the_largest_and_the_smallest_numbers_stay_finite() {
    for number in [f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1)] {
        let given = shortened(&[number; 1_537], 1_536, Metric::Cosine);
        assert!((norm(&given) - 1.0).abs() < 1e-6, "{number:e}");
    }
}

proptest! {
    #[test]
    fn the_length_is_1_the_direction_that_of_the_first_numbers(
        vector in prop::collection::vec(-1.0e3_f32..1.0e3, 64..200),
        to in 32_usize..64,
    ) {
        let kept = &vector[..to];
        prop_assume!(norm(kept) > 1e-3);
        let given = shortened(&vector, to, Metric::Cosine);
        prop_assert!((norm(&given) - 1.0).abs() < 1e-6);
        let dot: f64 = kept.iter().zip(&given).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        prop_assert!((dot / norm(kept) / norm(&given) - 1.0).abs() < 1e-9);
        for (before, after) in kept.iter().zip(&given) {
            prop_assert!(*before == 0.0 || before.is_sign_negative() == after.is_sign_negative());
        }
    }

    #[test]
    fn any_finite_vector_gives_finite_numbers_within_1(
        bits in prop::collection::vec(any::<u32>(), 33..70),
    ) {
        let vector: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|number| number.is_finite()).collect();
        prop_assume!(vector.len() > 32);
        let given = shortened(&vector, 32, Metric::Cosine);
        prop_assert!(given.iter().all(|number| number.abs() <= 1.0));
        let nothing = vector[..32].iter().all(|number| *number == 0.0);
        prop_assert!(nothing || (norm(&given) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn powers_of_two_times_the_vector_give_the_same_bits(
        vector in prop::collection::vec(-8.0_f32..8.0, 33..64),
        power in -20_i32..20,
    ) {
        let scaled: Vec<f32> = vector.iter().map(|number| number * 2.0_f32.powi(power)).collect();
        prop_assume!(scaled.iter().zip(&vector).all(|(s, v)| *v == 0.0 || s.is_normal() && v.is_normal()));
        let (one, other) = (shortened(&vector, 32, Metric::Cosine), shortened(&scaled, 32, Metric::Cosine));
        prop_assert_eq!(bits(&one), bits(&other));
    }

    #[test]
    fn a_direct_way_and_one_with_a_stop_agree_nearly(
        vector in prop::collection::vec(-1.0_f32..1.0, 65..100),
    ) {
        prop_assume!(norm(&vector[..32]) > 1e-3);
        let direct = shortened(&vector, 32, Metric::Cosine);
        let stopped = shortened(&shortened(&vector, 64, Metric::Cosine), 32, Metric::Cosine);
        for (one, other) in direct.iter().zip(&stopped) {
            prop_assert!((one - other).abs() < 1e-6);
        }
    }
}
