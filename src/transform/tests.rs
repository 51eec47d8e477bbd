//! The transform as a whole: every reason and note once, the recorded points of
//! all kinds, and the documentation's list of names.

use proptest::prelude::*;

use super::*;
use crate::point::{DenseField, PointId, SparseVector};
use crate::record::LimitError;

mod documentation;
mod mapping_steps;
mod recorded;
mod rejecting;
mod reporting;
mod resolving;
mod shortening;
mod transforming;

const DIMENSIONS: usize = 32;

fn shape(names: &[&str], dimensions: usize) -> Shape {
    Shape {
        dense: names
            .iter()
            .map(|name| DenseField {
                name: (*name).to_owned(),
                dimensions,
                distance: None,
            })
            .collect(),
        sparse: vec![],
        data: false,
    }
}

fn target(metric: Metric) -> Target {
    Target {
        dimensions: Dimensions::new(DIMENSIONS).unwrap(),
        metric,
    }
}

fn by(mapping: Mapping) -> Transform {
    Transform::resolve(mapping, &shape(&[""], DIMENSIONS), target(Metric::Cosine)).unwrap()
}

fn with_id(template: &str) -> Mapping {
    Mapping {
        id: template.parse().unwrap(),
        ..Mapping::default()
    }
}

fn point(payload: &str) -> Point {
    Point {
        id: PointId::Integer(7),
        namespace: None,
        dense: vec![Some(vec![0.5; DIMENSIONS])],
        sparse: vec![],
        payload: serde_json::from_str(payload).unwrap(),
        data: None,
    }
}

/// Both ways in must agree; gives what they say.
fn both(transform: &Transform, point: Point) -> Result<Transformed, Box<Rejection>> {
    let borrowed = transform.apply(&point);
    assert_eq!(borrowed, transform.apply_owned(point));
    borrowed.map_err(Box::new)
}

fn rejected(mapping: Mapping, point: Point) -> Rejection {
    *both(&by(mapping), point).unwrap_err()
}

fn notes(mapping: Mapping, point: Point) -> Vec<Note> {
    both(&by(mapping), point).unwrap().notes.iter().collect()
}
