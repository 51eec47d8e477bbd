//! Points of real texts and real embeddings: those of `fixtures/project_docs.ndjson`,
//! their vectors of 384 numbers put together to longer ones of unit length.

use cf_migrate::point::{DenseField, Distance, Payload, Point, PointId, Shape};
use serde_json::Value;
use uuid::Uuid;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/project_docs.ndjson");

/// As many distinct points as wanted, with vectors of `dimensions` numbers.
pub(crate) fn points(count: usize, dimensions: usize) -> Vec<Point> {
    let real = real();
    (0..count)
        .map(|position| Point {
            id: PointId::Uuid(Uuid::from_u128(position as u128)),
            namespace: None,
            dense: vec![Some(mixed(&real, position, dimensions))],
            sparse: Vec::new(),
            payload: real[position % real.len()].0.clone(),
            data: None,
        })
        .collect()
}

/// What those points are made of.
pub(crate) fn shape(dimensions: usize) -> Shape {
    Shape {
        dense: vec![DenseField {
            name: String::new(),
            dimensions,
            distance: Some(Distance::Cosine),
        }],
        ..Shape::default()
    }
}

/// The bytes of a vector's numbers.
pub(crate) fn bytes(values: &[f32]) -> impl Iterator<Item = u8> {
    values.iter().flat_map(|value| value.to_le_bytes())
}

fn real() -> Vec<(Payload, Vec<f32>)> {
    let text = std::fs::read_to_string(FIXTURE).expect("the fixtures are in the repository");
    text.lines().map(payload_and_vector).collect()
}

fn payload_and_vector(line: &str) -> (Payload, Vec<f32>) {
    let mut point: Value = serde_json::from_str(line).expect("a line is JSON");
    let numbers = point["vector"].as_array().expect("a point has a vector");
    let vector = numbers
        .iter()
        .map(|number| number.to_string().parse().expect("a vector has numbers"))
        .collect();
    let Value::Object(payload) = point["payload"].take() else {
        panic!("a point has a payload");
    };
    (payload, vector)
}

/// Real vectors one behind the other, others with every position.
fn mixed(real: &[(Payload, Vec<f32>)], position: usize, dimensions: usize) -> Vec<f32> {
    let step = 1 + position / real.len();
    let behind = (0..).map(|place| &real[(position + place * step) % real.len()].1);
    let mut vector: Vec<f32> = behind.flatten().copied().take(dimensions).collect();
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= norm);
    vector
}
