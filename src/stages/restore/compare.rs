//! A point as the archive has it against the same as the collection gives it back:
//! payload as JSON, vectors bit for bit, or changed in the way that the collection's
//! storage explains. Pure.

use super::numbers::same_payload;
use crate::point::{Point, SparseVector};
use crate::source::qdrant::{FieldStorage, Storage};

/// How far normalising a vector once more, in `f32`, may change a number of it.
const NORMALISING: f64 = 1e-6;
/// How far rounding to half precision changes a number, by its size and at least.
const HALF: (f64, f64) = (1.0 / 1_024.0, 1e-6);

/// What became of a point.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// The payload is the same, and every vector is, bit for bit.
    Same,
    /// The payload is the same, and the vectors differ no more than their storage
    /// explains; the largest difference of a number.
    Adjusted(f64),
    /// Something else: what.
    Different(String),
}

/// How a collection that holds points of the archive's shape changes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comparison {
    /// In the shape's order.
    pub(super) storage: Vec<FieldStorage>,
}

impl Comparison {
    /// Compares a fitted point of the archive with the collection's.
    pub(super) fn of(&self, archived: &Point, held: &Point) -> Outcome {
        if !same_payload(&archived.payload, &held.payload) {
            return Outcome::Different("another payload".to_owned());
        }
        let sparse = archived.sparse.iter().zip(&held.sparse);
        if !sparse
            .into_iter()
            .all(|(one, other)| same_sparse(one, other))
        {
            return Outcome::Different("another sparse vector".to_owned());
        }
        let mut most = 0.0_f64;
        let vectors = archived.dense.iter().zip(&held.dense);
        for (field, (archived, held)) in self.storage.iter().zip(vectors) {
            match (archived, held) {
                (None, None) => {}
                (Some(archived), Some(held)) if bits_equal(archived, held) => {}
                (Some(archived), Some(held)) => match adjusted(field, archived, held) {
                    Some(by) => most = most.max(by),
                    None => return different(field),
                },
                _ => return different(field),
            }
        }
        match most > 0.0 {
            true => Outcome::Adjusted(most),
            false => Outcome::Same,
        }
    }
}

fn different(field: &FieldStorage) -> Outcome {
    Outcome::Different(match field.name.as_str() {
        "" => "another vector".to_owned(),
        name => format!("another vector {name:?}"),
    })
}

/// −0 is 0.
fn bits_equal(one: &[f32], other: &[f32]) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .all(|(one, other)| one.to_bits() == other.to_bits() || (*one == 0.0 && *other == 0.0))
}

/// The order of positions has no meaning: Qdrant sorts them.
fn same_sparse(one: &Option<SparseVector>, other: &Option<SparseVector>) -> bool {
    let sorted = |vector: &SparseVector| {
        let values = vector.values.iter().map(|value| (value + 0.0).to_bits());
        let mut pairs: Vec<_> = vector.indices.iter().copied().zip(values).collect();
        pairs.sort_unstable();
        pairs
    };
    one.as_ref().map(sorted) == other.as_ref().map(sorted)
}

/// By how much numbers differ from what was archived (or its direction, where the
/// collection normalises); none where that is more than the storage explains.
fn adjusted(field: &FieldStorage, archived: &[f32], held: &[f32]) -> Option<f64> {
    if archived.len() != held.len() {
        return None;
    }
    let length = match field.normalised {
        true => norm(archived),
        false => 1.0,
    };
    let mut most = 0.0_f64;
    for (archived, held) in archived.iter().zip(held) {
        let expected = f64::from(*archived) / if length > 0.0 { length } else { 1.0 };
        let by = (f64::from(*held) - expected).abs();
        if by > allowed(field, expected) || by.is_nan() {
            return None;
        }
        most = most.max((f64::from(*held) - f64::from(*archived)).abs());
    }
    Some(most)
}

fn norm(vector: &[f32]) -> f64 {
    let squares = vector.iter().map(|x| f64::from(*x) * f64::from(*x));
    squares.sum::<f64>().sqrt()
}

fn allowed(field: &FieldStorage, expected: f64) -> f64 {
    let normalising = if field.normalised { NORMALISING } else { 0.0 };
    normalising
        + match field.storage {
            Storage::Single => 0.0,
            Storage::Half => (expected.abs() * HALF.0).max(HALF.1),
            // Whole numbers: which way they are rounded is the server's.
            Storage::Byte => 1.0,
            Storage::Lossy => f64::INFINITY,
        }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::point::PointId;

    fn storage(normalised: bool, storage: Storage) -> Comparison {
        let name = String::new();
        Comparison {
            storage: vec![FieldStorage {
                name,
                normalised,
                storage,
            }],
        }
    }

    fn point(values: &[f32]) -> Point {
        Point {
            id: PointId::Integer(1),
            namespace: None,
            dense: vec![Some(values.to_vec())],
            sparse: Vec::new(),
            payload: json!({ "a": 1 }).as_object().unwrap().clone(),
            data: None,
        }
    }

    fn outcome(comparison: &Comparison, archived: &[f32], held: &[f32]) -> Outcome {
        comparison.of(&point(archived), &point(held))
    }

    #[test]
    fn float32_without_normalising_is_bit_for_bit() {
        let plain = storage(false, Storage::Single);
        assert_eq!(outcome(&plain, &[1.0, -0.0], &[1.0, 0.0]), Outcome::Same);
        let next = 1.0_f32.next_up();
        assert!(matches!(
            outcome(&plain, &[1.0], &[next]),
            Outcome::Different(_)
        ));
        assert!(matches!(
            outcome(&plain, &[1.0], &[1.0, 0.0]),
            Outcome::Different(_)
        ));
    }

    #[test]
    fn normalising_explains_a_length_and_last_bits_and_no_more() {
        let cosine = storage(true, Storage::Single);
        let Outcome::Adjusted(by) = outcome(&cosine, &[3.0, 4.0], &[0.6, 0.8]) else {
            panic!("a vector that was normalised is the same direction");
        };
        assert!((by - 3.2).abs() < 1e-6);
        let held = [0.6_f32.next_up(), 0.8];
        assert!(matches!(outcome(&cosine, &[0.6, 0.8], &held), Outcome::Adjusted(by) if by < 1e-6));
        for held in [[0.600_01, 0.8], [-0.6, 0.8], [f32::NAN, 0.8]] {
            let found = outcome(&cosine, &[0.6, 0.8], &held);
            assert!(matches!(found, Outcome::Different(_)), "{held:?}");
        }
        assert_eq!(outcome(&cosine, &[0.0, 0.0], &[0.0, 0.0]), Outcome::Same);
    }

    #[test]
    fn half_precision_explains_its_rounding_and_no_more() {
        let half = storage(false, Storage::Half);
        assert!(matches!(
            outcome(&half, &[0.1], &[0.099_975_586]),
            Outcome::Adjusted(_)
        ));
        assert!(matches!(
            outcome(&half, &[0.1], &[0.101]),
            Outcome::Different(_)
        ));
    }

    #[test]
    fn what_is_missing_differs() {
        let comparison = storage(false, Storage::Lossy);
        let mut without = point(&[1.0]);
        without.dense = vec![None];
        let found = comparison.of(&point(&[1.0]), &without);
        assert_eq!(found, Outcome::Different("another vector".to_owned()));
        let mut other = point(&[1.0]);
        other.payload.insert("b".to_owned(), json!(null));
        let found = comparison.of(&point(&[1.0]), &other);
        assert_eq!(found, Outcome::Different("another payload".to_owned()));
    }

    #[test]
    fn sparse_vectors_are_the_same_in_any_order_of_positions() {
        let sparse = |indices: &[i64], values: &[f32]| {
            Some(SparseVector {
                indices: indices.to_vec(),
                values: values.to_vec(),
            })
        };
        let one = sparse(&[7, 3], &[1.0, 2.0]);
        assert!(same_sparse(&one, &sparse(&[3, 7], &[2.0, 1.0])));
        assert!(!same_sparse(&one, &sparse(&[3, 7], &[1.0, 2.0])));
        assert!(!same_sparse(&one, &sparse(&[7], &[1.0])));
        assert!(!same_sparse(&one, &None));
    }
}
