//! The ways of an answer's bytes into this room, for [`crate::fuzzing`].

use prost::Message as _;
use qdrant_client::qdrant::{CollectionInfo, RetrievedPoint};

use super::convert;
use super::fields::Fields;
use super::rest;
use super::shape::describe;
use crate::point::{DenseField, Point, Shape};

/// The point that a message of gRPC holds, of a collection with this shape.
pub(crate) fn retrieved(shape: &Shape, message: &[u8]) -> Option<Point> {
    let wire = RetrievedPoint::decode(message).ok()?;
    convert::point(&fields(shape), wire).ok()
}

/// The description of a collection that a message of gRPC holds.
pub(crate) fn described(message: &[u8]) {
    if let Ok(info) = CollectionInfo::decode(message) {
        describe("docs", Some("text"), info.clone()).ok();
        describe("docs", None, info).ok();
    }
}

/// The points that a body of REST holds, of a collection with this shape.
pub(crate) fn asked_again(shape: &Shape, body: &[u8]) -> Option<Vec<Point>> {
    rest::decode(&fields(shape), body).ok()
}

/// The shape of the collection: an unnamed vector, a named one, a sparse one.
pub(crate) fn shape() -> Shape {
    let dense = |name: &str, dimensions| DenseField {
        name: name.to_owned(),
        dimensions,
        distance: None,
    };
    Shape {
        dense: vec![dense("", 3), dense("text", 2)],
        sparse: vec!["words".to_owned()],
        data: false,
    }
}

fn fields(shape: &Shape) -> Fields {
    Fields {
        shape: shape.clone(),
        left_out: vec!["many".to_owned()],
    }
}
